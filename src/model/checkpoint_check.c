/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_check.c - reads every weight once, to find poison before it is served. */
#include <math.h>

#include "model/checkpoint_int.h"
#include "tensor/block.h"

#define STEP 1024 /* elements decoded at a time: whole blocks of every format */

/* Elements follow each other without gaps, so the end of a row needs no care. */
bool weights_finite(const struct tensor_entry *e, enum dtype dtype, int64_t n)
{
    float values[STEP];
    for (int64_t i = 0; i < n; i += STEP) {
        int64_t m = n - i < STEP ? n - i : STEP;
        block_decode(dtype, e->data + dtype_bytes(dtype, i), values, m);
        for (int64_t j = 0; j < m; j++)
            if (!isfinite(values[j]))
                return false;
    }
    return true;
}

bool checkpoint_check_numbers(const struct checkpoint *ckpt, struct err *err)
{
    for (size_t i = 0; i < ckpt->tensors->n; i++) {
        const struct tensor_entry *e = &ckpt->tensors->entries[i];
        enum dtype dtype;
        if (weights_use(ckpt, e->name) != TENSOR_DECODER || !dtype_from_name(e->type, &dtype))
            continue; /* every other tensor has its place, and a format that was checked */
        int64_t n = 1;
        for (int d = 0; d < e->n_dims; d++)
            n *= e->shape[d];
        if (!weights_finite(e, dtype, n))
            return err_set(err, ERR_FORMAT,
                           "%s: %s: holds a number that is not finite; download the file again",
                           e->file, e->name);
    }
    return true;
}
