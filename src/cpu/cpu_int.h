/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_int.h - the parts of the CPU backend, shared by its files only. */
#ifndef CPU_CPU_INT_H
#define CPU_CPU_INT_H

#include "base/limits.h"
#include "base/pool.h"
#include "cpu/cpu_backend.h"
#include "cpu/cpu_ops.h"

/* What a thread has of a product in tiles: two tiles of rows in a first-level cache, and the sums
 * of a block of rows in a second-level one. */
#define TILE_BLOCK_ROWS   256
#define TILE_BLOCK_COLS   512 /* a multiple of every format's block and of TILE_COLS */
#define TILE_BLOCK_TOKENS 512
struct tile_room {
    uint16_t w[2 * TILE_ROWS * TILE_BLOCK_COLS];
    float row[TILE_BLOCK_COLS]; /* of weights, before it is rounded */
    float y[TILE_BLOCK_ROWS * TILE_BLOCK_TOKENS];
};

struct cpu_backend {
    struct backend base;
    struct cpu_ops ops;
    struct pool *pool;
    int8_t *acts;               /* [ACTS_BYTES]: rounded inputs of the current product */
    float *panels;              /* [n_threads][PANEL_FLOATS]: decoded weights */
    float *inputs;              /* [INPUT_FLOATS]: inputs rounded as the checkpoint says */
    float *lora;                /* [LORA_FLOATS]: inputs times the first matrix of an adapter */
    float *attend;              /* [ATTEND_FLOATS]: parts of attention that are put together */
    struct prompt_room *prompt; /* [n_threads] where ops.attend_prompt is */
    size_t prompt_bytes;
    size_t panels_bytes;
    uint16_t *tiles;              /* [TILE_ROOM]: inputs of products in tiles, or NULL */
    struct tile_room *tile_rooms; /* [n_threads], or NULL */
    size_t tile_rooms_bytes;
};

/* A panel of decoded weights stays in a core's second-level cache. */
#define PANEL_ROWS   32
#define PANEL_FLOATS ((size_t)PANEL_ROWS * WIDE_COLS)

/* Holds 579 tokens of 4096 elements, 2 of the longest vector; larger calls go in parts. */
#define ACTS_BYTES ((size_t)4 << 20)

/* At least one token of either; larger calls go in parts. */
#define INPUT_FLOATS ((size_t)LIMIT_FFN_DIM)
#define LORA_FLOATS  ((size_t)256 * LIMIT_LORA_RANK)

/* At least the parts of one token and KV head; larger calls go in parts. */
#define ATTEND_FLOATS ((size_t)1 << 20)

/* Holds 16 tokens of the longest vector, 512 of 32768 elements; larger calls go in parts. */
#define TILE_ROOM ((size_t)TILE_ROWS * LIMIT_FFN_DIM)

static inline int min_int(int a, int b)
{
    return a < b ? a : b;
}

static inline int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* Returns how many items of cost_per_item operations make a chunk that is worth
 * handing to a thread. */
int cpu_grain(int64_t cost_per_item);

/* Decodes elements k0..k0+n-1 of a stored row into dst: [n], with scale and scales; k0 and n are
 * multiples of the format's block.  Thread: any. */
void cpu_decode_row(const struct cpu_backend *cpu, const struct tensor *w, int64_t row, int64_t k0,
                    int n, float *dst);

/* How a product is computed; the weights' format, the phase and base.exact say.  CPU_NARROW and
 * CPU_WIDE give the same bits, and the number of tokens says which is faster. */
enum cpu_path {
    CPU_WIDE,    /* rows are decoded to float32, then multiplied with all tokens */
    CPU_TILES,   /* rows are decoded and rounded to bf16, and so is x */
    CPU_NARROW,  /* stored weights are read directly, x is float32 */
    CPU_ROUNDED, /* the same with x rounded to 8 bits */
};
enum cpu_path cpu_path(const struct cpu_backend *cpu, const struct tensor *w, enum phase phase,
                       int n_tok);

/* Returns how a product with inputs that are not rounded is computed: CPU_NARROW or CPU_WIDE. */
enum cpu_path cpu_float_path(const struct cpu_backend *cpu, const struct tensor *w, int n_tok);

/* y[t][r] = x[t] . row first + r of w, in items of rows that any worker may do in any order;
 * each element has the same bits in any company.  Adapters, rounding of inputs and observers
 * are the caller's. */
struct cpu_product {
    const struct tensor *w;
    enum cpu_path path;    /* what cpu_path() says, or CPU_WIDE */
    const float *x;        /* [n_tok][x_stride], w->n_cols of them used */
    const int8_t *acts;    /* CPU_ROUNDED: [n_tok] vectors of round_act(); else unused */
    const uint16_t *tiles; /* CPU_TILES: what cpu_tile_inputs() makes; else unused */
    float *y;              /* [n_tok][y_stride], n_rows of them used */
    size_t x_stride, y_stride;
    int64_t first, n_rows; /* rows of w, whole blocks when transposed */
    int n_tok;             /* CPU_TILES: up to cpu_tile_tokens(w->n_cols) */
    bool add;              /* y += ...; CPU_WIDE only */
};

/* Returns how many items a product has, and about how many operations each takes. */
int cpu_product_items(const struct cpu_product *p);
int64_t cpu_product_cost(const struct cpu_product *p);

/* Does one item.  Thread: any; worker as pool_run() gives it. */
void cpu_product_item(const struct cpu_backend *cpu, const struct cpu_product *p, int item,
                      int worker);

/* Returns the elements of tiles that 16 tokens of n columns take, and how many tokens the scratch
 * for inputs and that of a block hold. */
size_t cpu_tile_stride(int64_t n);
int cpu_tile_tokens(int64_t n);

/* Lays 16 of n_tok tokens, or those that are left, into the tiles of a product of n columns: those
 * from 16 * tile on, x: [up to 16][n].  Thread: any. */
void cpu_tile_inputs(const struct cpu_backend *cpu, uint16_t *tiles, int n_tok, int tile,
                     const float *x, int n);

/* Returns the rows of an item of a product in tiles, and does n_rows of them from row on. */
int cpu_tile_block_rows(const struct cpu_product *p);
void cpu_tile_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                   int n_rows, int worker);

#define FOLD_COLS 256 /* a multiple of every block */

/* y[t][i] = or += sum over r of x[t][r] * stored row first + r of w, columns k0..k0+n-1 of it.
 * all: what ops.fold() takes, for all rows, without w; n is at most FOLD_COLS, k0 and n multiples
 * of the format's block.  panel: [PANEL_FLOATS].  Thread: any. */
void cpu_fold(const struct cpu_backend *cpu, const struct tensor *w, int64_t first, int64_t k0,
              const struct wide_job *all, float *panel);

/* Rounds x: [n] as input says, n being all n_cols of the matrix, into y: [n], which
 * may be x.  Thread: any. */
void cpu_round_input(const struct tensor_input *input, float *y, const float *x, int n);

/* A token of spans, and where it stands. */
struct cpu_token {
    const struct kv_span *span;
    int pos;
};

/* Finds token t, 0..kv_span_tokens() - 1. */
static inline struct cpu_token cpu_token_at(const struct kv_span *spans, int t)
{
    while (t >= spans->n_tok)
        t -= (spans++)->n_tok;
    return (struct cpu_token){.span = spans, .pos = spans->pos0 + t};
}

/* Returns where the keys of head 0 at position pos of a sequence lie.  Borrowed: from kv. */
static inline uint8_t *cpu_kv_row(const struct kv_view *kv, const struct kv_span *span, int pos)
{
    return (uint8_t *)kv->data + span->page_ids[pos / BACKEND_PAGE_TOKENS] * kv->page_bytes +
           kv->layer_offset +
           (size_t)(pos % BACKEND_PAGE_TOKENS) * dtype_bytes(kv->dtype, kv->head_dim);
}

/* The keys of a generated token in parts, so that many threads have something to do: of 512 keys,
 * or that times a power of two where there would be more than most of them, cut at fixed positions.
 */
#define MAX_PARTS 64
struct cpu_parts {
    int n_keys; /* of a part */
    int first;  /* part number first has the first key that is seen */
    int n;
};

/* Returns the parts of keys begin..pos. */
struct cpu_parts cpu_parts_of(int begin, int pos, int most);

/* What some heads have met in a part: [n_heads][dim] sums of weighted values, [n_heads] largest
 * scores, [n_heads] sums of weights. */
struct cpu_part {
    float *out, *max, *sum;
};

/* Returns how many floats that takes, and where they lie in room: [cpu_part_floats()]. */
size_t cpu_part_floats(int n_heads, int dim);
struct cpu_part cpu_part_at(float *room, int n_heads, int dim);

/* Puts n_parts parts, stride floats from one to the next, together in their order, as if all had
 * met the largest score, and divides: out: [n_heads][dim].  What has one part keeps its bits. */
void cpu_join_parts(float *out, float *parts, size_t stride, int n_parts, int n_heads, int dim);

/* Divides out: [n]. */
void cpu_divide(float *out, int n, float by);

/* The operations of struct backend that have files of their own; k, v:
 * [n_tok][n_kv_heads][head_dim]. */
void cpu_kv_write(struct backend *b, const struct kv_view *kv, const float *k, const float *v,
                  const struct kv_span *spans, int n_spans);
void cpu_matmul(struct backend *b, const struct matmul_args *args);
void cpu_attention(struct backend *b, const struct attention_args *args);
void cpu_latent_attention(struct backend *b, const struct latent_args *args);
void cpu_experts(struct backend *b, const struct experts_args *args);

/* Adds the adapters of w to y: [n_tok][w->n_rows], the product of x: [n_tok][w->n_cols]. */
void cpu_add_lora(struct cpu_backend *cpu, const struct tensor *w, const float *x, float *y,
                  int n_tok);

/* The same for y: [n_tok][w->n_cols], rows ids of an embedding.  Its adapters have a vector of
 * rank elements for each id, column id of a, and b: [w->n_cols][rank]. */
void cpu_embed_lora(struct cpu_backend *cpu, const struct tensor *w, const int32_t *ids, float *y,
                    int n_tok);

#endif
