/* SPDX-License-Identifier: Apache-2.0 */
/* poison.h - one number of a tensor in a file, overwritten. */
#ifndef TEST_MODEL_POISON_H
#define TEST_MODEL_POISON_H

#include <stdlib.h>
#include <string.h>

#include "model/checkpoint.h"
#include "test.h"

/* Writes value: [n] bytes over element i of a tensor in the file of the model at path.  The
 * tensor is found in memory, its place in the file by the distance to the mapping's start. */
static inline void poison(const char *model, const char *file, const char *name, int64_t i,
                          const void *value, size_t n)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(model, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    const struct tensor_entry *e = tensor_store_find(ckpt->tensors, name);
    assert_non_null(e);
    size_t size, at = (size_t)(e->data - ckpt->tensors->files[0].data) + (size_t)i * n;
    assert_in_range(at, 0, ckpt->tensors->files[0].size - n);
    checkpoint_close(ckpt);
    char *bytes = test_read(file, &size);
    memcpy(bytes + at, value, n);
    test_write(file, bytes, size);
    free(bytes);
}

#endif
