/* SPDX-License-Identifier: Apache-2.0 */
/* adapters.h - random low-rank adapters of a matrix, and what they are worth. */
#ifndef TEST_CPU_ADAPTERS_H
#define TEST_CPU_ADAPTERS_H

#include "cpu/tensors.h"

/* Two adapters of a matrix, the first of them scaled. */
struct adapters {
    struct random_tensor a[2], b[2];
    struct lora lora[2];
};

static inline void adapters_new(struct adapters *l, struct tensor *w, const int ranks[2],
                                uint64_t *seed)
{
    static const enum dtype types[2] = {DTYPE_BF16, DTYPE_F32};
    for (int i = 0; i < 2; i++) {
        l->a[i] = random_tensor(types[i], PLAIN, ranks[i], w->n_cols, seed);
        l->b[i] = random_tensor(types[i], i ? PLAIN : SCALED, w->n_rows, ranks[i], seed);
        l->lora[i] = (struct lora){.a = l->a[i].t, .b = l->b[i].t, .next = i ? NULL : &l->lora[1]};
    }
    w->lora = l->lora;
}

static inline void adapters_free(struct adapters *l)
{
    for (int i = 0; i < 2; i++) {
        random_tensor_free(&l->a[i]);
        random_tensor_free(&l->b[i]);
    }
}

/* What the adapters of a matrix add to it: [n_rows][n_cols].  Owned: free(). */
static inline double *plain_change(const struct tensor *t)
{
    size_t rows = (size_t)t->n_rows, cols = (size_t)t->n_cols;
    double *change = calloc(rows * cols, sizeof *change);
    for (const struct lora *lora = t->lora; lora; lora = lora->next) {
        size_t rank = (size_t)lora->a.n_rows;
        float *a = plain_values(&lora->a), *b = plain_values(&lora->b);
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 0; k < rank; k++)
                for (size_t c = 0; c < cols; c++)
                    change[r * cols + c] += (double)b[r * rank + k] * (double)a[k * cols + c];
        free(a);
        free(b);
    }
    return change;
}

#endif
