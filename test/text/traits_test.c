/* SPDX-License-Identifier: Apache-2.0 */
#include "text/traits.h"

#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/tokenizer_int.h"

/* A vocabulary of nothing but these control tokens. */
static struct tokenizer *with_controls(bool is_tekken, const char *const *names, size_t n)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_new(n + 1, &err);
    assert_non_null(tok);
    tok->is_tekken = is_tekken;
    for (size_t i = 0; i < n; i++)
        assert_true(tokenizer_add(tok, TOKEN_CONTROL, names[i], strlen(names[i]), &err));
    assert_true(tokenizer_add(tok, TOKEN_NORMAL, "a", 1, &err));
    assert_true(tokenizer_index(tok, &err));
    return tok;
}

static struct span span_of(const char *s)
{
    return s ? (struct span){s, strlen(s)} : (struct span){0};
}

TEST(traits, knows_the_versions)
{
    int n = 0;
    for (int64_t version = -20; version < 40; version++)
        n += traits_is_version(version);
    assert_int_equal(n, 7);
    assert_true(traits_is_version(11));
    assert_false(traits_is_version(14));
    assert_false(traits_is_version(INT64_C(1) << 32 | 1));
}

/* tokenizers.md, section 2, in its order; and the names that llama.cpp has for templates. */
TEST(traits, finds_a_version_that_no_file_states)
{
    static const struct {
        bool is_tekken;
        const char *control, *template;
        int want;
    } cases[] = {
        {true, "[MODEL_SETTINGS]", "[CALL_ID]", 15},
        {true, "[ARGS]", "x [ARGS] [CALL_ID] [SYSTEM_PROMPT]", 11},
        {true, "[THINK]", "[SYSTEM_PROMPT] [AVAILABLE_TOOLS] [ARGS]", 13},
        {true, "[ARGS]", "[AVAILABLE_TOOLS] [SYSTEM_PROMPT]", 7},
        {true, "[THINK]", "[SYSTEM_PROMPT] [THINK] [CALL_ID]", 13},
        {true, "[ARGS]", "[AVAILABLE_TOOLS]", 3},
        {true, "[SYSTEM_PROMPT]", "mistral-v7-tekken", 7},
        {true, "[SYSTEM_PROMPT]", "mistral-v3-tekken", 3},
        {true, "[ARGS]", "[INST]", 3},
        {false, "[INST]", "[INST]", 1},
        {false, "[INST]", "", 1},
        {false, "[INST]", NULL, 0},
        {true, "[THINK]", NULL, 13},
        {true, "[ARGS]", NULL, 11},
        {true, "[SYSTEM_PROMPT]", NULL, 7},
        {true, "[INST]", NULL, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer *tok = with_controls(cases[i].is_tekken, &cases[i].control, 1);
        traits_set_template(tok, span_of(cases[i].template), false);
        const struct traits *traits = tokenizer_traits(tok);
        if (traits->version != cases[i].want)
            fail_msg("case %zu: version %d", i, traits->version);
        assert_int_equal(traits->has_template, cases[i].template != NULL);
        assert_int_equal(traits->effort.present, cases[i].want == 15);
        tokenizer_close(tok);
    }
}

TEST(traits, keeps_a_version_that_a_file_states)
{
    static const char *const name = "[MODEL_SETTINGS]";
    struct tokenizer *tok = with_controls(true, &name, 1);
    tok->traits.version = 7;
    traits_set_template(tok, SPAN("a <think> b [CALL_ID]"), true);
    assert_int_equal(tok->traits.version, 7);
    assert_true(tok->traits.has_template);
    assert_true(tok->traits.has_think_tag);
    assert_false(tok->traits.effort.present);
    tok->is_tekken = false;
    traits_set_template(tok, SPAN("[THINK]"), true);
    assert_false(tok->traits.has_think_tag);
    tokenizer_close(tok);
}
