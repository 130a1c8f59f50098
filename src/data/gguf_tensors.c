/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tensors.  Each offset must equal the padded sum of the sizes before it,
 * so tensors cannot overlap.  Bytes behind the last tensor are let be, as llama.cpp does:
 * writers differ in whether they pad the end. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "data/gguf_int.h"

enum { MAX_DIMS = 4 };

/* Numbers of the file format.  Without a block size: known by name, but not read here. */
static const struct type {
    const char *name;
    uint16_t block, bytes;
} types[] = {
    [0] = {"F32", 1, 4},         [1] = {"F16", 1, 2},         [2] = {"Q4_0", 32, 18},
    [3] = {"Q4_1", 32, 20},      [4] = {"Q4_2", 0, 0},        [5] = {"Q4_3", 0, 0},
    [6] = {"Q5_0", 32, 22},      [7] = {"Q5_1", 32, 24},      [8] = {"Q8_0", 32, 34},
    [9] = {"Q8_1", 0, 0},        [10] = {"Q2_K", 0, 0},       [11] = {"Q3_K", 0, 0},
    [12] = {"Q4_K", 256, 144},   [13] = {"Q5_K", 256, 176},   [14] = {"Q6_K", 256, 210},
    [15] = {"Q8_K", 0, 0},       [16] = {"IQ2_XXS", 0, 0},    [17] = {"IQ2_XS", 0, 0},
    [18] = {"IQ3_XXS", 0, 0},    [19] = {"IQ1_S", 0, 0},      [20] = {"IQ4_NL", 32, 18},
    [21] = {"IQ3_S", 0, 0},      [22] = {"IQ2_S", 0, 0},      [23] = {"IQ4_XS", 256, 136},
    [24] = {"I8", 0, 0},         [25] = {"I16", 0, 0},        [26] = {"I32", 0, 0},
    [27] = {"I64", 0, 0},        [28] = {"F64", 0, 0},        [29] = {"IQ1_M", 0, 0},
    [30] = {"BF16", 1, 2},       [31] = {"Q4_0_4_4", 0, 0},   [32] = {"Q4_0_4_8", 0, 0},
    [33] = {"Q4_0_8_8", 0, 0},   [34] = {"TQ1_0", 0, 0},      [35] = {"TQ2_0", 0, 0},
    [36] = {"IQ4_NL_4_4", 0, 0}, [37] = {"IQ4_NL_4_8", 0, 0}, [38] = {"IQ4_NL_8_8", 0, 0},
    [39] = {"MXFP4", 32, 17},    [40] = {"NVFP4", 64, 36},
};

bool gguf_format_find(const char *name, struct gguf_format *out)
{
    for (uint32_t id = 0; id < sizeof types / sizeof *types; id++) {
        if (!types[id].block || strcmp(types[id].name, name) != 0)
            continue;
        *out = (struct gguf_format){id, types[id].block, types[id].bytes};
        return true;
    }
    return false;
}

static bool read_type(struct gguf_reader *in, const struct type **out, struct err *err)
{
    uint32_t id = 0;
    if (!gguf_read_u32(in, &id, err))
        return false;
    if (id >= sizeof types / sizeof *types)
        return err_set(err, ERR_FORMAT, "unknown number format %u", id);
    if (!types[id].block)
        return err_set(err, ERR_UNSUPPORTED, "number format %s is not supported; use Q4_K or Q8_0",
                       types[id].name);
    *out = &types[id];
    return true;
}

/* Reads the shape, outermost last in the file, and stores the number of elements. */
static bool read_shape(struct gguf_reader *in, struct tensor_entry *entry, int64_t *n_elements,
                       struct err *err)
{
    uint32_t n_dims = 0;
    if (!gguf_read_u32(in, &n_dims, err))
        return false;
    if (n_dims < 1 || n_dims > MAX_DIMS)
        return err_set(err, ERR_FORMAT, "%u dimensions, expected 1 to %d", n_dims, MAX_DIMS);
    entry->n_dims = (int)n_dims;
    *n_elements = 1;
    for (int i = entry->n_dims - 1; i >= 0; i--) {
        uint64_t size = 0;
        if (!gguf_read_u64(in, &size, err))
            return false;
        if (size == 0 || size > INT64_MAX ||
            __builtin_mul_overflow(*n_elements, (int64_t)size, n_elements))
            return err_set(err, ERR_FORMAT, "a dimension of %llu", (unsigned long long)size);
        entry->shape[i] = (int64_t)size;
    }
    return true;
}

static bool set_bytes(struct tensor_entry *entry, const struct type *type, int64_t n_elements,
                      struct err *err)
{
    if (entry->shape[entry->n_dims - 1] % type->block)
        return err_set(err, ERR_FORMAT, "rows of %lld element%s are not whole blocks of %u",
                       (long long)entry->shape[entry->n_dims - 1],
                       plural((uint64_t)entry->shape[entry->n_dims - 1]), type->block);
    entry->type = type->name;
    if (!size_mul((size_t)(n_elements / type->block), type->bytes, &entry->n_bytes))
        return err_set(err, ERR_FORMAT, "more bytes than 64 bits can count");
    return true;
}

/* Reads one entry of the table.  *at is the offset that it must have, and then the next's. */
static bool read_tensor(struct gguf_reader *in, struct tensor_entry *entry, uint32_t align,
                        uint64_t *at, struct err *err)
{
    const struct type *type = types;
    int64_t n_elements = 0;
    uint64_t offset = 0;
    size_t end = 0;
    if (!read_shape(in, entry, &n_elements, err) || !read_type(in, &type, err) ||
        !gguf_read_u64(in, &offset, err) || !set_bytes(entry, type, n_elements, err))
        return false;
    if (offset != *at)
        return err_set(err, ERR_FORMAT, "at offset %llu, expected %llu", (unsigned long long)offset,
                       (unsigned long long)*at);
    if (!size_add((size_t)offset, entry->n_bytes, &end) || !size_add(end, align - 1, &end))
        return err_set(err, ERR_FORMAT, "more bytes than 64 bits can count");
    *at = end & ~(uint64_t)(align - 1);
    return true;
}

static bool add_tensor(struct tensor_store *store, const char *file, struct gguf_reader *in,
                       uint32_t align, uint64_t *at, struct err *err)
{
    struct tensor_entry entry = {.file = file};
    size_t n_name = 0;
    if (!gguf_read_name(in, &entry.name, &n_name, err))
        return err_add(err, "tensor %zu", store->n);
    if (!read_tensor(in, &entry, align, at, err))
        return err_add(err, "%.*s", (int)n_name, entry.name);
    return tensor_store_add(store, &entry, n_name, err);
}

/* Gives the tensors that were added last their data, which begins at data. */
static bool place_data(struct tensor_store *store, size_t first, const uint8_t *data, size_t n_data,
                       uint32_t align, struct err *err)
{
    size_t at = 0;
    for (size_t i = first; i < store->n; i++) {
        struct tensor_entry *entry = &store->entries[i];
        if (at > n_data || entry->n_bytes > n_data - at)
            return err_set(err, ERR_FORMAT, "%s: %zu byte%s short", entry->name,
                           at + entry->n_bytes - n_data, plural(at + entry->n_bytes - n_data));
        entry->data = data + at;
        at = (at + entry->n_bytes + align - 1) & ~(size_t)(align - 1);
    }
    return true;
}

bool gguf_read_tensors(struct tensor_store *store, const char *file, struct gguf_reader *in,
                       uint64_t n, const uint8_t *start, uint32_t align, struct err *err)
{
    size_t first = store->n;
    uint64_t at = 0;
    for (uint64_t i = 0; i < n; i++)
        if (!add_tensor(store, file, in, align, &at, err))
            return false;
    size_t padding = (align - (size_t)(in->p - start) % align) % align;
    size_t left = (size_t)(in->end - in->p);
    if (padding > left)
        padding = left;
    return place_data(store, first, in->p + padding, left - padding, align, err);
}
