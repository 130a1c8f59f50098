/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_panel.h"

#include <math.h>
#include <stdlib.h>

#include "cpu/backends.h"
#include "cpu/operands.h"
#include "tensor/block.h"

/* A product of rounded activations with all that it reads and writes. */
struct panel_case {
    struct guarded w, act, y;
    float *x; /* [n_tok][n] */
    struct narrow_job job;
};

static struct panel_case case_new(enum dtype type, int n_rows, int n, int n_tok)
{
    size_t stride = act_bytes(n), n_y = (size_t)n_tok * (size_t)n_rows;
    struct panel_case c = {.w = guarded_new((size_t)n_rows * dtype_bytes(type, n)),
                           .act = guarded_new((size_t)n_tok * stride),
                           .y = guarded_new(n_y * sizeof(float)),
                           .x = malloc((size_t)n_tok * (size_t)n * sizeof(float))};
    c.job = (struct narrow_job){.type = type,
                                .scale = 1.0f,
                                .w = c.w.p,
                                .act = c.act.p,
                                .y = c.y.p,
                                .row_bytes = dtype_bytes(type, n),
                                .y_stride = (size_t)n_rows,
                                .n_rows = n_rows,
                                .n_tok = n_tok,
                                .n = n};
    return c;
}

static void case_free(struct panel_case *c)
{
    guarded_free(&c->w);
    guarded_free(&c->act);
    guarded_free(&c->y);
    free(c->x);
}

static void round_inputs(struct panel_case *c)
{
    struct cpu_ops plain;
    size_t n = (size_t)c->job.n, stride = act_bytes(c->job.n);
    cpu_ops_init(&plain, 0);
    for (size_t t = 0; t < (size_t)c->job.n_tok; t++)
        plain.round_act((int8_t *)c->act.p + t * stride, c->x + t * n, c->job.n);
}

/* Every byte of the weights alike, but for scales. */
static void fill_weights(struct panel_case *c, int byte, uint64_t *seed)
{
    const struct dtype_info *info = dtype_info(c->job.type);
    uint8_t *w = c->w.p;
    size_t n_bytes = (size_t)c->job.n_rows * c->job.row_bytes;
    memset(w, byte, n_bytes);
    for (size_t i = 0; i < n_bytes; i += (size_t)info->bytes)
        tame_block(c->job.type, w + i, seed);
}

/* Activations of -127 and 127: all alike in token 0 and 1, then with other signs in turn, where a
 * bit of the token's number says so for a column of eight. */
static void fill_inputs(struct panel_case *c)
{
    for (int t = 0; t < c->job.n_tok; t++)
        for (int i = 0; i < c->job.n; i++) {
            bool negative = t < 2 ? t : (t * 37) >> (i % 8) & 1;
            c->x[t * c->job.n + i] = negative ? -1.0f : 1.0f;
        }
    round_inputs(c);
}

/* Compares every table with the definition; what does not fit into 16 bits is off by far more. */
static void check_extremes(struct panel_case *c, int byte)
{
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks), n = c->job.n;
    size_t n_y = (size_t)c->job.n_tok * (size_t)c->job.n_rows;
    float *want = malloc(n_y * sizeof *want), *row = malloc((size_t)n * sizeof *row), *got = c->y.p;
    for (int m = 0; m < n_masks; m++) {
        struct cpu_ops ops;
        cpu_ops_init(&ops, masks[m]);
        ops.narrow_rounded(&c->job);
        if (m == 0)
            memcpy(want, got, n_y * sizeof *want);
        for (size_t i = 0; i < n_y; i++) {
            size_t r = i % (size_t)c->job.n_rows;
            float largest = 0.0f;
            block_decode(c->job.type, (const uint8_t *)c->w.p + r * c->job.row_bytes, row, n);
            for (int k = 0; k < n; k++)
                largest = fmaxf(largest, fabsf(row[k]));
            if (!(fabsf(got[i] - want[i]) <= 1e-5f * largest * (float)n))
                fail_msg("table %d, %s of bytes 0x%02x [%zu]: got %.9g, want %.9g", m,
                         dtype_info(c->job.type)->name, (unsigned)byte, i, (double)got[i],
                         (double)want[i]);
        }
    }
    free(want);
    free(row);
}

TEST(cpu_panel, the_largest_weights_and_activations_do_not_overflow)
{
    static const int bytes[] = {0x00, 0x0f, 0x77, 0x7f, 0x80, 0x81, 0xf0, 0xf7, 0xff};
    uint64_t seed = 1;
    for (int type = DTYPE_Q4_0; type < DTYPE_COUNT; type++)
        for (size_t b = 0; b < sizeof bytes / sizeof *bytes; b++)
            for (int n_tok = 1; n_tok <= 15; n_tok += 14) {
                struct panel_case c = case_new((enum dtype)type, 19, 512, n_tok);
                fill_weights(&c, bytes[b], &seed);
                fill_inputs(&c);
                check_extremes(&c, bytes[b]);
                case_free(&c);
            }
}

/* Rows of bytes that are all different, so that every level meets every sign. */
TEST(cpu_panel, every_level_meets_the_largest_activations)
{
    uint64_t seed = 2;
    for (int type = DTYPE_Q4_0; type < DTYPE_COUNT; type++) {
        struct panel_case c = case_new((enum dtype)type, 32, 1024, 9);
        random_weights((enum dtype)type, c.w.p, 32 * 1024, &seed);
        fill_inputs(&c);
        check_extremes(&c, 0);
        case_free(&c);
    }
}

/* However many tokens stand beside it, and wherever it stands, a token has the same bits. */
static void check_company(const struct cpu_ops *ops, struct panel_case *c)
{
    size_t n_rows = (size_t)c->job.n_rows, most = (size_t)c->job.n_tok;
    size_t stride = act_bytes(c->job.n);
    float *all = malloc(most * n_rows * sizeof *all);
    ops->narrow_rounded(&c->job);
    memcpy(all, c->y.p, most * n_rows * sizeof *all);
    for (size_t n_tok = 1; n_tok <= most; n_tok++) {
        struct narrow_job some = c->job;
        size_t first = (most - n_tok) / 2;
        some.n_tok = (int)n_tok;
        some.act += first * stride;
        some.ahead = n_tok % 2 ? some.w : NULL;
        ops->narrow_rounded(&some);
        assert_memory_equal(c->y.p, all + first * n_rows, n_tok * n_rows * sizeof *all);
    }
    free(all);
}

TEST(cpu_panel, a_token_has_the_same_bits_in_any_company)
{
    enum { MOST = 70 };
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    uint64_t seed = 3;
    for (int type = DTYPE_Q4_0; type < DTYPE_COUNT; type++)
        for (int m = 1; m < n_masks; m++) {
            int block = dtype_info((enum dtype)type)->block, n = block == 256 ? 512 : 256 + block;
            struct panel_case c = case_new((enum dtype)type, 25 + type % 10, n, MOST);
            struct cpu_ops ops;
            random_weights((enum dtype)type, c.w.p, (int64_t)c.job.n_rows * n, &seed);
            for (int i = 0; i < MOST * n; i++)
                c.x[i] = test_random_f32(&seed);
            round_inputs(&c);
            cpu_ops_init(&ops, masks[m]);
            check_company(&ops, &c);
            case_free(&c);
        }
}
