/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/profile.h"

#include <assert.h>

#include "base/clock.h"

/* Ends the gap before an operation.  Returns when it begins. */
static double begin_op(struct profile *p)
{
    double now = clock_now();
    p->sums[p->gap].seconds += now - p->last;
    p->sums[p->gap].n_calls += p->gap == PROFILE_SAMPLING;
    p->gap = PROFILE_OTHER;
    return now;
}

static void end_op(struct profile *p, enum profile_op op, double start)
{
    p->last = clock_now();
    p->sums[op].seconds += p->last - start;
    p->sums[op].n_calls++;
}

static void add_work(struct profile *p, enum profile_op op, double bytes, double flops)
{
    p->sums[op].bytes += bytes;
    p->sums[op].flops += flops;
}

static void timed_read(struct backend *b, void *host, const void *device, size_t n_bytes)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.read(b, host, device, n_bytes);
    end_op(p, PROFILE_OTHER, start);
    p->gap = PROFILE_SAMPLING;
}

static void timed_embed(struct backend *b, float *y, const struct tensor *w, const int32_t *ids,
                        int n_tok)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.embed(b, y, w, ids, n_tok);
    end_op(p, PROFILE_EMBED, start);
}

static void timed_rms_norm(struct backend *b, float *y, const float *x, const float *gain,
                           int n_tok, int n, int stride, float eps)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.rms_norm(b, y, x, gain, n_tok, n, stride, eps);
    end_op(p, PROFILE_NORM, start);
}

static void timed_matmul(struct backend *b, const struct matmul_args *args)
{
    struct profile *p = b->profile;
    enum profile_op op = p->classify(p->arg, args->out[0].w);
    double start = begin_op(p);
    p->original.matmul(b, args);
    end_op(p, op, start);
    for (int i = 0; i < args->n_out; i++) {
        const struct tensor *w = args->out[i].w;
        add_work(p, op, (double)tensor_bytes(w),
                 2.0 * args->n_tok * (double)w->n_rows * (double)w->n_cols);
    }
}

static void timed_rope_table(struct backend *b, float *table, const double *freq, int n_freq,
                             const int *positions, int n_tok, float magnitude)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.rope_table(b, table, freq, n_freq, positions, n_tok, magnitude);
    end_op(p, PROFILE_ROPE, start);
}

static void timed_rope(struct backend *b, float *x, const float *table, int n_tok, int n_heads,
                       int head_dim, int n_rot, enum rope_layout layout)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.rope(b, x, table, n_tok, n_heads, head_dim, n_rot, layout);
    end_op(p, PROFILE_ROPE, start);
}

static void timed_kv_write(struct backend *b, const struct kv_view *kv, const float *k,
                           const float *v, const struct kv_span *spans, int n_spans)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.kv_write(b, kv, k, v, spans, n_spans);
    end_op(p, PROFILE_KV_WRITE, start);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Counts the keys that the queries of spans see in all, and of each sequence once. */
static void count_keys(const struct kv_span *spans, int n_spans, int window, double *n_seen,
                       double *n_held)
{
    *n_seen = *n_held = 0;
    for (int i = 0; i < n_spans; i++) {
        int end = spans[i].pos0 + spans[i].n_tok;
        *n_held += window ? smaller(end, window + spans[i].n_tok - 1) : end;
        for (int pos = spans[i].pos0; pos < end; pos++)
            *n_seen += window ? smaller(pos + 1, window) : pos + 1;
    }
}

static void timed_attention(struct backend *b, const struct attention_args *args)
{
    struct profile *p = b->profile;
    const struct kv_view *kv = args->kv;
    double n_seen, n_held, start = begin_op(p);
    p->original.attention(b, args);
    end_op(p, PROFILE_ATTENTION, start);
    count_keys(args->spans, args->n_spans, args->window, &n_seen, &n_held);
    add_work(p, PROFILE_ATTENTION,
             2 * n_held * kv->n_kv_heads * (double)dtype_bytes(kv->dtype, kv->head_dim),
             4 * n_seen * args->n_heads * kv->head_dim);
}

/* Generated tokens meet the latents themselves. */
static void timed_latent(struct backend *b, const struct latent_args *args)
{
    struct profile *p = b->profile;
    double n_seen, n_held, start = begin_op(p);
    p->original.latent_attention(b, args);
    end_op(p, PROFILE_ATTENTION, start);
    count_keys(args->spans, args->n_spans, 0, &n_seen, &n_held);
    int width = args->phase == PHASE_GENERATE ? 2 * args->kv_rank + args->rope_dim
                                              : args->nope_dim + args->rope_dim + args->v_dim;
    add_work(p, PROFILE_ATTENTION,
             n_held * (double)dtype_bytes(args->kv->dtype, args->kv->head_dim),
             2 * n_seen * args->n_heads * width);
}

static void timed_experts(struct backend *b, const struct experts_args *args)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.experts(b, args);
    end_op(p, PROFILE_EXPERTS, start);
    for (int i = 0; i < args->n_groups; i++) {
        const struct ffn_tensors *ffn = args->groups[i].ffn;
        add_work(p, PROFILE_EXPERTS,
                 (double)(tensor_bytes(&ffn->w_gate) + tensor_bytes(&ffn->w_up) +
                          tensor_bytes(&ffn->w_down)),
                 6.0 * args->groups[i].n * args->dim * args->ffn_dim);
    }
}

static void timed_silu_mul(struct backend *b, float *gate, const float *up, size_t n)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.silu_mul(b, gate, up, n);
    end_op(p, PROFILE_SILU, start);
}

static void timed_add(struct backend *b, float *x, const float *y, size_t n)
{
    struct profile *p = b->profile;
    double start = begin_op(p);
    p->original.add(b, x, y, n);
    end_op(p, PROFILE_ADD, start);
}

void profile_begin(struct profile *p, struct backend *b, profile_classify_fn *classify, void *arg)
{
    assert(!b->profile);
    *p = (struct profile){
        .backend = b, .original = *b, .classify = classify, .arg = arg, .gap = PROFILE_OTHER};
    b->profile = p;
    b->read = timed_read;
    b->embed = timed_embed;
    b->rms_norm = timed_rms_norm;
    b->matmul = timed_matmul;
    b->rope_table = timed_rope_table;
    b->rope = timed_rope;
    b->kv_write = timed_kv_write;
    b->attention = timed_attention;
    b->latent_attention = timed_latent;
    b->experts = timed_experts;
    b->silu_mul = timed_silu_mul;
    b->add = timed_add;
    p->last = clock_now();
}

void profile_end(struct profile *p)
{
    (void)begin_op(p);
    *p->backend = p->original;
    for (int i = 0; i < PROFILE_OPS; i++)
        p->seconds += p->sums[i].seconds;
}

const char *profile_name(enum profile_op op)
{
    static const char *const names[PROFILE_OPS] = {
        "qkv",      "o",        "gate_up",   "down",     "router", "output",
        "product",  "experts",  "attention", "norm",     "rope",   "silu",
        "residual", "kv_write", "embed",     "sampling", "other"};
    assert(op >= 0 && op < PROFILE_OPS);
    return names[op];
}
