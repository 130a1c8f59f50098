/* SPDX-License-Identifier: Apache-2.0 */
#include "model/router.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RENORM_EPS 1e-20 /* of the reference implementation, against a sum of zero */

bool routing_init(struct routing *r, const struct moe_config *moe, int max_tok, struct err *err)
{
    size_t n = (size_t)max_tok * moe->n_used, n_experts = moe->n_experts;
    *r = (struct routing){.moe = moe};
    return (r->experts = mem_new(n_experts, sizeof *r->experts, err)) &&
           (r->groups = mem_new(n_experts, sizeof *r->groups, err)) &&
           (r->tokens = mem_new(n, sizeof *r->tokens, err)) &&
           (r->weights = mem_new(n, sizeof *r->weights, err)) &&
           (r->logits = mem_new((size_t)max_tok * n_experts, sizeof *r->logits, err)) &&
           (r->chosen = mem_new(n, sizeof *r->chosen, err)) &&
           (r->chosen_weights = mem_new(n, sizeof *r->chosen_weights, err)) &&
           (r->p = mem_new(n_experts, sizeof *r->p, err));
}

void routing_free(struct routing *r)
{
    free(r->experts);
    free(r->groups);
    free(r->tokens);
    free(r->weights);
    free(r->logits);
    free(r->chosen);
    free(r->chosen_weights);
    free(r->p);
    *r = (struct routing){0};
}

static void softmax(double *p, const float *logits, uint32_t n)
{
    double max = (double)logits[0], sum = 0.0;
    for (uint32_t i = 1; i < n; i++)
        max = fmax(max, (double)logits[i]);
    for (uint32_t i = 0; i < n; i++)
        sum += p[i] = exp((double)logits[i] - max);
    for (uint32_t i = 0; i < n; i++)
        p[i] /= sum;
}

/* Returns the sum of the two largest of n. */
static double best_two(const double *p, uint32_t n)
{
    double first = 0.0, second = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        second = fmax(second, fmin(first, p[i]));
        first = fmax(first, p[i]);
    }
    return first + second;
}

/* Closes the groups that are not among the best: no expert of theirs can be chosen. */
static void close_groups(double *p, const struct moe_config *moe)
{
    uint32_t size = moe->n_experts / moe->n_groups;
    double scores[LIMIT_EXPERTS];
    for (uint32_t g = 0; g < moe->n_groups; g++)
        scores[g] = best_two(p + (size_t)g * size, size);
    for (uint32_t g = 0; g < moe->n_groups; g++) {
        uint32_t n_better = 0;
        for (uint32_t other = 0; other < moe->n_groups; other++)
            n_better += scores[other] > scores[g] || (scores[other] == scores[g] && other < g);
        for (uint32_t i = 0; n_better >= moe->n_groups_used && i < size; i++)
            p[(size_t)g * size + i] = -1.0;
    }
}

/* Returns the largest entry, the first of equal ones; some entry also among NaNs. */
static uint32_t largest(const double *p, uint32_t n)
{
    uint32_t best = n;
    for (uint32_t i = 0; i < n; i++)
        if (p[i] > -2.0 && (best == n || p[i] > p[best]))
            best = i;
    for (uint32_t i = 0; best == n && i < n; i++)
        if (isnan(p[i]))
            best = i;
    return best;
}

static void choose(struct routing *r, int t)
{
    const struct moe_config *moe = r->moe;
    int32_t *ids = r->chosen + (size_t)t * moe->n_used;
    float *weights = r->chosen_weights + (size_t)t * moe->n_used;
    double chosen[LIMIT_EXPERTS], sum = 0.0;
    softmax(r->p, r->logits + (size_t)t * moe->n_experts, moe->n_experts);
    if (moe->n_groups > 1)
        close_groups(r->p, moe);
    for (uint32_t k = 0; k < moe->n_used; k++) {
        uint32_t best = largest(r->p, moe->n_experts);
        ids[k] = (int32_t)best;
        sum += chosen[k] = r->p[best];
        r->p[best] = -3.0; /* taken */
    }
    for (uint32_t k = 0; k < moe->n_used; k++)
        weights[k] = (float)(chosen[k] / (moe->renormalise ? sum + RENORM_EPS : 1.0) *
                             (double)moe->routed_scale);
}

void routing_choose(struct routing *r, int n_tok)
{
    uint32_t n_experts = r->moe->n_experts, n_used = r->moe->n_used;
    r->n_groups = 0;
    for (int t = 0; t < n_tok; t++)
        choose(r, t);
    int n = 0;
    for (uint32_t e = 0; e < n_experts; e++) {
        int first = n;
        for (size_t i = 0; i < (size_t)n_tok * n_used; i++) {
            if (r->chosen[i] != (int32_t)e)
                continue;
            r->tokens[n] = (int32_t)(i / n_used);
            r->weights[n++] = r->chosen_weights[i];
        }
        if (n == first)
            continue;
        r->experts[r->n_groups] = (int32_t)e;
        r->groups[r->n_groups++] = (struct expert_group){.first = first, .n = n - first};
    }
}
