/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_backend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/backends.h"
#include "cpu/tensors.h"

TEST(cpu_backend, says_what_it_is)
{
    static const char *const names[] = {"cpu c", "cpu avx2", "cpu avx512", "cpu amx"};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 0, m == 1);
        assert_string_equal(b->name, names[m]);
        assert_int_equal(b->exact, m == 1);
        b->close(b);
    }
}

TEST(cpu_backend, every_failed_allocation_is_reported)
{
    struct cpu_options options = {.n_threads = 2, .flags = cpu_detect()};
    struct backend *b = NULL;
    for (size_t n = 0; !b; n++) {
        struct err err = {0};
        mem_fail_after(n);
        b = cpu_backend_open(&options, &err);
        mem_fail_never();
        assert_int_equal(err.code, b ? ERR_NONE : ERR_LIMIT);
        assert_true(n < 100);
    }
    b->close(b);
}

TEST(cpu_backend, memory_is_zeroed_and_copies_both_ways)
{
    struct backend *b = open_cpu(cpu_detect(), 1, false);
    struct err err = {0};
    char *p = b->alloc(b, 10000, &err), text[6];
    for (int i = 0; i < 10000; i++)
        assert_int_equal(p[i], 0);
    b->write(b, p + 5, "hello", 6);
    b->read(b, text, p + 5, 6);
    assert_string_equal(text, "hello");
    b->read(b, NULL, NULL, 0);
    b->write(b, NULL, NULL, 0);
    assert_ptr_equal(b->adopt(b, text, 6, &err), text);
    b->release(b, p, 10000);
    mem_fail_after(0);
    assert_null(b->alloc(b, 100, &err));
    mem_fail_never();
    assert_int_equal(err.code, ERR_LIMIT);
    b->close(b);
}

TEST(cpu_backend, embeds_rows_of_every_format)
{
    const int32_t ids[] = {6, 0, 3, 3, 1};
    uint64_t seed = 1;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++)
        for (int type = 0; type < DTYPE_COUNT; type++) {
            struct backend *b = open_cpu(masks[m], 2, false);
            struct guarded data = guarded_weights((enum dtype)type, 7 * 512, &seed);
            struct guarded y = guarded_f32(5 * 512, &seed);
            struct tensor w = {
                .data = data.p, .dtype = (enum dtype)type, .n_rows = 7, .n_cols = 512};
            float all[7 * 512];
            block_decode((enum dtype)type, data.p, all, 7 * 512);
            b->embed(b, y.p, &w, ids, 5);
            for (int t = 0; t < 5; t++)
                for (int i = 0; i < 512; i++)
                    assert_true(((float *)y.p)[t * 512 + i] == all[ids[t] * 512 + i]);
            guarded_free(&data);
            guarded_free(&y);
            b->close(b);
        }
}

TEST(cpu_backend, embeds_rows_with_scales)
{
    const int32_t ids[] = {2, 10, 0};
    uint64_t seed = 11;
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    for (int kind = 0; kind < TURNED; kind++) {
        struct random_tensor w = random_tensor(DTYPE_E4M3, (enum tensor_kind)kind, 11, 230, &seed);
        struct guarded y = guarded_f32(3 * 230, &seed);
        float *all = plain_values(&w.t);
        b->embed(b, y.p, &w.t, ids, 3);
        for (int t = 0; t < 3; t++)
            assert_memory_equal((float *)y.p + t * 230, all + ids[t] * 230, 230 * sizeof(float));
        free(all);
        guarded_free(&y);
        random_tensor_free(&w);
    }
    b->close(b);
}

TEST(cpu_backend, embeds_rows_with_adapters)
{
    enum { VOCAB = 29, DIM = 67, RANK = 5, N = 4 };
    const int32_t ids[N] = {28, 3, 0, 3};
    uint64_t seed = 12;
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    for (int turned = 0; turned < 2; turned++) {
        struct random_tensor w = random_tensor(DTYPE_BF16, PLAIN, VOCAB, DIM, &seed);
        struct random_tensor a =
            random_tensor(DTYPE_F32, turned ? TURNED : PLAIN, RANK, VOCAB, &seed);
        struct random_tensor up = random_tensor(DTYPE_F16, SCALED, DIM, RANK, &seed);
        struct lora second = {.a = a.t, .b = up.t}, first = {.a = a.t, .b = up.t, .next = &second};
        float *rows = plain_values(&w.t), *columns = plain_values(&a.t);
        float *ups = plain_values(&up.t), y[N * DIM];
        w.t.lora = &first;
        b->embed(b, y, &w.t, ids, N);
        for (int t = 0; t < N; t++)
            for (int i = 0; i < DIM; i++) {
                double want = (double)rows[ids[t] * DIM + i];
                for (int r = 0; r < RANK; r++)
                    want += 2.0 * (double)ups[i * RANK + r] * (double)columns[r * VOCAB + ids[t]];
                assert_true(fabs((double)y[t * DIM + i] - want) <= 1e-5);
            }
        free(rows);
        free(columns);
        free(ups);
        random_tensor_free(&w);
        random_tensor_free(&a);
        random_tensor_free(&up);
    }
    b->close(b);
}

TEST(cpu_backend, normalises_rows)
{
    uint64_t seed = 2;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 3, false);
        for (int n = 1; n < 400; n += 37) {
            struct guarded x = guarded_f32(11 * (size_t)n, &seed);
            struct guarded y = guarded_f32(11 * (size_t)n, &seed);
            struct guarded gain = guarded_f32((size_t)n, &seed);
            b->rms_norm(b, y.p, x.p, gain.p, 11, n, n, 0.25f);
            for (int t = 0; t < 11; t++) {
                const float *row = (float *)x.p + t * n;
                double sum = 0.0;
                for (int i = 0; i < n; i++)
                    sum += (double)row[i] * (double)row[i];
                for (int i = 0; i < n; i++) {
                    double want = (double)row[i] / sqrt(sum / n + 0.25);
                    want *= (double)((float *)gain.p)[i];
                    assert_true(fabs((double)((float *)y.p)[t * n + i] - want) <= 1e-6);
                }
            }
            guarded_free(&x);
            guarded_free(&y);
            guarded_free(&gain);
        }
        b->close(b);
    }
}

/* Multiplication of complex numbers is the rotation. */
static void check_rotation(const float *x, const float *was, int step, double angle, float size)
{
    double c = cos(angle) * (double)size, s = sin(angle) * (double)size;
    double re = (double)was[0] * c - (double)was[step] * s;
    double im = (double)was[0] * s + (double)was[step] * c;
    assert_true(fabs((double)x[0] - re) <= 1e-6 && fabs((double)x[step] - im) <= 1e-6);
}

TEST(cpu_backend, rotates_pairs_of_both_layouts)
{
    enum { TOKENS = 9, HEADS = 3, DIM = 10 };
    const double freq[DIM / 2] = {1.0, 0.3, 0.1, 0.01, 1e-5};
    const int pos0 = 100000;
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    for (int split = 0; split < 2; split++) {
        float table[TOKENS * DIM], x[TOKENS * HEADS * DIM], was[TOKENS * HEADS * DIM];
        uint64_t seed = 3;
        for (int i = 0; i < TOKENS * HEADS * DIM; i++)
            x[i] = was[i] = test_random_f32(&seed);
        b->rope_table(b, table, freq, DIM / 2, pos0, TOKENS, 1.25f);
        b->rope(b, x, table, TOKENS, HEADS, DIM, DIM, split ? ROPE_HALF_SPLIT : ROPE_INTERLEAVED);
        for (int t = 0; t < TOKENS; t++)
            for (int h = 0; h < HEADS; h++)
                for (int i = 0; i < DIM / 2; i++) {
                    int at = (t * HEADS + h) * DIM + (split ? i : 2 * i);
                    check_rotation(x + at, was + at, split ? DIM / 2 : 1, (pos0 + t) * freq[i],
                                   1.25f);
                }
    }
    b->close(b);
}

TEST(cpu_backend, gates_and_adds_every_element)
{
    struct backend *b = open_cpu(cpu_detect(), 2, false);
    uint64_t seed = 4;
    static const size_t sizes[] = {1, 7, 4096, 4097, 50000};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t n = sizes[k];
        struct guarded x = guarded_f32(n, &seed), y = guarded_f32(n, &seed);
        float *was = malloc(n * sizeof *was), *a = x.p, *c = y.p;
        memcpy(was, a, n * sizeof *was);
        b->add(b, a, c, n);
        for (size_t i = 0; i < n; i++)
            assert_true(a[i] == was[i] + c[i]);
        memcpy(was, a, n * sizeof *was);
        b->silu_mul(b, a, c, n);
        for (size_t i = 0; i < n; i++) {
            double g = (double)was[i], want = g / (1.0 + exp(-g)) * (double)c[i];
            assert_true(fabs((double)a[i] - want) <= 1e-6);
        }
        free(was);
        guarded_free(&x);
        guarded_free(&y);
    }
    b->add(b, NULL, NULL, 0);
    b->close(b);
}
