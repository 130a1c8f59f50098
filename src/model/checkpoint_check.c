/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_check.c - reads every weight once, to find poison before it is served. */
#include <math.h>
#include <string.h>

#include "model/checkpoint_int.h"
#include "tensor/block.h"

#define STEP 1024 /* elements decoded at a time: whole blocks of every format */

/* Elements follow each other without gaps, so the end of a row needs no care. */
static bool are_within(const struct tensor_entry *e, enum dtype dtype, float min)
{
    float values[STEP];
    int64_t n = tensor_entry_count(e);
    for (int64_t i = 0; i < n; i += STEP) {
        int64_t m = n - i < STEP ? n - i : STEP;
        block_decode(dtype, e->data + dtype_bytes(dtype, i), values, m);
        for (int64_t j = 0; j < m; j++)
            if (!isfinite(values[j]) || values[j] < min)
                return false;
    }
    return true;
}

bool weights_finite(const struct tensor_entry *e, enum dtype dtype)
{
    return are_within(e, dtype, -INFINITY);
}

/* Says whether a tensor holds scales of blocks, which are too many to read when a model opens. */
static bool is_scale(const char *name)
{
    static const char end[] = ".weight_scale";
    size_t n = strlen(name), m = sizeof end - 1;
    return n > m && strcmp(name + n - m, end) == 0;
}

static bool check_numbers(const struct checkpoint *ckpt, struct err *err)
{
    for (size_t i = 0; i < ckpt->tensors->n; i++) {
        const struct tensor_entry *e = &ckpt->tensors->entries[i];
        enum dtype dtype;
        if (weights_use(ckpt, e->name) != TENSOR_DECODER || !dtype_from_name(e->type, &dtype))
            continue; /* packed nibbles are all numbers; the others have a format of ours */
        bool scale = is_scale(e->name);
        if (!are_within(e, dtype, scale ? 0.0f : -INFINITY))
            return err_set(
                err, ERR_FORMAT, "%s: %s: holds a %s; download the file again", e->file, e->name,
                scale ? "scale that is no number or negative" : "number that is not finite");
    }
    return true;
}

bool checkpoint_check_numbers(const struct checkpoint *ckpt, struct err *err)
{
    bool ok = check_numbers(ckpt, err);
    return checkpoint_check(ckpt, err) && ok;
}
