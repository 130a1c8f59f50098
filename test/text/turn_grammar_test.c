/* SPDX-License-Identifier: Apache-2.0 */
#include "text/turn_grammar.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "prompt_fixture.h"
#include "test.h"
#include "text/chat.h"
#include "text/grammar.h"
#include "text/matcher.h"
#include "text/prompt_format.h"
#include "text/reply.h"
#include "text/token_trie.h"
#include "text/tokenizer.h"

static const char folder[] = "test/data/golden/";

/* Feeds ids to a grammar.  Each must be in the mask before when with_masks says so. */
static bool accepts(struct grammar *grammar, const struct token_trie *trie,
                    const struct prompt_format *format, const int32_t *ids, size_t n,
                    bool with_masks)
{
    struct err err = {0};
    struct matcher *matcher = matcher_open(grammar, trie, &format->ids[CONTROL_EOS], 1, &err);
    uint32_t *mask = mem_new(token_trie_mask_words(trie), sizeof *mask, &err);
    assert_non_null(matcher);
    assert_non_null(mask);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        if (with_masks)
            assert_true(matcher_mask(matcher, mask, NULL, &err));
        ok = matcher_accept(matcher, ids[i], &err);
        if (with_masks)
            assert_int_equal(mask[ids[i] >> 5] >> (ids[i] & 31) & 1, ok);
    }
    free(mask);
    matcher_close(matcher);
    return ok;
}

static bool is_control(const struct prompt_format *format, int32_t id, enum prompt_control control)
{
    return id >= 0 && id == format->ids[control];
}

/* The tools of a request, and those that its messages call without having them. */
static size_t collect_tools(const struct chat *chat, struct chat_tool *tools, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < chat->n_tools && n < max; i++)
        tools[n++] = chat->tools[i];
    for (size_t i = 0; i < chat->n_messages; i++)
        for (size_t k = 0; k < chat->messages[i].n_calls && n < max; k++)
            tools[n++] = (struct chat_tool){.name = chat->messages[i].calls[k].name};
    return n;
}

struct tally {
    size_t n_turns, n_calls, n_thoughts, n_corrupted;
};

/* A turn that loses a control token, or gains one, is none. */
static void corrupt(struct grammar *grammar, const struct token_trie *trie,
                    const struct prompt_format *format, const int32_t *ids, size_t n,
                    struct tally *tally)
{
    int32_t *other = malloc((n + 1) * sizeof *other);
    for (size_t i = 0; i + 1 < n; i++) {
        if (!tokenizer_is_control(format->tok, ids[i]))
            continue;
        memcpy(other, ids, i * sizeof *other);
        memcpy(other + i, ids + i + 1, (n - i - 1) * sizeof *other);
        assert_false(accepts(grammar, trie, format, other, n - 1, false));
        tally->n_corrupted++;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(other, ids, i * sizeof *other);
        other[i] = format->ids[CONTROL_INST];
        memcpy(other + i + 1, ids + i, (n - i) * sizeof *other);
        assert_false(accepts(grammar, trie, format, other, n + 1, false));
        tally->n_corrupted++;
    }
    free(other);
}

static void check_turn(const char *name, const struct prompt_format *format,
                       const struct token_trie *trie, const struct chat *chat, const int32_t *ids,
                       size_t n, struct tally *tally)
{
    struct chat_tool tools[32];
    struct turn_request request = {.tools = tools,
                                   .n_tools = collect_tools(chat, tools, 32),
                                   .schema = {.conform = true}}; /* 20 digits occur */
    struct grammar *grammar;
    struct err err = {0};
    bool calls = false, thinks = false;
    for (size_t i = 0; i < n; i++) {
        calls |= is_control(format, ids[i], CONTROL_CALLS);
        thinks |= is_control(format, ids[i], CONTROL_THINK);
    }
    bool starts_with_call = is_control(format, ids[0], CONTROL_CALLS);
    if (starts_with_call)
        request.choice = TURN_ANY;
    if (!request.n_tools)
        tools[request.n_tools++] = (struct chat_tool){.name = SPAN("none")};
    if (!turn_grammar(format, &request, &grammar, &err) || !grammar)
        fail_msg("%s: %s", name, err.text);
    bool ok = accepts(grammar, trie, format, ids, n, true);
    if (ok == (strstr(name, "args_not_json") != NULL))
        fail_msg("%s: a turn of %zu ids is %s", name, n, ok ? "accepted" : "refused");
    tally->n_turns++;
    tally->n_calls += calls;
    tally->n_thoughts += thinks;
    if (starts_with_call && ok)
        corrupt(grammar, trie, format, ids, n, tally);
    grammar_unref(grammar);
}

/* The turns of the assistant in a conversation: from where one may begin to the end token. */
static void check_vector(const char *name, const struct prompt_format *format,
                         const struct token_trie *trie, const json_t *v, struct tally *tally)
{
    const json_t *list = json_object_get(v, "ids");
    size_t n = json_array_size(list), begin = SIZE_MAX;
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    char *text = json_dumps(json_object_get(v, "request"), 0);
    struct chat chat;
    struct err err = {0};
    assert_true(chat_read(&chat, CHAT_MISTRAL, "request", text, strlen(text), &err));
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
        if (is_control(format, ids[i], CONTROL_EOS) && begin != SIZE_MAX)
            check_turn(name, format, trie, &chat, ids + begin, i + 1 - begin, tally);
        if (is_control(format, ids[i], CONTROL_EOS))
            begin = SIZE_MAX;
        if (is_control(format, ids[i], CONTROL_END_INST) ||
            is_control(format, ids[i], CONTROL_END_RESULTS))
            begin = i + 1;
    }
    chat_free(&chat);
    free(text);
    free(ids);
}

TEST(turn_grammar, accepts_what_the_reference_encodes)
{
    DIR *dir = opendir(folder);
    struct tally tally = {0};
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[300];
        size_t i;
        json_t *v;
        struct err err = {0};
        if (strncmp(entry->d_name, "chat-", 5) != 0 || strstr(entry->d_name, "errors") ||
            strstr(entry->d_name, "spm-v1"))
            continue;
        snprintf(path, sizeof path, "golden/%s", entry->d_name);
        json_t *root = fixture_json(path);
        struct prompt_format format =
            fixture_format(json_string_value(json_object_get(root, "template")));
        struct token_trie *trie = token_trie_open(format.tok, &err);
        assert_non_null(trie);
        json_array_foreach(json_object_get(root, "vectors"), i, v)
        {
            char name[300];
            snprintf(name, sizeof name, "%s: %s", entry->d_name,
                     json_string_value(json_object_get(v, "name")));
            check_vector(name, &format, trie, v, &tally);
        }
        token_trie_close(trie);
        json_decref(root);
    }
    closedir(dir);
    assert_int_equal(tally.n_turns, 221);
    assert_int_equal(tally.n_calls, 84);
    assert_true(tally.n_thoughts > 0 && tally.n_corrupted > 2000);
}

/* --- requests ------------------------------------------------------------------ */

/* The parts of a turn: names of control tokens are in brackets of their own. */
static bool says_turn(const char *template, const struct turn_request *request,
                      const char *const *parts)
{
    struct prompt_format format = fixture_format(template);
    struct grammar *grammar;
    struct err err = {0};
    if (!turn_grammar(&format, request, &grammar, &err) || !grammar)
        fail_msg("%s: %s", template, err.text);
    struct token_trie *trie = token_trie_open(format.tok, &err);
    struct matcher *matcher = matcher_open(grammar, trie, &format.ids[CONTROL_EOS], 1, &err);
    assert_non_null(matcher);
    bool ok = true, ends = false;
    for (; *parts && ok; parts++) {
        int32_t id = tokenizer_control(format.tok, *parts);
        ok = id >= 0 ? matcher_accept(matcher, id, &err)
                     : matcher_accept_bytes(matcher, *parts, strlen(*parts), NULL, &err);
    }
    ok = ok && matcher_can_end(matcher, &ends, &err);
    matcher_close(matcher);
    token_trie_close(trie);
    grammar_unref(grammar);
    return ok && ends;
}

#define TURN(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char v13[] = "tekken-v13", v7[] = "tekken-v7", v11[] = "tekken-v11-image";

/* A tree that lives as long as a test. */
static struct json_tree parse(const char *text)
{
    struct json_tree tree;
    struct err err = {0};
    assert_true(json_tree_parse(&tree, "request", text, strlen(text), &err));
    return tree;
}

TEST(turn_grammar, choices_of_tools)
{
    const struct chat_tool tools[] = {{.name = SPAN("math.sum")}, {.name = SPAN("f")}};
    struct turn_request request = {.tools = tools, .n_tools = 2};
    assert_true(says_turn(v13, &request, TURN("hello")));
    assert_true(says_turn(v13, &request, TURN("x", "[TOOL_CALLS]", "f", "[ARGS]", "{\"a\": 1}")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "g", "[ARGS]", "{}")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "[]")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{}", "x")));
    request.choice = TURN_NONE;
    assert_true(says_turn(v13, &request, TURN("hello")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    request.choice = TURN_ANY;
    assert_false(says_turn(v13, &request, TURN("hello")));
    assert_true(says_turn(
        v13, &request,
        TURN("[TOOL_CALLS]", " math.sum", "[ARGS]", " {}", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    assert_false(says_turn(v13, &request, TURN("x", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    request.one_call = true;
    assert_false(
        says_turn(v13, &request,
                  TURN("[TOOL_CALLS]", "f", "[ARGS]", "{}", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    request = (struct turn_request){
        .tools = tools, .n_tools = 2, .choice = TURN_NAMED, .choice_name = SPAN("f")};
    assert_true(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "math.sum", "[ARGS]", "{}")));
    request.text_before_calls = true;
    assert_true(says_turn(v13, &request, TURN("x", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
}

TEST(turn_grammar, formats_of_calls)
{
    const struct chat_tool tools[] = {{.name = SPAN("f")}};
    struct turn_request request = {.tools = tools, .n_tools = 1, .choice = TURN_ANY};
    assert_true(says_turn(v7, &request,
                          TURN("[TOOL_CALLS]", " [{\"name\": \"f\", \"arguments\": "
                                               "{}, \"id\": \"aB3456789\"}]")));
    assert_true(says_turn(v7, &request,
                          TURN("[TOOL_CALLS]", "[{\"name\":\"f\",\"arguments\":{}}, "
                                               "{\"name\":\"f\",\"arguments\":{\"a\":[]}}]")));
    assert_false(
        says_turn(v7, &request, TURN("[TOOL_CALLS]", "[{\"arguments\":{},\"name\":\"f\"}]")));
    assert_false(says_turn(v7, &request,
                           TURN("[TOOL_CALLS]", "[{\"name\":\"f\",\"arguments\":{},"
                                                "\"id\":\"short\"}]")));
    assert_false(says_turn(v7, &request, TURN("[TOOL_CALLS]", "[]")));
    assert_true(says_turn(v11, &request,
                          TURN("[TOOL_CALLS]", "f", "[CALL_ID]", "123456789", "[ARGS]", "{}")));
    assert_false(says_turn(v13, &request,
                           TURN("[TOOL_CALLS]", "f", "[CALL_ID]", "123456789", "[ARGS]", "{}")));
}

TEST(turn_grammar, strict_tools_have_their_schema)
{
    struct json_tree tree =
        parse("{\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}");
    struct json_tree bad = parse("{\"properties\":{\"n\":{\"type\":\"text\"}}}");
    struct chat_tool tools[] = {{.name = SPAN("f"), .parameters = tree.root, .is_strict = true},
                                {.name = SPAN("g"), .is_strict = true},
                                {.name = SPAN("h"), .parameters = bad.root}};
    struct turn_request request = {.tools = tools, .n_tools = 3};
    assert_true(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{\"n\": 1}")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{\"n\": 1.5}")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    assert_true(says_turn(v13, &request, TURN("[TOOL_CALLS]", "g", "[ARGS]", "{}")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "g", "[ARGS]", "{\"a\": 1}")));
    assert_true(says_turn(v13, &request, TURN("[TOOL_CALLS]", "h", "[ARGS]", "{\"a\": 1}")));
    struct prompt_format format = fixture_format(v13);
    struct grammar *grammar;
    struct err err = {0};
    request.guard = TURN_GUARD_SCHEMA;
    assert_false(turn_grammar(&format, &request, &grammar, &err));
    assert_string_equal(err.text,
                        "schema not supported: tools[2].function.parameters/properties/n/type: "
                        "\"text\" is no type");
    json_tree_free(&tree);
    json_tree_free(&bad);
}

TEST(turn_grammar, thoughts_come_first)
{
    const struct chat_tool tools[] = {{.name = SPAN("f")}};
    struct turn_request request = {.tools = tools, .n_tools = 1, .choice = TURN_ANY};
    assert_true(says_turn(v13, &request,
                          TURN("[THINK]", "hm", "[/THINK]", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    assert_false(
        says_turn(v13, &request, TURN("[THINK]", "hm", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    request.thinking = TURN_NO_THINKING;
    assert_false(says_turn(v13, &request,
                           TURN("[THINK]", "hm", "[/THINK]", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    request.thinking = TURN_IN_THOUGHT;
    assert_true(
        says_turn(v13, &request, TURN("hm", "[/THINK]", "[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    assert_false(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{}")));
}

TEST(turn_grammar, answers_in_a_form)
{
    struct json_tree format = parse(
        "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"const\":[1]}}}");
    const struct chat_tool tools[] = {{.name = SPAN("f")}};
    struct turn_request request = {.response_format = format.root};
    assert_true(says_turn(v13, &request, TURN("[1]")));
    assert_true(says_turn(v13, &request, TURN(" [1]")));
    assert_false(says_turn(v13, &request, TURN("[2]")));
    assert_false(says_turn(v13, &request, TURN("[THINK]", "x", "[/THINK]", "[1]")));
    request.thinking = TURN_DOES_THINK;
    assert_true(says_turn(v13, &request, TURN("[THINK]", "x", "[/THINK]", "[1]")));
    request.tools = tools;
    request.n_tools = 1;
    assert_true(says_turn(v13, &request, TURN("[1]")));
    assert_true(says_turn(v13, &request, TURN("[TOOL_CALLS]", "f", "[ARGS]", "{}")));
    assert_false(says_turn(v13, &request, TURN("text")));
    request.choice = TURN_ANY;
    assert_false(says_turn(v13, &request, TURN("[1]")));
    json_tree_free(&format);
}

TEST(turn_grammar, a_request_without_constraints_has_no_grammar)
{
    const struct chat_tool tools[] = {{.name = SPAN("f")}};
    struct json_tree text = parse("{\"type\":\"text\"}");
    struct turn_request request = {.response_format = text.root};
    struct prompt_format format = fixture_format(v13);
    struct grammar *grammar;
    struct err err = {0};
    assert_true(turn_grammar(&format, &request, &grammar, &err));
    assert_null(grammar);
    request = (struct turn_request){.tools = tools, .n_tools = 1, .guard = TURN_GUARD_OFF};
    assert_true(turn_grammar(&format, &request, &grammar, &err));
    assert_null(grammar);
    json_tree_free(&text);
}

TEST(turn_grammar, tells_what_makes_no_sense)
{
    const struct chat_tool tools[] = {{.name = SPAN("f")}};
    struct prompt_format format = fixture_format(v13);
    struct json_tree both = parse("{\"regex\":\"a\"}"),
                     object = parse("{\"type\":\"json_object\"}");
    struct turn_request request = {
        .tools = tools, .n_tools = 1, .choice = TURN_NAMED, .choice_name = SPAN("g")};
    struct grammar *grammar;
    struct err err = {0};
    assert_false(turn_grammar(&format, &request, &grammar, &err));
    assert_string_equal(err.text, "Tool choice requires the g tool but no tools with this name has "
                                  "been passed.");
    request = (struct turn_request){.choice = TURN_ANY};
    assert_false(turn_grammar(&format, &request, &grammar, &err));
    request = (struct turn_request){.response_format = object.root, .constraint = both.root};
    assert_false(turn_grammar(&format, &request, &grammar, &err));
    assert_int_equal(err.code, ERR_ARG);
    json_tree_free(&both);
    json_tree_free(&object);
}

/* --- a model that knows nothing -------------------------------------------------- */

/* Takes any allowed token, the end whenever it may, and quotes and brackets now and then so
 * that texts end.  Returns the number of tokens. */
static size_t babble(struct matcher *matcher, const struct token_trie *trie, int32_t eos,
                     uint64_t *seed, struct token_ids *out)
{
    struct err err = {0};
    uint32_t n_vocab = token_trie_n_vocab(trie);
    uint32_t *mask = mem_new(token_trie_mask_words(trie), sizeof *mask, &err);
    assert_non_null(mask);
    while (out->n < 600) {
        assert_true(matcher_mask(matcher, mask, NULL, &err));
        int32_t id = eos;
        for (uint32_t tries = 0; !(mask[id >> 5] >> (id & 31) & 1); tries++) {
            /* Scattered tokens first, then all in a row: some is allowed. */
            id =
                (int32_t)(tries < 200 ? test_random(seed) % n_vocab : ((uint32_t)id + 1) % n_vocab);
            assert_true(tries < n_vocab + 300);
        }
        assert_true(matcher_accept(matcher, id, &err));
        assert_true(token_ids_add(out, id, &err));
        if (id == eos)
            break;
    }
    free(mask);
    return out->n;
}

TEST(turn_grammar, whatever_a_model_says_is_a_call_that_fits)
{
    struct json_tree tree =
        parse("{\"properties\":{\"unit\":{\"enum\":[\"C\",\"F\"]},\"when\":{\"format\":\"date\","
              "\"type\":\"string\"},\"n\":{\"type\":\"integer\",\"minimum\":-5,\"maximum\":120},"
              "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":6},"
              "\"maxItems\":3}},\"required\":[\"unit\",\"n\"]}");
    const struct chat_tool tools[] = {
        {.name = SPAN("get.weather"), .parameters = tree.root, .is_strict = true}};
    struct turn_request request = {.tools = tools,
                                   .n_tools = 1,
                                   .choice = TURN_ANY,
                                   .one_call = true,
                                   .thinking = TURN_NO_THINKING};
    static const char *const templates[] = {"spm-v3", "tekken-v7", "tekken-v11-image",
                                            "tekken-v13"};
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        struct prompt_format format = fixture_format(templates[i]);
        struct grammar *grammar;
        struct err err = {0};
        struct token_trie *trie = token_trie_open(format.tok, &err);
        assert_true(turn_grammar(&format, &request, &grammar, &err) && trie);
        for (int k = 0; k < 25; k++) {
            struct token_ids ids = {0};
            int32_t eos = format.ids[CONTROL_EOS];
            struct matcher *matcher = matcher_open(grammar, trie, &eos, 1, &err);
            babble(matcher, trie, eos, &seed, &ids);
            assert_int_equal(ids.ids[ids.n - 1], eos);
            struct reply_options options = {false};
            struct reply *reply = reply_open(&format, &options, &err);
            unsigned n_calls = 0;
            for (size_t t = 0; t < ids.n; t++) {
                assert_true(reply_add(reply, ids.ids[t], &err));
                for (struct reply_event e; reply_next(reply, &e);) {
                    assert_true(e.kind != REPLY_TEXT && e.kind != REPLY_ERROR);
                    n_calls += e.kind == REPLY_CALL && span_is(e.name, "get.weather");
                }
            }
            assert_int_equal(n_calls, 1);
            reply_close(reply);
            matcher_close(matcher);
            token_ids_free(&ids);
        }
        token_trie_close(trie);
        grammar_unref(grammar);
    }
    json_tree_free(&tree);
}
