/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_prompt.h"

#include <string.h>

#include "test.h"

/* Learns as a server would tell whose words have per_word tokens. */
static struct load_fit learn(double beside, double per_word)
{
    struct load_fit fit = {0};
    const uint32_t words[] = {LOAD_PROBE_SHORT, LOAD_PROBE_LONG};
    for (int i = 0; i < 2; i++)
        load_fit_add(&fit, words[i], (uint32_t)(beside + per_word * words[i] + 0.5));
    return fit;
}

TEST(load_prompt, hits_the_number_of_tokens)
{
    static const double per_words[] = {1, 1.25, 2, 3.5};
    for (size_t i = 0; i < 4; i++) {
        struct load_fit fit = learn(11, per_words[i]);
        for (uint32_t want = 64; want < 5000; want *= 2) {
            struct load_words words = load_words_for(&fit, want, want / 2, 1);
            double tokens = 11 + per_words[i] * (words.shared + words.own);
            assert_true(tokens > 0.97 * want - 2 && tokens < 1.03 * want + 2);
            assert_true(per_words[i] * words.shared >= 0.98 * want / 2);
        }
    }
}

TEST(load_prompt, learns_from_longer_requests)
{
    struct load_fit fit = learn(10, 1);
    load_fit_add(&fit, 2000, 2210); /* 1.1 tokens a word after all */
    struct load_words words = load_words_for(&fit, 2210, 0, 1);
    assert_in_range(words.own, 1995, 2005);
}

TEST(load_prompt, guesses_where_nobody_counts)
{
    struct load_fit none = {0}, zero = {0};
    load_fit_add(&zero, LOAD_PROBE_SHORT, 0);
    load_fit_add(&zero, LOAD_PROBE_LONG, 0);
    assert_in_range(load_words_for(&none, 1000, 0, 1).own, 800, 1000);
    assert_in_range(load_words_for(&zero, 1000, 0, 1).own, 800, 1000);
    /* There is always a word. */
    struct load_words one = load_words_for(&none, 1, 1, 1);
    assert_int_equal(one.shared + one.own, 1);
}

TEST(load_prompt, shares_what_it_should_and_no_more)
{
    const struct load_words words = {.seed = 7, .shared = 50, .own = 50};
    struct buf a, b, again;
    struct err err = {0};
    size_t n = 0;
    buf_init(&a, 10000);
    buf_init(&b, 10000);
    buf_init(&again, 10000);
    assert_true(load_words_write(&words, 0, &a, &err) && load_words_write(&words, 1, &b, &err) &&
                load_words_write(&words, 0, &again, &err));
    assert_string_equal(a.data, again.data);
    size_t n_words = 1, n_equal = 0;
    for (const char *s = a.data; *s; s++)
        n_words += *s == ' ';
    assert_int_equal(n_words, 100);
    while (a.data[n] == b.data[n])
        n_equal += a.data[n++] == ' ';
    assert_in_range(n_equal, 50, 54);
    buf_free(&a);
    buf_free(&b);
    buf_free(&again);
}
