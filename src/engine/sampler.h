/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.h - from logits to the next token.
 *
 * Order: repetition, presence and frequency penalties; temperature; top-k; top-p;
 * min-p; then a draw from a generator seeded per request.  Temperature 0 takes
 * the largest logit (the lowest id among equals) and draws nothing, so the same
 * request gives the same tokens on every machine that computes the same logits.
 * Thread: one sampler by one thread at a time. */
#ifndef ENGINE_SAMPLER_H
#define ENGINE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sampler_params {       /* ranges in brackets; out of range is ERR_ARG */
    float temperature;        /* [0, 100]; 0 = greedy */
    uint32_t top_k;           /* 0 = off */
    float top_p;              /* (0, 1]; 1 = off */
    float min_p;              /* [0, 1]; 0 = off */
    float repetition_penalty; /* (0, 10]; 1 = off (arXiv:1909.05858) */
    float presence_penalty;   /* [-2, 2] */
    float frequency_penalty;  /* [-2, 2] */
    uint64_t seed;
};

/* Greedy, nothing switched on. */
extern const struct sampler_params SAMPLER_DEFAULT;

struct sampler;
struct sampler_room;

/* Memory that choosing needs, for one call at a time of any number of samplers.
 * Owned: sampler_room_close().  Errors: ERR_LIMIT. */
struct sampler_room *sampler_room_open(int32_t n_vocab, struct err *err) CHECKED;
void sampler_room_close(struct sampler_room *room);

/* Owned: sampler_close().  Errors: ERR_ARG naming the parameter, ERR_LIMIT. */
struct sampler *sampler_open(const struct sampler_params *params, int32_t n_vocab,
                             struct err *err) CHECKED;
void sampler_close(struct sampler *sampler);

/* Counts a token, 0..n_vocab-1, of the prompt (repetition penalty only) or of the answer
 * (all penalties). */
void sampler_note(struct sampler *sampler, int32_t id, bool is_answer);

/* Makes the answer so far part of the prompt: a new answer begins. */
void sampler_new_answer(struct sampler *sampler);

/* Forgets every token that was counted; the draws go on. */
void sampler_forget(struct sampler *sampler);

/* Refuses NaN, plus infinity, and rows where nothing is possible; minus infinity is a
 * token that must not be chosen.  logits: [n_vocab] f32.  Errors: ERR_FORMAT. */
bool logits_check(const float *logits, int32_t n_vocab, struct err *err) CHECKED;

/* Applies the penalties to logits: [n_vocab] f32. */
void sampler_penalise(const struct sampler *sampler, float *logits);

/* Chooses a token without penalties; allocates nothing.  logits: [n_vocab] f32.
 * Errors: as logits_check(). */
bool sampler_choose(struct sampler *sampler, struct sampler_room *room, const float *logits,
                    int32_t *id, struct err *err) CHECKED;

/* Both; changes logits, which are checked before.  logits: [n_vocab] f32.
 * Errors: as logits_check(). */
bool sampler_next(struct sampler *sampler, struct sampler_room *room, float *logits, int32_t *id,
                  struct err *err) CHECKED;

#endif
