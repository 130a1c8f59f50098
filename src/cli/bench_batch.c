/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_batch.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/summary.h"
#include "engine/kv_pool.h"
#include "engine/sampler.h"
#include "engine/sequence.h"
#include "model/model.h"

struct bench_batch {
    struct model *model;
    struct sampler *sampler;
    struct sampler_room *room;
    struct kv_pool pool;
    struct sequence *seqs; /* [n_seqs] */
    struct kv_span *spans; /* [n_seqs] */
    int32_t *ids;          /* [n_seqs], the newest of each */
    float *logits;         /* [MODEL_LOGIT_ROWS][n_vocab] */
    uint32_t n_seqs, n_tok, n_vocab;
};

static bool open_memory(struct bench_batch *b, struct err *err)
{
    uint32_t n_pages = (b->n_tok + BACKEND_PAGE_TOKENS - 1) / BACKEND_PAGE_TOKENS;
    b->seqs = mem_new(b->n_seqs, sizeof *b->seqs, err);
    if (!b->seqs)
        return false;
    b->spans = mem_new(b->n_seqs, sizeof *b->spans, err);
    if (!b->spans)
        return false;
    b->ids = mem_new(b->n_seqs, sizeof *b->ids, err);
    if (!b->ids)
        return false;
    b->logits = mem_new((size_t)MODEL_LOGIT_ROWS * b->n_vocab, sizeof *b->logits, err);
    if (!b->logits || !kv_pool_init(&b->pool, model_backend(b->model), b->n_seqs * n_pages,
                                    model_page_bytes(b->model), err))
        return false;
    for (uint32_t i = 0; i < b->n_seqs; i++)
        if (!sequence_init(&b->seqs[i], &b->pool, b->n_tok, err))
            return false;
    return true;
}

struct bench_batch *bench_batch_open(struct model *model, uint32_t n_seqs, uint32_t n_tok,
                                     struct err *err)
{
    assert(n_seqs >= 1 && n_seqs <= MODEL_MAX_TOKENS);
    struct bench_batch *b = mem_new(1, sizeof *b, err);
    if (!b)
        return NULL;
    b->model = model;
    b->n_seqs = n_seqs;
    b->n_tok = n_tok;
    b->n_vocab = model_config(model)->n_vocab;
    b->sampler = sampler_open(&SAMPLER_DEFAULT, (int32_t)b->n_vocab, err);
    if (b->sampler)
        b->room = sampler_room_open((int32_t)b->n_vocab, err);
    if (!b->room || !open_memory(b, err)) {
        bench_batch_close(b);
        return NULL;
    }
    return b;
}

void bench_batch_close(struct bench_batch *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; b->seqs && i < b->n_seqs; i++)
        sequence_free(&b->seqs[i]);
    kv_pool_free(&b->pool);
    sampler_close(b->sampler);
    sampler_room_close(b->room);
    free(b->logits);
    free(b->ids);
    free(b->spans);
    free(b->seqs);
    free(b);
}

/* Chooses the next token of each sequence from the logits of the last step. */
static bool choose(struct bench_batch *b, struct err *err)
{
    for (uint32_t first = 0; first < b->n_seqs; first += MODEL_LOGIT_ROWS) {
        uint32_t left = b->n_seqs - first, n = left < MODEL_LOGIT_ROWS ? left : MODEL_LOGIT_ROWS;
        if (!model_logits(b->model, (int)first, (int)n, PHASE_GENERATE, b->logits, err))
            return false;
        for (uint32_t i = 0; i < n; i++)
            if (!sampler_next(b->sampler, b->room, b->logits + (size_t)i * b->n_vocab,
                              &b->ids[first + i], err))
                return false;
    }
    return true;
}

static bool step(struct bench_batch *b, uint32_t pos, struct err *err)
{
    for (uint32_t i = 0; i < b->n_seqs; i++) {
        if (!sequence_hold(&b->seqs[i], pos + 1, err))
            return false;
        b->spans[i] =
            (struct kv_span){.page_ids = b->seqs[i].page_ids, .pos0 = (int)pos, .n_tok = 1};
    }
    const struct model_step all = {.ids = b->ids,
                                   .spans = b->spans,
                                   .n_spans = (int)b->n_seqs,
                                   .phase = PHASE_GENERATE,
                                   .kv_data = b->pool.data};
    return model_step(b->model, &all, err) && choose(b, err) && summary_go_on(err);
}

bool bench_batch_run(struct bench_batch *b, struct err *err)
{
    bool ok = true;
    for (uint32_t i = 0; i < b->n_seqs; i++) {
        sequence_cut(&b->seqs[i], 0);
        b->ids[i] = (int32_t)(i % b->n_vocab);
    }
    for (uint32_t pos = 0; ok && pos < b->n_tok; pos++)
        ok = step(b, pos, err);
    return ok;
}

size_t bench_batch_kv_bytes(const struct bench_batch *b)
{
    return b->pool.n_pages * b->pool.page_bytes;
}
