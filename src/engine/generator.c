/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generator.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "engine/kv_pool.h"
#include "engine/loop_guard.h"
#include "engine/sequence.h"
#include "engine/stop_filter.h"
#include "model/model.h"
#include "text/tokenizer.h"

struct generator {
    struct model *model;
    const struct tokenizer *tok;
    struct generator_options options; /* context and chunk filled in; stop not kept */
    int32_t n_vocab;
    uint32_t window; /* keys that any layer may still need; 0 = all */

    struct sampler *sampler;
    struct sampler_room *room;
    struct kv_pool pool;
    struct sequence seq;
    uint32_t n_pos;  /* positions that have keys and values */
    uint32_t n_wide; /* of these, from the first on, computed as a prompt */
    int32_t *ids;    /* [context], the tokens of the n_pos positions */
    float *logits;   /* [MODEL_LOGIT_ROWS][n_vocab] */
    float *row;      /* logits of the last position, or NULL while not known */
    int32_t pending; /* the newest token of the answer, which no step has seen; or -1 */

    struct text_decoder decoder;
    struct stop_filter stop;
    struct buf piece; /* text of one token */
    struct loop_guard guard;
    uint32_t n_answer; /* tokens of this answer */
    enum finish_reason finish;
    struct generator_stats stats;
};

uint32_t generator_window(const struct model_config *config)
{
    uint32_t widest = 0;
    for (uint32_t i = 0; i < config->n_layers; i++) {
        if (!config->windows[i])
            return 0;
        if (config->windows[i] > widest)
            widest = config->windows[i];
    }
    return widest;
}

uint32_t generator_context(const struct model_config *config, uint32_t wanted)
{
    if (wanted)
        return wanted;
    return config->context < GENERATOR_DEFAULT_CONTEXT ? config->context
                                                       : GENERATOR_DEFAULT_CONTEXT;
}

/* Pages for the whole context; or, with windows, for what a step can see: the window
 * of its first token and the step itself, in pages that are cut at both ends. */
uint32_t generator_pages(const struct model_config *config, uint32_t context, int chunk)
{
    uint64_t n = context, window = generator_window(config);
    uint64_t n_seen = window + (uint64_t)chunk + BACKEND_PAGE_TOKENS;
    if (window && n_seen < n)
        n = n_seen;
    return (uint32_t)((n + BACKEND_PAGE_TOKENS - 1) / BACKEND_PAGE_TOKENS);
}

static bool fill_options(struct generator_options *o, const struct model_config *config,
                         const struct tokenizer *tok, struct err *err)
{
    if (o->context > LIMIT_CONTEXT)
        return err_set(err, ERR_ARG, "context %u: expected at most %d positions", o->context,
                       LIMIT_CONTEXT);
    o->context = generator_context(config, o->context);
    if (o->chunk < 0 || o->chunk > MODEL_MAX_TOKENS)
        return err_set(err, ERR_ARG, "chunk %d: expected 1 to %d tokens, or 0", o->chunk,
                       MODEL_MAX_TOKENS);
    if (!o->chunk)
        o->chunk = MODEL_MAX_TOKENS;
    if (o->n_stop && !tok)
        return err_set(err, ERR_ARG, "stop: stop strings need a tokenizer, the model has none");
    return true;
}

static bool open_memory(struct generator *gen, struct err *err)
{
    const struct model *model = gen->model;
    gen->logits =
        mem_new((size_t)MODEL_LOGIT_ROWS * (size_t)gen->n_vocab, sizeof *gen->logits, err);
    if (!gen->logits)
        return false;
    gen->ids = mem_new(gen->options.context, sizeof *gen->ids, err);
    if (!gen->ids)
        return false;
    uint32_t n_pages =
        generator_pages(model_config(model), gen->options.context, gen->options.chunk);
    if (!kv_pool_init(&gen->pool, model_backend(model), n_pages, model_page_bytes(model), err))
        return err_add(err, "keys and values of %u position%s (a smaller context needs less)",
                       gen->options.context, plural(gen->options.context));
    gen->stats.kv_bytes = gen->pool.n_pages * gen->pool.page_bytes;
    return sequence_init(&gen->seq, &gen->pool, gen->options.context, err);
}

struct generator *generator_open(struct model *model, const struct tokenizer *tok,
                                 const struct generator_options *options, struct err *err)
{
    const struct model_config *config = model_config(model);
    struct generator *gen = mem_new(1, sizeof *gen, err);
    if (!gen)
        return NULL;
    gen->model = model;
    gen->tok = tok;
    gen->options = *options;
    gen->options.stop = NULL;
    gen->n_vocab = (int32_t)config->n_vocab;
    gen->window = generator_window(config);
    gen->pending = -1;
    buf_init(&gen->piece, LIMIT_TOKEN_BYTES + sizeof gen->decoder.held);
    if (tok)
        text_decoder_init(&gen->decoder, tok);
    if (!fill_options(&gen->options, config, tok, err) ||
        !stop_filter_init(&gen->stop, options->stop, options->n_stop, err))
        goto fail;
    gen->sampler = sampler_open(&options->sampler, gen->n_vocab, err);
    if (!gen->sampler)
        goto fail;
    gen->room = sampler_room_open(gen->n_vocab, err);
    if (!gen->room || !open_memory(gen, err))
        goto fail;
    return gen;
fail:
    generator_close(gen);
    return NULL;
}

void generator_close(struct generator *gen)
{
    if (!gen)
        return;
    sequence_free(&gen->seq);
    kv_pool_free(&gen->pool);
    sampler_close(gen->sampler);
    sampler_room_close(gen->room);
    buf_free(&gen->piece);
    free(gen->logits);
    free(gen->ids);
    free(gen);
}

/* Runs the next n tokens of the sequence through the layers. */
static bool run(struct generator *gen, const int32_t *ids, int n, enum phase phase, struct err *err)
{
    uint32_t end = gen->n_pos + (uint32_t)n;
    gen->row = NULL;
    if (!sequence_hold(&gen->seq, end, err))
        return false;
    const struct kv_span span = {
        .page_ids = gen->seq.page_ids, .pos0 = (int)gen->n_pos, .n_tok = n};
    const struct model_step step = {
        .ids = ids,
        .spans = &span,
        .n_spans = 1,
        .phase = phase,
        .kv_data = gen->pool.data,
    };
    if (!model_step(gen->model, &step, err))
        return false;
    memcpy(gen->ids + gen->n_pos, ids, (size_t)n * sizeof *ids);
    if (phase == PHASE_PROMPT && gen->n_wide == gen->n_pos)
        gen->n_wide = end;
    gen->n_pos = end;
    if (gen->window && end >= gen->window) /* the next token sees window keys, itself included */
        sequence_forget(&gen->seq, end + 1 - gen->window);
    return true;
}

/* Runs the newest token of the answer, if one is left. */
static bool run_pending(struct generator *gen, struct err *err)
{
    if (gen->pending < 0)
        return true;
    if (!run(gen, &gen->pending, 1, PHASE_GENERATE, err))
        return false;
    gen->pending = -1;
    return true;
}

/* Computes the logits of row of the last step, which stay unknown after a failure.  One row is
 * multiplied as generated tokens are, after a prompt too: laying the output matrix, often the
 * largest, out for many rows would cost more than a short prompt. */
static bool compute_row(struct generator *gen, int row, struct err *err)
{
    if (!model_logits(gen->model, row, 1, PHASE_GENERATE, gen->logits, err))
        return false;
    gen->row = gen->logits;
    return true;
}

/* Who reads a prompt for something else than an answer would not see that the weights are bad. */
static bool check_row(struct generator *gen, struct err *err)
{
    if (logits_check(gen->row, gen->n_vocab, err))
        return true;
    gen->row = NULL;
    return false;
}

/* Hands out the logits of the n tokens of the last step. */
static bool hand_out(struct generator *gen, int n, generator_logits_fn *fn, void *arg,
                     struct err *err)
{
    for (int first = 0; first < n; first += MODEL_LOGIT_ROWS) {
        int n_rows = n - first < MODEL_LOGIT_ROWS ? n - first : MODEL_LOGIT_ROWS;
        if (!model_logits(gen->model, first, n_rows, PHASE_PROMPT, gen->logits, err))
            return false;
        for (int i = 0; i < n_rows; i++) {
            gen->row = gen->logits + (size_t)i * (size_t)gen->n_vocab;
            if (!logits_check(gen->row, gen->n_vocab, err) || !fn(arg, gen->row, err))
                return false;
        }
    }
    return true;
}

static bool check_prompt(const struct generator *gen, const int32_t *ids, size_t n, struct err *err)
{
    /* A full context can still have given a last token, which then has no position. */
    uint32_t n_used = gen->n_pos + (gen->pending >= 0);
    uint32_t n_free = n_used < gen->options.context ? gen->options.context - n_used : 0;
    if (n > n_free)
        return err_set(err, ERR_LIMIT,
                       "the prompt has %zu token%s, and a context of %u has room for %u%s; shorten "
                       "it or ask for a larger context",
                       n, plural(n), gen->options.context, n_free, n_used ? " more" : "");
    for (size_t i = 0; i < n; i++) {
        if (ids[i] >= gen->n_vocab && gen->tok && tokenizer_n_vocab(gen->tok) > gen->n_vocab)
            return err_set(err, ERR_ARG,
                           "the tokenizer has %d tokens, the model %d; they belong to different "
                           "models",
                           tokenizer_n_vocab(gen->tok), gen->n_vocab);
        if (ids[i] < 0 || ids[i] >= gen->n_vocab)
            return err_set(err, ERR_ARG, "prompt token %zu: id %d is not in 0..%d", i + 1, ids[i],
                           gen->n_vocab - 1);
    }
    return true;
}

/* Everything that counts from the start of an answer starts again. */
static bool begin_answer(struct generator *gen, const int32_t *ids, size_t n, struct err *err)
{
    gen->n_answer = 0;
    gen->finish = FINISH_NONE;
    gen->guard = (struct loop_guard){0};
    stop_filter_restart(&gen->stop);
    sampler_new_answer(gen->sampler);
    for (size_t i = 0; i < n; i++)
        sampler_note(gen->sampler, ids[i], false);
    if (!gen->tok)
        return true;
    if (!gen->options.continues_text)
        text_decoder_init(&gen->decoder, gen->tok);
    for (size_t i = 0; gen->options.continues_text && i < n; i++) {
        buf_clear(&gen->piece);
        if (!text_decoder_add(&gen->decoder, ids[i], &gen->piece, err))
            return false;
    }
    return true;
}

static bool feed(struct generator *gen, const int32_t *ids, size_t n, generator_logits_fn *fn,
                 void *arg, struct err *err)
{
    size_t chunk = (size_t)gen->options.chunk;
    if (!run_pending(gen, err) || !begin_answer(gen, ids, n, err))
        return false;
    for (size_t done = 0; done < n;) {
        int n_tok = (int)(n - done < chunk ? n - done : chunk);
        if (!run(gen, ids + done, n_tok, PHASE_PROMPT, err))
            return false;
        done += (size_t)n_tok;
        if (fn && !hand_out(gen, n_tok, fn, arg, err))
            return false;
        if (!fn && done == n && (!compute_row(gen, n_tok - 1, err) || !check_row(gen, err)))
            return false;
    }
    gen->stats.n_prompt += (uint32_t)n;
    return true;
}

bool generator_prompt(struct generator *gen, const int32_t *ids, size_t n, struct err *err)
{
    return generator_prompt_logits(gen, ids, n, NULL, NULL, err);
}

bool generator_prompt_logits(struct generator *gen, const int32_t *ids, size_t n,
                             generator_logits_fn *fn, void *arg, struct err *err)
{
    if (!n)
        return true;
    if (!check_prompt(gen, ids, n, err))
        return false;
    double start = clock_now();
    bool ok = feed(gen, ids, n, fn, arg, err);
    gen->stats.prompt_s += clock_now() - start;
    return ok;
}

size_t generator_rewind(struct generator *gen, const int32_t *ids, size_t n)
{
    uint32_t n_kept = 0, n_held = gen->options.deterministic ? gen->n_wide : gen->n_pos;
    while (n_kept < n_held && n_kept + 1 < n && gen->ids[n_kept] == ids[n_kept])
        n_kept++;
    /* The next token sees window keys, itself included. */
    uint32_t n_unseen = gen->window && n_kept >= gen->window ? n_kept + 1 - gen->window : 0;
    if (n_unseen / BACKEND_PAGE_TOKENS < gen->seq.n_gone)
        n_kept = 0;
    sequence_cut(&gen->seq, n_kept);
    gen->n_pos = n_kept;
    if (gen->n_wide > n_kept)
        gen->n_wide = n_kept;
    gen->row = NULL;
    gen->pending = -1;
    gen->finish = FINISH_NONE;
    sampler_forget(gen->sampler);
    for (uint32_t i = 0; i < n_kept; i++)
        sampler_note(gen->sampler, gen->ids[i], false);
    return n_kept;
}

/* Ends the answer and lets the held-back text go. */
static bool end_answer(struct generator *gen, enum finish_reason reason, struct buf *text,
                       struct err *err)
{
    gen->finish = reason;
    if (!gen->tok)
        return true;
    buf_clear(&gen->piece);
    return text_decoder_end(&gen->decoder, &gen->piece, err) &&
           stop_filter_add(&gen->stop, gen->piece.data, gen->piece.len, text, err) &&
           stop_filter_end(&gen->stop, text, err);
}

/* Appends the text of a token.  A stop string in it ends the answer. */
static bool add_text(struct generator *gen, int32_t id, struct buf *text, struct err *err)
{
    if (!gen->tok)
        return true;
    buf_clear(&gen->piece);
    if (!text_decoder_add(&gen->decoder, id, &gen->piece, err) ||
        !stop_filter_add(&gen->stop, gen->piece.data, gen->piece.len, text, err))
        return false;
    if (gen->stop.found)
        gen->finish = FINISH_STOP;
    return true;
}

/* Says whether there is room for one more token. */
static bool is_full(const struct generator *gen)
{
    const struct generator_options *o = &gen->options;
    return (o->max_tokens && gen->n_answer == o->max_tokens) ||
           (gen->pending >= 0 && gen->n_pos == o->context);
}

static bool answer(struct generator *gen, int32_t *id, struct buf *text, struct err *err)
{
    const struct generator_options *o = &gen->options;
    int32_t next;
    if (is_full(gen))
        return end_answer(gen, FINISH_LENGTH, text, err);
    if (gen->pending >= 0) {
        int32_t newest = gen->pending;
        if (!run_pending(gen, err))
            return false;
        if (!compute_row(gen, 0, err)) {
            gen->pending = newest; /* for the next call to try again */
            gen->n_pos--;
            return false;
        }
    }
    if (!sampler_next(gen->sampler, gen->room, gen->row, &next, err))
        return false;
    gen->row = NULL; /* the sampler has changed it */
    if (gen->tok && !o->ignore_eos && next == tokenizer_eos(gen->tok))
        return end_answer(gen, FINISH_STOP, text, err);
    gen->pending = next;
    gen->n_answer++;
    gen->stats.n_answer++;
    sampler_note(gen->sampler, next, true);
    if (!add_text(gen, next, text, err))
        return false;
    *id = next;
    if (gen->finish == FINISH_NONE && loop_guard_add(&gen->guard, next) && !o->no_loop_guard)
        return end_answer(gen, FINISH_LOOP, text, err);
    return true;
}

bool generator_next(struct generator *gen, int32_t *id, struct buf *text, struct err *err)
{
    *id = -1;
    if (gen->finish != FINISH_NONE)
        return true;
    if (!gen->row && gen->pending < 0)
        return err_set(err, ERR_ARG, "nothing to answer: the prompt has no tokens");
    double start = clock_now();
    bool ok = answer(gen, id, text, err);
    gen->stats.answer_s += clock_now() - start;
    return ok;
}

enum finish_reason generator_finish(const struct generator *gen)
{
    return gen->finish;
}

struct generator_stats generator_stats(const struct generator *gen)
{
    return gen->stats;
}
