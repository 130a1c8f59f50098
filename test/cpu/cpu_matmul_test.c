/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cpu/backends.h"
#include "cpu/operands.h"
#include "tensor/block.h"

/* Operands of one call with up to three outputs. */
struct problem {
    struct tensor w[BACKEND_MAX_OUTPUTS];
    struct guarded data[BACKEND_MAX_OUTPUTS], y[BACKEND_MAX_OUTPUTS], x;
    struct matmul_args args;
};

static void problem_new(struct problem *p, enum dtype type, const int64_t *rows, int n_out,
                        int n_in, int n_tok, uint64_t *seed)
{
    *p = (struct problem){.args = {.n_tok = n_tok, .n_in = n_in, .n_out = n_out}};
    p->x = guarded_f32((size_t)n_tok * (size_t)n_in, seed);
    p->args.x = p->x.p;
    for (int o = 0; o < n_out; o++) {
        p->data[o] = guarded_weights(type, rows[o] * n_in, seed);
        p->y[o] = guarded_f32((size_t)n_tok * (size_t)rows[o], seed);
        p->w[o] =
            (struct tensor){.data = p->data[o].p, .dtype = type, .n_rows = rows[o], .n_cols = n_in};
        p->args.out[o].w = &p->w[o];
        p->args.out[o].y = p->y[o].p;
    }
}

static void problem_free(struct problem *p)
{
    guarded_free(&p->x);
    for (int o = 0; o < p->args.n_out; o++) {
        guarded_free(&p->data[o]);
        guarded_free(&p->y[o]);
    }
}

/* Compares with plain sums in double; rounding: what the inputs may have lost, relative to
 * the sum of the magnitudes of the terms. */
static void check(const struct problem *p, float rounding)
{
    size_t n = (size_t)p->args.n_in;
    float *row = malloc(n * sizeof *row);
    for (int o = 0; o < p->args.n_out; o++)
        for (int64_t r = 0; r < p->w[o].n_rows; r++) {
            const uint8_t *w = p->w[o].data;
            block_decode(p->w[o].dtype, w + (size_t)r * tensor_row_bytes(&p->w[o]), row, (int)n);
            for (int t = 0; t < p->args.n_tok; t++) {
                double sum = 0.0, terms = 0.0;
                for (size_t i = 0; i < n; i++) {
                    double term = (double)row[i] * (double)p->args.x[(size_t)t * n + i];
                    sum += term;
                    terms += fabs(term);
                }
                float got = p->args.out[o].y[(int64_t)t * p->w[o].n_rows + r];
                if (!(fabs((double)got - sum) <= (double)rounding * terms + 1e-12))
                    fail_msg("%s row %d token %d: got %.9g, want %.9g",
                             dtype_info(p->w[o].dtype)->name, (int)r, t, (double)got, sum);
            }
        }
    free(row);
}

TEST(cpu_matmul, every_path_multiplies)
{
    uint64_t seed = 1;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    const int64_t rows[3] = {37, 1, 70};
    for (int m = 0; m < n_masks; m++)
        for (int exact = 0; exact < 2; exact++) {
            struct backend *b = open_cpu(masks[m], 2, exact);
            for (int type = 0; type < DTYPE_COUNT; type++) {
                struct problem p;
                int n_in = type % 2 ? 512 : 1280; /* one panel; a panel and a bit */
                problem_new(&p, (enum dtype)type, rows, 1 + type % 3, n_in, 1 + type % 7, &seed);
                mem_forbid(true);
                p.args.phase = PHASE_PROMPT;
                b->matmul(b, &p.args);
                check(&p, 2e-6f);
                p.args.phase = PHASE_GENERATE;
                b->matmul(b, &p.args);
                mem_forbid(false);
                /* Half a step of 1/127 of the largest of 32, most of them smaller. */
                check(&p, exact || type < DTYPE_Q4_0 ? 2e-6f : 4e-3f);
                problem_free(&p);
            }
            b->close(b);
        }
}

TEST(cpu_matmul, odd_sizes_multiply)
{
    uint64_t seed = 2;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 3, false);
        for (int n = 1; n < 1100; n += 1 + n / 3)
            for (int phase = 0; phase < 2; phase++) {
                struct problem p;
                const int64_t rows[2] = {n % 67 + 1, 33};
                problem_new(&p, DTYPE_F32, rows, 2, n, n % 9 + 1, &seed);
                p.args.phase = phase ? PHASE_PROMPT : PHASE_GENERATE;
                b->matmul(b, &p.args);
                check(&p, 2e-6f);
                problem_free(&p);
            }
        b->close(b);
    }
}

/* Runs p on a subset of its tokens and compares with the bits that are in want. */
static void check_subset(struct backend *b, const struct problem *p, const float *want, int first,
                         int n_tok)
{
    size_t n_rows = (size_t)p->w[0].n_rows;
    struct matmul_args part = p->args;
    float *y = malloc((size_t)n_tok * n_rows * sizeof *y);
    part.x += (size_t)first * (size_t)part.n_in;
    part.n_tok = n_tok;
    part.out[0].y = y;
    b->matmul(b, &part);
    assert_memory_equal(y, want + (size_t)first * n_rows, (size_t)n_tok * n_rows * sizeof *y);
    free(y);
}

TEST(cpu_matmul, a_token_gets_the_same_bits_in_any_batch_and_on_any_number_of_threads)
{
    static const enum dtype types[] = {DTYPE_F32,  DTYPE_BF16, DTYPE_E4M3,
                                       DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_IQ4_NL};
    static const int batches[] = {1, 2, 3, 5, 16, 17};
    const int64_t rows[1] = {131};
    uint64_t seed = 3;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            for (int phase = 0; phase < 2; phase++) {
                struct problem p;
                problem_new(&p, types[i], rows, 1, 1280, 17, &seed);
                p.args.phase = phase ? PHASE_PROMPT : PHASE_GENERATE;
                for (int n_threads = 1; n_threads <= 3; n_threads++) {
                    struct backend *b = open_cpu(masks[m], n_threads, false);
                    if (n_threads == 1)
                        b->matmul(b, &p.args);
                    for (size_t k = 0; k < sizeof batches / sizeof batches[0]; k++)
                        check_subset(b, &p, p.y[0].p, (17 - batches[k]) / 2, batches[k]);
                    b->close(b);
                }
                problem_free(&p);
            }
}

TEST(cpu_matmul, more_tokens_than_the_scratch_holds_go_in_parts)
{
    uint64_t seed = 4;
    const int64_t rows[1] = {2};
    const int n_in = 1 << 18; /* 10 of these fill the scratch */
    struct problem p;
    problem_new(&p, DTYPE_Q8_0, rows, 1, n_in, 23, &seed);
    p.args.phase = PHASE_GENERATE;
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    b->matmul(b, &p.args);
    check(&p, 4e-3f);
    check_subset(b, &p, p.y[0].p, 22, 1);
    check_subset(b, &p, p.y[0].p, 9, 2);
    b->close(b);
    problem_free(&p);
}
