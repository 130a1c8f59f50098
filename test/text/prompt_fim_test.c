/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/prompt_fixture.h"
#include "text/tokenizer_fixture.h"

static struct span span_of(const json_t *text)
{
    return (struct span){json_string_value(text), text ? json_string_length(text) : 0};
}

TEST(prompt_fim, encodes_what_the_reference_does)
{
    json_t *root = fixture_json("golden/fim.json"), *v;
    size_t i;
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        const char *name = json_string_value(json_object_get(v, "name"));
        const struct prompt_format format =
            fixture_format(json_string_value(json_object_get(v, "template")));
        struct prompt prompt = {0};
        struct buf text;
        struct err err = {0};
        assert_true(prompt_fim(&format, span_of(json_object_get(v, "prompt")),
                               span_of(json_object_get(v, "suffix")), &prompt, &err));
        assert_prompt_ids(name, &prompt.ids, json_object_get(v, "ids"));
        buf_init(&text, 1 << 20);
        assert_true(prompt_text(&format, &prompt.ids, &text, &err));
        assert_string_equal(text.data, json_string_value(json_object_get(v, "text")));
        buf_free(&text);
        prompt_free(&prompt);
    }
    assert_int_equal(i, 24);
    json_decref(root);
}

TEST(prompt_fim, needs_a_format_that_knows_it)
{
    struct prompt prompt = {0};
    struct err err = {0};
    const struct prompt_format v1 = fixture_format("spm-v1"), v2 = fixture_format("spm-v2");
    assert_false(prompt_fim(&v1, SPAN("a"), SPAN("b"), &prompt, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_false(prompt_fim(&v2, SPAN("a"), SPAN("b"), &prompt, &err));
    assert_string_equal(err.text, "prompt format v2 cannot fill in the middle; v3 and later "
                                  "can");
    prompt_free(&prompt);
}

/* Opens a vocabulary of the bytes and of more lines, whose pieces are what merging leads to. */
static struct tokenizer *with_pieces(const char *more)
{
    struct buf lines, json;
    struct err err = {0};
    fixture_byte_lines(&lines);
    assert_true(buf_add(&lines, more, strlen(more), &err));
    fixture_tekken(&json, "v3", NULL, 20, lines.data);
    struct tokenizer *tok = tokenizer_from_tekken("t.json", json.data, json.len, &err);
    if (!tok)
        fail_msg("%s", err.text);
    buf_free(&json);
    buf_free(&lines);
    return tok;
}

/* The family's own are two tokens: "\xe2\x98" and "\xba". */
TEST(prompt_fim, refuses_vocabularies_whose_symbol_is_not_two_tokens)
{
    static const struct {
        const char *more;
        bool ok;
    } cases[] = {
        {"4pg=\n", true},                        /* e2 98 */
        {"", false},                             /* three bytes */
        {"4pg=\n4pi6\n", false},                 /* U+263A */
        {"4pg=\n4pi6\numE=\n4pi6YQ==\n", false}, /* and with "a" behind it */
        {"4pg=\numE=\n4pi6YQ==\n", false},       /* one token, though the symbol is two */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer *tok = with_pieces(cases[i].more);
        struct prompt_format format;
        struct prompt prompt = {0};
        struct err err = {0};
        assert_true(prompt_format_init(&format, tok, 0, &err));
        bool ok = prompt_fim(&format, SPAN("b"), SPAN("a"), &prompt, &err);
        if (ok != cases[i].ok)
            fail_msg("case %zu: %s", i, ok ? "taken" : err.text);
        assert_int_equal(err.code, ok ? ERR_NONE : ERR_UNSUPPORTED);
        prompt_free(&prompt);
        tokenizer_close(tok);
    }
}

TEST(prompt_fim, survives_every_failed_allocation)
{
    const struct prompt_format format = fixture_format("spm-v3");
    for (size_t n = 0;; n++) {
        struct prompt prompt = {0};
        struct err err = {0};
        mem_fail_after(n);
        bool ok = prompt_fim(&format, SPAN("before the cursor"), SPAN("after"), &prompt, &err);
        size_t n_failed = mem_n_failed();
        mem_fail_never();
        prompt_free(&prompt);
        assert_int_equal(ok, n_failed == 0);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
    }
}
