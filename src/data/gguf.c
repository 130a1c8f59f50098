/* SPDX-License-Identifier: Apache-2.0 */
#include "data/gguf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "data/gguf_int.h"
#include "data/little_endian.h"
#include "data/stand_in.h"

enum { HEADER_BYTES = 24, DEFAULT_ALIGN = 32, MIN_ALIGN = 8, SUFFIX_BYTES = 32 };

/* The least that an entry can take: counts are compared with it before anything is allocated. */
enum { MIN_KV_BYTES = 8 + 1 + 4 + 1, MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8 };

static bool read_number(struct gguf_reader *in, size_t size, uint64_t *out, struct err *err)
{
    if ((size_t)(in->end - in->p) < size)
        return err_set(err, ERR_FORMAT, "the file is cut short");
    *out = load_little_endian(in->p, size);
    in->p += size;
    return true;
}

bool gguf_read_u32(struct gguf_reader *in, uint32_t *out, struct err *err)
{
    uint64_t value = 0;
    if (!read_number(in, 4, &value, err))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool gguf_read_u64(struct gguf_reader *in, uint64_t *out, struct err *err)
{
    return read_number(in, 8, out, err);
}

bool gguf_read_string(struct gguf_reader *in, size_t max, const char **s, size_t *n,
                      struct err *err)
{
    uint64_t len = 0;
    if (!gguf_read_u64(in, &len, err))
        return false;
    if (len > (size_t)(in->end - in->p))
        return err_set(err, ERR_FORMAT, "a string of %llu byte%s: the file is cut short",
                       (unsigned long long)len, plural(len));
    if (len > max)
        return err_set(err, ERR_LIMIT, "a string of %llu bytes, the limit is %zu",
                       (unsigned long long)len, max);
    *s = (const char *)in->p;
    *n = (size_t)len;
    in->p += len;
    return true;
}

bool gguf_read_name(struct gguf_reader *in, const char **s, size_t *n, struct err *err)
{
    return gguf_read_string(in, SIZE_MAX, s, n, err) && tensor_store_check_name(*s, *n, err);
}

static bool read_counts(struct gguf_reader *in, uint64_t *n_tensors, uint64_t *n_kvs,
                        struct err *err)
{
    size_t left = (size_t)(in->end - in->p);
    if (left < 4 || memcmp(in->p, "GGUF", 4) != 0)
        return err_set(err, ERR_FORMAT, "not a GGUF file");
    if (left < HEADER_BYTES)
        return err_set(err, ERR_FORMAT, "the file is cut short");
    uint32_t version = (uint32_t)load_little_endian(in->p + 4, 4);
    if (version == 0x02000000 || version == 0x03000000)
        return err_set(err, ERR_FORMAT, "big-endian; convert it again for this machine");
    if (version != 2 && version != 3)
        return err_set(err, ERR_FORMAT, "GGUF version %u, expected 2 or 3", version);
    *n_tensors = load_little_endian(in->p + 8, 8);
    *n_kvs = load_little_endian(in->p + 16, 8);
    in->p += HEADER_BYTES;
    left -= HEADER_BYTES;
    if (*n_tensors > left / MIN_TENSOR_BYTES || *n_kvs > left / MIN_KV_BYTES)
        return err_set(err, ERR_FORMAT, "%llu tensor%s and %llu key%s do not fit in %zu byte%s",
                       (unsigned long long)*n_tensors, plural(*n_tensors),
                       (unsigned long long)*n_kvs, plural(*n_kvs), left, plural(left));
    if (*n_tensors > LIMIT_TENSORS || *n_kvs > LIMIT_GGUF_KV)
        return err_set(err, ERR_LIMIT, "%llu tensor%s and %llu key%s, the limits are %u and %u",
                       (unsigned long long)*n_tensors, plural(*n_tensors),
                       (unsigned long long)*n_kvs, plural(*n_kvs), LIMIT_TENSORS, LIMIT_GGUF_KV);
    return true;
}

static bool read_align(const struct gguf *gguf, uint32_t *align, struct err *err)
{
    *align = DEFAULT_ALIGN;
    if (!gguf_opt_u32(gguf, "general.alignment", 0, UINT32_MAX, align, err))
        return false;
    if (*align < MIN_ALIGN || *align > LIMIT_GGUF_ALIGN || (*align & (*align - 1)))
        return err_set(err, ERR_FORMAT,
                       "%s: general.alignment: %u, expected a power of two from %d to %u",
                       gguf->file, *align, MIN_ALIGN, LIMIT_GGUF_ALIGN);
    return true;
}

/* Reads one file: its metadata into gguf->kvs, its tensors into store. */
static bool read_image(struct gguf *gguf, struct tensor_store *store, const uint8_t *bytes,
                       size_t n, struct err *err)
{
    if (!n)
        return err_set(err, ERR_FORMAT, "%s: the file is empty", gguf->file);
    if (!stand_in_check(gguf->file, bytes, n, err))
        return false;
    struct gguf_reader in = {bytes, bytes + n};
    uint64_t n_tensors = 0, n_kvs = 0;
    uint32_t align = 0;
    if (!read_counts(&in, &n_tensors, &n_kvs, err) ||
        !gguf_read_kvs(gguf, &in, n_kvs, &store->names, err))
        return err_add(err, "%s", gguf->file);
    if (!read_align(gguf, &align, err))
        return false;
    if (!gguf_read_tensors(store, gguf->file, &in, n_tensors, bytes, align, err))
        return err_add(err, "%s", gguf->file);
    return true;
}

static bool set_file(struct gguf *gguf, struct tensor_store *store, const char *path,
                     struct err *err)
{
    gguf->file = arena_string(&store->names, path, strlen(path), err);
    return gguf->file != NULL;
}

/* Writes the end of a part's name, "-00002-of-00005.gguf", to out: [SUFFIX_BYTES].
 * Parts are counted from 1 here. */
static void part_suffix(char *out, uint32_t part, uint32_t n_parts)
{
    snprintf(out, SUFFIX_BYTES, "-%05u-of-%05u.gguf", part, n_parts);
}

/* Stores in *part the place of a file in its split model from 0, and *n_parts; 0 of 1 if whole. */
static bool read_split(const struct gguf *gguf, uint32_t *part, uint32_t *n_parts, struct err *err)
{
    *part = 0;
    *n_parts = 1;
    return gguf_opt_u32(gguf, "split.count", 0, LIMIT_SHARDS, n_parts, err) &&
           (*n_parts <= 1 || gguf_u32(gguf, "split.no", 0, *n_parts - 1, part, err));
}

/* Adds the tensors of part i (from 0) whose path is given. */
static bool add_part(struct gguf *gguf, const char *path, uint32_t i, uint32_t n_parts,
                     struct err *err)
{
    struct gguf other = {0};
    struct file_map map;
    uint32_t part = 0, count = 0;
    bool ok = set_file(&other, &gguf->tensors, path, err) &&
              tensor_store_map(&gguf->tensors, path, &map, err) &&
              read_image(&other, &gguf->tensors, map.data, map.size, err) &&
              read_split(&other, &part, &count, err);
    if (ok && (part != i || count != n_parts))
        ok = err_set(err, ERR_FORMAT, "%s: says it is part %u of %u", other.file, part + 1, count);
    free(other.kvs);
    return ok;
}

static bool add_parts(struct gguf *gguf, const char *path, uint32_t n_parts, struct err *err)
{
    char next[PATH_MAX + SUFFIX_BYTES], suffix[SUFFIX_BYTES];
    size_t n = strlen(path);
    part_suffix(suffix, 1, n_parts);
    size_t n_suffix = strlen(suffix);
    if (n < n_suffix || n >= PATH_MAX || strcmp(path + n - n_suffix, suffix) != 0)
        return err_set(err, ERR_FORMAT, "%s: the first of %u files; its name must end with %s",
                       gguf->file, n_parts, suffix);
    memcpy(next, path, n + 1);
    for (uint32_t i = 1; i < n_parts; i++) {
        part_suffix(next + n - n_suffix, i + 1, n_parts);
        if (!add_part(gguf, next, i, n_parts, err))
            return false;
    }
    uint32_t n_tensors = 0;
    if (!gguf_u32(gguf, "split.tensors.count", 0, LIMIT_TENSORS, &n_tensors, err))
        return false;
    if (n_tensors != gguf->tensors.n)
        return err_set(err, ERR_FORMAT, "%s: %u tensor%s announced, %zu found in %u files",
                       gguf->file, n_tensors, plural(n_tensors), gguf->tensors.n, n_parts);
    return true;
}

static bool open_parts(struct gguf *gguf, const char *path, struct err *err)
{
    struct file_map map;
    uint32_t part = 0, n_parts = 0;
    char suffix[SUFFIX_BYTES];
    if (!set_file(gguf, &gguf->tensors, path, err) ||
        !tensor_store_map(&gguf->tensors, path, &map, err) ||
        !read_image(gguf, &gguf->tensors, map.data, map.size, err) ||
        !read_split(gguf, &part, &n_parts, err))
        return false;
    if (part > 0) {
        part_suffix(suffix, 1, n_parts);
        return err_set(err, ERR_FORMAT, "%s: part %u of %u; open the first, NAME%s", gguf->file,
                       part + 1, n_parts, suffix);
    }
    return (n_parts <= 1 || add_parts(gguf, path, n_parts, err)) &&
           tensor_store_sort(&gguf->tensors, err);
}

bool gguf_open(struct gguf *gguf, const char *path, struct err *err)
{
    *gguf = (struct gguf){0};
    bool ok = open_parts(gguf, path, err);
    if (tensor_store_check(&gguf->tensors, err) && ok)
        return true;
    gguf_close(gguf);
    return err_remedy(err, ERR_FORMAT, "download it again");
}

bool gguf_parse(struct gguf *gguf, const char *file, const uint8_t *bytes, size_t n,
                struct err *err)
{
    uint32_t part = 0, n_parts = 0;
    *gguf = (struct gguf){0};
    bool ok = set_file(gguf, &gguf->tensors, file, err) &&
              read_image(gguf, &gguf->tensors, bytes, n, err) &&
              read_split(gguf, &part, &n_parts, err) && tensor_store_sort(&gguf->tensors, err);
    if (ok && n_parts > 1)
        ok = err_set(err, ERR_FORMAT, "%s: part %u of %u, not a whole model", gguf->file, part + 1,
                     n_parts);
    if (ok)
        return true;
    gguf_close(gguf);
    return err_remedy(err, ERR_FORMAT, "download it again");
}

void gguf_close(struct gguf *gguf)
{
    free(gguf->kvs);
    tensor_store_free(&gguf->tensors);
    *gguf = (struct gguf){0};
}
