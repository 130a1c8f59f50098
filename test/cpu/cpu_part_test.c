/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cpu/backends.h"
#include "cpu/cpu_ops.h"
#include "cpu/operands.h"

enum { N_KEYS = 528, N_PAGES = N_KEYS / ATTEND_ROWS };

/* Pages of two KV heads, shuffled, of which the second head is used. */
struct cache {
    enum dtype dtype;
    int dim;
    uint8_t *data;
    size_t head_bytes, page_bytes;
    uint32_t page_ids[N_PAGES];
    float *q; /* [ATTEND_HEADS][dim] */
};

static uint8_t *row_of(const struct cache *c, int key, bool values)
{
    size_t row = dtype_bytes(c->dtype, c->dim);
    return c->data + c->page_ids[key / ATTEND_ROWS] * c->page_bytes +
           (values ? 3 : 1) * c->head_bytes + (size_t)(key % ATTEND_ROWS) * row;
}

static void cache_new(struct cache *c, enum dtype dtype, int dim, uint64_t *seed)
{
    size_t head_bytes = ATTEND_ROWS * dtype_bytes(dtype, dim);
    *c = (struct cache){
        .dtype = dtype, .dim = dim, .head_bytes = head_bytes, .page_bytes = 4 * head_bytes};
    for (uint32_t i = 0; i < N_PAGES; i++)
        c->page_ids[i] = (i * 5 + 3) % N_PAGES;
    c->data = malloc(N_PAGES * c->page_bytes);
    c->q = malloc(ATTEND_HEADS * (size_t)dim * sizeof *c->q);
    for (int i = 0; i < ATTEND_HEADS * dim; i++)
        c->q[i] = 2.0f * test_random_f32(seed);
}

static void cache_free(struct cache *c)
{
    free(c->data);
    free(c->q);
}

/* Writes keys begin..end-1; all others are NaN, which must not be looked at. */
static void fill(const struct cache *c, int begin, int end, uint64_t *seed)
{
    struct cpu_ops plain;
    float row[PART_DIM];
    cpu_ops_init(&plain, 0);
    memset(c->data, 0xff, N_PAGES * c->page_bytes);
    for (int key = begin; key < end; key++)
        for (int values = 0; values < 2; values++) {
            for (int i = 0; i < c->dim; i++)
                row[i] = 2.0f * test_random_f32(seed);
            plain.store(c->dtype, row_of(c, key, values), row, c->dim);
        }
}

/* The same keys page by page in plain C. */
static void attend_plainly(const struct cache *c, struct part_job *job)
{
    struct cpu_ops plain;
    float scales[ATTEND_HEADS];
    size_t dim = (size_t)c->dim;
    cpu_ops_init(&plain, 0);
    memset(job->out, 0, (size_t)job->n_heads * dim * sizeof *job->out);
    for (int h = 0; h < job->n_heads; h++) {
        job->max[h] = -INFINITY;
        job->sum[h] = 0.0f;
        scales[h] = job->scale;
    }
    for (int key = job->begin, n; key < job->end; key += n) {
        n = ATTEND_ROWS - key % ATTEND_ROWS;
        n = n < job->end - key ? n : job->end - key;
        plain.attend(&(struct attend_job){.q = job->q,
                                          .k = row_of(c, key, false),
                                          .v = row_of(c, key, true),
                                          .out = job->out,
                                          .max = job->max,
                                          .sum = job->sum,
                                          .scales = scales,
                                          .q_stride = dim,
                                          .k_stride = dim,
                                          .v_stride = dim,
                                          .out_stride = dim,
                                          .dtype = c->dtype,
                                          .n_heads = job->n_heads,
                                          .n_keys = n,
                                          .k_dim = c->dim,
                                          .v_dim = c->dim});
    }
}

/* What rounding costs: queries and weights have 16 bits on a matrix unit, and 14 or 15 of the
 * largest over 8-bit keys and values; float32 otherwise. */
static double tolerance_of(unsigned mask, enum dtype dtype)
{
    if (dtype == DTYPE_Q8_0)
        return 2.0 * 0x1p-12;
    return mask & CPU_AMX ? 2.0 * 0x1p-15 : 4e-6;
}

static void check_part(const struct cpu_ops *ops, const struct cache *c, int n_heads, int begin,
                       int end, double tolerance)
{
    float max[2][ATTEND_HEADS], sum[2][ATTEND_HEADS];
    static float out[2][ATTEND_HEADS * PART_DIM];
    struct part_job job = {.q = c->q,
                           .out = out[0],
                           .max = max[0],
                           .sum = sum[0],
                           .keys = c->data + c->head_bytes,
                           .page_bytes = c->page_bytes,
                           .values_at = 2 * c->head_bytes,
                           .page_ids = c->page_ids,
                           .dtype = c->dtype,
                           .scale = 1.0f / sqrtf((float)c->dim),
                           .begin = begin,
                           .end = end,
                           .n_heads = n_heads,
                           .dim = c->dim};
    attend_plainly(c, &job);
    job.out = out[1];
    job.max = max[1];
    job.sum = sum[1];
    ops->attend_part(&job);
    for (int h = 0; h < n_heads; h++) {
        /* Other parts are weighed by the largest score. */
        double apart = (double)max[1][h] - (double)max[0][h];
        if (!(fabs(apart) <= 4.0 * tolerance))
            fail_msg("%s, %d heads of %d, keys %d..%d: head %d: largest score off by %.9g",
                     dtype_info(c->dtype)->name, n_heads, c->dim, begin, end, h, apart);
        for (int i = 0; i < c->dim; i++) {
            double want = (double)(out[0][h * c->dim + i] / sum[0][h]);
            double got = (double)(out[1][h * c->dim + i] / sum[1][h]);
            if (!(fabs(got - want) <= tolerance))
                fail_msg("%s, %d heads of %d, keys %d..%d: head %d [%d]: got %.9g, want %.9g",
                         dtype_info(c->dtype)->name, n_heads, c->dim, begin, end, h, i, got, want);
        }
        double share = (double)sum[1][h] * exp(apart) / (double)sum[0][h];
        assert_true(fabs(share - 1.0) <= 4.0 * tolerance);
    }
}

TEST(cpu_part, keys_of_a_part_cost_their_rounding_only)
{
    static const int ranges[][2] = {{0, 1},   {3, 5},    {0, 16},   {15, 17},  {5, 131},
                                    {60, 70}, {64, 128}, {66, 121}, {17, 512}, {127, 300}};
    static const int dims[] = {32, 64, 96, 128, 160, 256};
    uint64_t seed = 9;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (size_t i = 0; i < 2 * sizeof dims / sizeof *dims; i++) {
        struct cache c;
        cache_new(&c, i % 2 ? DTYPE_Q8_0 : DTYPE_BF16, dims[i / 2], &seed);
        for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
            int begin = ranges[r][0], end = ranges[r][1];
            fill(&c, begin, end, &seed);
            for (int m = 0; m < n_masks; m++) {
                struct cpu_ops ops;
                cpu_ops_init(&ops, masks[m]);
                for (int n_heads = 1; ops.attend_part && n_heads <= ATTEND_HEADS;
                     n_heads += r == 4 ? 1 : 5)
                    check_part(&ops, &c, n_heads, begin, end, tolerance_of(masks[m], c.dtype));
            }
        }
        cache_free(&c);
    }
}

/* A head's sums are the same bits whatever heads lie beside it. */
TEST(cpu_part, a_head_gets_the_same_bits_in_any_company)
{
    enum { DIM = 64, BEGIN = 37, END = 213, HEADS = 7 };
    uint64_t seed = 10;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < 2 * n_masks; m++) {
        struct cpu_ops ops;
        struct cache c;
        float out[HEADS * DIM], alone[DIM], max[HEADS], sum[HEADS];
        cpu_ops_init(&ops, masks[m / 2]);
        if (!ops.attend_part)
            continue;
        cache_new(&c, m % 2 ? DTYPE_Q8_0 : DTYPE_BF16, DIM, &seed);
        fill(&c, BEGIN, END, &seed);
        struct part_job job = {.q = c.q,
                               .out = out,
                               .max = max,
                               .sum = sum,
                               .keys = c.data + c.head_bytes,
                               .page_bytes = c.page_bytes,
                               .values_at = 2 * c.head_bytes,
                               .page_ids = c.page_ids,
                               .dtype = c.dtype,
                               .scale = 0.2f,
                               .begin = BEGIN,
                               .end = END,
                               .n_heads = HEADS,
                               .dim = DIM};
        ops.attend_part(&job);
        float max_alone, sum_alone;
        job.out = alone;
        job.max = &max_alone;
        job.sum = &sum_alone;
        job.n_heads = 1;
        for (int h = 0; h < HEADS; h++, job.q += DIM) {
            ops.attend_part(&job);
            assert_memory_equal(alone, out + (size_t)h * DIM, sizeof alone);
            assert_true(max_alone == max[h] && sum_alone == sum[h]);
        }
        cache_free(&c);
    }
}
