/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata.  Every value is checked when the file is opened, so that reading an array
 * item by item later cannot fail. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/gguf_int.h"
#include "data/little_endian.h"

enum { N_TYPES = GGUF_F64 + 1 };

static const struct {
    const char *name;
    size_t size; /* 0: not fixed */
} types[N_TYPES] = {
    [GGUF_U8] = {"u8", 1},       [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},     [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},     [GGUF_BOOL] = {"bool", 1}, [GGUF_STRING] = {"string", 0},
    [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

static bool read_type(struct gguf_reader *in, enum gguf_type *out, struct err *err)
{
    uint32_t type = 0;
    if (!gguf_read_u32(in, &type, err))
        return false;
    if (type >= N_TYPES)
        return err_set(err, ERR_FORMAT, "unknown value type %u", type);
    *out = (enum gguf_type)type;
    return true;
}

/* Moves behind n items of fixed size. */
static bool skip_fixed(struct gguf_reader *in, enum gguf_type type, uint64_t n, struct err *err)
{
    size_t size = types[type].size;
    if (n > (size_t)(in->end - in->p) / size)
        return err_set(err, ERR_FORMAT, "%llu x %s: the file is cut short", (unsigned long long)n,
                       types[type].name);
    for (uint64_t i = 0; type == GGUF_BOOL && i < n; i++)
        if (in->p[i] > 1)
            return err_set(err, ERR_FORMAT, "a bool is %u, expected 0 or 1", in->p[i]);
    in->p += n * size;
    return true;
}

/* Checks n items of one type and moves behind them. */
static bool skip_items(struct gguf_reader *in, enum gguf_type type, uint64_t n, struct err *err)
{
    if (type != GGUF_STRING)
        return skip_fixed(in, type, n, err);
    for (uint64_t i = 0; i < n; i++) {
        const char *s;
        size_t len;
        if (!gguf_read_string(in, LIMIT_GGUF_STRING, &s, &len, err))
            return false;
    }
    return true;
}

static bool read_value(struct gguf_reader *in, struct gguf_kv *kv, struct err *err)
{
    if (!read_type(in, &kv->type, err))
        return false;
    kv->item = kv->type;
    kv->n_items = 1;
    if (kv->type == GGUF_ARRAY) {
        if (!read_type(in, &kv->item, err) || !gguf_read_u64(in, &kv->n_items, err))
            return false;
        if (kv->item == GGUF_ARRAY)
            return err_set(err, ERR_FORMAT, "an array of arrays");
        if (kv->n_items > LIMIT_GGUF_ARRAY)
            return err_set(err, ERR_LIMIT, "an array of %llu items, the limit is %u",
                           (unsigned long long)kv->n_items, LIMIT_GGUF_ARRAY);
    }
    kv->data = in->p;
    if (!skip_items(in, kv->item, kv->n_items, err))
        return false;
    kv->end = in->p;
    return true;
}

static bool read_kv(struct gguf_reader *in, struct gguf_kv *kv, size_t i, struct arena *names,
                    struct err *err)
{
    const char *key = NULL;
    size_t n = 0;
    if (!gguf_read_name(in, &key, &n, err))
        return err_add(err, "key %zu of the metadata", i);
    kv->key = arena_string(names, key, n, err);
    if (!kv->key)
        return false;
    return read_value(in, kv, err) || err_add(err, "%s", kv->key);
}

static int by_key(const void *a, const void *b)
{
    const struct gguf_kv *x = a, *y = b;
    return strcmp(x->key, y->key);
}

bool gguf_read_kvs(struct gguf *gguf, struct gguf_reader *in, uint64_t n, struct arena *names,
                   struct err *err)
{
    gguf->kvs = mem_new((size_t)n, sizeof *gguf->kvs, err);
    if (!gguf->kvs)
        return false;
    for (size_t i = 0; i < n; i++, gguf->n_kvs++)
        if (!read_kv(in, &gguf->kvs[i], i, names, err))
            return false;
    qsort(gguf->kvs, gguf->n_kvs, sizeof *gguf->kvs, by_key);
    for (size_t i = 1; i < gguf->n_kvs; i++)
        if (strcmp(gguf->kvs[i - 1].key, gguf->kvs[i].key) == 0)
            return err_set(err, ERR_FORMAT, "%s: occurs twice", gguf->kvs[i].key);
    return true;
}

const struct gguf_kv *gguf_find(const struct gguf *gguf, const char *key)
{
    struct gguf_kv want = {.key = key};
    if (!gguf->n_kvs)
        return NULL;
    return bsearch(&want, gguf->kvs, gguf->n_kvs, sizeof *gguf->kvs, by_key);
}

static const struct gguf_kv *need(const struct gguf *gguf, const char *key, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(gguf, key);
    if (!kv)
        err_set(err, ERR_FORMAT, "%s: %s: missing", gguf->file, key);
    return kv;
}

/* Stores a whole number of any type.  Returns false when it is none, or too large for i64. */
static bool whole(const struct gguf_kv *kv, int64_t *out)
{
    if (kv->type == GGUF_ARRAY)
        return false;
    size_t size = types[kv->type].size;
    uint64_t bits = load_little_endian(kv->data, size);
    switch (kv->type) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64:
        *out = (int64_t)bits;
        return bits <= INT64_MAX;
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64:
        /* The sign bit moves to the top and back, copying itself. */
        *out = (int64_t)(bits << (64 - 8 * size)) >> (64 - 8 * size);
        return true;
    default:
        return false;
    }
}

static bool read_u32(const struct gguf *gguf, const struct gguf_kv *kv, uint32_t min, uint32_t max,
                     uint32_t *out, struct err *err)
{
    int64_t value = 0;
    if (!whole(kv, &value) || value < min || value > max)
        return err_set(err, ERR_FORMAT, "%s: %s: expected a whole number from %u to %u", gguf->file,
                       kv->key, min, max);
    *out = (uint32_t)value;
    return true;
}

static double number(const struct gguf_kv *kv)
{
    int64_t i;
    double d = (double)NAN;
    if (whole(kv, &i)) {
        d = (double)i;
    } else if (kv->type == GGUF_F32) {
        const uint8_t *at = kv->data;
        d = (double)gguf_next_f32(&at);
    } else if (kv->type == GGUF_F64) {
        uint64_t bits = load_little_endian(kv->data, 8);
        memcpy(&d, &bits, sizeof d);
    }
    return d;
}

static bool read_f64(const struct gguf *gguf, const struct gguf_kv *kv, double min, double max,
                     double *out, struct err *err)
{
    double value = number(kv);
    if (value >= min && value <= max) {
        *out = value;
        return true;
    }
    if (min <= -DBL_MAX && max >= DBL_MAX)
        return err_set(err, ERR_FORMAT, "%s: %s: expected a number", gguf->file, kv->key);
    if (max >= DBL_MAX)
        return err_set(err, ERR_FORMAT, "%s: %s: expected a number of at least %g", gguf->file,
                       kv->key, min);
    return err_set(err, ERR_FORMAT, "%s: %s: expected a number from %g to %g", gguf->file, kv->key,
                   min, max);
}

bool gguf_u32(const struct gguf *gguf, const char *key, uint32_t min, uint32_t max, uint32_t *out,
              struct err *err)
{
    const struct gguf_kv *kv = need(gguf, key, err);
    return kv && read_u32(gguf, kv, min, max, out, err);
}

bool gguf_f64(const struct gguf *gguf, const char *key, double min, double max, double *out,
              struct err *err)
{
    const struct gguf_kv *kv = need(gguf, key, err);
    return kv && read_f64(gguf, kv, min, max, out, err);
}

bool gguf_string(const struct gguf *gguf, const char *key, const char **s, size_t *n,
                 struct err *err)
{
    const struct gguf_kv *kv = need(gguf, key, err);
    if (!kv)
        return false;
    if (kv->type != GGUF_STRING)
        return err_set(err, ERR_FORMAT, "%s: %s: expected a string", gguf->file, key);
    const uint8_t *at = kv->data;
    gguf_next_string(&at, s, n);
    return true;
}

bool gguf_opt_u32(const struct gguf *gguf, const char *key, uint32_t min, uint32_t max,
                  uint32_t *out, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(gguf, key);
    return !kv || read_u32(gguf, kv, min, max, out, err);
}

bool gguf_opt_f64(const struct gguf *gguf, const char *key, double min, double max, double *out,
                  struct err *err)
{
    const struct gguf_kv *kv = gguf_find(gguf, key);
    return !kv || read_f64(gguf, kv, min, max, out, err);
}

bool gguf_opt_bool(const struct gguf *gguf, const char *key, bool *out, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(gguf, key);
    if (kv && kv->type != GGUF_BOOL)
        return err_set(err, ERR_FORMAT, "%s: %s: expected true or false", gguf->file, key);
    if (kv)
        *out = kv->data[0];
    return true;
}

const struct gguf_kv *gguf_array(const struct gguf *gguf, const char *key, enum gguf_type item,
                                 struct err *err)
{
    const struct gguf_kv *kv = need(gguf, key, err);
    if (!kv || (kv->type == GGUF_ARRAY && kv->item == item))
        return kv;
    err_set(err, ERR_FORMAT, "%s: %s: expected an array of %s", gguf->file, key, types[item].name);
    return NULL;
}

void gguf_next_string(const uint8_t **at, const char **s, size_t *n)
{
    *n = (size_t)load_little_endian(*at, 8);
    *s = (const char *)*at + 8;
    *at += 8 + *n;
}

int32_t gguf_next_i32(const uint8_t **at)
{
    int32_t value = (int32_t)load_little_endian(*at, 4);
    *at += 4;
    return value;
}

float gguf_next_f32(const uint8_t **at)
{
    uint32_t bits = (uint32_t)load_little_endian(*at, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    *at += 4;
    return value;
}
