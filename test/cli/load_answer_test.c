/* SPDX-License-Identifier: Apache-2.0 */
/* The answers are shaped as servers are known to shape them: bise's own and Mistral's (usage on
 * the last chunk), OpenAI's and vLLM's (usage in a chunk of its own), llama-server's and ollama's
 * (content null at first, timings beside). */
#include "cli/load_answer.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"          \
    "\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define USAGE(n)                                                                                   \
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":" n ",\"total_tokens\":9,"               \
    "\"prompt_tokens_details\":{\"cached_tokens\":5}}"
#define LAST(n)                                                                                    \
    "data: "                                                                                       \
    "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]," USAGE(  \
        n) "}\n\n"

struct outcome {
    enum load_kind kind;
    struct err why;
    struct load_usage usage;
    uint32_t n_texts, n_tokens;
    uint64_t n_gaps;
    char text[300], finish[24];
};

/* Reads an answer in pieces of step bytes. */
static struct outcome read_in(const char *text, size_t step, struct load_answer_options how,
                              long status)
{
    static struct latency gaps;
    struct load_answer answer;
    struct http_call call = {.status = status};
    struct outcome out = {0};
    bool ok = true;
    size_t n = strlen(text);
    memset(&gaps, 0, sizeof gaps);
    how.keep_text = true;
    bool events = how.stream && (*text == 'd' || *text == ':');
    snprintf(call.type, sizeof call.type, "%s",
             events ? "text/event-stream; charset=utf-8" : "application/json");
    load_answer_init(&answer, &how);
    load_answer_begin(&answer, 1, &gaps);
    for (size_t i = 0; ok && i < n; i += step)
        ok = load_answer_take(&answer, &call, text + i, n - i < step ? n - i : step, &call.err);
    call.end = ok ? HTTP_WHOLE : HTTP_REFUSED;
    out.kind = load_answer_end(&answer, &call, &out.why);
    out.usage = answer.usage;
    out.n_texts = answer.n_texts;
    out.n_tokens = load_answer_tokens(&answer);
    out.n_gaps = gaps.n;
    snprintf(out.text, sizeof out.text, "%s", answer.text.data ? answer.text.data : "");
    snprintf(out.finish, sizeof out.finish, "%s", answer.finish);
    load_answer_free(&answer);
    return out;
}

static struct outcome read_stream(const char *text)
{
    const struct load_answer_options how = {.stream = true};
    return read_in(text, strlen(text), how, 200);
}

/* Reads a stream in two ways, which must agree, as strictly as --check does. */
static struct outcome check_stream(const char *text)
{
    const struct load_answer_options how = {.stream = true, .check = true};
    struct outcome whole = read_in(text, strlen(text), how, 200), cut = read_in(text, 1, how, 200);
    assert_int_equal(whole.kind, cut.kind);
    assert_string_equal(whole.text, cut.text);
    return whole;
}

TEST(load_answer, reads_streams_of_several_servers)
{
    static const char *const streams[] = {
        CHUNK("{\"role\":\"assistant\",\"content\":\"a\"}", "null")
            CHUNK("{\"content\":\" b\"}", "null") LAST("2") DONE,
        ": ping\n\n" CHUNK("{\"role\":\"assistant\",\"content\":null}", "null")
            CHUNK("{\"content\":\"a\"}", "null") CHUNK("{\"content\":\" b\"}", "null")
                CHUNK("{}", "\"length\"") "data: {\"id\":\"x\",\"choices\":[]," USAGE(
                    "2") ",\"timings\":{\"predicted_n\":2}}\n\n" DONE,
        CHUNK("{\"reasoning_content\":\"a\"}", "null") CHUNK("{\"content\":\" b\"}", "null")
            LAST("2") DONE,
        CHUNK("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\","
              "\"text\":\"a\"}]}]}",
              "null") CHUNK("{\"content\":[{\"type\":\"text\",\"text\":\" b\"}]}", "null") LAST("2")
            DONE,
        CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"a\",\"arguments\":\"\"}}]}",
              "null") CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\" b\"}}]}",
                            "null") LAST("2") DONE,
        "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}],"
        "\"usage\":null}\n\ndata: {\"id\":\"x\",\"choices\":[{\"index\":0,\"text\":\" b\"}]," USAGE(
            "2") "}\n\n" LAST("2") DONE,
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct outcome out = check_stream(streams[i]);
        if (out.kind != LOAD_OK)
            fail_msg("stream %zu: %s", i, out.why.text);
        assert_string_equal(out.text, "a b");
        assert_string_equal(out.finish, "length");
        assert_int_equal(out.n_texts, 2);
        assert_int_equal(out.n_gaps, 1);
        assert_int_equal(out.n_tokens, 2);
        assert_int_equal(out.usage.prompt, 7);
        assert_int_equal(out.usage.cached, 5);
    }
}

TEST(load_answer, counts_chunks_where_the_server_does_not_count)
{
    struct outcome out = read_stream(CHUNK("{\"content\":\"a\"}", "null") CHUNK(
        "{\"content\":\"b\"}", "null") CHUNK("{}", "\"stop\"") DONE);
    assert_int_equal(out.kind, LOAD_OK);
    assert_false(out.usage.known);
    assert_int_equal(out.n_tokens, 2);
}

TEST(load_answer, reads_whole_answers)
{
    const struct load_answer_options how = {.check = true};
    static const char text[] = "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                               "\"assistant\",\"content\":\"a b\",\"tool_calls\":null},"
                               "\"finish_reason\":\"stop\"}]," USAGE("2") "}";
    struct outcome out = read_in(text, 7, how, 200);
    assert_int_equal(out.kind, LOAD_OK);
    assert_string_equal(out.text, "a b");
    assert_int_equal(out.n_tokens, 2);
    assert_int_equal(out.n_gaps, 0);
    assert_int_equal(read_in("{\"choices\":[]}", 7, how, 200).kind, LOAD_UNFINISHED);
    assert_int_equal(read_in("{\"choi", 7, how, 200).kind, LOAD_UNREADABLE);
    assert_int_equal(read_in("", 7, how, 200).kind, LOAD_UNREADABLE);
}

TEST(load_answer, check_finds_each_defect)
{
    static const struct {
        const char *text;
        enum load_kind strict, lenient;
    } cases[] = {
        {CHUNK("{\"content\":\"a\"}", "null"), LOAD_UNFINISHED, LOAD_UNFINISHED},
        {"", LOAD_UNFINISHED, LOAD_UNFINISHED},
        {LAST("1"), LOAD_UNFINISHED, LOAD_OK},
        {CHUNK("{\"content\":\"a\"}", "null") DONE, LOAD_UNFINISHED, LOAD_OK},
        {LAST("1") "data: [DONE]", LOAD_UNFINISHED, LOAD_OK},
        {LAST("1") LAST("1") DONE, LOAD_WRONG, LOAD_OK},
        {CHUNK("{}", "\"stop\"") DONE, LOAD_WRONG, LOAD_OK},
        {LAST("1") CHUNK("{\"content\":\"a\"}", "null") DONE, LOAD_REORDERED, LOAD_OK},
        {LAST("1") DONE CHUNK("{\"content\":\"a\"}", "null"), LOAD_REORDERED, LOAD_OK},
        {LAST("3") "data: {\"choices\":[]," USAGE("2") "}\n\n" DONE, LOAD_REORDERED, LOAD_OK},
        {LAST("1") "data: {\"id\":\"y\",\"choices\":[]}\n\n" DONE, LOAD_REORDERED, LOAD_OK},
        {"data: {\"error\":{\"message\":\"broken\"}}\n\n" DONE, LOAD_ERROR, LOAD_ERROR},
        {CHUNK("{}", "\"error\"") DONE, LOAD_ERROR, LOAD_ERROR},
        {"data: {\n\n" DONE, LOAD_UNREADABLE, LOAD_UNREADABLE},
        {"data: []\n\n" LAST("1") DONE, LOAD_UNREADABLE, LOAD_OK},
        {"data: {\"choices\":[{\"index\":64}]}\n\n", LOAD_UNREADABLE, LOAD_UNREADABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome strict = check_stream(cases[i].text);
        struct outcome lenient = read_stream(cases[i].text);
        if (strict.kind != cases[i].strict || lenient.kind != cases[i].lenient)
            fail_msg("case %zu: %s, %s: %s", i, load_kind_name(strict.kind),
                     load_kind_name(lenient.kind), strict.why.text);
        assert_int_equal(strict.why.code == ERR_NONE, strict.kind == LOAD_OK);
    }
}

TEST(load_answer, quotes_errors_in_every_dialect)
{
    static const char *const bodies[] = {
        "{\"error\":{\"message\":\"M\",\"code\":4}}",
        "{\"object\":\"error\",\"message\":\"M\",\"error\":{\"type\":\"x\"}}",
        "{\"detail\":\"M\"}",
        "{\"error\":\"M\"}",
        "M",
    };
    const struct load_answer_options how = {.stream = true};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct outcome out = read_in(bodies[i], 4, how, 503);
        assert_int_equal(out.kind, LOAD_STATUS);
        assert_string_equal(out.why.text, "M");
    }
    assert_int_equal(read_in("<html>", 4, how, 200).kind, LOAD_UNREADABLE);
    assert_string_equal(read_in("", 4, how, 500).why.text, "without a text");
    assert_string_equal(read_in("{\"error\":{}}", 4, how, 500).why.text,
                        "an error without a message");
}

TEST(load_answer, says_how_the_network_failed)
{
    static const enum load_kind want[] = {LOAD_NO_CONNECTION, LOAD_UNFINISHED, LOAD_LATE,
                                          LOAD_UNREADABLE};
    const struct load_answer_options how = {.stream = true};
    struct load_answer answer;
    struct err why = {0};
    load_answer_init(&answer, &how);
    for (enum http_end end = HTTP_NONE; end <= HTTP_REFUSED; end++) {
        struct http_call call = {.end = end, .err = {ERR_IO, "reason"}};
        load_answer_begin(&answer, 0, NULL);
        assert_int_equal(load_answer_end(&answer, &call, &why), want[end - HTTP_NONE]);
        assert_string_equal(why.text, "reason");
    }
    load_answer_free(&answer);
}

static enum load_kind compare(const char *got, const char *want)
{
    const struct load_answer_options how = {.keep_text = true};
    struct load_answer answer;
    struct err err = {0};
    load_answer_init(&answer, &how);
    assert_true(buf_add(&answer.text, got, strlen(got), &err));
    enum load_kind kind = load_answer_compare(&answer, (struct span){want, strlen(want)}, &err);
    assert_int_equal(err.code == ERR_NONE, kind == LOAD_OK);
    load_answer_free(&answer);
    return kind;
}

TEST(load_answer, tells_lost_from_reordered_text)
{
    assert_int_equal(compare("", ""), LOAD_OK);
    assert_int_equal(compare("one two three", "one two three"), LOAD_OK);
    assert_int_equal(compare("one three", "one two three"), LOAD_LOST);
    assert_int_equal(compare("", "one"), LOAD_LOST);
    assert_int_equal(compare("two three", "one two three"), LOAD_LOST);
    assert_int_equal(compare("one two", "one two three"), LOAD_LOST);
    assert_int_equal(compare("aa", "aaaa"), LOAD_LOST);
    assert_int_equal(compare("two one three", "one two three"), LOAD_REORDERED);
    assert_int_equal(compare("one two two", "one two"), LOAD_WRONG);
    assert_int_equal(compare("one", "two"), LOAD_WRONG);
    assert_int_equal(compare("x", "two"), LOAD_WRONG);
}
