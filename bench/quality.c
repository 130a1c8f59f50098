/* SPDX-License-Identifier: Apache-2.0 */
/* quality.c - how far a quantised model is from the one that it was made of.
 * usage: bench_quality A.gguf B.gguf [A.f32 B.f32 N_VOCAB]
 * Prints the mean squared error of the matrices of B, and, for logits that 'bise logits' wrote of
 * both for the same tokens, the mean Kullback-Leibler divergence over the positions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "data/gguf.h"
#include "tensor/block.h"

#define STEP 256

static bool find_type(const char *name, enum dtype *type)
{
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(dtype_info((enum dtype)i)->name, name) == 0) {
            *type = (enum dtype)i;
            return true;
        }
    return false;
}

static bool add_error(const struct tensor_entry *a, const struct tensor_entry *b, double *sum,
                      double *n)
{
    enum dtype x, y;
    int64_t count = 1;
    float v[STEP], w[STEP];
    if (!b || !find_type(a->type, &x) || !find_type(b->type, &y) || a->n_dims != b->n_dims)
        return false;
    for (int i = 0; i < a->n_dims; i++)
        count *= a->shape[i];
    for (int64_t i = 0; i < count; i += STEP) {
        int64_t m = count - i < STEP ? count - i : STEP;
        block_decode(x, a->data + dtype_bytes(x, i), v, m);
        block_decode(y, b->data + dtype_bytes(y, i), w, m);
        for (int64_t k = 0; k < m; k++)
            *sum += ((double)v[k] - (double)w[k]) * ((double)v[k] - (double)w[k]);
    }
    *n += (double)count;
    return true;
}

static double log_sum(const float *v, int n)
{
    double largest = (double)v[0], sum = 0.0;
    for (int i = 1; i < n; i++)
        largest = fmax(largest, (double)v[i]);
    for (int i = 0; i < n; i++)
        sum += exp((double)v[i] - largest);
    return largest + log(sum);
}

static double divergence(const float *a, const float *b, int n)
{
    double log_a = log_sum(a, n), log_b = log_sum(b, n), sum = 0.0;
    for (int i = 0; i < n; i++) {
        double p = (double)a[i] - log_a;
        sum += exp(p) * (p - ((double)b[i] - log_b));
    }
    return sum;
}

static bool print_divergence(char **argv, struct err *err)
{
    struct buf a, b;
    int n_vocab = atoi(argv[2]);
    double sum = 0.0;
    buf_init(&a, SIZE_MAX / 2);
    buf_init(&b, SIZE_MAX / 2);
    bool ok = file_read(&a, argv[0], err) && file_read(&b, argv[1], err);
    size_t row = n_vocab > 0 ? (size_t)n_vocab * sizeof(float) : 1;
    if (ok && (n_vocab < 1 || a.len != b.len || !a.len || a.len % row))
        ok = err_set(err, ERR_ARG, "%s, %s: not the same whole rows", argv[0], argv[1]);
    for (size_t i = 0; ok && i < a.len; i += row)
        sum += divergence((const float *)(const void *)(a.data + i),
                          (const float *)(const void *)(b.data + i), n_vocab);
    if (ok)
        printf(" kl %.6f", sum / (double)(a.len / row));
    buf_free(&a);
    buf_free(&b);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct gguf a = {0}, b = {0};
    double sum = 0.0, n = 0.0;
    if (argc != 3 && argc != 6) {
        fprintf(stderr, "usage: bench_quality A.gguf B.gguf [A.f32 B.f32 N_VOCAB]\n");
        return 2;
    }
    bool ok = gguf_open(&a, argv[1], &err) && gguf_open(&b, argv[2], &err);
    for (size_t i = 0; ok && i < a.tensors.n; i++) {
        const struct tensor_entry *e = &a.tensors.entries[i];
        if (e->n_dims > 1 && !add_error(e, tensor_store_find(&b.tensors, e->name), &sum, &n))
            ok = err_set(&err, ERR_ARG, "%s: not in both files", e->name);
    }
    if (ok)
        printf("mse %.3e", sum / n);
    ok = ok && (argc == 3 || print_divergence(argv + 3, &err));
    puts("");
    gguf_close(&a);
    gguf_close(&b);
    if (!ok)
        fprintf(stderr, "%s\n", err.text);
    return !ok;
}
