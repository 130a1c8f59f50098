/* SPDX-License-Identifier: Apache-2.0 */
/* generator.h - one sequence: prompt in, tokens and text out.
 *
 *     generator_open -> generator_prompt -> generator_next, again and again -> generator_close
 *
 * A conversation is rendered anew for each turn; what its prompt shares with the last one
 * and the answer to it is not computed again:
 *
 *     size_t n_kept = generator_rewind(gen, ids, n);
 *     if (!generator_prompt(gen, ids + n_kept, n - n_kept, err)) ...
 *
 * Thread: one thread at a time. */
#ifndef ENGINE_GENERATOR_H
#define ENGINE_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "engine/finish.h"
#include "engine/sampler.h"

struct model;
struct model_config;
struct tokenizer;
struct generator;

struct generator_options {
    struct sampler_params sampler;
    uint32_t context;        /* positions to keep memory for; see generator_context() */
    uint32_t max_tokens;     /* of the answer; 0: until the context is full */
    const char *const *stop; /* [n_stop] strings that end the answer, not part of it */
    size_t n_stop;           /* at most LIMIT_STOP_STRINGS of 1..LIMIT_STOP_BYTES bytes */
    bool ignore_eos;
    bool no_loop_guard;
    bool continues_text; /* the answer goes on in the prompt's text, as in a completion: a space
                            or a half character at the border is kept */
    bool deterministic;  /* a rewind computes answers again, as a fresh sequence would: prompt
                            tokens and generated ones are not rounded alike */
    int chunk; /* tokens per prefill step; 0: MODEL_MAX_TOKENS.  The logits do not depend on it */
};

#define GENERATOR_DEFAULT_CONTEXT 32768

/* Returns how many positions a sequence has when wanted are asked for: so many, which may be
 * more than the model promises; or, for 0, what it promises, at most
 * GENERATOR_DEFAULT_CONTEXT. */
uint32_t generator_context(const struct model_config *config, uint32_t wanted);

/* Returns how many keys a token may see at most, itself included: the widest window if every layer
 * has one, else 0, which means all. */
uint32_t generator_window(const struct model_config *config);

/* Returns how many KV pages a sequence of context positions needs whose prompt goes in steps of
 * chunk tokens. */
uint32_t generator_pages(const struct model_config *config, uint32_t context, int chunk);

/* tok may be NULL: then there is no text, no stop string and no end token.
 * Owned: generator_close().  Errors: ERR_ARG naming the option, ERR_LIMIT. */
struct generator *generator_open(struct model *model, const struct tokenizer *tok,
                                 const struct generator_options *options, struct err *err) CHECKED;
void generator_close(struct generator *gen);

/* Feeds prompt tokens; may be called again to continue the same sequence: then a new
 * answer begins.  The tokens that generator_next() gave are part of the sequence; the
 * end-of-sequence token is not, who wants it adds it.
 * ids: [n].  Errors: ERR_ARG for an id outside the vocabulary, ERR_LIMIT when the
 * context is full, ERR_FORMAT when the last token's logits are not finite, ERR_IO when the disk
 * failed: after generator_rewind() it may be tried again. */
bool generator_prompt(struct generator *gen, const int32_t *ids, size_t n, struct err *err) CHECKED;

/* Forgets what the sequence holds, except for the tokens from its start that ids begins with:
 * at most n - 1 of them, so that there is one to feed, and none when a window has dropped
 * what the next token sees.  The draws of the sampler go on.
 * ids: [n].  Returns how many tokens are kept. */
size_t generator_rewind(struct generator *gen, const int32_t *ids, size_t n);

/* Called with the logits of each prompt token, in order.  logits: [n_vocab] f32, borrowed
 * during the call, finite or minus infinity.  Errors: ends generator_prompt() with its own. */
typedef bool generator_logits_fn(void *arg, const float *logits, struct err *err);

/* As generator_prompt(), and hands out every row of logits; these are multiplied as prompts are,
 * while generator_prompt() multiplies its one row as those of generated tokens.  ids: [n].  Errors:
 * as there. */
bool generator_prompt_logits(struct generator *gen, const int32_t *ids, size_t n,
                             generator_logits_fn *fn, void *arg, struct err *err) CHECKED;

/* Chooses the next token, stores it in *id (-1 when the answer is over) and appends
 * the text that is now certain.  After the end it keeps answering -1.
 * Errors: ERR_ARG without a prompt, ERR_FORMAT for logits that are not finite, ERR_LIMIT
 * for text, ERR_IO when the disk failed: the next call tries again; that of a mapped weight
 * is lasting, see model_step(). */
bool generator_next(struct generator *gen, int32_t *id, struct buf *text, struct err *err) CHECKED;

/* Says why the answer ended. */
enum finish_reason generator_finish(const struct generator *gen);

/* Facts for statistics. */
struct generator_stats {
    uint32_t n_prompt, n_answer; /* tokens */
    double prompt_s, answer_s;   /* seconds spent */
    size_t kv_bytes;             /* reserved for keys and values */
};
struct generator_stats generator_stats(const struct generator *gen);

#endif
