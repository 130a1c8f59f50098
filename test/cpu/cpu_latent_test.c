/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cpu/adapters.h"
#include "cpu/backends.h"
#include "cpu/cpu_int.h"

/* How the matrices of the heads are stored. */
enum form {
    FUSED,       /* one matrix: of each head first the rows of wk, then those of wv */
    SPLIT,       /* two, of which wk lies the other way round: columns are nope_dim */
    BOTH_TURNED, /* two, both the other way round */
    FORMS,
};

struct shape {
    enum dtype type;
    enum tensor_kind kind;
    enum form form;
    int n_tok, n_heads, nope, rope, v, rank;
};

/* A sequence in shuffled pages of two layers, of which the second is used. */
struct sequence {
    struct shape s;
    struct kv_view kv;
    uint32_t page_ids[80];
    size_t n_bytes;
    int first;                 /* the first query that is asked */
    struct random_tensor w[2]; /* of FUSED the first only */
    struct head_tensor wk, wv;
    float *q, *rows, *scales; /* [n_tok][heads][nope + rope], [n_tok][rank + rope], [n_tok] */
};

static float *random_f32(size_t n, uint64_t *seed)
{
    float *p = malloc(n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = test_random_f32(seed);
    return p;
}

/* A tensor of all heads and a row that none of them uses. */
static struct head_tensor split(struct random_tensor *w, const struct shape *s, int n_out,
                                bool turned, uint64_t *seed)
{
    int rows = turned ? s->rank : n_out, cols = turned ? n_out : s->rank;
    *w = random_tensor(s->type, s->kind, (int64_t)s->n_heads * rows + 1, cols, seed);
    return (struct head_tensor){.w = w->t, .first = 1, .stride = rows, .transposed = turned};
}

/* The rows of a head's matrix times the latents: [n_tok][n].  round: what is stored meets rounded
 * latents, adapters never do.  Owned: free(). */
static double *plain_expand(const struct sequence *q, const struct head_tensor *m, int head, int n,
                            bool round)
{
    const struct shape *s = &q->s;
    size_t cols = (size_t)m->w.n_cols, rank = (size_t)s->rank, n_tok = (size_t)s->n_tok;
    float *values = plain_values(&m->w), *c = malloc(rank * sizeof *c);
    /* What is added has the heads' rows below each other where they are stored as columns. */
    const struct tensor heads = {
        .n_rows = (int64_t)s->n_heads * n, .n_cols = s->rank, .lora = m->w.lora};
    double *change = plain_change(m->transposed ? &heads : &m->w),
           *y = calloc(n_tok * (size_t)n, sizeof *y);
    for (size_t t = 0; t < n_tok; t++) {
        memcpy(c, q->rows + t * (size_t)(s->rank + s->rope), rank * sizeof *c);
        if (round)
            cpu_round_input(&m->w.input, c, c, s->rank);
        for (size_t i = 0; i < (size_t)n; i++)
            for (size_t k = 0; k < rank; k++) {
                size_t row = (size_t)(m->first + head * m->stride) + (m->transposed ? k : i);
                size_t at = row * cols + (m->transposed ? i : k);
                size_t in_head = (size_t)head * (size_t)n + i,
                       added = m->transposed ? in_head * rank + k : at;
                y[t * (size_t)n + i] += ((double)values[at] + change[added]) * (double)c[k];
            }
    }
    free(values);
    free(c);
    free(change);
    return y;
}

/* Scales that make scores small numbers, whatever the weights are: large ones magnify how float32
 * rounds them. */
static void choose_scales(struct sequence *q, uint64_t *seed)
{
    size_t n = (size_t)(q->s.n_tok * q->s.nope);
    double *k = plain_expand(q, &q->wk, 0, q->s.nope, false), squares = 0.0;
    for (size_t i = 0; i < n; i++)
        squares += k[i] * k[i];
    float size = (float)sqrt(squares / q->s.n_tok + q->s.rope);
    q->scales = random_f32((size_t)q->s.n_tok, seed);
    for (int t = 0; t < q->s.n_tok; t++)
        q->scales[t] = (3.0f + q->scales[t]) / size;
    free(k);
}

static void sequence_new(struct sequence *q, struct backend *b, enum dtype dtype,
                         const struct shape *s, uint64_t *seed)
{
    struct err err = {0};
    int row = s->rank + s->rope;
    size_t n_tok = (size_t)s->n_tok, n_pages = (n_tok + BACKEND_PAGE_TOKENS - 1) / 16;
    size_t layer = BACKEND_PAGE_TOKENS * dtype_bytes(dtype, row);
    *q = (struct sequence){.s = *s, .n_bytes = n_pages * 2 * layer};
    for (size_t i = 0; i < n_pages; i++)
        q->page_ids[i] = (uint32_t)(n_pages - 1 - i);
    q->kv = (struct kv_view){.data = b->alloc(b, q->n_bytes, &err),
                             .page_bytes = 2 * layer,
                             .layer_offset = layer,
                             .dtype = dtype,
                             .n_kv_heads = 1,
                             .head_dim = row};
    assert_non_null(q->kv.data);
    if (s->form == FUSED) {
        int64_t both = s->nope + s->v;
        q->w[0] = random_tensor(s->type, s->kind, both * s->n_heads, s->rank, seed);
        q->wk = (struct head_tensor){.w = q->w[0].t, .first = 0, .stride = both};
        q->wv = (struct head_tensor){.w = q->w[0].t, .first = s->nope, .stride = both};
    } else {
        q->wk = split(&q->w[0], s, s->nope, true, seed);
        q->wv = split(&q->w[1], s, s->v, s->form == BOTH_TURNED, seed);
    }
    q->q = random_f32(n_tok * (size_t)(s->n_heads * (s->nope + s->rope)), seed);
    q->rows = random_f32(n_tok * (size_t)row, seed);
    for (size_t i = 0; i < n_tok * (size_t)row; i++) /* nothing is lost when they are stored */
        if (dtype == DTYPE_BF16)
            q->rows[i] = number_from_bf16(number_to_bf16(q->rows[i]));
        else if (dtype == DTYPE_Q8_0)
            q->rows[i] = i % 32 ? rintf(q->rows[i] * 127.0f) / 64.0f : 127.0f / 64.0f;
    choose_scales(q, seed);
}

static void sequence_free(struct sequence *q, struct backend *b)
{
    b->release(b, q->kv.data, q->n_bytes);
    random_tensor_free(&q->w[0]);
    if (q->w[1].data.map)
        random_tensor_free(&q->w[1]);
    free(q->q);
    free(q->rows);
    free(q->scales);
}

/* Writes the cache and attends, chunk tokens at a time.  Owned: free(). */
static float *run(const struct sequence *q, struct backend *b, enum phase phase, int chunk)
{
    const struct shape *s = &q->s;
    size_t n_q = (size_t)(s->n_heads * (s->nope + s->rope)), n_out = (size_t)(s->n_heads * s->v);
    size_t n_row = (size_t)(s->rank + s->rope);
    int most = chunk < s->n_tok ? chunk : s->n_tok;
    size_t n_work = latent_work_floats(s->n_heads, s->nope, s->rope, s->v, s->rank, most) * 4;
    struct guarded work = guarded_new(n_work);
    float *out = malloc((size_t)s->n_tok * n_out * sizeof *out);
    mem_forbid(true);
    if (q->first > 0) {
        const struct kv_span before = {.page_ids = q->page_ids, .pos0 = 0, .n_tok = q->first};
        b->kv_write(b, &q->kv, q->rows, NULL, &before, 1);
    }
    for (int pos = q->first; pos < s->n_tok; pos += chunk) {
        int n = s->n_tok - pos < chunk ? s->n_tok - pos : chunk;
        const struct kv_span span = {.page_ids = q->page_ids, .pos0 = pos, .n_tok = n};
        b->kv_write(b, &q->kv, q->rows + (size_t)pos * n_row, NULL, &span, 1);
        memset(work.p, 0xff, n_work); /* NaN */
        b->latent_attention(b, &(struct latent_args){
                                   .out = out + (size_t)pos * n_out,
                                   .q = q->q + (size_t)pos * n_q,
                                   .scales = q->scales + pos,
                                   .kv = &q->kv,
                                   .wk = &q->wk,
                                   .wv = &q->wv,
                                   .work = work.p,
                                   .spans = &span,
                                   .n_spans = 1,
                                   .phase = phase,
                                   .n_heads = s->n_heads,
                                   .nope_dim = s->nope,
                                   .rope_dim = s->rope,
                                   .v_dim = s->v,
                                   .kv_rank = s->rank,
                               });
    }
    mem_forbid(false);
    guarded_free(&work);
    return out;
}

/* One head of all queries: keys and values of every position, then one softmax. */
static void plain_head(const struct sequence *q, int head, bool round, double *out)
{
    const struct shape *s = &q->s;
    double *k = plain_expand(q, &q->wk, head, s->nope, round);
    double *v = plain_expand(q, &q->wv, head, s->v, round);
    double *p = malloc((size_t)s->n_tok * sizeof *p);
    memset(out, 0, (size_t)s->n_tok * (size_t)s->v * sizeof *out);
    for (int t = q->first; t < s->n_tok; t++) {
        const float *query = q->q + (t * s->n_heads + head) * (s->nope + s->rope);
        double max = -INFINITY, sum = 0.0;
        for (int j = 0; j <= t; j++) {
            p[j] = 0.0;
            for (int i = 0; i < s->nope; i++)
                p[j] += (double)query[i] * k[j * s->nope + i];
            for (int i = 0; i < s->rope; i++)
                p[j] += (double)query[s->nope + i] *
                        (double)q->rows[j * (s->rank + s->rope) + s->rank + i];
            p[j] *= (double)q->scales[t];
            max = fmax(max, p[j]);
        }
        for (int j = 0; j <= t; j++)
            sum += p[j] = exp(p[j] - max);
        for (int j = 0; j <= t; j++)
            for (int i = 0; i < s->v; i++)
                out[t * s->v + i] += p[j] / sum * v[j * s->v + i];
    }
    free(k);
    free(v);
    free(p);
}

/* Compares with plain arithmetic, relative to the largest result. */
static void check(const struct sequence *q, bool round, const float *got, double tolerance)
{
    const struct shape *s = &q->s;
    double *want = malloc((size_t)s->n_tok * (size_t)s->v * sizeof *want);
    for (int head = 0; head < s->n_heads; head++) {
        double largest = 0.0;
        plain_head(q, head, round, want);
        for (int i = q->first * s->v; i < s->n_tok * s->v; i++)
            largest = fmax(largest, fabs(want[i]));
        for (int t = q->first; t < s->n_tok; t++)
            for (int i = 0; i < s->v; i++) {
                double g = (double)got[(t * s->n_heads + head) * s->v + i], w = want[t * s->v + i];
                if (!(fabs(g - w) <= tolerance * largest))
                    fail_msg("%s form %d query %d head %d [%d]: got %.9g, want %.9g, largest %.9g",
                             dtype_info(s->type)->name, (int)s->form, t, head, i, g, w, largest);
            }
    }
    free(want);
}

static const struct shape shapes[] = {
    {DTYPE_F32, PLAIN, FUSED, 1, 1, 4, 2, 3, 5},
    {DTYPE_F32, PLAIN, FUSED, 150, 3, 20, 6, 13, 27},
    {DTYPE_F32, PLAIN, SPLIT, 70, 17, 8, 4, 12, 40},
    {DTYPE_BF16, PLAIN, BOTH_TURNED, 33, 9, 12, 8, 10, 300},
    {DTYPE_BF16, SCALED, FUSED, 66, 2, 130, 2, 33, 270},
    {DTYPE_E4M3, BLOCKS_F32, FUSED, 40, 3, 24, 8, 16, 140},
    {DTYPE_E4M3, BLOCKS_ODD, FUSED, 20, 4, 7, 2, 9, 75},
    {DTYPE_E4M3, BLOCKS_BF16, SPLIT, 20, 2, 128, 6, 20, 192},
    {DTYPE_E2M1, NVFP4_ROWS, FUSED, 20, 2, 24, 6, 20, 96},
    {DTYPE_Q8_0, PLAIN, SPLIT, 35, 3, 32, 4, 18, 64},
    {DTYPE_Q4_K, PLAIN, FUSED, 20, 2, 10, 4, 12, 512},
    {DTYPE_Q4_K, SCALED, BOTH_TURNED, 20, 2, 256, 4, 512, 70},
};

TEST(cpu_latent, both_ways_match_the_textbook_in_every_form)
{
    static const int chunks[] = {1000, 1, 19};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (int exact = 0; exact < 2; exact++) {
            uint64_t seed = 1;
            struct backend *b = open_cpu(masks[m], 2, exact);
            for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
                for (int phase = 0; phase < 2; phase++) {
                    struct sequence q;
                    sequence_new(&q, b, i % 2 ? DTYPE_BF16 : DTYPE_F32, &shapes[i], &seed);
                    float *out = run(&q, b, (enum phase)phase, chunks[(i + (size_t)phase) % 3]);
                    check(&q, false, out, 1e-5);
                    free(out);
                    sequence_free(&q, b);
                }
            b->close(b);
        }
}

TEST(cpu_latent, eight_bit_latents_cost_their_rounding_only)
{
    /* Rows of which a page does not fit into a thread's scratch, too. */
    static const struct shape eight[] = {{DTYPE_BF16, PLAIN, FUSED, 70, 11, 20, 32, 12, 64},
                                         {DTYPE_Q8_0, PLAIN, SPLIT, 41, 3, 32, 32, 7, 96},
                                         {DTYPE_BF16, PLAIN, FUSED, 37, 2, 3, 2, 4, 2078}};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        uint64_t seed = 8;
        struct backend *b = open_cpu(masks[m], 2, false);
        for (size_t i = 0; i < sizeof eight / sizeof *eight; i++)
            for (int phase = 0; phase < 2; phase++) {
                struct sequence q;
                sequence_new(&q, b, DTYPE_Q8_0, &eight[i], &seed);
                float *out = run(&q, b, (enum phase)phase, phase ? 5 : 19);
                check(&q, false, out, 1e-5);
                free(out);
                sequence_free(&q, b);
            }
        b->close(b);
    }
}

static void heads_adapters(struct adapters *l, struct head_tensor *m, const struct shape *s, int n,
                           const int ranks[2], uint64_t *seed)
{
    struct tensor heads = {.n_rows = (int64_t)s->n_heads * n, .n_cols = s->rank};
    adapters_new(l, m->transposed ? &heads : &m->w, ranks, seed);
    m->w.lora = l->lora;
}

TEST(cpu_latent, adapters_change_the_matrices_of_the_heads)
{
    const int ranks[2] = {3, 140};
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    for (int form = 0; form < FORMS; form++)
        for (int phase = 0; phase < 2; phase++) {
            uint64_t seed = 2;
            struct sequence q;
            struct adapters l[2];
            const struct shape shape = {DTYPE_BF16, PLAIN, (enum form)form, 21, 5, 6, 4, 8, 50};
            sequence_new(&q, b, DTYPE_F32, &shape, &seed);
            heads_adapters(&l[0], &q.wk, &shape, shape.nope, ranks, &seed);
            heads_adapters(&l[1], &q.wv, &shape, shape.v, ranks, &seed);
            if (form == FUSED)
                q.wv.w.lora = q.wk.w.lora;
            float *out = run(&q, b, (enum phase)phase, 18);
            check(&q, false, out, 1e-5);
            free(out);
            adapters_free(&l[0]);
            adapters_free(&l[1]);
            sequence_free(&q, b);
        }
    b->close(b);
}

TEST(cpu_latent, an_adapter_of_the_largest_rank_goes_in_parts)
{
    uint64_t seed = 3;
    const int ranks[2] = {LIMIT_LORA_RANK, 1};
    const struct shape shape = {DTYPE_F32, PLAIN, FUSED, 65, 7, 2, 2, 1, 3};
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    struct sequence q;
    struct adapters l;
    sequence_new(&q, b, DTYPE_F32, &shape, &seed);
    adapters_new(&l, &q.wk.w, ranks, &seed);
    q.wv.w.lora = q.wk.w.lora;
    for (int phase = 0; phase < 2; phase++) {
        float *out = run(&q, b, (enum phase)phase, 65);
        check(&q, false, out, 2e-5);
        free(out);
    }
    adapters_free(&l);
    sequence_free(&q, b);
    b->close(b);
}

static struct backend *open_rounding(void)
{
    struct err err = {0};
    struct cpu_options options = {.n_threads = 2, .flags = cpu_detect(), .round_inputs = true};
    struct backend *b = cpu_backend_open(&options, &err);
    assert_non_null(b);
    return b;
}

TEST(cpu_latent, inputs_are_rounded_as_the_matrix_says_in_both_phases)
{
    static const struct tensor_input roundings[] = {
        {INPUT_E4M3_STATIC, 0.01f, 0}, {INPUT_E4M3_DYNAMIC, 0.0f, 64}, {INPUT_EXACT, 0.0f, 0}};
    const struct shape shape = {DTYPE_E4M3, SCALED, FUSED, 37, 3, 16, 4, 8, 160};
    struct backend *b = open_rounding();
    for (size_t i = 0; i < 3; i++)
        for (int phase = 0; phase < 2; phase++) {
            uint64_t seed = 4;
            struct sequence q;
            sequence_new(&q, b, DTYPE_F32, &shape, &seed);
            q.wk.w.input = q.wv.w.input = roundings[i];
            float *out = run(&q, b, (enum phase)phase, 30);
            check(&q, roundings[i].rounding != INPUT_EXACT, out, 1e-5);
            free(out);
            sequence_free(&q, b);
        }
    b->close(b);
}

TEST(cpu_latent, a_query_gets_the_same_bits_in_any_chunk_and_on_any_number_of_threads)
{
    enum { N_TOK = 101, N = N_TOK * 11 * 20 };
    static const struct {
        int n_threads, chunk;
    } runs[] = {{1, N_TOK}, {1, 1}, {1, 17}, {2, 3}, {2, 64}, {3, 16}, {3, N_TOK}};
    static const struct {
        enum dtype type;
        enum form form;
        enum dtype kv_type;
    } kinds[] = {{DTYPE_BF16, FUSED, DTYPE_BF16},
                 {DTYPE_Q8_0, SPLIT, DTYPE_BF16},
                 {DTYPE_BF16, FUSED, DTYPE_Q8_0}};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (int phase = 0; phase < 2; phase++)
            for (int kind = 0; kind < 3; kind++) {
                const struct shape shape = {
                    kinds[kind].type, PLAIN, kinds[kind].form, N_TOK, 11, 32, 32, 20, 64};
                float *want = NULL;
                for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
                    uint64_t seed = 5;
                    struct sequence q;
                    struct backend *b = open_cpu(masks[m], runs[i].n_threads, false);
                    sequence_new(&q, b, kinds[kind].kv_type, &shape, &seed);
                    float *out = run(&q, b, (enum phase)phase, runs[i].chunk);
                    if (want)
                        assert_memory_equal(out, want, N * sizeof *out);
                    else
                        want = out;
                    if (out != want)
                        free(out);
                    sequence_free(&q, b);
                    b->close(b);
                }
                free(want);
            }
}

/* Queries with one part of keys or two, or with two or three, beside each other and alone. */
TEST(cpu_latent, parts_of_keys_match_the_textbook_on_any_number_of_threads)
{
    enum { LAST = 40, HEADS = 9, V = 3 };
    static const struct {
        int n_threads, chunk;
    } runs[] = {{1, 1}, {2, 1}, {2, LAST}, {3, 7}};
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0};
    static const int firsts[] = {490, 1000};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < 4 * n_masks; m++) {
        size_t first = (size_t)firsts[m / 2 % 2] * HEADS * V;
        const struct shape shape = {DTYPE_BF16, PLAIN, FUSED, firsts[m / 2 % 2] + LAST, HEADS, 2,
                                    8,          V,     24};
        float *want = NULL;
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            uint64_t seed = 10;
            struct sequence q;
            struct backend *b = open_cpu(masks[m / 4], runs[i].n_threads, false);
            sequence_new(&q, b, types[m % 2], &shape, &seed);
            q.first = firsts[m / 2 % 2];
            float *out = run(&q, b, PHASE_GENERATE, runs[i].chunk);
            if (i == 0) {
                want = out;
                check(&q, false, out, 1e-5);
            }
            assert_memory_equal(out + first, want + first,
                                (size_t)(LAST * HEADS * V) * sizeof *out);
            if (i > 0)
                free(out);
            sequence_free(&q, b);
            b->close(b);
        }
        free(want);
    }
}

TEST(cpu_latent, parts_of_the_longest_rows_are_put_together_in_several_loops)
{
    enum { LAST = 12, N_TOK = 520 }; /* the scratch holds two parts of 7 queries */
    const struct shape shape = {DTYPE_BF16, PLAIN, FUSED, N_TOK, 8, 2, 2, 1, LIMIT_LATENT};
    uint64_t seed = 11;
    struct sequence q;
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    sequence_new(&q, b, DTYPE_BF16, &shape, &seed);
    q.first = N_TOK - LAST;
    float *out = run(&q, b, PHASE_GENERATE, LAST);
    check(&q, false, out, 1e-5);
    free(out);
    sequence_free(&q, b);
    b->close(b);
}

TEST(cpu_latent, a_sequence_gets_the_same_bits_in_any_company)
{
    enum { SEQUENCES = 4, PAGES = 5, HEADS = 11, V = 20, QUERY = 64, ROW = 96 };
    static const int before[SEQUENCES] = {0, 70, 5, 16}, n_tok[SEQUENCES] = {1, 3, 40, 17};
    const struct shape shape = {
        DTYPE_BF16, PLAIN, FUSED, SEQUENCES * PAGES * BACKEND_PAGE_TOKENS, HEADS, 32, 32, V, 64};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < 4 * n_masks; m++) {
        struct backend *b = open_cpu(masks[m / 4], 2, false);
        uint64_t seed = 9;
        struct sequence q;
        struct kv_span old[SEQUENCES], new[SEQUENCES];
        sequence_new(&q, b, m / 2 % 2 ? DTYPE_Q8_0 : DTYPE_BF16, &shape, &seed);
        for (int i = 0; i < SEQUENCES; i++) {
            old[i] = (struct kv_span){q.page_ids + (size_t)i * PAGES, 0, before[i]};
            new[i] = (struct kv_span){q.page_ids + (size_t)i * PAGES, before[i], n_tok[i]};
        }
        int n = kv_span_tokens(new, SEQUENCES);
        b->kv_write(b, &q.kv, q.rows + n * ROW, NULL, old + 1, SEQUENCES - 1);
        b->kv_write(b, &q.kv, q.rows, NULL, new, SEQUENCES);
        size_t n_out = (size_t)(n * HEADS * V), at = 0;
        float *together = malloc(n_out * sizeof *together), *alone = malloc(n_out * sizeof *alone);
        float *work = malloc(latent_work_floats(HEADS, 32, 32, V, 64, n) * sizeof *work);
        struct latent_args args = {.out = together, .q = q.q, .scales = q.scales, .kv = &q.kv};
        args.wk = &q.wk;
        args.wv = &q.wv;
        args.work = work;
        args.spans = new;
        args.n_spans = SEQUENCES;
        args.phase = (enum phase)(m % 2);
        args.n_heads = HEADS;
        args.nope_dim = args.rope_dim = 32;
        args.v_dim = V;
        args.kv_rank = 64;
        b->latent_attention(b, &args);
        args.n_spans = 1;
        for (int i = 0; i < SEQUENCES; i++, args.spans++) {
            args.out = alone + at * HEADS * V;
            args.q = q.q + at * HEADS * QUERY;
            args.scales = q.scales + at;
            b->latent_attention(b, &args);
            at += (size_t)n_tok[i];
        }
        assert_memory_equal(together, alone, n_out * sizeof *alone);
        free(together);
        free(alone);
        free(work);
        sequence_free(&q, b);
        b->close(b);
    }
}

TEST(cpu_latent, ranks_of_the_published_models_agree_both_ways)
{
    /* Heads fewer than Small 4 and Large 3 have. */
    static const struct shape published[] = {{DTYPE_E4M3, SCALED, FUSED, 80, 9, 64, 64, 128, 256},
                                             {DTYPE_BF16, PLAIN, FUSED, 80, 9, 128, 64, 128, 512}};
    struct backend *b = open_cpu(cpu_detect(), 2, true);
    for (size_t i = 0; i < 2; i++) {
        uint64_t seed = 6;
        struct sequence q;
        sequence_new(&q, b, DTYPE_F32, &published[i], &seed);
        float *expanded = run(&q, b, PHASE_PROMPT, 80), *folded = run(&q, b, PHASE_GENERATE, 80);
        float largest = 0.0f;
        for (int k = 0; k < 80 * 9 * 128; k++)
            largest = fmaxf(largest, fabsf(expanded[k]));
        assert_near_f32(folded, expanded, 80 * 9 * 128, 1e-5f * largest, 0.0f);
        check(&q, false, folded, 1e-5);
        free(expanded);
        free(folded);
        sequence_free(&q, b);
    }
    b->close(b);
}

/* What matrices saw, column by column, as importance is counted. */
struct observed {
    const struct tensor *w[2]; /* wk, wv */
    double sums[2][64];
    int n_rows[2];
};

static void observe(void *arg, const struct tensor *w, const float *x, int n_tok)
{
    struct observed *seen = arg;
    int i = w == seen->w[1];
    assert_ptr_equal(w, seen->w[i]);
    seen->n_rows[i] += n_tok;
    for (int64_t k = 0; k < n_tok * w->n_cols; k++)
        seen->sums[i][k % w->n_cols] += (double)x[k];
}

TEST(cpu_latent, an_observer_sees_each_latent_once)
{
    for (int form = 0; form < 2; form++)
        for (int phase = 0; phase < 2; phase++) {
            uint64_t seed = 7;
            struct backend *b = open_cpu(cpu_detect(), 2, false);
            struct sequence q;
            const struct shape shape = {DTYPE_F32, PLAIN, (enum form)form, 23, 3, 6, 12, 8, 20};
            struct observed seen = {.w = {&q.wk.w, &q.wv.w}};
            double latents[64] = {0}, queries[64] = {0};
            sequence_new(&q, b, phase ? DTYPE_Q8_0 : DTYPE_F32, &shape, &seed);
            b->observe = observe;
            b->observe_arg = &seen;
            free(run(&q, b, (enum phase)phase, 9));
            for (int t = 0; t < 23; t++) {
                for (int i = 0; i < 20; i++)
                    latents[i] += (double)q.rows[t * 32 + i];
                for (int h = 0; h < 3; h++)
                    for (int i = 0; i < 6; i++)
                        queries[i] += (double)q.q[(t * 3 + h) * 18 + i];
            }
            assert_int_equal(seen.n_rows[1], 23);
            assert_int_equal(seen.n_rows[0], form == FUSED ? 0 : 23 * 3);
            for (int i = 0; i < 20; i++)
                assert_true(fabs(seen.sums[1][i] - latents[i]) < 1e-9);
            for (int i = 0; i < 6 && form != FUSED; i++)
                assert_true(fabs(seen.sums[0][i] - queries[i]) < 1e-9);
            sequence_free(&q, b);
            b->close(b);
        }
}
