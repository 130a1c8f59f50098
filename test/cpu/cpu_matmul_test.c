/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cpu/adapters.h"
#include "cpu/backends.h"
#include "cpu/cpu_int.h"

/* Operands of one call with up to three outputs. */
struct problem {
    struct random_tensor w[BACKEND_MAX_OUTPUTS];
    struct guarded y[BACKEND_MAX_OUTPUTS], x;
    struct matmul_args args;
};

static void problem_new(struct problem *p, int n_in, int n_tok, uint64_t *seed)
{
    *p = (struct problem){.args = {.n_tok = n_tok, .n_in = n_in}};
    p->x = guarded_f32((size_t)n_tok * (size_t)n_in, seed);
    p->args.x = p->x.p;
}

static void add_output(struct problem *p, enum dtype type, enum tensor_kind kind, int64_t n_rows,
                       uint64_t *seed)
{
    int o = p->args.n_out++;
    p->w[o] = random_tensor(type, kind, n_rows, p->args.n_in, seed);
    p->y[o] = guarded_f32((size_t)p->args.n_tok * (size_t)n_rows, seed);
    p->args.out[o].w = &p->w[o].t;
    p->args.out[o].y = p->y[o].p;
}

static void problem_free(struct problem *p)
{
    guarded_free(&p->x);
    for (int o = 0; o < p->args.n_out; o++) {
        random_tensor_free(&p->w[o]);
        guarded_free(&p->y[o]);
    }
}

/* Adds the adapters of w to plain products. */
static void plain_lora(const struct tensor *w, const double *x, double *want, double *terms,
                       size_t n_tok)
{
    for (const struct lora *lora = w->lora; lora; lora = lora->next) {
        size_t rank = (size_t)lora->a.n_rows;
        float *a = plain_values(&lora->a), *b = plain_values(&lora->b);
        double *inner = calloc(n_tok * rank, sizeof *inner);
        double *inner_terms = calloc(n_tok * rank, sizeof *inner_terms);
        double *ignored = calloc(n_tok * (size_t)w->n_rows, sizeof *ignored);
        plain_product(a, x, inner, inner_terms, rank, n_tok, (size_t)w->n_cols);
        plain_product(b, inner, want, ignored, (size_t)w->n_rows, n_tok, rank);
        plain_product(b, inner_terms, ignored, terms, (size_t)w->n_rows, n_tok, rank);
        free(a);
        free(b);
        free(inner);
        free(inner_terms);
        free(ignored);
    }
}

/* Compares an output with plain sums in double; rounding: what the inputs may have lost,
 * relative to the sum of the magnitudes of the terms.  x: what the matrix multiplies, or NULL for
 * that of args. */
static void check_output(const struct problem *p, int o, const float *x, double rounding)
{
    const struct tensor *w = p->args.out[o].w;
    size_t n_tok = (size_t)p->args.n_tok, n = (size_t)p->args.n_in, n_y = n_tok * (size_t)w->n_rows;
    double *exact = malloc(n_tok * n * sizeof *exact), *in = malloc(n_tok * n * sizeof *in);
    double *want = calloc(n_y, sizeof *want), *terms = calloc(n_y, sizeof *terms);
    float *values = plain_values(w);
    for (size_t i = 0; i < n_tok * n; i++) {
        exact[i] = (double)p->args.x[i];
        in[i] = x ? (double)x[i] : exact[i];
    }
    plain_product(values, in, want, terms, (size_t)w->n_rows, n_tok, n);
    plain_lora(w, exact, want, terms, n_tok);
    for (size_t i = 0; i < n_y; i++) {
        double got = (double)p->args.out[o].y[i];
        if (!(fabs(got - want[i]) <= rounding * terms[i] + 1e-12))
            fail_msg("%s output %d [%zu]: got %.9g, want %.9g, terms %.9g",
                     dtype_info(w->dtype)->name, o, i, got, want[i], terms[i]);
    }
    free(exact);
    free(in);
    free(want);
    free(terms);
    free(values);
}

/* Multiplies without asking for memory. */
static void multiply(struct backend *b, struct problem *p, enum phase phase)
{
    p->args.phase = phase;
    for (int o = 0; o < p->args.n_out; o++)
        memset(p->args.out[o].y, 0x55, (size_t)p->args.n_tok * (size_t)p->w[o].t.n_rows * 4);
    mem_forbid(true);
    b->matmul(b, &p->args);
    mem_forbid(false);
}

/* Returns what a product may lose by rounding.  To 8 bits: half a step of 1/127 of the largest of
 * 32, most of them smaller.  To bf16, of both operands: 2^-8 each. */
static double rounding_of(struct backend *b, const struct tensor *w, enum phase phase)
{
    const struct cpu_ops *ops = &((struct cpu_backend *)(void *)b)->ops;
    bool rounded = w->dtype >= DTYPE_Q4_0 && !w->scales.data;
    if (phase == PHASE_PROMPT)
        rounded = ops->tiled || (ops->rounds_prompts && rounded);
    else if (w->dtype == DTYPE_BF16)
        rounded = ops->tiled;
    return rounded && phase != PHASE_FLOAT && !w->transposed && !b->exact ? 8e-3 : 2e-6;
}

static void check(struct backend *b, const struct problem *p)
{
    for (int o = 0; o < p->args.n_out; o++)
        check_output(p, o, NULL, rounding_of(b, p->args.out[o].w, p->args.phase));
}

TEST(cpu_matmul, every_kind_of_matrix_multiplies)
{
    uint64_t seed = 5;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (int exact = 0; exact < 2; exact++) {
            struct backend *b = open_cpu(masks[m], 2, exact);
            for (int type = 0; type < DTYPE_COUNT; type++)
                for (int kind = 0; kind < TENSOR_KINDS; kind++) {
                    struct problem p;
                    int block = dtype_info((enum dtype)type)->block;
                    int cols = block > 2 ? 256 * (1 + kind % 3) : block * (71 + 150 * kind);
                    problem_new(&p, cols, 1 + (type + kind) % 7, &seed);
                    add_output(&p, (enum dtype)type, (enum tensor_kind)kind,
                               kind >= TURNED ? block * (block > 2 ? 2 : 167) : 41, &seed);
                    for (int phase = 0; phase < 3; phase++) {
                        multiply(b, &p, (enum phase)phase);
                        check(b, &p);
                    }
                    problem_free(&p);
                }
            b->close(b);
        }
}

TEST(cpu_matmul, outputs_of_one_call_may_differ_in_everything)
{
    uint64_t seed = 1;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 2, false);
        for (int type = 0; type < DTYPE_COUNT; type++) {
            struct problem p;
            problem_new(&p, type % 2 ? 512 : 1280, 1 + type % 7,
                        &seed); /* 1280: a panel and more */
            add_output(&p, (enum dtype)type, PLAIN, 37, &seed);
            add_output(&p, (enum dtype)((type + 7) % DTYPE_COUNT), SCALED, 1, &seed);
            add_output(&p, DTYPE_E4M3, (enum tensor_kind)(type % TENSOR_KINDS), 70, &seed);
            for (int phase = 0; phase < 3; phase++) {
                multiply(b, &p, (enum phase)phase);
                check(b, &p);
            }
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
            for (int phase = 0; phase < 3; phase++) {
                struct problem p;
                problem_new(&p, n, n % 41 + 1, &seed);
                add_output(&p, DTYPE_F32, PLAIN, n % 67 + 1, &seed);
                add_output(&p, DTYPE_BF16, TURNED, 33 + n % 300, &seed);
                add_output(&p, DTYPE_E4M3, n % 2 ? BLOCKS_BF16 : BLOCKS_F32, 33, &seed);
                multiply(b, &p, (enum phase)phase);
                check(b, &p);
                problem_free(&p);
            }
        b->close(b);
    }
}

TEST(cpu_matmul, adapters_add_to_every_kind_of_matrix)
{
    uint64_t seed = 6;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    const int ranks[2] = {3, 61};
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 2, false);
        for (int kind = 0; kind < TENSOR_KINDS; kind++) {
            struct problem p;
            struct adapters l[2];
            problem_new(&p, 191 + kind, 1 + kind, &seed);
            for (int o = 0; o < 2; o++) {
                add_output(&p, DTYPE_E4M3, (enum tensor_kind)kind, 83 + 9 * o, &seed);
                adapters_new(&l[o], &p.w[o].t, ranks, &seed);
            }
            for (int phase = 0; phase < 3; phase++) {
                multiply(b, &p, (enum phase)phase);
                check(b, &p);
            }
            adapters_free(&l[0]);
            adapters_free(&l[1]);
            problem_free(&p);
        }
        b->close(b);
    }
}

TEST(cpu_matmul, adapters_of_the_largest_rank_go_in_parts)
{
    uint64_t seed = 7;
    const int ranks[2] = {LIMIT_LORA_RANK, 1};
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    struct problem p;
    struct adapters l;
    problem_new(&p, 2, 515, &seed); /* the scratch holds 256 */
    add_output(&p, DTYPE_BF16, PLAIN, 3, &seed);
    adapters_new(&l, &p.w[0].t, ranks, &seed);
    multiply(b, &p, PHASE_PROMPT);
    check(b, &p);
    adapters_free(&l);
    problem_free(&p);
    b->close(b);
}

static struct backend *open_rounding(unsigned flags, int n_threads)
{
    struct err err = {0};
    struct cpu_options options = {.n_threads = n_threads, .flags = flags, .round_inputs = true};
    struct backend *b = cpu_backend_open(&options, &err);
    assert_non_null(b);
    return b;
}

static const struct tensor_input roundings[] = {
    {.rounding = INPUT_E4M3_STATIC, .scale = 0.0123f},
    {.rounding = INPUT_EXACT},
    {.rounding = INPUT_E4M3_DYNAMIC, .group = 128},
};

TEST(cpu_matmul, inputs_are_rounded_as_each_matrix_says)
{
    uint64_t seed = 8;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    const int ranks[2] = {5, 2};
    for (int m = 0; m < n_masks; m++)
        for (int rounding = 0; rounding < 2; rounding++) {
            struct backend *b =
                rounding ? open_rounding(masks[m], 2) : open_cpu(masks[m], 2, false);
            struct problem p;
            struct adapters l;
            problem_new(&p, 389, 5, &seed);
            size_t n = 5 * 389;
            float *x = malloc(n * sizeof *x);
            for (int o = 0; o < 3; o++) {
                add_output(&p, DTYPE_E4M3, o < 2 ? SCALED : BLOCKS_F32, 67, &seed);
                p.w[o].t.input = roundings[o];
            }
            adapters_new(&l, &p.w[0].t, ranks, &seed); /* an adapter sees the exact input */
            for (int phase = 0; phase < 2; phase++) {
                multiply(b, &p, (enum phase)phase);
                for (int o = 0; o < 3; o++) {
                    memcpy(x, p.args.x, n * sizeof *x);
                    for (int t = 0; t < 5 && rounding && o != 1; t++)
                        cpu_round_input(&roundings[o], x + 389 * t, p.args.x + 389 * t, 389);
                    check_output(&p, o, x, rounding_of(b, &p.w[o].t, (enum phase)phase));
                }
            }
            free(x);
            adapters_free(&l);
            problem_free(&p);
            b->close(b);
        }
}

/* Counts calls and compares their inputs with those of a problem. */
struct observed {
    const struct problem *p;
    int n_calls;
};

static void observe(void *arg, const struct tensor *w, const float *x, int n_tok)
{
    struct observed *seen = arg;
    assert_ptr_equal(w, seen->p->args.out[seen->n_calls].w);
    assert_ptr_equal(x, seen->p->args.x);
    assert_int_equal(n_tok, seen->p->args.n_tok);
    seen->n_calls++;
}

TEST(cpu_matmul, an_observer_sees_the_exact_input_of_each_output_once)
{
    uint64_t seed = 9;
    struct backend *b = open_rounding(cpu_detect(), 1);
    struct problem p;
    problem_new(&p, 64, 3, &seed);
    for (int o = 0; o < 3; o++) {
        add_output(&p, DTYPE_E4M3, SCALED, 5, &seed);
        p.w[o].t.input = roundings[o];
    }
    struct observed seen = {.p = &p};
    b->observe = observe;
    b->observe_arg = &seen;
    for (int phase = 0; phase < 2; phase++) {
        multiply(b, &p, (enum phase)phase);
        assert_int_equal(seen.n_calls, 3);
        seen.n_calls = 0;
    }
    problem_free(&p);
    b->close(b);
}

/* Runs p on a subset of its tokens and compares with the bits that are in want. */
static void check_subset(struct backend *b, const struct problem *p, const float *want, int first,
                         int n_tok)
{
    size_t n_rows = (size_t)p->w[0].t.n_rows;
    struct matmul_args part = p->args;
    float *y = malloc((size_t)n_tok * n_rows * sizeof *y);
    part.x += (size_t)first * (size_t)part.n_in;
    part.n_tok = n_tok;
    part.out[0].y = y;
    b->matmul(b, &part);
    assert_memory_equal(y, want + (size_t)first * n_rows, (size_t)n_tok * n_rows * sizeof *y);
    free(y);
}

/* All batches on 1 to 3 threads give the bits of one batch of 17 on one thread. */
static void check_company(unsigned flags, struct problem *p)
{
    static const int batches[] = {1, 2, 3, 5, 16, 17};
    for (int phase = 0; phase < 2; phase++)
        for (int n_threads = 1; n_threads <= 3; n_threads++) {
            struct backend *b = open_rounding(flags, n_threads);
            if (n_threads == 1)
                multiply(b, p, (enum phase)phase);
            for (size_t k = 0; k < sizeof batches / sizeof batches[0]; k++)
                check_subset(b, p, p->y[0].p, (17 - batches[k]) / 2, batches[k]);
            b->close(b);
        }
}

TEST(cpu_matmul, a_token_gets_the_same_bits_in_any_batch_and_on_any_number_of_threads)
{
    static const enum dtype types[] = {DTYPE_F32,  DTYPE_BF16,   DTYPE_E4M3, DTYPE_Q4_0,
                                       DTYPE_Q4_K, DTYPE_IQ4_NL, DTYPE_E2M1, DTYPE_NVFP4};
    uint64_t seed = 3;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            struct problem p;
            problem_new(&p, 1280, 17, &seed);
            add_output(&p, types[i], PLAIN, 131, &seed);
            check_company(masks[m], &p);
            problem_free(&p);
        }
}

TEST(cpu_matmul, so_it_does_for_every_kind_of_matrix)
{
    uint64_t seed = 10;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    const int ranks[2] = {7, 16};
    for (int m = 0; m < n_masks; m++)
        for (int kind = SCALED; kind < TENSOR_KINDS; kind++) {
            struct problem p;
            struct adapters l;
            problem_new(&p, 1094, 17, &seed);
            add_output(&p, kind % 2 ? DTYPE_E2M1 : DTYPE_E4M3, (enum tensor_kind)kind, 262, &seed);
            p.w[0].t.input = roundings[kind % 3];
            adapters_new(&l, &p.w[0].t, ranks, &seed);
            check_company(masks[m], &p);
            adapters_free(&l);
            problem_free(&p);
        }
}

TEST(cpu_matmul, more_tokens_than_the_scratch_holds_go_in_parts)
{
    uint64_t seed = 4;
    const int n_in = 1 << 18; /* 10 of these fill the scratch for 8 bits, 4 that for floats */
    struct backend *b = open_rounding(cpu_detect(), 2);
    for (int rounding = 0; rounding < 2; rounding++) {
        struct problem p;
        problem_new(&p, n_in, 23, &seed);
        add_output(&p, rounding ? DTYPE_E4M3 : DTYPE_Q8_0, PLAIN, 2, &seed);
        p.w[0].t.input = (struct tensor_input){
            .rounding = rounding ? INPUT_E4M3_STATIC : INPUT_EXACT, .scale = 1.0f / 1024};
        multiply(b, &p, PHASE_GENERATE);
        check_output(&p, 0, NULL, rounding ? 0.0625 : 4e-3);
        check_subset(b, &p, p.y[0].p, 22, 1);
        check_subset(b, &p, p.y[0].p, 9, 2);
        problem_free(&p);
    }
    b->close(b);
}

/* Numbers that bf16 has, so that rounding to it loses nothing and only the order of sums is free.
 */
TEST(cpu_matmul, tokens_of_the_longest_inputs_go_to_tiles_in_parts)
{
    uint64_t seed = 6;
    const int n_in = 1 << 18, n_tok = 65, n_rows = 3; /* 64 of these fill the scratch for tiles */
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    struct problem p;
    problem_new(&p, n_in, n_tok, &seed);
    add_output(&p, DTYPE_BF16, PLAIN, n_rows, &seed);
    float *x = p.x.p, *w = plain_values(&p.w[0].t);
    for (size_t i = 0; i < (size_t)n_tok * (size_t)n_in; i++)
        x[i] = number_from_bf16(number_to_bf16(x[i]));
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 2, false);
        multiply(b, &p, PHASE_PROMPT);
        for (int i = 0; i < n_tok * n_rows; i++) {
            double sum = 0.0, terms = 0.0, got = (double)((float *)p.y[0].p)[i];
            for (int k = 0; k < n_in; k++) {
                double term = (double)x[i / n_rows * n_in + k] * (double)w[i % n_rows * n_in + k];
                sum += term;
                terms += fabs(term);
            }
            if (!(fabs(got - sum) <= 1e-6 * terms))
                fail_msg("%s [%d]: got %.9g, want %.9g", b->name, i, got, sum);
        }
        b->close(b);
    }
    free(w);
    problem_free(&p);
}
