/* SPDX-License-Identifier: Apache-2.0 */
/* One file image: u64 header length, JSON header, data.  The header's tensors must
 * tile the data exactly; what is wrong with a file is mostly found that way. */
#include "data/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "data/json.h"
#include "data/little_endian.h"
#include "data/stand_in.h"

enum { PREFIX_BYTES = 8 };

#define MAX_WHOLE (INT64_C(1) << 53) /* JSON readers need not agree beyond this */

static const struct {
    const char *name;
    unsigned bits;
} types[] = {
    {"BOOL", 8},    {"U8", 8},   {"I8", 8},   {"F8_E4M3", 8}, {"F8_E5M2", 8},
    {"F8_E8M0", 8}, {"I16", 16}, {"U16", 16}, {"F16", 16},    {"BF16", 16},
    {"I32", 32},    {"U32", 32}, {"F32", 32}, {"I64", 64},    {"U64", 64},
    {"F64", 64},    {"C64", 64}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6},
};

/* Where a tensor lies in the data, to compare neighbours. */
struct span {
    uint64_t begin, end;
    const char *name;
};

struct image {
    struct tensor_store *store;
    const char *file; /* a copy in the store */
    const uint8_t *data;
    uint64_t n_data;
    struct span *spans; /* [n_spans] */
    size_t n_spans;
};

static bool read_type(const struct json *tensor, struct tensor_entry *entry, unsigned *bits,
                      struct err *err)
{
    struct json v;
    const char *s;
    size_t n;
    if (!json_need(tensor, "dtype", &v, err) || !json_read_string(&v, &s, &n, err))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, s) != 0)
            continue;
        entry->type = types[i].name;
        *bits = types[i].bits;
        return true;
    }
    return json_fail(&v, err, ERR_FORMAT, "unknown type \"%.16s\"", s);
}

/* Reads the shape, and from it the bytes that the data must have. */
static bool read_shape(const struct json *tensor, struct tensor_entry *entry, unsigned bits,
                       struct err *err)
{
    struct json v;
    if (!json_need(tensor, "shape", &v, err))
        return false;
    if (!json_is_array(&v) || json_count(&v) > LIMIT_DIMS)
        return json_fail(&v, err, ERR_FORMAT, "expected an array of at most %d sizes", LIMIT_DIMS);
    size_t n_bits = bits;
    bool ok = true;
    entry->n_dims = (int)json_count(&v);
    for (int i = 0; i < entry->n_dims; i++) {
        struct json item = json_item(&v, (size_t)i);
        if (!json_read_int(&item, 0, MAX_WHOLE, &entry->shape[i], err))
            return false;
        ok = ok && size_mul(n_bits, (size_t)entry->shape[i], &n_bits);
    }
    if (!ok || n_bits % 8)
        return json_fail(&v, err, ERR_FORMAT, "not a whole number of bytes in 64 bits");
    entry->n_bytes = n_bits / 8;
    return true;
}

static bool read_offsets(const struct json *tensor, const struct image *image, struct span *span,
                         struct err *err)
{
    struct json v;
    int64_t at[2];
    if (!json_need(tensor, "data_offsets", &v, err))
        return false;
    if (!json_is_array(&v) || json_count(&v) != 2)
        return json_fail(&v, err, ERR_FORMAT, "expected [begin, end]");
    for (size_t i = 0; i < 2; i++) {
        struct json item = json_item(&v, i);
        if (!json_read_int(&item, 0, MAX_WHOLE, &at[i], err))
            return false;
    }
    span->begin = (uint64_t)at[0];
    span->end = (uint64_t)at[1];
    if (span->begin > span->end)
        return json_fail(&v, err, ERR_FORMAT, "the end is before the beginning");
    if (span->end > image->n_data)
        return json_fail(&v, err, ERR_FORMAT, "%llu byte%s short; download it again",
                         (unsigned long long)(span->end - image->n_data),
                         plural(span->end - image->n_data));
    return true;
}

static bool add_tensor(struct image *image, const struct json *tensor, struct err *err)
{
    struct tensor_entry entry = {.name = tensor->key, .file = image->file};
    struct span span = {0};
    unsigned bits = 0;
    size_t n_name = strlen(entry.name);
    if (!tensor_store_check_name(entry.name, n_name, err))
        return err_add(err, "%s", image->file);
    if (!read_type(tensor, &entry, &bits, err) || !read_shape(tensor, &entry, bits, err) ||
        !read_offsets(tensor, image, &span, err))
        return false;
    if (span.end - span.begin != entry.n_bytes)
        return json_fail(tensor, err, ERR_FORMAT, "%zu byte%s by type and shape, %llu by offsets",
                         entry.n_bytes, plural(entry.n_bytes),
                         (unsigned long long)(span.end - span.begin));
    entry.data = image->data + span.begin;
    if (!tensor_store_add(image->store, &entry, n_name, err))
        return err_add(err, "%s", image->file);
    span.name = tensor->key;
    image->spans[image->n_spans++] = span;
    return true;
}

static bool check_metadata(const struct json *metadata, struct err *err)
{
    struct json member;
    const char *s;
    size_t n;
    if (!json_is_object(metadata))
        return json_fail(metadata, err, ERR_FORMAT, "expected an object");
    for (void *it = json_first(metadata, &member); it; it = json_next(metadata, it, &member))
        if (!json_read_string(&member, &s, &n, err))
            return false;
    return true;
}

static bool add_tensors(struct image *image, const struct json *header, struct err *err)
{
    struct json member;
    for (void *it = json_first(header, &member); it; it = json_next(header, it, &member)) {
        bool ok = strcmp(member.key, "__metadata__") == 0 ? check_metadata(&member, err)
                                                          : add_tensor(image, &member, err);
        if (!ok)
            return false;
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The tensors must cover the data without holes and overlaps. */
static bool check_tiling(const struct image *image, struct err *err)
{
    uint64_t at = 0;
    qsort(image->spans, image->n_spans, sizeof *image->spans, by_place);
    for (size_t i = 0; i < image->n_spans; i++) {
        const struct span *span = &image->spans[i];
        if (span->begin != at)
            return err_set(err, ERR_FORMAT, "%s: %s: begins at byte %llu of the data, not %llu",
                           image->file, span->name, (unsigned long long)span->begin,
                           (unsigned long long)at);
        at = span->end;
    }
    if (at != image->n_data)
        return err_set(err, ERR_FORMAT, "%s: %llu byte%s behind the last tensor", image->file,
                       (unsigned long long)(image->n_data - at), plural(image->n_data - at));
    return true;
}

static struct json_doc *parse_header(const char *file, const uint8_t *bytes, size_t n,
                                     size_t *n_header, struct err *err)
{
    if (!stand_in_check(file, bytes, n, err))
        return NULL;
    if (n < PREFIX_BYTES) {
        err_set(err, ERR_FORMAT, "%s: only %zu byte%s: the file is cut short", file, n, plural(n));
        return NULL;
    }
    uint64_t size = load_little_endian(bytes, PREFIX_BYTES);
    if (size > n - PREFIX_BYTES || size > LIMIT_HEADER_BYTES) {
        err_set(err, ERR_FORMAT, "%s: a header of %llu byte%s in a file of %zu", file,
                (unsigned long long)size, plural(size), n);
        return NULL;
    }
    if (size == 0 || bytes[PREFIX_BYTES] != '{') {
        err_set(err, ERR_FORMAT, "%s: not a safetensors file: the header does not begin with {",
                file);
        return NULL;
    }
    *n_header = (size_t)size;
    return json_parse(file, bytes + PREFIX_BYTES, (size_t)size, err);
}

bool safetensors_parse(struct tensor_store *store, const char *file, const uint8_t *bytes, size_t n,
                       struct err *err)
{
    size_t n_header = 0;
    struct json_doc *doc = parse_header(file, bytes, n, &n_header, err);
    if (!doc)
        return err_remedy(err, ERR_FORMAT, "download it again");
    struct json header = json_root(doc);
    struct image image = {
        .store = store,
        .file = arena_string(&store->names, file, strlen(file), err),
        .data = bytes + PREFIX_BYTES + n_header,
        .n_data = n - PREFIX_BYTES - n_header,
    };
    if (image.file)
        image.spans = mem_new(json_count(&header), sizeof *image.spans, err);
    bool ok = image.spans && add_tensors(&image, &header, err) && check_tiling(&image, err);
    free(image.spans);
    json_close(doc);
    return ok || err_remedy(err, ERR_FORMAT, "download it again");
}
