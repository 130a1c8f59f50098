/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/scheduler_int.h"

/* The logarithm of the sum of exp(logits), by its largest. */
static double log_sum(const float *logits, uint32_t n)
{
    float max = logits[0];
    for (uint32_t i = 1; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)max);
    return (double)max + log(sum);
}

struct token_chance chance_of(const struct chance_base *base, const float *logits, int32_t id)
{
    double logprob = (double)logits[id] - base->log_sum;
    return (struct token_chance){.id = id, .logprob = (float)(logprob < 0.0 ? logprob : 0.0)};
}

struct chance_base chances_top(const float *logits, uint32_t n_vocab, struct token_chance *top,
                               uint32_t n_top)
{
    struct chance_base base = {.log_sum = log_sum(logits, n_vocab)};
    uint32_t n = 0;
    for (uint32_t id = 0; id < n_vocab && n_top; id++) {
        if (n == n_top && logits[id] <= logits[top[n - 1].id])
            continue;
        uint32_t at = n < n_top ? n++ : n - 1;
        for (; at && logits[id] > logits[top[at - 1].id]; at--)
            top[at] = top[at - 1];
        top[at].id = (int32_t)id;
    }
    for (uint32_t i = 0; i < n; i++)
        top[i] = chance_of(&base, logits, top[i].id);
    for (uint32_t i = n; i < n_top; i++) /* more than the vocabulary has */
        top[i] = top[n - 1];
    return base;
}
