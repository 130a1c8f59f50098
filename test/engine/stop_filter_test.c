/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stop_filter.h"

#include <string.h>

#include "base/mem.h"
#include "test.h"

/* Feeds text in pieces of n_piece bytes; returns what came out, in out. */
static bool filter_all(struct stop_filter *f, const char *text, size_t n_piece, struct buf *out)
{
    struct err err = {0};
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i += n_piece)
        assert_true(stop_filter_add(f, text + i, n - i < n_piece ? n - i : n_piece, out, &err));
    bool found = f->found;
    assert_true(stop_filter_end(f, out, &err));
    return found;
}

static void check(const char *const *stop, size_t n_stop, const char *text, const char *want,
                  bool want_found)
{
    struct err err = {0};
    static struct stop_filter f;
    assert_true(stop_filter_init(&f, stop, n_stop, &err));
    for (size_t n_piece = 1; n_piece < 9; n_piece++) {
        struct buf out;
        buf_init(&out, 1000);
        stop_filter_restart(&f);
        assert_int_equal(filter_all(&f, text, n_piece, &out), want_found);
        assert_string_equal(out.data ? out.data : "", want);
        buf_free(&out);
    }
}

TEST(stop_filter, text_is_cut_at_the_first_stop_string)
{
    const char *one[] = {"STOP"};
    check(one, 1, "some text", "some text", false);
    check(one, 1, "go STOP here STOP", "go ", true);
    check(one, 1, "STSTOP", "ST", true);
    check(one, 1, "the end is ST", "the end is ST", false);
    check(one, 1, "STOP", "", true);
    const char *nested[] = {"bc", "abcd", "abc"};
    check(nested, 3, "xabcdx", "x", true); /* "bc" and "abc" end together: the longest */
    const char *later[] = {"abcdef", "cd"};
    check(later, 2, "abcdef", "ab", true); /* "cd" is complete first */
    const char *border[] = {"aabaac"};
    check(border, 1, "aabaabaacx", "aab", true);
    const char *newline[] = {"\n\n"};
    check(newline, 1, "a\nb\n\nc", "a\nb", true);
    check(NULL, 0, "nothing stops this", "nothing stops this", false);
}

/* Length of the longest proper beginning of a stop string that ends text[0..n). */
static size_t naive_held(const char *const *stop, size_t n_stop, const char *text, size_t n)
{
    size_t best = 0;
    for (size_t s = 0; s < n_stop; s++)
        for (size_t k = 1; k < strlen(stop[s]) && k <= n; k++)
            if (k > best && memcmp(stop[s], text + n - k, k) == 0)
                best = k;
    return best;
}

/* Length of the longest stop string that ends text[0..n), or 0. */
static size_t naive_match(const char *const *stop, size_t n_stop, const char *text, size_t n)
{
    size_t best = 0;
    for (size_t s = 0; s < n_stop; s++) {
        size_t k = strlen(stop[s]);
        if (k <= n && k > best && memcmp(stop[s], text + n - k, k) == 0)
            best = k;
    }
    return best;
}

TEST(stop_filter, agrees_with_a_naive_search_after_every_byte)
{
    static struct stop_filter f;
    struct err err = {0};
    uint64_t random = 1;
    for (int trial = 0; trial < 2000; trial++) {
        char strings[3][8] = {{0}}, text[64];
        const char *stop[3] = {strings[0], strings[1], strings[2]};
        for (int s = 0; s < 3; s++) {
            uint32_t n = 2 + test_random(&random) % 6;
            for (uint32_t i = 0; i < n; i++)
                strings[s][i] = (char)('a' + test_random(&random) % 2);
        }
        struct buf out;
        buf_init(&out, sizeof text);
        assert_true(stop_filter_init(&f, stop, 3, &err));
        for (size_t n = 1; n <= sizeof text && !f.found; n++) {
            text[n - 1] = (char)('a' + test_random(&random) % 2);
            assert_true(stop_filter_add(&f, &text[n - 1], 1, &out, &err));
            size_t n_cut = naive_match(stop, 3, text, n);
            assert_int_equal(f.found, n_cut > 0);
            size_t n_want = n - (n_cut ? n_cut : naive_held(stop, 3, text, n));
            assert_int_equal(out.len, n_want);
            assert_true(!n_want || memcmp(out.data, text, n_want) == 0);
        }
        buf_free(&out);
    }
}

TEST(stop_filter, characters_are_never_cut)
{
    /* U+00E9 and U+00E0 share their first byte. */
    const char *stop[] = {"\xc3\xa9t\xc3\xa9"};
    check(stop, 1, "voil\xc3\xa0 l'\xc3\xa9t\xc3\xa9", "voil\xc3\xa0 l'", true);
    struct err err = {0};
    static struct stop_filter f;
    struct buf out;
    buf_init(&out, 100);
    assert_true(stop_filter_init(&f, stop, 1, &err));
    assert_true(stop_filter_add(&f, "\xc3\xa9t\xc3\xa0", 5, &out, &err));
    assert_int_equal(out.len, 5);
    buf_free(&out);
}

TEST(stop_filter, unusable_strings_are_refused)
{
    static struct stop_filter f;
    struct err err = {0};
    char long_string[LIMIT_STOP_BYTES + 2];
    memset(long_string, 'x', sizeof long_string);
    long_string[LIMIT_STOP_BYTES] = '\0';
    const char *many[LIMIT_STOP_STRINGS + 1];
    for (size_t i = 0; i <= LIMIT_STOP_STRINGS; i++)
        many[i] = long_string;
    assert_true(stop_filter_init(&f, many, LIMIT_STOP_STRINGS, &err));
    assert_false(stop_filter_init(&f, many, LIMIT_STOP_STRINGS + 1, &err));
    assert_int_equal(err.code, ERR_ARG);
    long_string[LIMIT_STOP_BYTES] = 'x';
    long_string[LIMIT_STOP_BYTES + 1] = '\0';
    assert_false(stop_filter_init(&f, many, 1, &err));
    assert_int_equal(err.code, ERR_ARG);
    const char *empty[] = {"ok", ""};
    assert_false(stop_filter_init(&f, empty, 2, &err));
    assert_string_equal(err.text, "stop: string 2 needs 1 to 256 bytes");
    const char *broken[] = {"\xa9"};
    assert_false(stop_filter_init(&f, broken, 1, &err));
    assert_string_equal(err.text, "stop: string 1 is not UTF-8");
}

TEST(stop_filter, a_full_buffer_is_an_error)
{
    const char *stop[] = {"xy"};
    static struct stop_filter f;
    struct err err = {0};
    struct buf out;
    buf_init(&out, 2);
    assert_true(stop_filter_init(&f, stop, 1, &err));
    assert_false(stop_filter_add(&f, "abc", 3, &out, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_free(&out);
}
