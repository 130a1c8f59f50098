/* SPDX-License-Identifier: Apache-2.0 */
/* router_test.c - choices against numbers worked out by hand and against plain sorting. */
#include "model/router.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

enum { MAX_TOK = 64 };

static const struct moe_config two_of_four = {
    .n_experts = 4, .n_used = 2, .n_groups = 1, .renormalise = true, .routed_scale = 1.0f};

static void open_routing(struct routing *r, const struct moe_config *moe)
{
    struct err err;
    assert_true(routing_init(r, moe, MAX_TOK, &err));
}

/* Returns the weight that expert e has for token t, or 0. */
static float weight_of(const struct routing *r, int e, int t)
{
    for (int g = 0; g < r->n_groups; g++)
        for (int i = 0; i < r->groups[g].n && r->experts[g] == e; i++)
            if (r->tokens[r->groups[g].first + i] == t)
                return r->weights[r->groups[g].first + i];
    return 0.0f;
}

static void assert_near(float got, double want)
{
    if (!(fabs((double)got - want) <= 1e-6))
        fail_msg("%g, expected %g", (double)got, want);
}

TEST(router, softmax_over_the_chosen_logits_only)
{
    /* Mixtral: e^2 / (e^2 + e^1) and its rest, whatever the other logits are. */
    struct routing r;
    open_routing(&r, &two_of_four);
    memcpy(r.logits, (float[]){1.0f, -5.0f, 2.0f, 0.5f}, 4 * sizeof(float));
    routing_choose(&r, 1);
    assert_int_equal(r.n_groups, 2);
    assert_int_equal(r.experts[0], 0);
    assert_int_equal(r.experts[1], 2);
    assert_near(weight_of(&r, 2, 0), exp(2.0) / (exp(2.0) + exp(1.0)));
    assert_near(weight_of(&r, 0, 0), exp(1.0) / (exp(2.0) + exp(1.0)));
    routing_free(&r);
}

TEST(router, scale_and_missing_renormalisation_change_the_weights)
{
    struct moe_config moe = two_of_four;
    struct routing r;
    moe.renormalise = false;
    moe.routed_scale = 2.5f;
    open_routing(&r, &moe);
    memcpy(r.logits, (float[]){0.0f, 1.0f, 0.0f, 3.0f}, 4 * sizeof(float));
    routing_choose(&r, 1);
    assert_near(weight_of(&r, 3, 0), 2.5 * exp(3.0) / (2.0 + exp(1.0) + exp(3.0)));
    assert_near(weight_of(&r, 1, 0), 2.5 * exp(1.0) / (2.0 + exp(1.0) + exp(3.0)));
    routing_free(&r);
}

TEST(router, groups_compete_with_their_two_best)
{
    /* The best expert of all is in a group whose sum of two is the smaller one. */
    const struct moe_config moe = {.n_experts = 6,
                                   .n_used = 2,
                                   .n_groups = 2,
                                   .n_groups_used = 1,
                                   .renormalise = true,
                                   .routed_scale = 1.0f};
    struct routing r;
    open_routing(&r, &moe);
    const float logits[] = {logf(0.30f), logf(0.02f), logf(0.01f),
                            logf(0.25f), logf(0.22f), logf(0.20f)};
    memcpy(r.logits, logits, sizeof logits);
    routing_choose(&r, 1);
    assert_int_equal(r.n_groups, 2);
    assert_near(weight_of(&r, 3, 0), 0.25 / 0.47);
    assert_near(weight_of(&r, 4, 0), 0.22 / 0.47);
    routing_free(&r);
}

static const float *sorted_logits;

static int by_logit(const void *a, const void *b)
{
    float x = sorted_logits[*(const int *)a], y = sorted_logits[*(const int *)b];
    return (x < y) - (x > y);
}

TEST(router, groups_hold_every_choice_once_in_order)
{
    static const uint32_t sizes[][2] = {{1, 1}, {8, 2}, {16, 4}, {32, 1}, {128, 4}};
    uint64_t seed = 5;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct moe_config moe = two_of_four;
        struct routing r;
        moe.n_experts = sizes[s][0];
        moe.n_used = sizes[s][1];
        open_routing(&r, &moe);
        for (size_t i = 0; i < (size_t)MAX_TOK * moe.n_experts; i++)
            r.logits[i] = 4.0f * test_random_f32(&seed);
        routing_choose(&r, MAX_TOK);
        int n = 0;
        for (int g = 0; g < r.n_groups; g++) {
            assert_true(g == 0 || r.experts[g] > r.experts[g - 1]);
            assert_int_equal(r.groups[g].first, n);
            assert_true(r.groups[g].n > 0);
            n += r.groups[g].n;
            for (int i = r.groups[g].first + 1; i < n; i++)
                assert_true(r.tokens[i] > r.tokens[i - 1]);
        }
        assert_int_equal(n, MAX_TOK * (int)moe.n_used);
        for (int t = 0; t < MAX_TOK; t++) {
            int order[128];
            double sum = 0.0;
            sorted_logits = r.logits + (size_t)t * moe.n_experts;
            for (int e = 0; e < (int)moe.n_experts; e++)
                order[e] = e;
            qsort(order, moe.n_experts, sizeof *order, by_logit);
            for (uint32_t k = 0; k < moe.n_used; k++)
                sum += exp((double)sorted_logits[order[k]]);
            for (uint32_t k = 0; k < moe.n_used; k++)
                assert_near(weight_of(&r, order[k], t), exp((double)sorted_logits[order[k]]) / sum);
        }
        routing_free(&r);
    }
}

TEST(router, equal_scores_choose_the_first_and_nan_chooses_somebody)
{
    struct routing r;
    open_routing(&r, &two_of_four);
    memset(r.logits, 0, 4 * sizeof(float));
    routing_choose(&r, 1);
    assert_near(weight_of(&r, 0, 0), 0.5);
    assert_near(weight_of(&r, 1, 0), 0.5);
    r.logits[2] = NAN;
    routing_choose(&r, 1);
    assert_int_equal(r.n_groups, 2);
    for (int g = 0; g < 2; g++) {
        assert_in_range(r.experts[g], 0, 3);
        assert_true(isnan(r.weights[g]));
    }
    routing_free(&r);
}

TEST(router, without_memory_nothing_leaks)
{
    for (size_t n = 0;; n++) {
        struct routing r;
        struct err err = {0};
        mem_fail_after(n);
        bool ok = routing_init(&r, &two_of_four, MAX_TOK, &err);
        mem_fail_never();
        routing_free(&r);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
    }
}
