/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cpu/adapters.h"
#include "cpu/backends.h"
#include "cpu/cpu_int.h"

enum { MAX_EXPERTS = 16 };

/* A mixture and tokens that have chosen. */
struct mixture {
    struct random_tensor w[MAX_EXPERTS][3]; /* gate, up, down */
    struct ffn_tensors ffn[MAX_EXPERTS];
    int n_experts, n_used, n_tok, dim, ffn_dim;
    float *x;       /* [n_tok][dim] */
    int *chosen;    /* [n_tok][n_used], all different */
    float *weights; /* [n_tok][n_used] */
};

struct shape {
    enum dtype type;
    enum tensor_kind kind, down;
    int n_experts, n_used, n_tok, dim, ffn_dim;
};

static void mixture_new(struct mixture *m, const struct shape *s, uint64_t *seed)
{
    *m = (struct mixture){.n_experts = s->n_experts,
                          .n_used = s->n_used,
                          .n_tok = s->n_tok,
                          .dim = s->dim,
                          .ffn_dim = s->ffn_dim};
    size_t n_choices = (size_t)s->n_tok * (size_t)s->n_used;
    for (int e = 0; e < s->n_experts; e++) {
        m->w[e][0] = random_tensor(s->type, s->kind, s->ffn_dim, s->dim, seed);
        m->w[e][1] = random_tensor(s->type, s->kind, s->ffn_dim, s->dim, seed);
        m->w[e][2] = random_tensor(s->type, s->down, s->dim, s->ffn_dim, seed);
        m->ffn[e] = (struct ffn_tensors){m->w[e][0].t, m->w[e][1].t, m->w[e][2].t};
    }
    m->x = malloc((size_t)s->n_tok * (size_t)s->dim * sizeof *m->x);
    m->chosen = malloc(n_choices * sizeof *m->chosen);
    m->weights = malloc(n_choices * sizeof *m->weights);
    for (size_t i = 0; i < (size_t)s->n_tok * (size_t)s->dim; i++)
        m->x[i] = test_random_f32(seed);
    for (size_t i = 0; i < n_choices; i++) {
        m->weights[i] = test_random_f32(seed);
        int first = (int)(test_random(seed) % (unsigned)s->n_experts);
        m->chosen[i] = i % (size_t)s->n_used ? (m->chosen[i - 1] + 1) % s->n_experts : first;
    }
}

static void mixture_free(struct mixture *m)
{
    for (int e = 0; e < m->n_experts; e++)
        for (int i = 0; i < 3; i++)
            random_tensor_free(&m->w[e][i]);
    free(m->x);
    free(m->chosen);
    free(m->weights);
}

/* Sorts the choices of tokens t0..t0+n-1 by expert, the last expert first. */
static void group(const struct mixture *m, int t0, int n, struct expert_group *groups,
                  int32_t *tokens, float *weights)
{
    int at = 0;
    for (int e = m->n_experts - 1; e >= 0; e--) {
        struct expert_group *g = &groups[m->n_experts - 1 - e];
        *g = (struct expert_group){.ffn = &m->ffn[e], .first = at};
        for (int t = t0; t < t0 + n; t++)
            for (int i = 0; i < m->n_used; i++)
                if (m->chosen[t * m->n_used + i] == e) {
                    tokens[at] = t - t0;
                    weights[at++] = m->weights[t * m->n_used + i];
                }
        g->n = at - g->first;
    }
}

/* Runs tokens t0..t0+n-1, n_groups groups per call, on top of ones.  Owned: free(). */
static float *run(const struct mixture *m, struct backend *b, enum phase phase, int t0, int n,
                  int n_groups)
{
    struct expert_group groups[MAX_EXPERTS];
    size_t dim = (size_t)m->dim;
    int n_choices = n * m->n_used;
    int32_t *tokens = malloc((size_t)n_choices * sizeof *tokens);
    float *weights = malloc((size_t)n_choices * sizeof *weights);
    float *y = malloc((size_t)n * dim * sizeof *y);
    size_t n_work = experts_work_floats(n_choices, m->dim, m->ffn_dim) * 4;
    struct guarded work = guarded_new(n_work);
    memset(work.p, 0xff, n_work); /* NaN */
    for (size_t i = 0; i < (size_t)n * dim; i++)
        y[i] = 1.0f;
    group(m, t0, n, groups, tokens, weights);
    mem_forbid(true);
    for (int g = 0; g < m->n_experts; g += n_groups)
        b->experts(b, &(struct experts_args){
                          .y = y,
                          .x = m->x + (size_t)t0 * dim,
                          .n_tok = n,
                          .dim = m->dim,
                          .ffn_dim = m->ffn_dim,
                          .phase = phase,
                          .n_groups = m->n_experts - g < n_groups ? m->n_experts - g : n_groups,
                          .groups = groups + g,
                          .tokens = tokens,
                          .weights = weights,
                          .work = work.p,
                      });
    mem_forbid(false);
    guarded_free(&work);
    free(tokens);
    free(weights);
    return y;
}

/* y = x . w^T, x rounded before it meets what is stored but not before it meets adapters. */
static void plain_linear(const struct tensor *w, bool round, const double *x, double *y)
{
    size_t rows = (size_t)w->n_rows, cols = (size_t)w->n_cols;
    float *values = plain_values(w), *in = malloc(cols * sizeof *in);
    double *change = plain_change(w);
    for (size_t i = 0; i < cols; i++)
        in[i] = (float)x[i];
    if (round && w->input.rounding != INPUT_EXACT)
        cpu_round_input(&w->input, in, in, (int)cols);
    for (size_t r = 0; r < rows; r++) {
        y[r] = 0.0;
        for (size_t i = 0; i < cols; i++)
            y[r] += (double)values[r * cols + i] * (double)in[i] + change[r * cols + i] * x[i];
    }
    free(values);
    free(in);
    free(change);
}

static void plain_expert(const struct mixture *m, const struct ffn_tensors *ffn, bool round,
                         const float *x, double *out)
{
    size_t n = (size_t)m->ffn_dim;
    double *in = malloc((size_t)m->dim * sizeof *in), *gate = malloc(n * sizeof *gate);
    double *up = malloc(n * sizeof *up);
    for (int i = 0; i < m->dim; i++)
        in[i] = (double)x[i];
    plain_linear(&ffn->w_gate, round, in, gate);
    plain_linear(&ffn->w_up, round, in, up);
    for (size_t i = 0; i < n; i++)
        gate[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
    plain_linear(&ffn->w_down, round, gate, out);
    free(in);
    free(gate);
    free(up);
}

/* Compares with plain arithmetic, relative to the largest result. */
static void check(const struct mixture *m, bool round, const float *y, double tolerance)
{
    size_t dim = (size_t)m->dim, n = (size_t)m->n_tok * dim;
    double *want = malloc(n * sizeof *want), *out = malloc(dim * sizeof *out), largest = 0.0;
    for (size_t t = 0; t < (size_t)m->n_tok; t++) {
        for (size_t i = 0; i < dim; i++)
            want[t * dim + i] = 1.0;
        for (int c = 0; c < m->n_used; c++) {
            size_t choice = t * (size_t)m->n_used + (size_t)c;
            plain_expert(m, &m->ffn[m->chosen[choice]], round, m->x + t * dim, out);
            for (size_t i = 0; i < dim; i++)
                want[t * dim + i] += (double)m->weights[choice] * out[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)y[i] - want[i]) <= tolerance * largest))
            fail_msg("%s token %zu [%zu]: got %.9g, want %.9g, largest %.9g",
                     dtype_info(m->w[0][0].t.dtype)->name, i / dim, i % dim, (double)y[i], want[i],
                     largest);
    free(want);
    free(out);
}

/* Rounding costs up to 8e-3 of the terms of each of three products, to 8 bits or to bf16. */
static double rounding_of(struct backend *b, enum dtype type, enum phase phase)
{
    const struct cpu_ops *ops = &((struct cpu_backend *)(void *)b)->ops;
    bool rounded = act_rounded(type);
    if (phase == PHASE_PROMPT)
        rounded = ops->tiled || (ops->rounds_prompts && rounded);
    else if (type == DTYPE_BF16)
        rounded = ops->tiled;
    return rounded && !b->exact ? 3e-2 : 1e-5;
}

static const struct shape shapes[] = {
    {DTYPE_F32, PLAIN, PLAIN, 5, 2, 9, 37, 53},
    {DTYPE_BF16, PLAIN, TURNED, 4, 1, 5, 64, 300},
    {DTYPE_F16, SCALED, TURNED_SCALED, 3, 3, 4, 261, 130},
    {DTYPE_E4M3, BLOCKS_F32, BLOCKS_BF16, 6, 2, 7, 150, 270},
    {DTYPE_E4M3, SCALED, BLOCKS_ODD, 2, 2, 3, 128, 96},
    {DTYPE_E2M1, NVFP4_ROWS, NVFP4_ROWS, 3, 2, 5, 64, 96},
    {DTYPE_Q8_0, PLAIN, TURNED, 4, 2, 6, 96, 64},
    {DTYPE_Q4_K, PLAIN, PLAIN, 16, 4, 6, 256, 512},
    {DTYPE_Q6_K, PLAIN, PLAIN, 2, 1, 1, 512, 256},
    {DTYPE_MXFP4, PLAIN, PLAIN, 3, 2, 4, 64, 32},
};

TEST(cpu_experts, match_plain_arithmetic_in_every_form)
{
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int mask = 0; mask < n_masks; mask++)
        for (int exact = 0; exact < 2; exact++) {
            uint64_t seed = 1;
            struct backend *b = open_cpu(masks[mask], 2, exact);
            for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
                for (int phase = 0; phase < 2; phase++) {
                    struct mixture m;
                    mixture_new(&m, &shapes[i], &seed);
                    float *y = run(&m, b, (enum phase)phase, 0, m.n_tok, m.n_experts);
                    check(&m, false, y, rounding_of(b, shapes[i].type, (enum phase)phase));
                    free(y);
                    mixture_free(&m);
                }
            b->close(b);
        }
}

TEST(cpu_experts, adapters_add_to_each_matrix)
{
    uint64_t seed = 2;
    const int ranks[2] = {3, 8};
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    struct shape shape = {DTYPE_BF16, PLAIN, PLAIN, 3, 2, 5, 40, 70};
    for (int turned = 0; turned < 2; turned++)
        for (int phase = 0; phase < 2; phase++) {
            struct mixture m;
            struct adapters l[3];
            shape.down = turned ? TURNED : PLAIN;
            mixture_new(&m, &shape, &seed);
            adapters_new(&l[0], &m.ffn[0].w_gate, ranks, &seed);
            adapters_new(&l[1], &m.ffn[1].w_up, ranks, &seed);
            adapters_new(&l[2], &m.ffn[1].w_down, ranks, &seed);
            float *y = run(&m, b, (enum phase)phase, 0, m.n_tok, m.n_experts);
            check(&m, false, y, rounding_of(b, shape.type, (enum phase)phase));
            free(y);
            for (int i = 0; i < 3; i++)
                adapters_free(&l[i]);
            mixture_free(&m);
        }
    b->close(b);
}

static struct backend *open_rounding(unsigned flags)
{
    struct err err = {0};
    struct cpu_options options = {.n_threads = 2, .flags = flags, .round_inputs = true};
    struct backend *b = cpu_backend_open(&options, &err);
    assert_non_null(b);
    return b;
}

TEST(cpu_experts, inputs_are_rounded_as_each_matrix_says)
{
    const struct shape shape = {DTYPE_E4M3, SCALED, BLOCKS_BF16, 2, 1, 6, 90, 140};
    const int ranks[2] = {3, 2};
    struct backend *b = open_rounding(cpu_detect());
    for (int phase = 0; phase < 2; phase++) {
        uint64_t seed = 3;
        struct mixture m;
        struct adapters l[2];
        mixture_new(&m, &shape, &seed);
        for (int e = 0; e < 2; e++) {
            m.ffn[e].w_gate.input = (struct tensor_input){INPUT_E4M3_STATIC, 0.005f, 0};
            m.ffn[e].w_up.input = (struct tensor_input){INPUT_E4M3_STATIC, 0.5f, 0};
            m.ffn[e].w_down.input = (struct tensor_input){INPUT_E4M3_DYNAMIC, 0.0f, 64};
        }
        adapters_new(&l[0], &m.ffn[0].w_up, ranks, &seed);
        adapters_new(&l[1], &m.ffn[1].w_down, ranks, &seed);
        float *y = run(&m, b, (enum phase)phase, 0, m.n_tok, m.n_experts);
        /* The hidden vector may fall to either side of a few limits of rounding. */
        check(&m, true, y, fmax(2e-3, rounding_of(b, shape.type, (enum phase)phase)));
        free(y);
        adapters_free(&l[0]);
        adapters_free(&l[1]);
        mixture_free(&m);
    }
    b->close(b);
}

/* Runs tokens t0..t0+n-1 and compares with the bits of the run over all. */
static void check_part(const struct mixture *m, struct backend *b, enum phase phase,
                       const float *want, int t0, int n, int n_groups)
{
    float *y = run(m, b, phase, t0, n, n_groups);
    assert_memory_equal(y, want + (size_t)t0 * (size_t)m->dim,
                        (size_t)n * (size_t)m->dim * sizeof *y);
    free(y);
}

TEST(cpu_experts, a_token_gets_the_same_bits_in_any_company)
{
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_E4M3, DTYPE_Q4_K};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int mask = 0; mask < n_masks; mask++)
        for (size_t i = 0; i < 3; i++)
            for (int phase = 0; phase < 2; phase++) {
                uint64_t seed = 4;
                struct mixture m;
                const struct shape shape = {types[i], PLAIN, i ? PLAIN : TURNED, 4, 2, 23,
                                            256,      512};
                float *want = NULL;
                mixture_new(&m, &shape, &seed);
                for (int n_threads = 1; n_threads <= 3; n_threads++) {
                    struct backend *b = open_cpu(masks[mask], n_threads, false);
                    if (!want)
                        want = run(&m, b, (enum phase)phase, 0, 23, 4);
                    check_part(&m, b, (enum phase)phase, want, 0, 23, n_threads);
                    check_part(&m, b, (enum phase)phase, want, 3, 17, 4);
                    check_part(&m, b, (enum phase)phase, want, n_threads, 1, 4);
                    b->close(b);
                }
                free(want);
                mixture_free(&m);
            }
}

TEST(cpu_experts, more_choices_than_the_scratch_holds_go_in_parts)
{
    /* 600 choices, of which one expert has 300; rounded vectors of which 42 fit. */
    static const struct shape large[] = {{DTYPE_F32, PLAIN, PLAIN, 2, 2, 300, 8, 16},
                                         {DTYPE_F32, PLAIN, PLAIN, 16, 2, 200, 24, 16},
                                         {DTYPE_Q4_0, PLAIN, PLAIN, 3, 2, 50, 32, 65536}};
    uint64_t seed = 5;
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    for (size_t i = 0; i < 3; i++)
        for (int phase = 0; phase < 2; phase++) {
            struct mixture m;
            mixture_new(&m, &large[i], &seed);
            float *y = run(&m, b, (enum phase)phase, 0, m.n_tok, m.n_experts);
            if (i < 2)
                check(&m, false, y, rounding_of(b, large[i].type, (enum phase)phase));
            for (int t = 0; t < m.n_tok; t += 7)
                check_part(&m, b, (enum phase)phase, y, t, 1, m.n_experts);
            free(y);
            mixture_free(&m);
        }
    b->close(b);
}

/* Notes what each matrix of a mixture of one token saw. */
struct observed {
    const struct tensor *w[16];
    float first[16];
    int n_tok[16], n;
};

static void observe(void *arg, const struct tensor *w, const float *x, int n_tok)
{
    struct observed *seen = arg;
    assert_true(seen->n < 16);
    seen->w[seen->n] = w;
    seen->first[seen->n] = x[0];
    seen->n_tok[seen->n++] = n_tok;
}

TEST(cpu_experts, an_observer_sees_the_exact_input_of_each_matrix_once)
{
    uint64_t seed = 6;
    const struct shape shape = {DTYPE_F32, PLAIN, PLAIN, 2, 2, 3, 4, 5};
    struct backend *b = open_rounding(0);
    struct mixture m;
    struct observed seen = {.n = 0};
    mixture_new(&m, &shape, &seed);
    for (int e = 0; e < 2; e++)
        m.ffn[e].w_down.input = m.ffn[e].w_up.input =
            (struct tensor_input){INPUT_E4M3_STATIC, 0.3f, 0};
    b->observe = observe;
    b->observe_arg = &seen;
    free(run(&m, b, PHASE_GENERATE, 0, 3, 2));
    assert_int_equal(seen.n, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(seen.n_tok[i], 3);
    for (int g = 0; g < 2; g++) { /* the last expert is the first group */
        const struct ffn_tensors *ffn = &m.ffn[1 - g];
        assert_ptr_equal(seen.w[2 * g], &ffn->w_gate);
        assert_ptr_equal(seen.w[2 * g + 1], &ffn->w_up);
        assert_ptr_equal(seen.w[4 + g], &ffn->w_down);
        assert_true(seen.first[2 * g] == m.x[0] && seen.first[2 * g + 1] == m.x[0]);
    }
    mixture_free(&m);
    b->close(b);
}
