/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

enum { N_SMALL = 8, N_DRAWS = 100000 };

static const float small_logits[N_SMALL] = {0.5f, -1.0f, 2.0f, 1.0f, -3.0f, 2.0f, 0.0f, -0.5f};

/* One for all, as long as the process lives. */
static struct sampler_room *room_of(void)
{
    static struct sampler_room *room;
    struct err err = {0};
    if (!room && !(room = sampler_room_open(1 << 20, &err)))
        fail_msg("%s", err.text);
    return room;
}

static struct sampler *open_sampler(const struct sampler_params *params, int32_t n_vocab)
{
    struct err err = {0};
    struct sampler *s = sampler_open(params, n_vocab, &err);
    if (!s)
        fail_msg("%s", err.text);
    return s;
}

/* Draws once from a copy of logits. */
static int32_t draw_one(struct sampler *s, const float *logits, int32_t n)
{
    static float copy[4096];
    struct err err = {0};
    int32_t id = -1;
    memcpy(copy, logits, (size_t)n * sizeof *copy);
    struct sampler_room *room = room_of();
    mem_forbid(true);
    bool ok = sampler_next(s, room, copy, &id, &err);
    mem_forbid(false);
    if (!ok)
        fail_msg("%s", err.text);
    assert_in_range(id, 0, n - 1);
    return id;
}

/* Draws N_DRAWS times from small_logits and compares the frequencies with p by
 * chi-squared.  What has p = 0 must never come. */
static void check_frequencies(const struct sampler_params *params, const double p[N_SMALL])
{
    int counts[N_SMALL] = {0}, n_free = -1;
    double chi2 = 0.0;
    struct sampler *s = open_sampler(params, N_SMALL);
    for (int i = 0; i < N_DRAWS; i++)
        counts[draw_one(s, small_logits, N_SMALL)]++;
    sampler_close(s);
    for (int i = 0; i < N_SMALL; i++) {
        double want = p[i] * N_DRAWS;
        if (p[i] == 0.0) {
            assert_int_equal(counts[i], 0);
            continue;
        }
        chi2 += (counts[i] - want) * (counts[i] - want) / want;
        n_free++;
    }
    /* The 99.99 % points of chi-squared for 0 to 7 degrees of freedom. */
    static const double bound[] = {1e-6, 15.14, 18.42, 21.11, 23.51, 25.74, 27.86, 29.88};
    if (chi2 > bound[n_free])
        fail_msg("chi-squared %g with %d degrees of freedom", chi2, n_free);
}

/* The softmax of small_logits at a temperature over the ids in mask. */
static void softmax(double temperature, unsigned mask, double p[N_SMALL])
{
    double sum = 0.0;
    for (int i = 0; i < N_SMALL; i++) {
        p[i] = mask >> i & 1 ? exp((double)small_logits[i] / temperature) : 0.0;
        sum += p[i];
    }
    for (int i = 0; i < N_SMALL; i++)
        p[i] /= sum;
}

TEST(sampler, frequencies_are_those_of_the_softmax)
{
    double p[N_SMALL];
    struct sampler_params params = SAMPLER_DEFAULT;
    for (int i = 0; i < 3; i++) {
        params.temperature = (float[]){1.0f, 0.5f, 3.0f}[i];
        params.seed = (uint64_t)i + 11;
        softmax((double)params.temperature, 0xff, p);
        check_frequencies(&params, p);
    }
}

TEST(sampler, filters_keep_the_best_and_renormalise)
{
    /* In order: 2, 5 (equal), 3, 0, 6, 7, 1, 4; probabilities at temperature 1:
     * .331 .331 .122 .074 .045 .027 .016 .002 times 1.055 */
    double p[N_SMALL];
    struct sampler_params params = SAMPLER_DEFAULT;
    params.temperature = 1.0f;
    params.top_k = 3;
    softmax(1.0, 1u << 2 | 1u << 5 | 1u << 3, p);
    check_frequencies(&params, p);

    params = (struct sampler_params){.temperature = 1, .top_p = 0.8f, .repetition_penalty = 1};
    softmax(1.0, 1u << 2 | 1u << 5 | 1u << 3, p); /* two hold .70, three .83 */
    check_frequencies(&params, p);

    /* After top-k 3 the probabilities are .422 .422 .155: two reach 0.8. */
    params.top_k = 3;
    softmax(1.0, 1u << 2 | 1u << 5, p);
    check_frequencies(&params, p);

    params = (struct sampler_params){
        .temperature = 2, .top_p = 1, .min_p = 0.45f, .repetition_penalty = 1};
    softmax(2.0, 1u << 2 | 1u << 5 | 1u << 3 | 1u << 0, p); /* exp(-1.5/2) = .472 */
    check_frequencies(&params, p);
}

/* Fills logits with noise and a few equal large values. */
static void random_logits(float *logits, int n, uint64_t *random)
{
    for (int i = 0; i < n; i++)
        logits[i] = floorf(20.0f * test_random_f32(random)) / 2.0f;
}

static int first_largest(const float *logits, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

TEST(sampler, narrow_filters_equal_greedy)
{
    enum { N = 1000 };
    float logits[N];
    uint64_t random = 3;
    struct sampler_params params[4];
    struct sampler *s[4];
    for (int i = 0; i < 4; i++)
        params[i] = SAMPLER_DEFAULT;
    params[1] = (struct sampler_params){.temperature = 5, .top_k = 1, .top_p = 1};
    params[2] = (struct sampler_params){.temperature = 5, .top_p = 1e-6f};
    params[3] = (struct sampler_params){.temperature = 5, .top_p = FLT_MIN, .min_p = 1};
    for (int i = 0; i < 4; i++) {
        params[i].repetition_penalty = 1;
        s[i] = open_sampler(&params[i], N);
    }
    for (int trial = 0; trial < 200; trial++) {
        random_logits(logits, N, &random);
        for (int i = 0; i < 4; i++)
            assert_int_equal(draw_one(s[i], logits, N), first_largest(logits, N));
    }
    for (int i = 0; i < 4; i++)
        sampler_close(s[i]);
}

TEST(sampler, greedy_takes_the_first_of_equals_wherever_they_lie)
{
    enum { MOST = 131 };
    float logits[MOST];
    for (int n = 1; n <= MOST; n += 5) {
        struct sampler *s = open_sampler(&SAMPLER_DEFAULT, n);
        for (int first = 0; first < n; first++)
            for (int second = first; second < n; second += 7) {
                for (int i = 0; i < n; i++)
                    logits[i] = i == first || i == second ? -1.0f : i % 3 ? -2.0f : -INFINITY;
                assert_int_equal(draw_one(s, logits, n), first);
            }
        sampler_close(s);
    }
}

static const float *sort_logits;

static int by_rank(const void *a, const void *b)
{
    int32_t i = *(const int32_t *)a, k = *(const int32_t *)b;
    if (sort_logits[i] != sort_logits[k])
        return sort_logits[i] > sort_logits[k] ? -1 : 1;
    return i - k;
}

/* How many of the best hold a share top_p of the best k. */
static int sorted_nucleus(const float *logits, int32_t *rank, int n, int k, double top_p)
{
    for (int i = 0; i < n; i++)
        rank[i] = i;
    sort_logits = logits;
    qsort(rank, (size_t)n, sizeof *rank, by_rank);
    double sum = 0.0, mass = 0.0;
    for (int i = 0; i < k; i++)
        sum += exp((double)logits[rank[i]] - (double)logits[rank[0]]);
    int m = 0;
    while (m < k && mass < top_p * sum)
        mass += exp((double)logits[rank[m++]] - (double)logits[rank[0]]);
    return m;
}

TEST(sampler, selection_keeps_what_sorting_would_keep)
{
    enum { N = 500 };
    float logits[N];
    int32_t rank[N];
    uint64_t random = 5;
    for (int trial = 0; trial < 60; trial++) {
        random_logits(logits, N, &random);
        int k = 1 + (int)(test_random(&random) % N);
        float top_p = 0.05f + 0.9f * fabsf(test_random_f32(&random));
        int m = sorted_nucleus(logits, rank, N, k, (double)top_p);
        struct sampler_params params = SAMPLER_DEFAULT;
        params.temperature = 1.0f;
        params.top_k = (uint32_t)k;
        params.top_p = top_p;
        params.seed = (uint64_t)trial;
        struct sampler *s = open_sampler(&params, N);
        bool drawn[N] = {false}, kept[N] = {false};
        for (int i = 0; i < m; i++)
            kept[rank[i]] = true;
        for (int i = 0; i < 40 * m; i++)
            drawn[draw_one(s, logits, N)] = true;
        for (int i = 0; i < N; i++)
            assert_true(kept[i] || !drawn[i]);
        /* The last one kept is not too rare to come when a few share the mass. */
        if (m <= 4)
            assert_true(drawn[rank[m - 1]]);
        sampler_close(s);
    }
}

TEST(sampler, adversarial_rows_are_not_slow)
{
    /* Sorted and constant rows make a naive selection quadratic: minutes here. */
    enum { N = 1 << 20 };
    struct err err = {0};
    float *logits = malloc(N * sizeof *logits);
    struct sampler_params params = SAMPLER_DEFAULT;
    params.temperature = 1.0f;
    params.top_k = N / 2;
    params.top_p = 0.999f;
    struct sampler *s = open_sampler(&params, N);
    for (int kind = 0; kind < 3; kind++) {
        int32_t id;
        for (int i = 0; i < N; i++)
            logits[i] = kind == 0 ? 1.0f : (float)(kind == 1 ? i : -i) * 0x1p-20f;
        assert_true(sampler_next(s, room_of(), logits, &id, &err));
    }
    sampler_close(s);
    free(logits);
}

TEST(sampler, penalties_follow_their_formulas)
{
    struct sampler_params params = SAMPLER_DEFAULT;
    params.repetition_penalty = 2.0f;
    params.presence_penalty = 0.25f;
    params.frequency_penalty = 0.5f;
    struct sampler *s = open_sampler(&params, N_SMALL);
    sampler_note(s, 2, false);
    sampler_note(s, 4, false);
    sampler_note(s, 4, true);
    sampler_note(s, 3, true);
    sampler_note(s, 3, true);
    float logits[N_SMALL];
    memcpy(logits, small_logits, sizeof logits);
    struct err err = {0};
    int32_t id;
    assert_true(sampler_next(s, room_of(), logits, &id, &err));
    const float want[N_SMALL] = {
        0.5f, -1.0f, 2.0f / 2, 1.0f / 2 - 0.25f - 2 * 0.5f, -3.0f * 2 - 0.25f - 0.5f,
        2.0f, 0.0f,  -0.5f};
    assert_near_f32(logits, want, N_SMALL, 0.0f, 0.0f);
    assert_int_equal(id, 5);

    /* In the next answer only the repetition penalty remembers. */
    sampler_new_answer(s);
    memcpy(logits, small_logits, sizeof logits);
    assert_true(sampler_next(s, room_of(), logits, &id, &err));
    assert_near_f32(&logits[3], (float[]){0.5f, -6.0f}, 2, 0.0f, 0.0f);
    sampler_close(s);

    /* Dividing by almost nothing stays finite. */
    params = SAMPLER_DEFAULT;
    params.repetition_penalty = FLT_MIN;
    params.temperature = 1.0f;
    s = open_sampler(&params, N_SMALL);
    sampler_note(s, 0, false);
    assert_int_equal(draw_one(s, (float[N_SMALL]){1e20f}, N_SMALL), 0);
    sampler_close(s);

    /* So does multiplying what is huge: the only possible token stays possible. */
    params.repetition_penalty = 10.0f;
    s = open_sampler(&params, 3);
    sampler_note(s, 0, false);
    sampler_note(s, 1, false);
    assert_int_equal(draw_one(s, (float[3]){-INFINITY, -3e38f, -INFINITY}, 3), 1);
    sampler_close(s);
}

TEST(sampler, the_generator_is_xoshiro_seeded_by_splitmix)
{
    /* From an independent implementation that reproduces the authors' own outputs:
     * the top 8 bits after seeding with 1234567. */
    static const int want[] = {48, 25, 17,  235, 160, 112, 229, 92,
                               89, 48, 192, 76,  119, 43,  62,  88};
    struct sampler_params params = SAMPLER_DEFAULT;
    params.temperature = 1.0f;
    params.seed = 1234567;
    struct sampler *s = open_sampler(&params, 256);
    float equal[256] = {0};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(draw_one(s, equal, 256), want[i]);
    sampler_close(s);
}

TEST(sampler, equal_seeds_give_equal_answers)
{
    struct sampler_params params = SAMPLER_DEFAULT;
    params.temperature = 1.0f;
    params.top_p = 0.95f;
    struct sampler *s[3];
    for (int i = 0; i < 3; i++) {
        params.seed = i < 2 ? 42 : 43;
        s[i] = open_sampler(&params, N_SMALL);
    }
    int n_other = 0;
    for (int i = 0; i < 1000; i++) {
        int32_t id = draw_one(s[0], small_logits, N_SMALL);
        assert_int_equal(draw_one(s[1], small_logits, N_SMALL), id);
        n_other += draw_one(s[2], small_logits, N_SMALL) != id;
    }
    assert_true(n_other > 300);
    for (int i = 0; i < 3; i++)
        sampler_close(s[i]);
}

TEST(sampler, only_finite_logits_are_accepted)
{
    struct err err = {0};
    int32_t id;
    struct sampler_params params = SAMPLER_DEFAULT;
    params.temperature = 1.0f;
    params.top_k = 6;
    struct sampler *s = open_sampler(&params, N_SMALL);
    const float bad[] = {NAN, INFINITY};
    for (size_t i = 0; i < 2; i++) {
        float logits[N_SMALL] = {0};
        logits[5] = bad[i];
        err.code = ERR_NONE;
        assert_false(sampler_next(s, room_of(), logits, &id, &err));
        assert_int_equal(err.code, ERR_FORMAT);
    }
    float logits[N_SMALL];
    for (int i = 0; i < N_SMALL; i++)
        logits[i] = -INFINITY;
    assert_false(sampler_next(s, room_of(), logits, &id, &err));
    logits[6] = -FLT_MAX; /* the only one that is possible */
    sampler_note(s, 1, true);
    for (int i = 0; i < 100; i++)
        assert_int_equal(draw_one(s, logits, N_SMALL), 6);
    sampler_close(s);
}

TEST(sampler, parameters_out_of_range_are_named)
{
    static const struct {
        const char *name;
        struct sampler_params params;
    } bad[] = {
        {"temperature", {.temperature = -1, .top_p = 1, .repetition_penalty = 1}},
        {"temperature", {.temperature = 101, .top_p = 1, .repetition_penalty = 1}},
        {"temperature", {.temperature = NAN, .top_p = 1, .repetition_penalty = 1}},
        {"top_p", {.top_p = 0, .repetition_penalty = 1}},
        {"top_p", {.top_p = 1.5f, .repetition_penalty = 1}},
        {"min_p", {.top_p = 1, .min_p = -0.1f, .repetition_penalty = 1}},
        {"min_p", {.top_p = 1, .min_p = 2, .repetition_penalty = 1}},
        {"repetition_penalty", {.top_p = 1, .repetition_penalty = 0}},
        {"repetition_penalty", {.top_p = 1, .repetition_penalty = 11}},
        {"presence_penalty", {.top_p = 1, .repetition_penalty = 1, .presence_penalty = 3}},
        {"frequency_penalty", {.top_p = 1, .repetition_penalty = 1, .frequency_penalty = -3}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        assert_null(sampler_open(&bad[i].params, 10, &err));
        assert_int_equal(err.code, ERR_ARG);
        assert_memory_equal(err.text, bad[i].name, strlen(bad[i].name));
    }
}

TEST(sampler, missing_memory_is_an_error)
{
    for (size_t n = 0; n < 4; n++) {
        struct err err = {0};
        mem_fail_after(n);
        assert_null(sampler_open(&SAMPLER_DEFAULT, 10, &err));
        mem_fail_never();
        assert_int_equal(err.code, ERR_LIMIT);
    }
}
