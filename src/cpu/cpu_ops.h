/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_ops.h - the CPU kernels, one function pointer each.
 *
 * cpu_ops_init() fills the table with the C versions, which accumulate in double
 * and define the results, then lets each instruction set that the flags allow
 * overwrite what it does better.  A kernel gives one (row, token) the same sum
 * whatever else the call covers: tiles share loads, never accumulators.
 *
 * Rounded activations: a product with block-quantised weights rounds its input to
 * 8 bits in blocks of 32, which is finer than the weights.  The vector of one
 * token is padded with zeros to whole groups of ACT_GROUP elements, each with what
 * products need besides: so that a kernel may always work in groups. */
#ifndef CPU_CPU_OPS_H
#define CPU_CPU_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"
#include "tensor/number.h"
#include "tensor/tensor.h"

#define ACT_BLOCK 32  /* elements that share a step */
#define ACT_GROUP 256 /* elements that kernels work on at once: the largest block */
#define ACT_ALIGN 64  /* bytes of alignment of each token's vector */

#define ATTEND_ROWS  16 /* keys of a page */
#define ATTEND_HEADS 16 /* query heads of one call at most */

/* What is multiplied next is asked for in so many runs side by side: a core has more lines on
 * their way from memory when it reads several places than when it reads one. */
#define AHEAD_RUNS 8

/* Asks for memory that is not part of a stream that the hardware sees.  Always inline, as functions
 * that call it alone have to be: a compiler drops calls of what has no effect. */
static inline __attribute__((always_inline)) void cpu_prefetch(const uint8_t *src, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64)
        __builtin_prefetch(src + i);
}

/* e to this is far below what float32 keeps of a sum of weights, the largest of which is 1: smaller
 * ones count as 0, because subnormal numbers would cost a hundred times the work. */
#define ATTEND_NOTHING (-64.0f)

/* Sums are those of rounded values, whole numbers that float32 holds exactly. */
struct act_group {
    _Alignas(ACT_ALIGN) int8_t q[ACT_GROUP];
    float steps[ACT_GROUP / 16];             /* equal in the halves of a block */
    float sums[ACT_GROUP / 16];              /* of 16 elements */
    float block_sums[ACT_GROUP / ACT_BLOCK]; /* of a block */
    float values[ACT_GROUP / ACT_BLOCK];     /* of a block, times its step */
};

/* Returns n rounded up to whole groups. */
static inline size_t act_padded(int64_t n)
{
    return ((size_t)n + ACT_GROUP - 1) / ACT_GROUP * ACT_GROUP;
}

/* Returns the bytes of a rounded vector of n elements: an odd multiple of ACT_ALIGN, so that
 * the same column of many tokens does not meet in few sets of a cache. */
static inline size_t act_bytes(int64_t n)
{
    size_t bytes = act_padded(n) / ACT_GROUP * sizeof(struct act_group);
    return (bytes / ACT_ALIGN | 1) * ACT_ALIGN;
}

/* Returns the group of column k.  Borrowed: from act. */
static inline const struct act_group *act_group(const int8_t *act, size_t k)
{
    return (const struct act_group *)(const void *)act + k / ACT_GROUP;
}

/* Stores what belongs to the block of column k besides its values; low and high are the sums of
 * its halves. */
static inline void act_put_block(struct act_group *group, size_t k, float step, int low, int high)
{
    size_t block = k % ACT_GROUP / ACT_BLOCK, half = 2 * block;
    group->steps[half] = group->steps[half + 1] = step;
    group->sums[half] = (float)low;
    group->sums[half + 1] = (float)high;
    group->block_sums[block] = (float)(low + high);
    group->values[block] = step * (float)(low + high);
}

/* Says whether products with weights of this format round their input. */
static inline bool act_rounded(enum dtype type)
{
    return type >= DTYPE_Q4_0;
}

/* Returns the step of a block from the bits of its largest magnitude, and what to
 * multiply elements with before rounding: *inverse is 0 for a block that rounds to
 * zero.  A NaN or infinity among them makes the step, and so the product, one. */
static inline float act_step(uint32_t bits, float *inverse)
{
    const uint32_t tiny = 0x0d000000, infinity = 0x7f800000; /* 127 / tiny is still finite */
    float max = number_from_bits(bits);
    *inverse = bits > tiny && bits < infinity ? 127.0f / max : 0.0f;
    return max / 127.0f;
}

/* Stores the scale of a block of Q8_0 at block, given the bits of its largest magnitude, and
 * returns what elements are multiplied with before rounding, or 0 when all are stored as 0.  A
 * block with a NaN or infinity gets a scale that is one, so that it shows in the logits. */
static inline float cpu_kv_scale(uint8_t *block, uint32_t bits)
{
    uint16_t scale = number_to_f16(number_from_bits(bits) / 127.0f);
    block[0] = (uint8_t)scale;
    block[1] = (uint8_t)(scale >> 8);
    return scale > 0 && scale < 0x7c00 ? 1.0f / number_from_f16(scale) : 0.0f;
}

/* wide(): y[t][r] = x[t] . w[r], or added to y; n is WIDE_COLS at most, of longer rows the parts
 * are added up in order.
 * fold(): y[t][i] = sum over r of x[t][r] * w[r][i], or added to y; n_rows of a row of x and n of
 * a row of y are used. */
#define WIDE_COLS 1024
struct wide_job {
    const float *w; /* [n_rows][w_stride], n of them used */
    const float *x; /* [n_tok][x_stride], n of them used */
    float *y;       /* [n_tok][y_stride], n_rows of them used */
    size_t w_stride, x_stride, y_stride;
    int n_rows, n_tok, n;
    bool add;
};

/* Returns entry i of a row of scales. */
static inline float cpu_scale_entry(const uint8_t *row, enum dtype type, size_t i)
{
    uint32_t bits;
    uint16_t half;
    switch (type) {
    case DTYPE_F32:
        memcpy(&bits, row + 4 * i, sizeof bits);
        return number_from_bits(bits);
    case DTYPE_BF16:
        memcpy(&half, row + 2 * i, sizeof half);
        return number_from_bf16(half);
    default:
        return number_e4m3[row[i]];
    }
}

/* Returns the entries of the row of blocks that a row of the matrix lies in.  Borrowed: from s. */
static inline const uint8_t *cpu_scale_row(const struct tensor_scales *s, int64_t row)
{
    return (const uint8_t *)s->data + (size_t)(row / s->n_rows) * dtype_bytes(s->dtype, s->stride);
}

/* Multiplies dst: [n], elements k0..k0+n-1 of a row of the matrix, by their entries. */
void cpu_apply_scales(const struct tensor_scales *s, int64_t row, int64_t k0, int n, float *dst);

/* Says whether narrow kernels know such scales for weights of this format: E4M3 blocks that
 * end where vectors do, and NVFP4's. */
static inline bool cpu_narrow_scales(enum dtype type, const struct tensor_scales *s)
{
    return (type == DTYPE_E4M3 && s->n_cols % 64 == 0) ||
           (type == DTYPE_E2M1 && s->n_cols == 16 && s->dtype == DTYPE_E4M3);
}

/* y[t][r] = x[t] . row r of w, for stored weights, times scale; act or x is read. */
struct narrow_job {
    enum dtype type;
    float scale;
    const struct tensor_scales *scales; /* such as cpu_narrow_scales() takes, or NULL */
    int64_t row;                        /* the first one, to find its entries */
    const uint8_t *w;                   /* [n_rows][row_bytes] */
    const uint8_t *ahead;               /* as much that will be read next, or NULL */
    const float *x;                     /* [n_tok][x_stride], n of them used */
    const int8_t *act;                  /* [n_tok] vectors of act_bytes(n), or NULL */
    float *y;                           /* [n_tok][y_stride], n_rows of them used */
    size_t row_bytes, x_stride, y_stride;
    int n_rows, n_tok, n;
};

/* Some keys and values of one page, for the query heads, or queries, that share them. */
struct attend_job {
    const float *q;      /* [n_heads][q_stride], k_dim of them used */
    const void *k, *v;   /* [n_keys][k_stride], [n_keys][v_stride] of dtype */
    float *out;          /* [n_heads][out_stride], v_dim used: running weighted sum of values */
    float *max, *sum;    /* [n_heads]: largest score, sum of exp(score - max) */
    const float *scales; /* [n_heads]: what scores are multiplied with */
    size_t q_stride, k_stride, v_stride, out_stride;
    enum dtype dtype; /* DTYPE_F32, DTYPE_BF16 or DTYPE_Q8_0, of which rows are whole blocks */
    int n_heads;      /* 1..ATTEND_HEADS */
    int n_keys;       /* 1..ATTEND_ROWS */
    int k_dim, v_dim;
};

/* A part of the keys of a token, for query heads that share a KV head. */
#define PART_DIM 256 /* dim at most; a multiple of 32 */
struct part_job {
    const float *q;               /* [n_heads][dim] */
    float *out;                   /* [n_heads][dim]: weighted sums of values */
    float *max, *sum;             /* [n_heads]: largest score, sum of exp(score - max) */
    const uint8_t *keys;          /* page i has its keys [ATTEND_ROWS][dim] at i * page_bytes */
    size_t page_bytes, values_at; /* and its values so many bytes behind them */
    const uint32_t *page_ids;
    enum dtype dtype; /* DTYPE_BF16 or DTYPE_Q8_0 */
    float scale;      /* of scores */
    int begin, end;   /* positions of the keys, one at least */
    int n_heads, dim;
};

/* Some tokens of a prompt with the query heads that share a KV head, on a matrix unit: rows, of
 * which head h of token t is row t * group + h.  Queries and weights are rounded to bf16. */
#define PROMPT_ROWS 256 /* n_tok * group at most */
#define PROMPT_KEYS 128 /* keys of a block */
#define PROMPT_DIM  256 /* dim at most; a multiple of 32 */

/* What a thread needs for it; everything begins at a cache line. */
struct prompt_room {
    float out[PROMPT_ROWS * PROMPT_DIM]; /* tiles of 16 elements and 16 rows */
    uint16_t q[PROMPT_ROWS * PROMPT_DIM], k[PROMPT_KEYS * PROMPT_DIM], v[PROMPT_KEYS * PROMPT_DIM];
    float scores[PROMPT_KEYS * 32];
    uint32_t weights[PROMPT_KEYS / 2 * 32];
    float max[PROMPT_ROWS], sum[PROMPT_ROWS], scales[PROMPT_ROWS];
    int first[PROMPT_ROWS], last[PROMPT_ROWS]; /* keys that a row sees */
};

struct prompt_job {
    const float *q; /* [n_tok][stride], [group][dim] of them used */
    float *out;     /* the same */
    size_t stride;
    const float *scales;          /* [n_tok] */
    const uint8_t *keys;          /* page i has its keys [ATTEND_ROWS][dim] at i * page_bytes */
    size_t page_bytes, values_at; /* and its values so many bytes behind them */
    const uint32_t *page_ids;
    enum dtype dtype; /* DTYPE_BF16 or DTYPE_Q8_0 */
    int n_tok, pos0, window, group, dim;
    struct prompt_room *room;
};

/* Tiles of a matrix unit.  Of weights: [TILE_ROWS rows][TILE_COLS columns] bf16; of inputs:
 * [TILE_COLS / 2][TILE_ROWS tokens][2 columns] bf16; of outputs: [TILE_ROWS rows][TILE_ROWS tokens]
 * f32.  What has no row, token or column is 0, or is not looked at. */
#define TILE_ROWS   16
#define TILE_COLS   32
#define TILE_INPUTS ((size_t)TILE_ROWS * TILE_COLS) /* elements of a tile of weights or inputs */
#define TILE_SUMS   ((size_t)TILE_ROWS * TILE_ROWS)

/* y[t][r] = sum over the columns of x[t] * w[r], or added to y, for two tiles of rows: tile by
 * tile, so the order of a sum is that of the columns whatever tokens lie beside it.  Weights may
 * lie in tiles, or in rows as they are stored. */
struct tile_job {
    const uint16_t *w;    /* element c of row r of tile i of columns: i * w_tile + r * w_row + c */
    const uint16_t *x;    /* [n_tok_tiles][n_col_tiles] tiles */
    float *y;             /* [n_tok_tiles][2] tiles */
    const uint8_t *ahead; /* what the cache may fetch meanwhile, as much as the weights, or NULL */
    size_t w_tile, w_row;
    size_t w_second; /* from the first tile of rows to the second */
    int n_tok_tiles, n_col_tiles;
    bool add;
};

#define TILE_E4M3 4 /* of two columns of tiles, and of the two rows of them */

struct cpu_ops {
    /* The values of block_decode(); only a zero's sign may differ. */
    void (*decode)(enum dtype type, const void *src, float *dst, int64_t n);
    void (*wide)(const struct wide_job *job);
    void (*fold)(const struct wide_job *job);
    /* For formats that act_rounded() names. */
    void (*narrow_rounded)(const struct narrow_job *job);
    /* For the others: the bits of decode() and wide(), of weights that have been multiplied with
     * scale, and then with their scales. */
    void (*narrow)(const struct narrow_job *job);
    int narrow_tokens; /* up to so many, narrow() is faster than that */
    /* Rounds x: [n] f32 into act: whole groups, the same in every version. */
    void (*round_act)(void *act, const float *x, int n);
    /* y = x / sqrt(mean(x^2) + eps) * gain; y may be x.  All [n] f32. */
    void (*rms_norm)(float *y, const float *x, const float *gain, int n, float eps);
    /* gate = silu(gate) * up.  Both [n] f32. */
    void (*silu_mul)(float *gate, const float *up, int n);
    /* Rotates n_pairs pairs of x by table: [n_pairs][2 cos,sin] f32.  A pair are two neighbours,
     * or with halves element i and n_pairs + i. */
    void (*rotate)(float *x, const float *table, int n_pairs, bool halves);
    /* Stores src: [n] f32 as a row of keys or values, [n] of F32, BF16 or Q8_0, n then being a
     * multiple of the block; the same bits in every version. */
    void (*store)(enum dtype type, void *row, const float *src, int n);
    /* Continues an online softmax (arXiv:1805.02867) over n_keys more keys. */
    void (*attend)(const struct attend_job *job);
    /* All of a part at once; NULL in C.  Of Q8_0 queries, and weights times the scales of values,
     * are rounded to 15 bits of the largest or better.  A matrix unit rounds these queries to 14,
     * and others and their weights to 16 bits each. */
    void (*attend_part)(const struct part_job *job);
    /* Causal attention of prompt tokens; NULL where there is no matrix unit. */
    void (*attend_prompt)(const struct prompt_job *job);
    /* Rounds a row of weights: [n] f32 to nearest even, into its place in tiles: that of its first
     * columns is [TILE_COLS], the next lie TILE_INPUTS further each. */
    void (*tile_weights)(uint16_t *tiles, const float *w, int n);
    /* The same for n columns of a stored row, the values of decode() times scale; false where they
     * have to be decoded first.  NULL where there is no matrix unit. */
    bool (*tile_stored)(uint16_t *tiles, enum dtype type, const void *src, float scale, int n);
    /* The same for n_tok (up to TILE_ROWS) tokens, x: [n_tok][x_stride], n used, into all of tiles:
     * [n in whole tiles][TILE_INPUTS]. */
    void (*tile_inputs)(uint16_t *tiles, const float *x, size_t x_stride, int n_tok, int n);
    void (*tile_products)(const struct tile_job *job);
    /* The same for E4M3 codes without scales, those of row r at codes + r * row_bytes, a multiple
     * of 64 of them; w is room for them in 2 * TILE_E4M3 tiles.  NULL where there is no matrix
     * unit. */
    void (*tile_e4m3)(const struct tile_job *job, uint16_t *w, const uint8_t *codes,
                      size_t row_bytes);
    /* y[t][r] = scale * tile[r][t]; y: [n_tok][y_stride], n_rows of them used. */
    void (*untile)(float *y, size_t y_stride, const float *tile, float scale, int n_tok,
                   int n_rows);
    bool tiled;          /* the six above are faster than wide() */
    bool rounds_prompts; /* narrow_rounded() of many tokens is faster than wide() */
};

/* Fills ops for a processor with the enum cpu_flag bits in flags; 0 gives plain C. */
void cpu_ops_init(struct cpu_ops *ops, unsigned flags);

/* One per instruction set, each replaces some entries; called by cpu_ops_init() only. */
void cpu_float_avx2(struct cpu_ops *ops);
void cpu_quant_avx2(struct cpu_ops *ops);
void cpu_rows_avx2(struct cpu_ops *ops);
void cpu_narrow_avx2(struct cpu_ops *ops);
void cpu_rounded_avx2(struct cpu_ops *ops);
void cpu_part_avx2(struct cpu_ops *ops);
void cpu_float_avx512(struct cpu_ops *ops);
void cpu_quant_avx512(struct cpu_ops *ops);
void cpu_rows_avx512(struct cpu_ops *ops);
void cpu_narrow_avx512(struct cpu_ops *ops);
void cpu_part_avx512(struct cpu_ops *ops);
void cpu_attend_amx(struct cpu_ops *ops);
void cpu_part_amx(struct cpu_ops *ops);
void cpu_tiles_amx(struct cpu_ops *ops);
void cpu_stored_amx(struct cpu_ops *ops);
void cpu_codes_amx(struct cpu_ops *ops);
void cpu_rounded_avx512(struct cpu_ops *ops);
void cpu_rounded_amx(struct cpu_ops *ops);

/* decode() of the formats that need a table of floats or none; dst: [n]. */
void cpu_decode_float_avx2(enum dtype type, const void *src, float *dst, int64_t n);
void cpu_decode_float_avx512(enum dtype type, const void *src, float *dst, int64_t n);

#endif
