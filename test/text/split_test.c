/* SPDX-License-Identifier: Apache-2.0 */
#include "text/split_int.h"

#include <stdlib.h>
#include <string.h>

#include "data/utf8.h"
#include "test.h"
#include "text/char_class_int.h"

/* The pattern itself, matched by trying everything: an item takes from min to max
 * characters of its classes and chars, as many as it can first. */
struct item {
    const char *classes, *chars, *not_chars;
    int min, max;
};

enum { MANY = 1000, AT_END = -1 /* max of an item that is (?!\S) */ };

static const struct item pattern[7][4] = {
    {{"sMp", "", "\r\n", 0, 1}, {"UBM", "", "", 0, MANY}, {"lBM", "", "", 1, MANY}},
    {{"sMp", "", "\r\n", 0, 1}, {"UBM", "", "", 1, MANY}, {"lBM", "", "", 0, MANY}},
    {{"N", "", "", 1, 1}},
    {{"", " ", "", 0, 1}, {"Mp", "", "", 1, MANY}, {"", "\r\n/", "", 0, MANY}},
    {{"s", "", "", 0, MANY}, {"", "\r\n", "", 1, MANY}},
    {{"s", "", "", 1, MANY}, {"", "", "", 0, AT_END}},
    {{"s", "", "", 1, MANY}},
};

static bool takes(const struct item *item, uint32_t code)
{
    bool in = strchr(item->classes, char_class(code)) ||
              (code && code < 128 && strchr(item->chars, (int)code));
    return in && !(code && code < 128 && strchr(item->not_chars, (int)code));
}

/* Returns the end of items matched from i, or -1. */
static int match(const struct item *items, int n_items, const uint32_t *text, int n, int i)
{
    if (!n_items || (!items->max && !items->min))
        return i;
    if (items->max == AT_END)
        return i == n || char_class(text[i]) == 's' ? i : -1;
    int most = 0;
    while (most < items->max && i + most < n && takes(items, text[i + most]))
        most++;
    for (; most >= items->min; most--) {
        int end = match(items + 1, n_items - 1, text, n, i + most);
        if (end >= 0)
            return end;
    }
    return -1;
}

static int pattern_next(const uint32_t *text, int n, int i)
{
    for (int k = 0; k < 7; k++) {
        int end = match(pattern[k], 4, text, n, i);
        if (end > i)
            return end;
    }
    fail_msg("no alternative matches at %d", i);
    return n;
}

static void check(const uint32_t *code, int n)
{
    char text[256], classes[257];
    size_t at[65], n_bytes = 0;
    for (int i = 0; i < n; i++) {
        at[i] = n_bytes;
        n_bytes += utf8_encode(code[i], text + n_bytes);
    }
    at[n] = n_bytes;
    split_classify(text, n_bytes, classes);
    const struct split split = {text, classes, n_bytes};
    for (int i = 0, end; i < n; i = end) {
        end = pattern_next(code, n, i);
        if (split_next(&split, at[i]) != at[end])
            fail_msg("\"%.*s\": from %zu to %zu, not %zu", (int)n_bytes, text, at[i],
                     split_next(&split, at[i]), at[end]);
    }
}

TEST(split, cuts_as_the_pattern)
{
    /* Two of each class and all characters that the pattern names. */
    static const uint32_t codes[] = {'A',  0x1C5, 'b', 0xE9,   0x2B0,   0x4E2D, 0x301,  0x93F, '1',
                                     0xBD, ' ',   ' ', 0xA0,   0x3000,  '\t',   '\r',   '\n',  '/',
                                     '!',  '\'',  '_', 0x200B, 0x1F600, 0,      0x180E, 0x2028};
    uint64_t seed = 1;
    for (int round = 0; round < 200000; round++) {
        uint32_t text[64];
        int n = 1 + (int)(test_random(&seed) % 12);
        /* Few different characters at a time make long runs. */
        uint32_t first = test_random(&seed), range = 1 + test_random(&seed) % 26;
        for (int i = 0; i < n; i++)
            text[i] = codes[(first + test_random(&seed) % range) % 26];
        check(text, n);
    }
}

TEST(split, cuts_known_text)
{
    static const char text[] = "Hello  World's 12 end.\n\n  x";
    static const size_t ends[] = {5, 6, 12, 14, 15, 16, 17, 21, 24, 25, 27};
    char classes[sizeof text];
    split_classify(text, sizeof text - 1, classes);
    const struct split split = {text, classes, sizeof text - 1};
    size_t at = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        at = split_next(&split, at);
        assert_int_equal(at, ends[i]);
    }
}
