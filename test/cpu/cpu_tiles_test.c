/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cpu/backends.h"
#include "cpu/cpu_int.h"
#include "cpu/tensors.h"

/* Tables of all masks, plain C first. */
static int tables(struct cpu_ops ops[MAX_MASKS])
{
    unsigned masks[MAX_MASKS];
    int n = cpu_masks(masks);
    for (int i = 0; i < n; i++)
        cpu_ops_init(&ops[i], masks[i]);
    return n;
}

static int whole_tiles(int n)
{
    return (n + TILE_COLS - 1) / TILE_COLS;
}

static struct guarded guarded_tiles(int n)
{
    struct guarded g = guarded_new((size_t)n * TILE_INPUTS * sizeof(uint16_t));
    memset(g.p, 0x55, (size_t)n * TILE_INPUTS * sizeof(uint16_t));
    return g;
}

TEST(cpu_tiles, weights_are_rounded_to_the_nearest_and_laid_out_row_by_row)
{
    uint64_t seed = 1;
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    for (int n = 1; n <= 200; n++) {
        struct guarded w = guarded_f32((size_t)n, &seed);
        for (int i = 0; i < n_ops; i++) {
            struct guarded tiles = guarded_tiles(whole_tiles(n));
            ops[i].tile_weights((uint16_t *)tiles.p + n % TILE_ROWS * TILE_COLS, w.p, n);
            for (size_t at = 0; at < whole_tiles(n) * TILE_INPUTS; at++) {
                int row = at % TILE_INPUTS / TILE_COLS;
                int col = at / TILE_INPUTS * TILE_COLS + at % TILE_COLS;
                uint16_t want = col < n ? number_to_bf16(((float *)w.p)[col]) : 0;
                assert_int_equal(((uint16_t *)tiles.p)[at], row == n % TILE_ROWS ? want : 0x5555);
            }
            guarded_free(&tiles);
        }
        guarded_free(&w);
    }
}

TEST(cpu_tiles, inputs_are_rounded_and_turned_and_what_is_missing_is_zero)
{
    uint64_t seed = 2;
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    for (int n = 1; n <= 100; n += 1 + n % 3)
        for (int n_tok = 1; n_tok <= TILE_ROWS; n_tok++) {
            size_t stride = (size_t)n + 5;
            struct guarded x = guarded_f32((size_t)(n_tok - 1) * stride + (size_t)n, &seed);
            for (int i = 0; i < n_ops; i++) {
                struct guarded tiles = guarded_tiles(whole_tiles(n));
                ops[i].tile_inputs(tiles.p, x.p, stride, n_tok, n);
                for (size_t at = 0; at < whole_tiles(n) * TILE_INPUTS; at++) {
                    int t = at / 2 % TILE_ROWS, col = at / TILE_COLS * 2 + at % 2;
                    float v = t < n_tok && col < n
                                  ? ((float *)x.p)[(size_t)t * stride + (size_t)col]
                                  : 0.0f;
                    assert_int_equal(((uint16_t *)tiles.p)[at], number_to_bf16(v));
                }
                guarded_free(&tiles);
            }
            guarded_free(&x);
        }
}

TEST(cpu_tiles, ties_go_to_even_and_what_is_broken_stays_broken)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    const float w[8] = {0x1.01p0f, 0x1.03p0f, -0x1.01p0f, 0x1.fffp127f,
                        NAN,       -INFINITY, -0.0f,      3.0f};
    static const uint16_t want[8] = {0x3f80, 0x3f82, 0xbf80, 0x7f80, 0, 0xff80, 0x8000, 0x4040};
    for (int i = 0; i < n_ops; i++) {
        struct guarded tiles = guarded_tiles(1);
        const uint16_t *got = tiles.p;
        ops[i].tile_weights(tiles.p, w, 8);
        for (int k = 0; k < 8; k++)
            assert_true(k == 4 ? isnan(number_from_bf16(got[k])) : got[k] == want[k]);
        ops[i].tile_inputs(tiles.p, w, 8, 1, 8);
        for (int k = 0; k < 8; k++) {
            uint16_t v = got[k / 2 * TILE_COLS + k % 2];
            assert_true(k == 4 ? isnan(number_from_bf16(v)) : v == want[k]);
        }
        guarded_free(&tiles);
    }
}

/* Random bf16 numbers. */
static void fill(struct guarded *g, int n_tiles, uint64_t *seed)
{
    *g = guarded_tiles(n_tiles);
    for (size_t i = 0; i < n_tiles * TILE_INPUTS; i++)
        ((uint16_t *)g->p)[i] = number_to_bf16(test_random_f32(seed));
}

/* Weights and inputs in tiles. */
static struct tile_job tiles_job(const uint16_t *w, const uint16_t *x, int n_tok, int n_cols)
{
    return (struct tile_job){
        .w = w,
        .x = x,
        .w_tile = TILE_INPUTS,
        .w_row = TILE_COLS,
        .w_second = (size_t)n_cols * TILE_INPUTS,
        .n_tok_tiles = n_tok,
        .n_col_tiles = n_cols,
    };
}

TEST(cpu_tiles, weights_may_lie_in_rows)
{
    enum { N_COLS = 5, STRIDE = N_COLS * TILE_COLS + 7 };
    uint64_t seed = 6;
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    struct guarded w, laid, x, y[2];
    fill(&laid, 2 * N_COLS, &seed);
    fill(&x, 3 * N_COLS, &seed);
    w = guarded_new(2 * TILE_ROWS * STRIDE * sizeof(uint16_t));
    for (size_t i = 0; i < 2 * N_COLS * TILE_INPUTS; i++) {
        size_t row = i / (N_COLS * TILE_INPUTS) * TILE_ROWS + i % TILE_INPUTS / TILE_COLS;
        size_t col = i / TILE_INPUTS % N_COLS * TILE_COLS + i % TILE_COLS;
        ((uint16_t *)w.p)[row * STRIDE + col] = ((uint16_t *)laid.p)[i];
    }
    for (int k = 0; k < 2; k++)
        y[k] = guarded_new(3 * 2 * TILE_SUMS * sizeof(float));
    for (int i = 0; i < n_ops; i++)
        for (int n_tok = 1; n_tok <= 3; n_tok++) {
            struct tile_job job = tiles_job(laid.p, x.p, n_tok, N_COLS);
            job.y = y[0].p;
            ops[i].tile_products(&job);
            job.w = w.p;
            job.w_tile = TILE_COLS;
            job.w_row = STRIDE;
            job.w_second = TILE_ROWS * STRIDE;
            job.ahead = laid.p;
            job.y = y[1].p;
            ops[i].tile_products(&job);
            assert_memory_equal(y[1].p, y[0].p, (size_t)n_tok * 2 * TILE_SUMS * sizeof(float));
        }
    guarded_free(&w);
    guarded_free(&laid);
    guarded_free(&x);
    guarded_free(&y[0]);
    guarded_free(&y[1]);
}

TEST(cpu_tiles, every_table_has_the_sums_of_the_definition)
{
    uint64_t seed = 3;
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    for (int n_tok = 1; n_tok <= 5; n_tok++)
        for (int n_cols = 1; n_cols <= 33; n_cols += n_cols < 4 ? 1 : 13)
            for (int add = 0; add < 2; add++) {
                struct guarded w, x, y[2];
                size_t n_y = (size_t)n_tok * 2 * TILE_SUMS;
                fill(&w, 2 * n_cols, &seed);
                fill(&x, n_tok * n_cols, &seed);
                y[0] = guarded_f32(n_y, &seed);
                y[1] = guarded_new(n_y * sizeof(float));
                float *was = malloc(n_y * sizeof *was);
                memcpy(was, y[0].p, n_y * sizeof *was);
                struct tile_job job = tiles_job(w.p, x.p, n_tok, n_cols);
                job.add = add;
                job.y = y[0].p;
                ops[0].tile_products(&job);
                for (int i = 1; i < n_ops; i++) {
                    job.y = y[1].p;
                    memcpy(y[1].p, was, n_y * sizeof *was);
                    ops[i].tile_products(&job);
                    /* At most 1056 terms up to 1, each rounded once when it is added. */
                    for (size_t k = 0; k < n_y; k++)
                        assert_true(fabsf(((float *)y[1].p)[k] - ((float *)y[0].p)[k]) <=
                                    1e-6f * (float)n_cols * TILE_COLS);
                }
                free(was);
                guarded_free(&w);
                guarded_free(&x);
                guarded_free(&y[0]);
                guarded_free(&y[1]);
            }
}

/* By hand: one weight and one input that are not zero. */
TEST(cpu_tiles, each_element_meets_its_own)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    for (int i = 0; i < n_ops; i++)
        for (int col = 0; col < 3 * TILE_COLS; col += 7) {
            static uint16_t w[2 * 3 * TILE_INPUTS] __attribute__((aligned(64)));
            static uint16_t x[3 * 3 * TILE_INPUTS] __attribute__((aligned(64)));
            static float y[3 * 2 * TILE_SUMS] __attribute__((aligned(64)));
            memset(w, 0, sizeof w);
            memset(x, 0, sizeof x);
            int row = 16 + col % 16, tok = 32 + (col + 5) % 16;
            w[3 * TILE_INPUTS + col / 32 * TILE_INPUTS + row % 16 * 32 + col % 32] = 0x4040;
            x[2 * 3 * TILE_INPUTS + (col / 2 * 16 + tok % 16) * 2 + col % 2] = 0xc000;
            struct tile_job job = tiles_job(w, x, 3, 3);
            job.y = y;
            ops[i].tile_products(&job);
            for (size_t k = 0; k < 3 * 2 * TILE_SUMS; k++)
                assert_true(
                    y[k] ==
                    (k == (2 * 2 + 1) * TILE_SUMS + row % 16 * 16 + tok % 16 ? -6.0f : 0.0f));
        }
}

TEST(cpu_tiles, sums_turn_back_into_rows_of_outputs)
{
    uint64_t seed = 4;
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    struct guarded tile = guarded_f32(TILE_SUMS, &seed);
    for (int n_tok = 1; n_tok <= TILE_ROWS; n_tok++)
        for (int n_rows = 1; n_rows <= TILE_ROWS; n_rows++)
            for (int i = 0; i < n_ops; i++) {
                size_t stride = (size_t)n_rows + 3,
                       n = (size_t)(n_tok - 1) * stride + (size_t)n_rows;
                struct guarded y = guarded_new(n * sizeof(float));
                memset(y.p, 0, n * sizeof(float));
                ops[i].untile(y.p, stride, tile.p, -2.0f, n_tok, n_rows);
                for (size_t k = 0; k < n; k++) {
                    size_t t = k / stride, r = k % stride;
                    float want =
                        r < (size_t)n_rows ? -2.0f * ((float *)tile.p)[r * TILE_ROWS + t] : 0.0f;
                    assert_true(((float *)y.p)[k] == want);
                }
                guarded_free(&y);
            }
    guarded_free(&tile);
}

TEST(cpu_tiles, the_scratch_holds_16_tokens_of_the_longest_vector)
{
    assert_int_equal(cpu_tile_tokens(LIMIT_FFN_DIM), TILE_ROWS);
    assert_int_equal(cpu_tile_tokens(LIMIT_FFN_DIM / 2 + 1), TILE_ROWS);
    assert_int_equal(cpu_tile_tokens(LIMIT_FFN_DIM / 2), 2 * TILE_ROWS);
    assert_int_equal(cpu_tile_tokens(33), TILE_BLOCK_TOKENS);
    assert_int_equal(cpu_tile_stride(33), 2 * TILE_INPUTS);
}

/* The sums of bf16 weights and inputs in double, for a product in any parts. */
TEST(cpu_tiles, blocks_of_rows_are_the_rounded_products)
{
    static const int shapes[][3] = {{1, 1, 1},      {33, 40, 17},   {300, 544, 40},
                                    {70, 1100, 33}, {1056, 64, 33}, {2080, 544, 49}};
    uint64_t seed = 5;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    if (!(masks[n_masks - 1] & CPU_AMX))
        return;
    struct backend *b = open_cpu(masks[n_masks - 1], 1, false);
    struct cpu_backend *cpu = (struct cpu_backend *)(void *)b;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        int rows = shapes[s][0], cols = shapes[s][1], n_tok = shapes[s][2];
        struct random_tensor w = random_tensor(DTYPE_F32, PLAIN, rows, cols, &seed);
        struct guarded x = guarded_f32((size_t)n_tok * (size_t)cols, &seed);
        struct guarded y = guarded_f32((size_t)n_tok * (size_t)rows, &seed);
        for (int t = 0; t < n_tok; t += TILE_ROWS)
            cpu_tile_inputs(cpu, cpu->tiles, n_tok, t / TILE_ROWS, (float *)x.p + t * cols, cols);
        struct cpu_product p = {.w = &w.t, .path = CPU_TILES, .tiles = cpu->tiles, .y = y.p};
        p.y_stride = (size_t)rows;
        p.n_rows = rows;
        p.n_tok = n_tok;
        for (int item = 0; item < cpu_product_items(&p); item++)
            cpu_product_item(cpu, &p, item, 0);
        for (int i = 0; i < n_tok * rows; i++) {
            double sum = 0.0, terms = 0.0;
            for (int k = 0; k < cols; k++) {
                double term =
                    (double)number_from_bf16(
                        number_to_bf16(((float *)w.data.p)[i % rows * cols + k])) *
                    (double)number_from_bf16(number_to_bf16(((float *)x.p)[i / rows * cols + k]));
                sum += term;
                terms += fabs(term);
            }
            assert_true(fabs((double)((float *)y.p)[i] - sum) <= 1e-6 * terms + 1e-30);
        }
        guarded_free(&x);
        guarded_free(&y);
        random_tensor_free(&w);
    }
    b->close(b);
}
