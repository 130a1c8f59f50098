/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h - what a device can do: memory and the operations of the decoder.
 *
 * One small table per device.  The model calls it and never names a device; a
 * backend must pass the operator tests, which compare it with the CPU's C
 * versions on random shapes.
 *
 * Addresses: "device" pointers come from alloc() or adopt() of the same backend;
 * pointer arithmetic inside such a block is allowed.  Everything else is host
 * memory.  Operations run in the order of the calls; read() waits for them.
 *
 * Numbers: activations are float32.  What matmul rounds its inputs to depends on
 * the format of the weights and the phase, never on n_tok, neighbours, thread
 * count or chunking: the result for a row is the same in any batch.  With
 * exact, every operation computes in float32 at least.
 * Thread: one thread at a time. */
#ifndef TENSOR_BACKEND_H
#define TENSOR_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/tensor.h"

#define BACKEND_PAGE_TOKENS 16 /* tokens of a KV page: rows of one matrix tile */
#define BACKEND_MAX_OUTPUTS 3  /* matrices that one matmul call multiplies (q, k, v) */

/* What the tokens of a call are, which decides how much their arithmetic rounds. */
enum phase {
    PHASE_PROMPT,
    PHASE_GENERATE,
    PHASE_FLOAT, /* of matmul only: either of them, in float32 */
};

/* Which two elements of a head rotate together. */
enum rope_layout {
    ROPE_INTERLEAVED, /* 2i and 2i+1: native checkpoints, GGUF */
    ROPE_HALF_SPLIT,  /* i and i + head_dim/2: Hugging Face checkpoints */
};

/* The keys and values of one layer.  A page holds, for every layer,
 * [2 k,v][n_kv_heads][BACKEND_PAGE_TOKENS][head_dim] of dtype.  With latent attention there is
 * one head, of latent and rotary part, and no values: [BACKEND_PAGE_TOKENS][head_dim]. */
struct kv_view {
    void *data; /* device; page i starts at i * page_bytes */
    size_t page_bytes;
    size_t layer_offset; /* bytes from a page's start to this layer */
    enum dtype dtype;    /* the backend's kv_type; head_dim is a multiple of its block */
    int n_kv_heads, head_dim;
};

/* Consecutive tokens of one sequence, of which token p is row p % BACKEND_PAGE_TOKENS of page
 * page_ids[p / BACKEND_PAGE_TOKENS].  The tokens of several spans lie one span after the other
 * in whatever an operation reads and writes; no two are of one sequence. */
struct kv_span {
    const uint32_t *page_ids; /* host, [pages of the sequence] */
    int pos0, n_tok;          /* positions pos0..pos0+n_tok-1; n_tok >= 1 */
};

/* Returns the tokens of n spans: the n_tok of the operations below. */
int kv_span_tokens(const struct kv_span *spans, int n);

struct matmul_args {
    const float *x; /* device [n_tok][n_in] */
    int n_tok;      /* >= 1 */
    int n_in;       /* n_cols of each weight */
    enum phase phase;
    int n_out; /* 1..BACKEND_MAX_OUTPUTS products of the same x */
    struct {
        const struct tensor *w; /* device data [n_rows][n_in] */
        float *y;               /* device [n_tok][w->n_rows] = x . w^T */
    } out[BACKEND_MAX_OUTPUTS];
};

struct attention_args {
    float *out;               /* device [n_tok][n_heads][head_dim] */
    const float *q;           /* device [n_tok][n_heads][head_dim], rotated */
    const float *scales;      /* host [n_tok]: softmax scale of each query */
    const struct kv_view *kv; /* holds the queries' positions and all before (or in the window) */
    const struct kv_span *spans; /* host: where the queries stand */
    int n_spans;
    enum phase phase;
    int n_heads; /* a multiple of kv->n_kv_heads */
    int window;  /* keys seen by a query, itself included; 0 = all */
};

/* Attention over a latent cache (arXiv:2405.04434, section 2.1).  Row t of the cache is
 * [c: kv_rank][kr: rope_dim], c after its norm, kr rotated.  Head h has
 *     score = scale * (q_nope . (wk_h c) + q_rope . kr),   value = wv_h c
 * with wk_h [nope_dim][kv_rank] and wv_h [v_dim][kv_rank].
 * Prompt tokens expand keys and values from the cache, LATENT_KEYS positions at a time;
 * generated ones fold wk_h into the query and wv_h into the output. */
#define LATENT_KEYS   64 /* cached positions that are expanded at a time */
#define LATENT_TOKENS 16 /* queries that are folded at a time */

struct latent_args {
    float *out;               /* device [n_tok][n_heads][v_dim] */
    const float *q;           /* device [n_tok][n_heads][nope_dim + rope_dim], rotated */
    const float *scales;      /* host [n_tok]: softmax scale of each query */
    const struct kv_view *kv; /* one head of kv_rank + rope_dim */
    const struct head_tensor *wk, *wv;
    float *work;                 /* device [latent_work_floats()], contents do not matter */
    const struct kv_span *spans; /* host: where the queries stand */
    int n_spans;
    enum phase phase;
    int n_heads, nope_dim, rope_dim, v_dim, kv_rank;
};

/* Returns the floats of work that latent_attention() needs for up to max_tok tokens: the larger of
 *     LATENT_KEYS * (kv_rank + rope_dim + n_heads * (nope_dim + rope_dim + v_dim))
 *         + 2 * n_heads * max_tok
 * and min(max_tok, LATENT_TOKENS) * n_heads * (2 * kv_rank + rope_dim). */
size_t latent_work_floats(int n_heads, int nope_dim, int rope_dim, int v_dim, int kv_rank,
                          int max_tok);

#define EXPERT_CHOICES 256 /* pairs of a token and an expert that are computed at a time */

/* Some experts of a mixture, with the tokens that chose them: token tokens[i] with weight
 * weights[i] for i in [first, first + n). */
struct expert_group {
    const struct ffn_tensors *ffn; /* device data, all experts of one shape */
    int first, n;
};

struct experts_args {
    float *y;       /* device [n_tok][dim]: += weight * expert(x) of each choice, group by group */
    const float *x; /* device [n_tok][dim] */
    int n_tok, dim, ffn_dim;
    enum phase phase;
    int n_groups;
    const struct expert_group *groups; /* host [n_groups] */
    const int32_t *tokens;             /* host; of one group: ascending, each once */
    const float *weights;              /* host */
    float *work;                       /* device [experts_work_floats()], contents do not matter */
};

/* Returns the floats of work that experts() needs when groups hold at most n_choices in all:
 * min(n_choices, EXPERT_CHOICES) * (dim + 2 * ffn_dim). */
size_t experts_work_floats(int n_choices, int dim, int ffn_dim);

/* Called before each product with what goes into it.  x: device [n_tok][w->n_cols]. */
typedef void backend_observe_fn(void *arg, const struct tensor *w, const float *x, int n_tok);

struct profile;

struct backend {
    const char *name;   /* "cpu avx512" */
    bool exact;         /* computes in float32 */
    enum dtype kv_type; /* of keys and values: DTYPE_F32, DTYPE_BF16 or DTYPE_Q8_0 */
    bool round_inputs;  /* rounds the inputs of products as struct tensor_input says */

    backend_observe_fn *observe; /* NULL: nobody watches; set by whoever does */
    void *observe_arg;

    struct profile *profile; /* what times the operations, or NULL: tensor/profile.h */

    /* Zeroed device memory.  Owned: release() with the same size.  Errors: ERR_LIMIT. */
    void *(*alloc)(struct backend *b, size_t n_bytes, struct err *err);
    void (*release)(struct backend *b, void *p, size_t n_bytes);

    /* Makes host bytes that outlive the backend usable as weights.  On the CPU that
     * is the pointer itself.  Errors: ERR_LIMIT. */
    const void *(*adopt)(struct backend *b, const void *host, size_t n_bytes, struct err *err);

    /* Copies between host and device. */
    void (*read)(struct backend *b, void *host, const void *device, size_t n_bytes);
    void (*write)(struct backend *b, void *device, const void *host, size_t n_bytes);

    /* y[t] = row ids[t] of w as float.  y: device [n_tok][w->n_cols]; ids: host [n_tok],
     * each 0..w->n_rows-1. */
    void (*embed)(struct backend *b, float *y, const struct tensor *w, const int32_t *ids,
                  int n_tok);

    /* y = x / sqrt(mean(x^2) + eps) * gain, row by row (arXiv:1910.07467).
     * y, x: device [n_tok][stride], the first n of each row; y may be x; gain: device [n]. */
    void (*rms_norm)(struct backend *b, float *y, const float *x, const float *gain, int n_tok,
                     int n, int stride, float eps);

    void (*matmul)(struct backend *b, const struct matmul_args *args);

    /* table[t][i] = {cos, sin}(angle) * magnitude with angle = positions[t] * freq[i],
     * in double.  table: device [n_tok][n_freq][2]; freq, positions: host [n_freq], [n_tok]. */
    void (*rope_table)(struct backend *b, float *table, const double *freq, int n_freq,
                       const int *positions, int n_tok, float magnitude);

    /* Rotates the last n_rot elements of every head of x in place (arXiv:2104.09864).
     * x: device [n_tok][n_heads][head_dim]; table: device [n_tok][n_rot/2][2]. */
    void (*rope)(struct backend *b, float *x, const float *table, int n_tok, int n_heads,
                 int head_dim, int n_rot, enum rope_layout layout);

    /* Stores k and v of the positions of spans.
     * k, v: device [n_tok][n_kv_heads][head_dim]; v is NULL for a latent cache. */
    void (*kv_write)(struct backend *b, const struct kv_view *kv, const float *k, const float *v,
                     const struct kv_span *spans, int n_spans);

    /* Causal softmax attention over pages; query head h reads KV head
     * h / (n_heads / n_kv_heads) (arXiv:2305.13245).  Without exact, prompt tokens may round q
     * and the weights of values to bf16.  What lies in pages behind the last position, or before
     * every window, is not looked at. */
    void (*attention)(struct backend *b, const struct attention_args *args);

    /* The same over a latent cache, causal, every position. */
    void (*latent_attention)(struct backend *b, const struct latent_args *args);

    /* Runs the feed-forward blocks of a mixture; the order of groups is that of the sums, so
     * groups may come in one call or in several. */
    void (*experts)(struct backend *b, const struct experts_args *args);

    /* gate = silu(gate) * up (arXiv:2002.05202).  gate, up: device [n]. */
    void (*silu_mul)(struct backend *b, float *gate, const float *up, size_t n);

    /* x += y.  x, y: device [n]. */
    void (*add)(struct backend *b, float *x, const float *y, size_t n);

    void (*close)(struct backend *b);
};

#endif
