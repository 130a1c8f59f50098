/* SPDX-License-Identifier: Apache-2.0 */
/* Any text comes back from its ids, and none of these is a control token.
 *
 * A few thousand texts here; "make properties" runs a million.  One character is left out:
 * SentencePiece takes U+2581 for the space that it stands for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "data/utf8.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

enum { FEW = 3000, MAX_PARTS = 16, MAX_CHARS = 24, MAX_BYTES = MAX_PARTS * MAX_CHARS * UTF8_MAX };

struct random_text {
    uint64_t seed;
    char s[MAX_BYTES];
    size_t n;
};

static uint32_t below(struct random_text *text, uint32_t n)
{
    return test_random(&text->seed) % n;
}

static void add_code(struct random_text *text, uint32_t code)
{
    if ((code < 0xD800 || code > 0xDFFF) && code != 0x2581)
        text->n += utf8_encode(code, text->s + text->n);
}

/* Letters, digits and signs of many scripts, side by side. */
static void add_script(struct random_text *text)
{
    static const uint32_t ranges[][2] = {
        {'a', 'z'},         {'a', 'z'},         {'A', 'Z'},         {'0', '9'},
        {'!', '~'},         {0xA1, 0x17F},      {0x300, 0x36F},     {0x370, 0x3FF},
        {0x400, 0x4FF},     {0x5D0, 0x5EA},     {0x620, 0x669},     {0x900, 0x97F},
        {0xE00, 0xE5B},     {0x1100, 0x11FF},   {0x1E00, 0x1FFF},   {0x2010, 0x2BFF},
        {0x3041, 0x30FF},   {0x4E00, 0x9FFF},   {0x4E00, 0x4FFF},   {0xAC00, 0xD7A3},
        {0xE000, 0xF8FF},   {0xFE00, 0xFE0F},   {0xFF01, 0xFF9F},   {0x10330, 0x1034A},
        {0x1D400, 0x1D7FF}, {0x1F300, 0x1F6FF}, {0x20000, 0x2A6DF}, {0, 0x10FFFF},
    };
    const uint32_t *range = ranges[below(text, sizeof ranges / sizeof *ranges)];
    for (uint32_t n = 1 + below(text, 10); n; n--)
        add_code(text, range[0] + below(text, range[1] - range[0] + 1));
}

/* One character many times: spaces and ends of lines above all. */
static void add_run(struct random_text *text)
{
    static const uint32_t codes[] = {' ',    ' ',    ' ',     '\n',     '\n', '\t', '\r',   0xA0,
                                     0x3000, 0x2028, 0x200B,  0,        0x1F, 0x7F, 0xFEFF, 0xFFFD,
                                     0xFFFF, 0x301,  0x1F44D, 0x10FFFF, 'a',  '=',  '9'};
    uint32_t code = codes[below(text, sizeof codes / sizeof *codes)];
    for (uint32_t n = 1 + below(text, below(text, 4) ? 3 : MAX_CHARS); n; n--)
        add_code(text, code);
}

/* The spelling of a token that is not for text, or a part of it. */
static void add_spelling(struct random_text *text)
{
    static const char *const names[] = {
        "<unk>",
        "<s>",
        "</s>",
        "<pad>",
        "[INST]",
        "[/INST]",
        "[TOOL_CALLS]",
        "[AVAILABLE_TOOLS]",
        "[TOOL_RESULTS]",
        "[/TOOL_RESULTS]",
        "[IMG]",
        "[IMG_BREAK]",
        "[PREFIX]",
        "[SUFFIX]",
        "[SYSTEM_PROMPT]",
        "[TOOL_CONTENT]",
        "[ARGS]",
        "[CALL_ID]",
        "[THINK]",
        "[/THINK]",
        "[REF]",
        "[/REF]",
        "[control_8]",
        "[REFERENCE_DOC_1]",
        "<SPECIAL_31>",
        "[REFERENCE_DOC_19]",
        "<0x0A>",
        "<0x00>",
        " \xe2\x81\x87 ",
        "<|im_start|>",
    };
    const char *name = names[below(text, sizeof names / sizeof *names)];
    uint32_t n = (uint32_t)strlen(name), from = 0, end = n;
    if (!below(text, 3)) { /* no part of a character: only the last but one has any */
        from = below(text, n);
        end = from + 1 + below(text, n - from);
    }
    if (name[0] == ' ')
        from = 0, end = n;
    memcpy(text->s + text->n, name + from, end - from);
    text->n += end - from;
}

/* Words whose longest pieces are long, and characters made of several. */
static void add_sample(struct random_text *text)
{
    static const char *const samples[] = {
        "the",
        " the",
        " Hello, world!",
        " don't",
        "\n\n",
        "    return 0;\n}\n",
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",                 /* woman, joiner, laptop */
        "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd",                             /* thumb with a skin */
        "\xf0\x9f\x87\xab\xf0\x9f\x87\xb7",                             /* flag of two letters */
        "e\xcc\x81",                                                    /* e and its accent */
        " \xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",            /* Russian */
        "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82", /* Chinese */
        "\xec\x95\x88\xeb\x85\x95",                                     /* Korean */
        " \xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7",                    /* Arabic */
        "{\"a\": [1.5e-3, null]}",
        "https://a.b/c?d=e",
    };
    const char *s = samples[below(text, sizeof samples / sizeof *samples)];
    memcpy(text->s + text->n, s, strlen(s));
    text->n += strlen(s);
}

static void make_text(struct random_text *text)
{
    static void (*const add[])(struct random_text *) = {add_script, add_script, add_run,
                                                        add_spelling, add_sample};
    text->n = 0;
    for (uint32_t n = 1 + below(text, MAX_PARTS); n; n--)
        add[below(text, 5)](text);
    assert_true(utf8_valid(text->s, text->n));
}

static void fail_with(const char *name, const struct random_text *text, const char *what)
{
    fprintf(stderr, "%s: ", name);
    for (size_t i = 0; i < text->n; i++)
        fprintf(stderr, "\\x%02x", (uint8_t)text->s[i]);
    fprintf(stderr, "\n");
    fail_msg("%s", what);
}

static void check(const struct tokenizer *tok, const char *name, const struct random_text *text,
                  struct token_ids *ids, struct buf *out)
{
    struct text_decoder decoder;
    struct err err = {0};
    ids->n = 0;
    buf_clear(out);
    assert_true(tokenizer_encode(tok, text->s, text->n, ids, &err));
    text_decoder_init(&decoder, tok);
    for (size_t i = 0; i < ids->n; i++) {
        if (ids->ids[i] < 0 || ids->ids[i] >= tokenizer_n_vocab(tok) ||
            tokenizer_is_control(tok, ids->ids[i]))
            fail_with(name, text, "an id that is not for text");
        assert_true(text_decoder_add(&decoder, ids->ids[i], out, &err));
    }
    assert_true(text_decoder_end(&decoder, out, &err));
    if (out->len != text->n || (text->n && memcmp(out->data, text->s, text->n) != 0))
        fail_with(name, text, "other text came back");
}

TEST(random_text, comes_back_from_its_ids)
{
    static const char *const names[] = {"spm-v1", "spm-v3", "spm-v7", "tekken"};
    enum { N_NATIVE = sizeof names / sizeof *names, N_OTHERS = 4 };
    static struct random_text text = {.seed = 1};
    const char *many = getenv("RANDOM_TEXTS");
    long n = many && *many ? strtol(many, NULL, 10) : FEW;
    struct tokenizer *others[N_OTHERS] = {fixture_as_hf("spm-v3"), fixture_as_hf("tekken-v13"),
                                          fixture_as_gguf("spm-v7"), fixture_as_gguf("tekken-v13")};
    static const char *const other_names[N_OTHERS] = {"hf spm", "hf tekken", "gguf spm",
                                                      "gguf tekken"};
    struct token_ids ids = {0};
    struct buf out;
    buf_init(&out, LIMIT_TEXT_BYTES);
    assert_true(n > 0);
    for (long round = 0; round < n; round++) {
        make_text(&text);
        for (size_t k = 0; k < N_NATIVE; k++)
            check(fixture_tokenizer(names[k]), names[k], &text, &ids, &out);
        for (size_t k = 0; k < N_OTHERS; k++)
            check(others[k], other_names[k], &text, &ids, &out);
    }
    for (size_t k = 0; k < N_OTHERS; k++)
        tokenizer_close(others[k]);
    buf_free(&out);
    token_ids_free(&ids);
}
