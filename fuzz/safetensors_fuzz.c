/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is accepted must lie inside the file. */
#include <string.h>

#include "data/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensor_store store = {0};
    struct err err = {0};
    bool ok = safetensors_parse(&store, "f", data, size, &err) && tensor_store_sort(&store, &err);
    for (size_t i = 0; ok && i < store.n; i++) {
        const struct tensor_entry *e = &store.entries[i];
        if (e->data < data || e->n_bytes > (size_t)(data + size - e->data))
            __builtin_trap();
        if (tensor_store_find(&store, e->name) != e)
            __builtin_trap();
    }
    tensor_store_free(&store);
    return 0;
}
