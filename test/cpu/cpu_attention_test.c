/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cpu/backends.h"
#include "cpu/cpu_int.h"
#include "cpu/operands.h"

/* A sequence in shuffled pages of two layers, of which the second is used. */
struct sequence {
    struct kv_view kv;
    uint32_t *page_ids;
    size_t n_bytes;
    float *q, *k, *v, *scales; /* [n_tok][heads][head_dim]; [n_tok] */
    int n_tok, n_heads;
};

static float *random_f32(size_t n, uint64_t *seed)
{
    float *p = malloc(n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = test_random_f32(seed) * 2.0f;
    return p;
}

static void sequence_new(struct sequence *s, struct backend *b, enum dtype dtype, int n_tok,
                         int n_heads, int n_kv_heads, int head_dim, uint64_t *seed)
{
    struct err err = {0};
    size_t n_pages = ((size_t)n_tok + BACKEND_PAGE_TOKENS - 1) / BACKEND_PAGE_TOKENS;
    size_t n_kv = (size_t)n_kv_heads * (size_t)head_dim;
    size_t layer = 2 * BACKEND_PAGE_TOKENS * dtype_bytes(dtype, (int64_t)n_kv);
    *s = (struct sequence){.n_tok = n_tok, .n_heads = n_heads, .n_bytes = n_pages * 2 * layer};
    s->page_ids = malloc(n_pages * sizeof *s->page_ids);
    for (size_t i = 0; i < n_pages; i++)
        s->page_ids[i] = (uint32_t)(n_pages - 1 - i);
    s->q = random_f32((size_t)n_tok * (size_t)n_heads * (size_t)head_dim, seed);
    s->k = random_f32((size_t)n_tok * n_kv, seed);
    s->v = random_f32((size_t)n_tok * n_kv, seed);
    s->scales = random_f32((size_t)n_tok, seed);
    s->kv = (struct kv_view){.data = b->alloc(b, s->n_bytes, &err),
                             .page_bytes = 2 * layer,
                             .layer_offset = layer,
                             .dtype = dtype,
                             .n_kv_heads = n_kv_heads,
                             .head_dim = head_dim};
    assert_non_null(s->kv.data);
    memset(s->kv.data, 0xff, s->n_bytes); /* NaN: what nobody wrote must not be looked at */
}

/* Rounds n numbers beforehand, so that nothing is lost when they are rounded. */
static void round_bf16(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = number_from_bf16(number_to_bf16(x[i]));
}

/* Scales such that scores do not magnify how float32 rounds them. */
static void calm_scores(struct sequence *s)
{
    for (int t = 0; t < s->n_tok; t++)
        s->scales[t] /= sqrtf((float)s->kv.head_dim);
}

/* What the rounding of queries and weights costs a sum of values up to 2: to bf16 for prompts on a
 * matrix unit, else to 16 bits there; where keys are 8-bit integers to 14 or 15, which each element
 * adds to a score, and each key to the sum; float32 otherwise. */
static double tolerance_of(const struct backend *b, enum phase phase, const struct sequence *s)
{
    bool amx = !strcmp(b->name, "cpu amx"), plain = !strcmp(b->name, "cpu c") || b->exact;
    if (plain || s->kv.dtype == DTYPE_F32 || s->kv.head_dim % 32 || s->kv.head_dim > PART_DIM)
        return 2e-5;
    if (amx && phase == PHASE_PROMPT && s->n_heads / s->kv.n_kv_heads <= PROMPT_ROWS)
        return 2.0 * 0x1p-9;
    if (s->kv.dtype == DTYPE_Q8_0)
        return 2.0 * 0x1p-12;
    return amx ? 2.0 * 0x1p-15 : 2e-5;
}

static void sequence_free(struct sequence *s, struct backend *b)
{
    b->release(b, s->kv.data, s->n_bytes);
    free(s->page_ids);
    free(s->q);
    free(s->k);
    free(s->v);
    free(s->scales);
}

/* Writes keys and attends, chunk tokens at a time. */
static float *run(struct sequence *s, struct backend *b, enum phase phase, int window, int chunk)
{
    size_t n_kv = (size_t)s->kv.n_kv_heads * (size_t)s->kv.head_dim;
    size_t n_q = (size_t)s->n_heads * (size_t)s->kv.head_dim;
    float *out = malloc((size_t)s->n_tok * n_q * sizeof *out);
    mem_forbid(true);
    for (int pos = 0; pos < s->n_tok; pos += chunk) {
        int n = s->n_tok - pos < chunk ? s->n_tok - pos : chunk;
        const struct kv_span span = {.page_ids = s->page_ids, .pos0 = pos, .n_tok = n};
        b->kv_write(b, &s->kv, s->k + (size_t)pos * n_kv, s->v + (size_t)pos * n_kv, &span, 1);
        struct attention_args args = {.out = out + (size_t)pos * n_q,
                                      .q = s->q + (size_t)pos * n_q,
                                      .scales = s->scales + pos,
                                      .kv = &s->kv,
                                      .spans = &span,
                                      .n_spans = 1,
                                      .phase = phase,
                                      .n_heads = s->n_heads,
                                      .window = window};
        b->attention(b, &args);
    }
    mem_forbid(false);
    return out;
}

/* The textbook: one softmax over the keys from first to pos, in double. */
static void attend_plainly(const struct sequence *s, int head, int first, int pos, double *out)
{
    int dim = s->kv.head_dim, n_kv = s->kv.n_kv_heads, kv_head = head / (s->n_heads / n_kv);
    double *p = malloc((size_t)(pos + 1) * sizeof *p), max = -INFINITY, sum = 0.0;
    const float *q = s->q + ((size_t)pos * (size_t)s->n_heads + (size_t)head) * (size_t)dim;
    for (int j = first; j <= pos; j++) {
        p[j] = 0.0;
        for (int i = 0; i < dim; i++)
            p[j] += (double)q[i] * (double)s->k[(j * n_kv + kv_head) * dim + i];
        p[j] *= (double)s->scales[pos];
        max = fmax(max, p[j]);
    }
    for (int i = 0; i < dim; i++)
        out[i] = 0.0;
    for (int j = first; j <= pos; j++)
        sum += p[j] = exp(p[j] - max);
    for (int j = first; j <= pos; j++)
        for (int i = 0; i < dim; i++)
            out[i] += p[j] / sum * (double)s->v[(j * n_kv + kv_head) * dim + i];
    free(p);
}

static void check(const struct sequence *s, const float *out, int window, double tolerance)
{
    int dim = s->kv.head_dim;
    double *want = malloc((size_t)dim * sizeof *want);
    for (int pos = 0; pos < s->n_tok; pos++)
        for (int head = 0; head < s->n_heads; head++) {
            int first = window > 0 && pos >= window ? pos - window + 1 : 0;
            attend_plainly(s, head, first, pos, want);
            for (int i = 0; i < dim; i++) {
                double got = (double)out[(pos * s->n_heads + head) * dim + i];
                if (!(fabs(got - want[i]) <= tolerance))
                    fail_msg("position %d head %d [%d]: got %.9g, want %.9g", pos, head, i, got,
                             want[i]);
            }
        }
    free(want);
}

TEST(cpu_attention, matches_the_textbook_with_and_without_a_window)
{
    static const struct {
        int n_tok, n_heads, n_kv_heads, head_dim;
    } shapes[] = {{1, 1, 1, 2},    {40, 4, 2, 16},  {33, 6, 3, 10},  {50, 40, 2, 24},
                  {70, 8, 8, 128}, {35, 9, 3, 100}, {20, 24, 2, 36}, {18, 34, 1, 6}};
    static const int windows[] = {0, 1, 8, 16, 21};
    uint64_t seed = 1;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 2, true);
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            for (size_t w = 0; w < 2 * sizeof windows / sizeof windows[0]; w++) {
                struct sequence s;
                sequence_new(&s, b, DTYPE_F32, shapes[i].n_tok, shapes[i].n_heads,
                             shapes[i].n_kv_heads, shapes[i].head_dim, &seed);
                float *out = run(&s, b, (enum phase)(w % 2), windows[w / 2], 1000);
                check(&s, out, windows[w / 2], 2e-5);
                free(out);
                sequence_free(&s, b);
            }
        b->close(b);
    }
}

TEST(cpu_attention, eight_bit_keys_cost_their_rounding_only)
{
    static const struct {
        int n_tok, n_heads, n_kv_heads, head_dim;
    } shapes[] = {
        {45, 8, 2, 64}, {140, 2, 1, 128}, {37, 4, 2, 256}, {150, 6, 1, 96}, {800, 2, 1, 32}};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < 2 * n_masks; m++) {
        struct backend *b = open_cpu(masks[m / 2], 2, m % 2);
        for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
            uint64_t seed = 4;
            int n_tok = shapes[shape].n_tok, dim = shapes[shape].head_dim;
            int n_heads = shapes[shape].n_heads, n_kv = shapes[shape].n_kv_heads;
            struct sequence s;
            sequence_new(&s, b, DTYPE_Q8_0, n_tok, n_heads, n_kv, dim, &seed);
            round_bf16(s.q, (size_t)(n_tok * n_heads * dim));
            /* Multiples of a step that 127 of it show. */
            for (size_t i = 0; i < (size_t)(n_tok * n_kv * dim); i++) {
                s.k[i] = i % 32 ? rintf(s.k[i] * 63.0f) / 64.0f : 127.0f / 64.0f;
                s.v[i] = i % 32 ? rintf(s.v[i] * 63.0f) / 64.0f : -127.0f / 64.0f;
            }
            calm_scores(&s);
            for (int i = 0; i < 4; i++) {
                float *out = run(&s, b, (enum phase)(i % 2), i / 2 * 20, 7);
                check(&s, out, i / 2 * 20, tolerance_of(b, (enum phase)(i % 2), &s));
                free(out);
            }
            sequence_free(&s, b);
        }
        b->close(b);
    }
}

/* A sequence of keys in bf16 that are exact there. */
static void bf16_sequence_new(struct sequence *s, struct backend *b, int n_tok, int n_heads,
                              int n_kv_heads, int head_dim)
{
    uint64_t seed = 2;
    sequence_new(s, b, DTYPE_BF16, n_tok, n_heads, n_kv_heads, head_dim, &seed);
    round_bf16(s->q, (size_t)(n_tok * n_heads * head_dim));
    round_bf16(s->k, (size_t)(n_tok * n_kv_heads * head_dim));
    round_bf16(s->v, (size_t)(n_tok * n_kv_heads * head_dim));
    calm_scores(s);
}

TEST(cpu_attention, bf16_keys_cost_their_rounding_only)
{
    static const struct {
        int n_tok, n_heads, n_kv_heads, head_dim, window;
    } shapes[] = {{45, 8, 2, 20, 0},    {1, 4, 2, 32, 0},   {300, 4, 1, 64, 0},
                  {270, 2, 2, 64, 140}, {150, 6, 1, 96, 7}, {140, 8, 2, 128, 0},
                  {33, 34, 1, 256, 0},  {40, 3, 1, 288, 0}};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 2, false);
        for (size_t i = 0; i < 2 * sizeof shapes / sizeof *shapes; i++) {
            enum phase phase = (enum phase)(i % 2);
            int window = shapes[i / 2].window;
            struct sequence s;
            bf16_sequence_new(&s, b, shapes[i / 2].n_tok, shapes[i / 2].n_heads,
                              shapes[i / 2].n_kv_heads, shapes[i / 2].head_dim);
            float *out = run(&s, b, phase, window, 1000);
            check(&s, out, window, tolerance_of(b, phase, &s));
            free(out);
            sequence_free(&s, b);
        }
        b->close(b);
    }
}

/* A step of prompt tokens may begin and end within a block of keys, a window and a part too. */
TEST(cpu_attention, long_windows_match_the_textbook_in_both_phases)
{
    static const int windows[] = {0, 300, 520};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 2, false);
        struct sequence s;
        bf16_sequence_new(&s, b, 800, 2, 1, 32);
        for (size_t i = 0; i < 2 * sizeof windows / sizeof *windows; i++) {
            enum phase phase = (enum phase)(i % 2);
            float *out = run(&s, b, phase, windows[i / 2], 611);
            check(&s, out, windows[i / 2], tolerance_of(b, phase, &s));
            free(out);
        }
        sequence_free(&s, b);
        b->close(b);
    }
}

/* Heads of one token fill the rows of the matrix unit, or are too many for it. */
TEST(cpu_attention, a_kv_head_may_have_as_many_query_heads_as_there_are)
{
    static const int groups[] = {PROMPT_ROWS - 1, PROMPT_ROWS, PROMPT_ROWS + 1, LIMIT_HEADS};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 2, false);
        for (size_t i = 0; i < 2 * sizeof groups / sizeof *groups; i++) {
            enum phase phase = (enum phase)(i % 2);
            struct sequence s;
            bf16_sequence_new(&s, b, groups[i / 2] == PROMPT_ROWS + 1 ? 70 : 19, groups[i / 2], 1,
                              32);
            float *out = run(&s, b, phase, 0, 11);
            check(&s, out, 0, tolerance_of(b, phase, &s));
            free(out);
            sequence_free(&s, b);
        }
        b->close(b);
    }
}

static const struct {
    enum dtype type;
    int head_dim;
} caches[] = {{DTYPE_BF16, 36}, {DTYPE_BF16, 64}, {DTYPE_Q8_0, 64}};
enum { N_CACHES = sizeof caches / sizeof *caches };

/* The same queries in several chunks, on several numbers of threads. */
static void check_chunks(unsigned mask, int cache, enum phase phase, int window)
{
    static const int chunks[] = {100, 1, 3, 16, 17};
    float *want = NULL;
    int dim = caches[cache].head_dim;
    for (int n_threads = 1; n_threads <= 3; n_threads++)
        for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            uint64_t seed = 3;
            struct sequence s;
            struct backend *b = open_cpu(mask, n_threads, false);
            sequence_new(&s, b, caches[cache].type, 137, 10, 2, dim, &seed);
            float *out = run(&s, b, phase, window, chunks[c]);
            if (want)
                assert_memory_equal(out, want, (size_t)(137 * 10 * dim) * sizeof *out);
            else
                want = out;
            if (out != want)
                free(out);
            sequence_free(&s, b);
            b->close(b);
        }
    free(want);
}

TEST(cpu_attention, a_query_gets_the_same_bits_in_any_chunk_and_on_any_number_of_threads)
{
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (int cache = 0; cache < N_CACHES; cache++)
            for (int i = 0; i < 4; i++)
                check_chunks(masks[m], cache, (enum phase)(i % 2), i / 2 * 20);
}

TEST(cpu_attention, a_sequence_gets_the_same_bits_in_any_company)
{
    enum { SEQUENCES = 4, HEADS = 10, KV_HEADS = 2, PAGES = 5 };
    static const int before[SEQUENCES] = {0, 70, 5, 16}, n_tok[SEQUENCES] = {1, 3, 40, 17};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks * N_CACHES * 4; m++) {
        struct backend *b = open_cpu(masks[m % n_masks], 2, false);
        int cache = m / n_masks % N_CACHES, dim = caches[cache].head_dim;
        int phase = m / n_masks / N_CACHES % 2, window = m / n_masks / N_CACHES / 2 * 20;
        uint64_t seed = 5;
        struct sequence s;
        struct kv_span old[SEQUENCES], new[SEQUENCES];
        sequence_new(&s, b, caches[cache].type, SEQUENCES * PAGES * BACKEND_PAGE_TOKENS, HEADS,
                     KV_HEADS, dim, &seed);
        for (int i = 0; i < SEQUENCES; i++) {
            old[i] = (struct kv_span){s.page_ids + (size_t)i * PAGES, 0, before[i]};
            new[i] = (struct kv_span){s.page_ids + (size_t)i * PAGES, before[i], n_tok[i]};
        }
        /* Keys before the new ones are theirs too, in another order. */
        b->kv_write(b, &s.kv, s.v, s.k, old + 1, SEQUENCES - 1);
        b->kv_write(b, &s.kv, s.k, s.v, new, SEQUENCES);
        size_t n = (size_t)(kv_span_tokens(new, SEQUENCES) * HEADS * dim), at = 0;
        float *together = malloc(n * sizeof *together), *alone = malloc(n * sizeof *alone);
        struct attention_args args = {.out = together,
                                      .q = s.q,
                                      .scales = s.scales,
                                      .kv = &s.kv,
                                      .spans = new,
                                      .n_spans = SEQUENCES,
                                      .phase = (enum phase)phase,
                                      .n_heads = HEADS,
                                      .window = window};
        b->attention(b, &args);
        args.n_spans = 1;
        for (int i = 0; i < SEQUENCES; i++, args.spans++) {
            args.out = alone + at * HEADS * (size_t)dim;
            args.q = s.q + at * HEADS * (size_t)dim;
            args.scales = s.scales + at;
            b->attention(b, &args);
            at += (size_t)n_tok[i];
        }
        assert_memory_equal(together, alone, n * sizeof *alone);
        free(together);
        free(alone);
        sequence_free(&s, b);
        b->close(b);
    }
}

/* The last n tokens of a sequence whose keys are there, chunk of them at a time. */
static void attend_last(const struct sequence *s, struct backend *b, enum phase phase, int window,
                        int n, int chunk, float *out)
{
    size_t n_q = (size_t)(s->n_heads * s->kv.head_dim);
    for (int t = 0; t < n; t += chunk) {
        struct kv_span span = {s->page_ids, s->n_tok - n + t, n - t < chunk ? n - t : chunk};
        b->attention(b, &(struct attention_args){
                            .out = out + (size_t)t * n_q,
                            .q = s->q + (size_t)span.pos0 * n_q,
                            .scales = s->scales + span.pos0,
                            .kv = &s->kv,
                            .spans = &span,
                            .n_spans = 1,
                            .phase = phase,
                            .n_heads = s->n_heads,
                            .window = window,
                        });
    }
}

/* One head of the last tokens of a long sequence, against the textbook and in other steps. */
static void check_long(struct backend *b, int n_tok, int window)
{
    enum { LAST = 3, HEADS = 2, DIM = 2 };
    uint64_t seed = 6;
    struct sequence s;
    float out[2][LAST * HEADS * DIM];
    double want[DIM];
    sequence_new(&s, b, DTYPE_F32, n_tok, HEADS, 1, DIM, &seed);
    struct kv_span span = {s.page_ids, 0, n_tok};
    b->kv_write(b, &s.kv, s.k, s.v, &span, 1);
    attend_last(&s, b, PHASE_GENERATE, window, LAST, LAST, out[0]);
    attend_last(&s, b, PHASE_GENERATE, window, LAST, 1, out[1]);
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    for (int i = 0; i < LAST * HEADS; i++) {
        int pos = n_tok - LAST + i / HEADS;
        attend_plainly(&s, i % HEADS, window ? pos - window + 1 : 0, pos, want);
        for (int k = 0; k < DIM; k++)
            assert_true(fabs((double)out[0][i * DIM + k] - want[k]) <= 2e-5);
    }
    sequence_free(&s, b);
}

TEST(cpu_attention, generated_tokens_put_parts_of_long_sequences_together)
{
    static const int n_toks[] = {513, 514, 1537, 32769, 70000}, windows[] = {0, 512, 700, 7};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 3, true);
        for (size_t i = 0; i < sizeof n_toks / sizeof *n_toks; i++)
            for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
                if (windows[w] < n_toks[i] - 3)
                    check_long(b, n_toks[i], windows[w]);
        b->close(b);
    }
}

/* Steps of many tokens and of few, in which a token has one part of its keys or several. */
TEST(cpu_attention, parts_of_keys_have_the_same_bits_on_any_number_of_threads)
{
    enum { N_TOK = 1030, LAST = 9, HEADS = 4, DIM = 32 };
    static const struct {
        int n_threads, chunk;
    } runs[] = {{1, LAST}, {2, LAST}, {3, LAST}, {2, 7}, {1, 1}, {2, 1}};
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0};
    static const int windows[] = {0, 600, 1024};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (int kind = 0; kind < 12; kind++) {
            float want[LAST * HEADS * DIM], out[LAST * HEADS * DIM];
            for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
                uint64_t seed = 7;
                struct sequence s;
                struct backend *b = open_cpu(masks[m], runs[i].n_threads, false);
                sequence_new(&s, b, types[kind / 2 % 2], N_TOK, HEADS, 2, DIM, &seed);
                struct kv_span span = {s.page_ids, 0, N_TOK};
                b->kv_write(b, &s.kv, s.k, s.v, &span, 1);
                attend_last(&s, b, (enum phase)(kind % 2), windows[kind / 4], LAST, runs[i].chunk,
                            i ? out : want);
                if (i > 0)
                    assert_memory_equal(out, want, sizeof want);
                sequence_free(&s, b);
                b->close(b);
            }
        }
}
