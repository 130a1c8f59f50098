/* SPDX-License-Identifier: Apache-2.0 */
/* Characters and JSON strings; a JSON parser that is not ours has the last word. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "data/utf8.h"
#include "test.h"
#include "text/regex.h"

static bool matches(struct regex_set *set, uint32_t regex, const char *s, size_t n)
{
    struct err err;
    bool yes;
    assert_true(regex_matches(set, regex, s, n, &yes, &err));
    return yes;
}

TEST(regex_char, ranges_hold_their_code_points)
{
    struct err err;
    uint64_t random = 1;
    static const uint32_t edges[] = {0,      0x7F,   0x80,   0x7FF,   0x800,   0xFFF,   0x1000,
                                     0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0x10FFFF};
    enum { N_EDGES = sizeof edges / sizeof *edges };
    for (int round = 0; round < 400; round++) {
        struct regex_set *set = regex_set_open(&err);
        uint32_t ends[2];
        for (int i = 0; i < 2; i++)
            ends[i] =
                round % 2 ? edges[test_random(&random) % N_EDGES] : test_random(&random) % 0x110000;
        uint32_t lo = ends[ends[0] > ends[1]], hi = ends[ends[0] <= ends[1]];
        uint32_t regex = regex_code_range(set, lo, hi);
        for (int i = 0; i < 60; i++) {
            uint32_t code = i < N_EDGES ? edges[i] : test_random(&random) % 0x110000;
            code = i == 20 ? lo : i == 21 ? hi : i == 22 ? hi + 1 : i == 23 ? lo - 1 : code;
            if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
                continue;
            char s[UTF8_MAX];
            size_t n = utf8_encode(code, s);
            if (matches(set, regex, s, n) != (code >= lo && code <= hi))
                fail_msg("%x in %x..%x", code, lo, hi);
        }
        regex_set_close(set);
    }
}

TEST(regex_char, any_text_is_utf8)
{
    struct err err;
    uint64_t random = 2;
    struct regex_set *set = regex_set_open(&err);
    uint32_t any = regex_any_text(set);
    for (int i = 0; i < 20000; i++) {
        static const uint8_t bytes[] = {0,    0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2,
                                        0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF};
        char s[5];
        size_t n = test_random(&random) % 5;
        for (size_t k = 0; k < n; k++)
            s[k] = (char)bytes[test_random(&random) % sizeof bytes];
        assert_int_equal(matches(set, any, s, n), utf8_valid(s, n));
    }
    regex_set_close(set);
}

static bool json_reads(const char *s, size_t n)
{
    char text[128];
    size_t len = (size_t)snprintf(text, sizeof text, "[\"%.*s\"]", (int)n, s);
    json_t *json = memchr(s, 0, n) ? NULL : json_loadb(text, len, 0, NULL);
    json_decref(json);
    return json;
}

TEST(regex_char, free_strings_are_json)
{
    static const char *const parts[] = {
        "\\",  "\"", "u", "00",       "d8", "3d",   "dc",   "\\u",     "e9",     "n",
        "\\n", "a",  "/", "\xc3\xa9", "\n", "\x1f", "\xff", "\\ud83d", "\\ude00"};
    struct err err;
    uint64_t random = 3;
    struct regex_set *set = regex_set_open(&err);
    uint32_t free_text = regex_repeat(set, regex_json_char(set), 0, REGEX_FOREVER);
    int n_good = 0;
    for (int i = 0; i < 20000; i++) {
        char s[64];
        size_t n = 0;
        for (uint32_t k = test_random(&random) % 6; k; k--) {
            const char *part = parts[test_random(&random) % (sizeof parts / sizeof *parts)];
            memcpy(s + n, part, strlen(part));
            n += strlen(part);
        }
        bool is_good = matches(set, free_text, s, n);
        n_good += is_good;
        /* Ours is narrower: \/ is left out, and the other reader refuses U+0000. */
        if (is_good && !memmem(s, n, "\\u0000", 6) && !json_reads(s, n))
            fail_msg("'%.*s' is no JSON", (int)n, s);
        if (!is_good && json_reads(s, n) && !memmem(s, n, "\\/", 2))
            fail_msg("'%.*s' is JSON", (int)n, s);
    }
    assert_in_range(n_good, 1000, 19000);
    regex_set_close(set);
}

TEST(regex_char, a_text_has_one_spelling)
{
    struct err err;
    uint64_t random = 4;
    struct regex_set *set = regex_set_open(&err);
    static const char pattern[] = "^(?!x)[^a]{2,5}$";
    uint32_t text = regex_parse(set, pattern, sizeof pattern - 1, REGEX_SEARCH, &err);
    uint32_t spelled = regex_json_spelling(set, text);
    uint32_t other = regex_json_spelling(set, regex_text_not(set, text));
    for (int i = 0; i < 5000; i++) {
        static const char letters[] = "axb\"\\\n\t\x01\x1f/";
        char s[8], json[64];
        size_t n = test_random(&random) % 7, len = 0;
        for (size_t k = 0; k < n; k++) {
            char c = s[k] = letters[test_random(&random) % (sizeof letters - 1)];
            size_t room = sizeof json - len;
            if (c == '"' || c == '\\')
                len += (size_t)snprintf(json + len, room, "\\%c", c);
            else if (c == '\n' || c == '\t')
                len += (size_t)snprintf(json + len, room, "\\%c", c == '\n' ? 'n' : 't');
            else if (c < 0x20)
                len += (size_t)snprintf(json + len, room, "\\u00%02x", c);
            else
                json[len++] = c;
        }
        assert_int_equal(matches(set, spelled, json, len), matches(set, text, s, n));
        assert_int_equal(matches(set, other, json, len), !matches(set, text, s, n));
    }
    assert_false(matches(set, spelled, "\\u0062bb", 8));
    assert_false(matches(set, other, "\\u0078", 6));
    regex_set_close(set);
}

TEST(regex_char, literals_share_their_beginnings)
{
    struct err err;
    struct regex_set *set = regex_set_open(&err);
    struct span texts[] = {SPAN("null"), SPAN("nul"),  SPAN(""),
                           SPAN("true"), SPAN("null"), SPAN("trick")};
    uint32_t all = regex_literals(set, texts, 6);
    for (int i = 0; i < 6; i++)
        assert_true(matches(set, all, texts[i].s, texts[i].n));
    assert_false(matches(set, all, "nu", 2));
    assert_false(matches(set, all, "nulls", 5));
    assert_int_equal(regex_literals(set, texts, 0), REGEX_NOTHING);
    assert_int_equal(regex_literals(set, texts, 1), regex_literal(set, "null", 4));
    /* Lengths count characters. */
    uint32_t two = regex_text_length(set, 2, 2);
    assert_true(matches(set, two, "\xc3\xa9\xe2\x82\xac", 5));
    assert_false(matches(set, two, "\xc3\xa9", 2));
    uint32_t json_two = regex_json_string(set, 2, 2);
    assert_true(matches(set, json_two, "\"\\ud83d\\ude00\\n\"", 16));
    assert_false(matches(set, json_two, "\"\\ud83d\\ude00\"", 14));
    regex_set_close(set);
}
