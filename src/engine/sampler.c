/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.c - nothing here sorts the vocabulary: top-k and top-p only need to know
 * which tokens are the best, and a weighted selection finds that in linear time. */
#include "engine/sampler.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const struct sampler_params SAMPLER_DEFAULT = {.top_p = 1.0f, .repetition_penalty = 1.0f};

struct candidate {
    float logit;
    int32_t id;
    double weight; /* exp of the scaled logit, 1 for the best; or 1 to count */
};

struct sampler {
    struct sampler_params params;
    int32_t n_vocab;
    uint64_t random[4]; /* state of the request's random numbers */
    bool counts;        /* some penalty is on: tokens are counted */
    uint32_t *n_answer; /* [n_vocab] occurrences in the answer */
    bool *seen;         /* [n_vocab] occurs in prompt or answer */
    int32_t *seen_ids;  /* [n_vocab], n_seen used: ids for which seen is set */
    int32_t n_seen;
};

struct sampler_room {
    int32_t n_vocab;
    struct candidate candidates[]; /* [n_vocab] */
};

/* One step of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195). */
static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

/* One step of xoshiro256** (Blackman, Vigna 2021, arXiv:1805.01407). */
static uint64_t xoshiro(uint64_t s[4])
{
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Checks min <= value <= max; value > min where the range excludes its start. */
static bool check_range(const char *name, float value, float min, bool with_min, float max,
                        struct err *err)
{
    if (value <= max && (value > min || (with_min && value == min)))
        return true;
    return err_set(err, ERR_ARG, "%s: expected a number %s %g %s %g", name,
                   with_min ? "from" : "above", (double)min, with_min ? "to" : "and at most",
                   (double)max);
}

static bool check_params(const struct sampler_params *p, struct err *err)
{
    return check_range("temperature", p->temperature, 0, true, 100, err) &&
           check_range("top_p", p->top_p, 0, false, 1, err) &&
           check_range("min_p", p->min_p, 0, true, 1, err) &&
           check_range("repetition_penalty", p->repetition_penalty, 0, false, 10, err) &&
           check_range("presence_penalty", p->presence_penalty, -2, true, 2, err) &&
           check_range("frequency_penalty", p->frequency_penalty, -2, true, 2, err);
}

struct sampler_room *sampler_room_open(int32_t n_vocab, struct err *err)
{
    struct sampler_room *room;
    size_t n_bytes;
    if (!size_mul((size_t)n_vocab, sizeof *room->candidates, &n_bytes) ||
        !size_add(n_bytes, sizeof *room, &n_bytes)) {
        err_set(err, ERR_LIMIT, "a vocabulary of %d tokens is too large", n_vocab);
        return NULL;
    }
    room = mem_new(1, n_bytes, err);
    if (room)
        room->n_vocab = n_vocab;
    return room;
}

void sampler_room_close(struct sampler_room *room)
{
    free(room);
}

struct sampler *sampler_open(const struct sampler_params *params, int32_t n_vocab, struct err *err)
{
    assert(n_vocab > 0);
    if (!check_params(params, err))
        return NULL;
    size_t n = (size_t)n_vocab;
    struct sampler *s = mem_new(1, sizeof *s, err);
    if (!s)
        return NULL;
    s->params = *params;
    s->n_vocab = n_vocab;
    s->counts = params->repetition_penalty != 1.0f || params->presence_penalty != 0.0f ||
                params->frequency_penalty != 0.0f;
    if (!(s->n_answer = mem_new(n, sizeof *s->n_answer, err)) ||
        !(s->seen = mem_new(n, sizeof *s->seen, err)) ||
        !(s->seen_ids = mem_new(n, sizeof *s->seen_ids, err))) {
        sampler_close(s);
        return NULL;
    }
    uint64_t seed = params->seed;
    for (int i = 0; i < 4; i++)
        s->random[i] = split_mix(&seed);
    return s;
}

void sampler_close(struct sampler *sampler)
{
    if (!sampler)
        return;
    free(sampler->n_answer);
    free(sampler->seen);
    free(sampler->seen_ids);
    free(sampler);
}

void sampler_note(struct sampler *sampler, int32_t id, bool is_answer)
{
    assert(id >= 0 && id < sampler->n_vocab);
    if (!sampler->counts)
        return;
    if (!sampler->seen[id]) {
        sampler->seen[id] = true;
        sampler->seen_ids[sampler->n_seen++] = id;
    }
    sampler->n_answer[id] += is_answer;
}

void sampler_new_answer(struct sampler *sampler)
{
    if (sampler->counts)
        memset(sampler->n_answer, 0, (size_t)sampler->n_vocab * sizeof *sampler->n_answer);
}

void sampler_forget(struct sampler *sampler)
{
    sampler_new_answer(sampler);
    for (int32_t i = 0; i < sampler->n_seen; i++)
        sampler->seen[sampler->seen_ids[i]] = false;
    sampler->n_seen = 0;
}

bool logits_check(const float *logits, int32_t n_vocab, struct err *err)
{
    /* Counts, since compilers turn those into vectors. */
    int32_t n_valid = 0, n_possible = 0;
    for (int32_t i = 0; i < n_vocab; i++) {
        n_valid += logits[i] <= FLT_MAX;
        n_possible += logits[i] >= -FLT_MAX;
    }
    if (n_valid == n_vocab && n_possible > 0)
        return true;
    return err_set(err, ERR_FORMAT,
                   "logits are not finite: the weights hold NaN or infinite numbers; check them "
                   "with 'bise show --check-tensors'");
}

void sampler_penalise(const struct sampler *s, float *logits)
{
    const struct sampler_params *p = &s->params;
    for (int32_t i = 0; i < s->n_seen; i++) {
        int32_t id = s->seen_ids[i];
        float x = logits[id], n = (float)s->n_answer[id];
        if (x < -FLT_MAX)
            continue; /* must not be chosen, and stays so */
        x = x > 0.0f ? x / p->repetition_penalty : x * p->repetition_penalty;
        if (s->n_answer[id])
            x -= p->presence_penalty + n * p->frequency_penalty;
        /* A tiny penalty divides to infinity, and a large one multiplies to minus infinity:
         * neither has a place in a softmax. */
        logits[id] = fmaxf(fminf(x, FLT_MAX), -FLT_MAX);
    }
}

/* Returns the first of the largest; there is no NaN.  In lanes, so that compilers use vectors. */
static int32_t largest(const float *logits, int32_t n_vocab)
{
    float lanes[32], best = logits[0];
    int32_t i = 0, whole = n_vocab / 32 * 32;
    for (int32_t lane = 0; lane < 32; lane++)
        lanes[lane] = best;
    for (; i < whole; i += 32)
        for (int32_t lane = 0; lane < 32; lane++)
            lanes[lane] = logits[i + lane] > lanes[lane] ? logits[i + lane] : lanes[lane];
    for (; i < n_vocab; i++)
        best = logits[i] > best ? logits[i] : best;
    for (int32_t lane = 0; lane < 32; lane++)
        best = lanes[lane] > best ? lanes[lane] : best;
    i = 0;
    for (bool found = false; i < whole && !found; i += found ? 0 : 32)
        for (int32_t lane = 0; lane < 32; lane++)
            found |= logits[i + lane] == best;
    while (i < n_vocab - 1 && logits[i] != best)
        i++;
    return i;
}

/* Better is a larger logit, or the lower id among equals: a strict order. */
static bool better(const struct candidate *a, const struct candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static void swap(struct candidate *a, struct candidate *b)
{
    struct candidate c = *a;
    *a = *b;
    *b = c;
}

/* Moves what is better than c[pivot] before it.  Returns where the pivot then is. */
static int32_t partition(struct candidate *c, int32_t lo, int32_t hi, int32_t pivot)
{
    swap(&c[pivot], &c[hi - 1]);
    int32_t at = lo;
    for (int32_t i = lo; i < hi - 1; i++)
        if (better(&c[i], &c[hi - 1]))
            swap(&c[i], &c[at++]);
    swap(&c[at], &c[hi - 1]);
    return at;
}

/* Moves the fewest best of c[0..n) whose weights reach need to the front.  Returns
 * how many they are: n if all together do not reach it. */
static int32_t keep_best(struct candidate *c, int32_t n, double need)
{
    /* The pivots are random, so that no row of logits is slow, but the same in every run. */
    uint64_t state = 0;
    int32_t lo = 0, hi = n; /* the border lies in c[lo..hi] */
    while (lo < hi) {
        int32_t pivot = lo + (int32_t)(split_mix(&state) % (uint64_t)(hi - lo));
        pivot = partition(c, lo, hi, pivot);
        double weight = 0.0;
        for (int32_t i = lo; i < pivot; i++)
            weight += c[i].weight;
        if (weight >= need) {
            hi = pivot;
        } else {
            need -= weight + c[pivot].weight;
            lo = pivot + 1;
            if (need <= 0.0)
                break;
        }
    }
    return lo;
}

/* Sets the weights of a softmax without its division; returns their sum. */
static double weigh(struct candidate *c, int32_t n, float max_logit, float temperature)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) {
        c[i].weight = exp(((double)c[i].logit - (double)max_logit) / (double)temperature);
        sum += c[i].weight;
    }
    return sum;
}

/* Draws one of the candidates by weight; never one without weight. */
static int32_t draw(struct sampler *s, const struct candidate *c, int32_t n)
{
    double sum = 0.0, below = 0.0;
    for (int32_t i = 0; i < n; i++)
        sum += c[i].weight;
    double at = (double)(xoshiro(s->random) >> 11) * 0x1p-53 * sum;
    int32_t id = -1; /* the last with weight, should rounding lead past the end */
    for (int32_t i = 0; i < n && at >= below; i++) {
        below += c[i].weight;
        if (c[i].weight > 0.0)
            id = c[i].id;
    }
    return id;
}

/* Some token is possible, and no logit is NaN. */
static int32_t choose(struct sampler *sampler, struct sampler_room *room, const float *logits)
{
    const struct sampler_params *p = &sampler->params;
    int32_t n = sampler->n_vocab;
    int32_t best = largest(logits, n);
    if (p->temperature == 0.0f)
        return best;
    float max_logit = logits[best];
    assert(room->n_vocab >= n);
    struct candidate *c = room->candidates;
    for (int32_t i = 0; i < n; i++)
        c[i] = (struct candidate){.logit = logits[i], .id = i, .weight = 1.0};
    if (p->top_k > 0 && p->top_k < (uint32_t)n)
        n = keep_best(c, n, p->top_k);
    double sum = weigh(c, n, max_logit, p->temperature);
    if (p->top_p < 1.0f)
        n = keep_best(c, n, (double)p->top_p * sum);
    if (p->min_p > 0.0f) { /* of the best token's weight, which is 1 */
        int32_t n_kept = 0;
        for (int32_t i = 0; i < n; i++)
            if (c[i].weight >= (double)p->min_p)
                c[n_kept++] = c[i];
        n = n_kept;
    }
    return draw(sampler, c, n);
}

bool sampler_choose(struct sampler *sampler, struct sampler_room *room, const float *logits,
                    int32_t *id, struct err *err)
{
    if (!logits_check(logits, sampler->n_vocab, err))
        return false;
    *id = choose(sampler, room, logits);
    return true;
}

bool sampler_next(struct sampler *sampler, struct sampler_room *room, float *logits, int32_t *id,
                  struct err *err)
{
    if (!logits_check(logits, sampler->n_vocab, err))
        return false;
    sampler_penalise(sampler, logits);
    *id = choose(sampler, room, logits);
    return true;
}
