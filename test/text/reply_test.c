/* SPDX-License-Identifier: Apache-2.0 */
/* The reference's own readings of outputs, and what must hold for any output at all. */
#include "text/reply.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "test.h"
#include "text/reply_check.h"
#include "text/tokenizer_fixture.h"

/* The format of a name such as "spm-v3" or "tekken-v11-image". */
static struct prompt_format format_of(const char *name)
{
    struct prompt_format format;
    struct err err = {0};
    bool tekken = strncmp(name, "tekken", 6) == 0;
    int version = (int)strtol(strchr(name, 'v') + 1, NULL, 10);
    if (!prompt_format_init(&format, fixture_tokenizer(tekken ? "tekken" : name), version, &err))
        fail_msg("%s: %s", name, err.text);
    return format;
}

/* Appends the ids of text[n]; of a token for each byte when in_bytes is set. */
static void add_text(const struct prompt_format *format, const char *text, size_t n, bool in_bytes,
                     struct token_ids *ids)
{
    struct err err = {0};
    for (size_t i = 0; in_bytes && i < n; i++)
        assert_true(token_ids_add(ids, 1000 + (uint8_t)text[i], &err));
    assert_true(in_bytes || tokenizer_encode(format->tok, text, n, ids, &err));
}

/* The same with markers, which stand in text by name. */
static void add_ids(const struct prompt_format *format, const char *text, bool in_bytes,
                    struct token_ids *ids)
{
    static const enum prompt_control markers[] = {CONTROL_EOS,  CONTROL_CALLS, CONTROL_CALL_ID,
                                                  CONTROL_ARGS, CONTROL_THINK, CONTROL_END_THINK,
                                                  CONTROL_INST};
    struct err err = {0};
    const char *begin = text;
    while (*text) {
        size_t i = 0, n_markers = sizeof markers / sizeof *markers;
        while (i < n_markers && strncmp(text, prompt_control_name(markers[i]),
                                        strlen(prompt_control_name(markers[i]))) != 0)
            i++;
        text += i < n_markers ? 0 : 1;
        if (i == n_markers && *text)
            continue;
        add_text(format, begin, (size_t)(text - begin), in_bytes, ids);
        if (i < n_markers) {
            assert_true(token_ids_add(ids, format->ids[markers[i]], &err));
            text += strlen(prompt_control_name(markers[i]));
        }
        begin = text;
    }
}

/* Appends \1, a letter for the event and its texts in parentheses; pieces of one text are
 * joined. */
static void note_event(struct buf *out, const struct reply_event *e)
{
    static const char letters[] = "T<H>CAE-!.";
    struct err err = {0};
    bool joins = e->kind == REPLY_TEXT || e->kind == REPLY_THINKING || e->kind == REPLY_ARGUMENTS;
    char *last = out->len ? strrchr(out->data, 1) : NULL;
    if (e->kind == REPLY_SYNTAX)
        return;
    if (joins && last && last[1] == letters[e->kind])
        out->len--;
    else
        assert_true(buf_add(out, (char[]){1, letters[e->kind], '('}, 3, &err));
    const struct span spans[] = {e->name, e->id, e->text};
    for (size_t i = 0; i < 3; i++) {
        if (i == 1 && e->id.s && e->name.s)
            assert_true(buf_add(out, ",", 1, &err));
        if (spans[i].n)
            assert_true(buf_add(out, spans[i].s, spans[i].n, &err));
    }
    assert_true(buf_add(out, ")", 1, &err));
}

static void note_events(struct reply *reply, struct buf *out)
{
    for (struct reply_event e; reply_next(reply, &e);)
        note_event(out, &e);
}

/* Reads text as an output; its events, written as above without \1, must be want. */
static void assert_reads_as(const struct prompt_format *format, const char *text, bool think_tags,
                            bool in_bytes, const char *want)
{
    struct token_ids ids = {0};
    struct err err = {0};
    struct buf got;
    struct reply *reply = reply_open(format, &(struct reply_options){think_tags}, &err);
    assert_non_null(reply);
    buf_init(&got, LIMIT_TEXT_BYTES);
    add_ids(format, text, in_bytes, &ids);
    const char *wrong = reply_check(format, think_tags, ids.ids, ids.n, NULL);
    if (wrong)
        fail_msg("%s: %s", text, wrong);
    for (size_t i = 0; i < ids.n; i++) {
        assert_true(reply_add(reply, ids.ids[i], &err));
        note_events(reply, &got);
    }
    assert_true(reply_end(reply, false, &err));
    note_events(reply, &got);
    char *line = got.data;
    for (size_t i = 0; i < got.len; i++)
        if (got.data[i] != 1)
            *line++ = got.data[i];
    *line = 0;
    if (strcmp(got.data, want) != 0)
        fail_msg("%s:\n%s\n%s", text, got.data, want);
    buf_free(&got);
    token_ids_free(&ids);
    reply_close(reply);
}

static void assert_reads(const char *name, const char *text, bool think_tags, const char *want)
{
    struct prompt_format format = format_of(name);
    assert_reads_as(&format, text, think_tags, false, want);
    if (format.is_tekken)
        assert_reads_as(&format, text, think_tags, true, want);
}

#define NO_LIST   "!(Invalid tool call tokenization. Expected a JSON list of tool calls.)"
#define NO_OBJECT "!(Invalid tool call arguments tokenization. Expected a dict.)"
#define NO_JSON   "!(Invalid tokenized tool call arguments.)"
#define NO_ARGS   "!(Control token [ARGS] not found in the list of tokens.)"
#define NO_NAME   "!(Invalid tool call tokenization. Expected the name of a function.)"
#define NESTED    "!(Nested think chunks are not allowed.)"

TEST(reply, lists_of_calls)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"b\": [1, {}]}} ] \n</s>",
         "T(a)C(f)A({\"b\": [1, {}]})E().()"},
        /* Keys in any order; the id as soon as it is known. */
        {"[TOOL_CALLS][{\"arguments\":{\"a\": 1},\"id\":\"i\",\"x\":[{}],\"name\":\"f\"}]</s>",
         "C(f,i)A({\"a\": 1})E(i).()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{},\"id\":\"i\"}, {\"name\":\"g\","
         "\"arguments\":{}}]",
         "C(f)A({})E(i)C(g)A({})E().()"},
        /* An escaped name; text after the list; a second list; one call without a list. */
        {"[TOOL_CALLS][{\"name\":\"\\u0066\\\"\",\"arguments\":{}}] then[TOOL_CALLS]"
         "{\"name\":\"g\",\"arguments\":{}}</s>",
         "C(f\")A({})E()T( then)C(g)A({})E().()"},
        {"[TOOL_CALLS][]</s>", ".()"},
        /* What never gets a name is text. */
        {"[TOOL_CALLS] Hello [there]</s>", NO_LIST "T( Hello [there]).()"},
        {"[TOOL_CALLS]</s>", NO_LIST ".()"},
        {"[TOOL_CALLS][{name: \"f\"}] or so</s>", NO_LIST "T([{name: \"f\"}] or so).()"},
        {"[TOOL_CALLS][{\"nom\":\"f\"},{\"name\":\"g\",\"arguments\":{}},{\"name\":\"\"}]</s>",
         NO_NAME "T({\"nom\":\"f\"})C(g)A({})E()" NO_NAME "T({\"name\":\"\"}).()"},
        {"[TOOL_CALLS][{\"name\": \"f", NO_LIST "T([{\"name\": \"f).()"},
        {"[TOOL_CALLS][{\"name\": \"\\x\"}]</s>", NO_NAME "T({\"name\": \"\\x\"}).()"},
        {"[TOOL_CALLS][[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}]</s>",
         NO_LIST "T([)C(f)A({})E().()"},
        /* What has a name stays a call. */
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{\"a\": 1</s>",
         "C(f)A({\"a\": 1)" NO_LIST "E().()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":\"{}\",\"id\":\"i\"}]</s>",
         "C(f)A(\"{}\")" NO_OBJECT "E(i).()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":5},{\"name\":\"g\"}]</s>",
         "C(f)A(5)" NO_OBJECT "E()C(g)" NO_LIST "E().()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{a}}]</s>", "C(f)A({a})" NO_LIST "E().()"},
        {"[TOOL_CALLS][{\"name\":\"f\" so}]</s>", "C(f)" NO_LIST "E()T(so}]).()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}, </s>", "C(f)A({})E()" NO_LIST ".()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}} and</s>",
         "C(f)A({})E()" NO_LIST "T( and).()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"name\":\"g\",\"arguments\":{},\"arguments\":{}}]",
         "C(f)A({}{})" NO_LIST "E().()"},
        /* Control tokens that mean nothing here; text after the end. */
        {"a[INST]b[TOOL_CALLS][{\"name\":\"f\",[INST]\"arguments\":{}}]</s>c",
         "T(ab)C(f)A({})E()T(c).()"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reads("tekken-v7", cases[i].text, false, cases[i].want);
}

TEST(reply, names_and_arguments)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[TOOL_CALLS] f \n[CALL_ID] i [ARGS]{\"a\": \"\xc3\xa9\"}[TOOL_CALLS]g[ARGS] {}\n</s>",
         "C(f,i)A({\"a\": \"\xc3\xa9\"})E(i)C(g)A( {}\n)E().()"},
        {"[TOOL_CALLS]f[CALL_ID][ARGS]{}", "C(f)A({})E().()"},
        /* [ARGS] never comes. */
        {"[TOOL_CALLS]f {\"a\": {}}[TOOL_CALLS]g[CALL_ID]i{}</s>",
         "C(f)A({\"a\": {}})E()C(g,i)A({})E(i).()"},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}]</s>", "C(f)A({})E().()"},
        {"[TOOL_CALLS] {\"name\":\"f\",\"arguments\":{}} x</s>", "C(f)A({})E()T( x).()"},
        {"[TOOL_CALLS]f[x] of y</s>", NO_ARGS "T(f[x] of y).()"},
        {"[TOOL_CALLS]f[CALL_ID]i", NO_ARGS "T(fi).()"},
        {"[TOOL_CALLS]f[TOOL_CALLS]g[ARGS]{}</s>", NO_ARGS "T(f)C(g)A({})E().()"},
        {"[TOOL_CALLS]</s>", NO_ARGS ".()"},
        {"[TOOL_CALLS] [ARGS]{}</s>", NO_NAME "T( {}).()"},
        {"[TOOL_CALLS]f[ARGS]{\"a\": </s>", "C(f)A({\"a\": )" NO_JSON "E().()"},
        {"[TOOL_CALLS]f[ARGS]</s>", "C(f)" NO_JSON "E().()"},
        {"[TOOL_CALLS]f[ARGS][1]</s>", "C(f)A([1])" NO_OBJECT "E().()"},
        {"[TOOL_CALLS]f[ARGS]{}[ARGS]{}[ARGS]</s>",
         "C(f)A({})!(Control token [ARGS] found more than once in the list of tokens.)A({})E().()"},
        /* Markers where they mean nothing; their names as text. */
        {"a[ARGS]b[CALL_ID]c</s>", "T(abc).()"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_reads("tekken-v11", cases[i].text, false, cases[i].want);
        assert_reads("tekken-v15", cases[i].text, false, cases[i].want);
    }
}

TEST(reply, thinking)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[THINK]a[/THINK]b</s>", "<()H(a)>()T(b).()"},
        {"[THINK][/THINK][THINK]a", "<()>()<()H(a).()"},
        {"[THINK]a[THINK]b[/THINK]c", "<()H(a)" NESTED "H(b)>()T(c).()"},
        {"a[/THINK]b", "T(a)!(End think token found without a begin think token.)T(b).()"},
        {"[THINK]a[TOOL_CALLS]f[ARGS]{}[THINK]b</s>c", "<()H(a)>()C(f)A({})E()<()H(bc).()"},
        {"[TOOL_CALLS]f[THINK]a", NO_ARGS "T(f)<()H(a).()"},
        {"<think>a</think>", "T(<think>a</think>).()"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reads("tekken-v13", cases[i].text, false, cases[i].want);
}

TEST(reply, thinking_between_tags)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"<think>\na < b</think>\nc", "<()H(\na < b)>()T(\nc).()"},
        {"a <thin<think>b</thi</think></think>", "T(a <thin)<()H(b</thi)>()T(</think>).()"},
        {"<<think><think></think", "T(<)<()H(<think></think).()"},
        {"a<th[TOOL_CALLS]f[ARGS]{\"a\": \"<think>\"}", "T(a<th)C(f)A({\"a\": \"<think>\"})E().()"},
        {"<think>a[TOOL_CALLS]f{}", "<()H(a)>()C(f)A({})E().()"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reads("tekken-v11", cases[i].text, true, cases[i].want);
}

/* Only what may be the beginning of a tag is held back, and only for as long as it may. */
TEST(reply, holds_back_no_more_than_a_tag)
{
    struct prompt_format format = format_of("tekken-v11");
    struct err err = {0};
    struct reply_event e;
    struct reply *reply = reply_open(&format, &(struct reply_options){true}, &err);
    assert_non_null(reply);
    static const char text[] = "a <th<thing";
    static const size_t want[] = {1, 1, 0, 0, 0, 3, 0, 0, 0, 0, 6};
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        assert_true(reply_add(reply, 1000 + text[i], &err));
        size_t n = 0;
        while (reply_next(reply, &e))
            n += e.text.n;
        assert_int_equal(n, want[i]);
    }
    reply_close(reply);
}

/* A model that opens brackets for ever is no failure of the reader. */
TEST(reply, arguments_of_any_depth)
{
    struct prompt_format format = format_of("tekken-v13");
    for (int depth = LIMIT_REQUEST_DEPTH - 1; depth <= LIMIT_REQUEST_DEPTH; depth++) {
        char text[1000] = "[TOOL_CALLS]f[ARGS]{\"a\":", want[1000];
        for (int i = 0; i < depth; i++)
            strcat(text, "[");
        for (int i = 0; i < depth; i++)
            strcat(text, "]");
        strcat(text, "}");
        snprintf(want, sizeof want, "C(f)A(%s)%sE().()", strchr(text, '{'),
                 depth < LIMIT_REQUEST_DEPTH ? "" : NO_JSON);
        assert_reads_as(&format, text, false, false, want);
    }
}

/* The vectors that the reference refuses and that are calls all the same here. */
static bool is_accepted(const char *name)
{
    return strcmp(name, "old_object_not_list") == 0 || strcmp(name, "missing_args_token") == 0;
}

/* Arguments are compared as values: the reference writes them anew. */
static void read_arguments(json_t *message)
{
    json_t *calls = json_object_get(message, "tool_calls");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        json_t *function = json_object_get(json_array_get(calls, i), "function");
        const char *text = json_string_value(json_object_get(function, "arguments"));
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
        if (value)
            json_object_set_new(function, "arguments", value);
    }
}

static void check_vector(const json_t *v)
{
    const char *name = json_string_value(json_object_get(v, "name"));
    struct prompt_format format = format_of(json_string_value(json_object_get(v, "template")));
    json_t *want = json_object_get(v, "parsed"), *list = json_object_get(v, "ids");
    const char *error = json_string_value(json_object_get(want, "error"));
    int32_t ids[64];
    size_t n = json_array_size(list);
    assert_in_range(n, 1, 64);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    struct buf json;
    buf_init(&json, LIMIT_TEXT_BYTES);
    const char *wrong = reply_check(&format, false, ids, n, &json);
    json_t *got = json_loadb(json.data, json.len, 0, NULL);
    if (wrong || !got)
        fail_msg("%s: %s", name, wrong ? wrong : json.data);
    const char *got_error = json_string_value(json_object_get(got, "parse_error"));
    if (error && !is_accepted(name))
        assert_string_equal(got_error, error);
    else
        assert_null(got_error);
    assert_string_equal(json_string_value(json_object_get(got, "role")), "assistant");
    json_object_del(got, "role");
    read_arguments(got);
    read_arguments(want);
    if (!error && !json_equal(got, want))
        fail_msg("%s: %s", name, json.data);
    json_decref(got);
    buf_free(&json);
}

TEST(reply, reads_the_vectors_of_the_reference)
{
    json_error_t e;
    json_t *doc = json_load_file("test/data/golden/parse.json", 0, &e);
    if (!doc)
        fail_msg("%s", e.text);
    json_t *vectors = json_object_get(doc, "vectors");
    assert_int_equal(json_array_size(vectors), 63);
    for (size_t i = 0; i < 63; i++)
        check_vector(json_array_get(vectors, i));
    json_decref(doc);
}

TEST(reply, events_wait_until_they_are_taken)
{
    static const char text[] =
        "a[THINK]b[/THINK]c[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]1";
    struct prompt_format format = format_of("tekken-v13");
    struct token_ids ids = {0};
    struct err err = {0};
    struct buf got[3];
    add_ids(&format, text, false, &ids);
    /* They are taken after each id, after every third and at the end. */
    const size_t steps[3] = {1, 3, ids.n + 1};
    for (size_t k = 0; k < 3; k++) {
        struct reply *reply = reply_open(&format, &(struct reply_options){0}, &err);
        assert_non_null(reply);
        buf_init(&got[k], LIMIT_TEXT_BYTES);
        for (size_t i = 0; i < ids.n; i++) {
            assert_true(reply_add(reply, ids.ids[i], &err));
            if ((i + 1) % steps[k] == 0)
                note_events(reply, &got[k]);
        }
        assert_true(reply_end(reply, true, &err));
        note_events(reply, &got[k]);
        reply_close(reply);
        assert_string_equal(got[k].data, got[0].data);
    }
    for (size_t k = 0; k < 3; k++)
        buf_free(&got[k]);
    token_ids_free(&ids);
}

/* An id of a kind that matters: markers, bytes, parts of JSON, anything. */
static int32_t random_id(const struct prompt_format *format, const int32_t *parts, size_t n,
                         uint64_t *seed)
{
    uint32_t r = test_random(seed), which = test_random(seed);
    int32_t first_byte = format->is_tekken ? 1000 : 771;
    if (r % 8 < 2)
        return (int32_t)(which % 50);
    if (r % 8 == 2)
        return first_byte + (int32_t)(which % 256);
    if (r % 8 == 3)
        return (int32_t)(which % (uint32_t)tokenizer_n_vocab(format->tok));
    return parts[which % n];
}

TEST(reply, events_of_any_output_stand_for_its_text)
{
    static const char *const names[] = {"spm-v1",     "spm-v3",     "spm-v7",    "tekken-v3",
                                        "tekken-v11", "tekken-v13", "tekken-v15"};
    static const char json[] = "[{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"i\"}] x, {}"
                               " [] \"name\": \"arguments\": {}}, <think> </think> }}]";
    uint64_t seed = 1;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct prompt_format format = format_of(names[k]);
        struct token_ids parts = {0};
        add_ids(&format, json, false, &parts);
        for (int round = 0; round < 100000; round++) {
            int32_t ids[24];
            size_t n = test_random(&seed) % 24;
            for (size_t i = 0; i < n; i++)
                ids[i] = random_id(&format, parts.ids, parts.n, &seed);
            if (round % 2 && n)
                ids[0] = format.ids[CONTROL_CALLS];
            const char *wrong = reply_check(&format, round & 2, ids, n, NULL);
            if (wrong)
                fail_msg("%s, round %d: %s", names[k], round, wrong);
        }
        token_ids_free(&parts);
    }
}

TEST(reply, reports_failed_allocations)
{
    static const char text[] = "<think>a</think>b[TOOL_CALLS][{\"arguments\":{\"a\":[1]},\"id\":"
                               "\"i\",\"name\":\"f\"},{\"name\":\"g\",\"arguments\":{}}]"
                               "[TOOL_CALLS]f[CALL_ID]i[ARGS]{\"a\": \"\\n\"}[TOOL_CALLS]g</s>";
    struct prompt_format format = format_of("tekken-v15");
    struct token_ids ids = {0};
    add_ids(&format, text, false, &ids);
    bool ok = false;
    size_t n = 0;
    for (; !ok; n++) {
        struct err err = {0};
        mem_fail_once(n);
        struct reply *reply = reply_open(&format, &(struct reply_options){true}, &err);
        ok = reply != NULL;
        for (size_t i = 0; ok && i <= ids.n; i++)
            ok = i < ids.n ? reply_add(reply, ids.ids[i], &err) : reply_end(reply, false, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(ok, !failed);
        assert_int_equal(err.code, ok ? ERR_NONE : ERR_LIMIT);
        reply_close(reply);
    }
    assert_true(n > 10);
    token_ids_free(&ids);
}

TEST(reply, closes_nothing)
{
    reply_close(NULL);
}
