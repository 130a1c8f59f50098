/* SPDX-License-Identifier: Apache-2.0 */
/* gguf.h - reads GGUF version 3 (and 2) files: metadata and tensors, split files too.
 *
 * The whole header is checked when a file is opened: every value, that keys and tensors
 * occur once, and that tensors follow each other inside the file.  Metadata values stay where they
 * are in the mapped file; arrays are read item by item.  Dimensions are turned round: GGUF lists
 * them innermost first, we list them outermost first.  All zero is an empty object. */
#ifndef DATA_GGUF_H
#define DATA_GGUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/tensor_store.h"

enum gguf_type { /* numbers of the file format */
                 GGUF_U8,
                 GGUF_I8,
                 GGUF_U16,
                 GGUF_I16,
                 GGUF_U32,
                 GGUF_I32,
                 GGUF_F32,
                 GGUF_BOOL,
                 GGUF_STRING,
                 GGUF_ARRAY,
                 GGUF_U64,
                 GGUF_I64,
                 GGUF_F64,
};

struct gguf_kv {
    const char *key;     /* NUL-terminated */
    enum gguf_type type; /* of the value; for an array GGUF_ARRAY */
    enum gguf_type item; /* of an array's items, else type */
    uint64_t n_items;    /* of an array, else 1 */
    const uint8_t *data; /* first item, unaligned, inside the file */
    const uint8_t *end;  /* behind the last item */
};

struct gguf {
    const char *file;    /* its path as it was given, for messages */
    struct gguf_kv *kvs; /* [n_kvs], sorted by key; of the first file of a split */
    size_t n_kvs;
    struct tensor_store tensors;
};

/* Opens path, which is a whole model or the first file of a split one
 * (NAME-00001-of-0000N.gguf), with all its parts.
 * Owned: gguf_close().
 * Errors: ERR_NOT_FOUND, ERR_FORMAT, ERR_UNSUPPORTED for a number format that is not read
 * here, ERR_LIMIT, ERR_IO. */
bool gguf_open(struct gguf *gguf, const char *path, struct err *err) CHECKED;

/* The same from one file image that outlives gguf.  bytes: [n].
 * Owned: gguf_close().  Errors: ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT. */
bool gguf_parse(struct gguf *gguf, const char *file, const uint8_t *bytes, size_t n,
                struct err *err) CHECKED;
void gguf_close(struct gguf *gguf);

/* Returns the metadata entry of that key, or NULL.  Borrowed: until gguf_close(). */
const struct gguf_kv *gguf_find(const struct gguf *gguf, const char *key);

/* Read a key that must be there; whole numbers may be stored in any integer type.
 * A string is not NUL-terminated and borrowed from the file: *s is [*n] bytes.
 * Errors: ERR_FORMAT "FILE: key: missing", "expected ...". */
bool gguf_u32(const struct gguf *gguf, const char *key, uint32_t min, uint32_t max, uint32_t *out,
              struct err *err) CHECKED;
bool gguf_f64(const struct gguf *gguf, const char *key, double min, double max, double *out,
              struct err *err) CHECKED;
bool gguf_string(const struct gguf *gguf, const char *key, const char **s, size_t *n,
                 struct err *err) CHECKED;

/* Read a key if it is there; else *out keeps its value.  NaN is never accepted.
 * Errors: ERR_FORMAT when it is there but not what it should be. */
bool gguf_opt_u32(const struct gguf *gguf, const char *key, uint32_t min, uint32_t max,
                  uint32_t *out, struct err *err) CHECKED;
bool gguf_opt_f64(const struct gguf *gguf, const char *key, double min, double max, double *out,
                  struct err *err) CHECKED;
bool gguf_opt_bool(const struct gguf *gguf, const char *key, bool *out, struct err *err) CHECKED;

/* Finds an array whose items have that type.
 * Borrowed: until gguf_close().  Errors: ERR_FORMAT when missing or different. */
const struct gguf_kv *gguf_array(const struct gguf *gguf, const char *key, enum gguf_type item,
                                 struct err *err) CHECKED;

/* Walks the items of an array in order, starting with at = kv->data.
 * A string item is *s [*n] bytes; at moves behind the item. */
void gguf_next_string(const uint8_t **at, const char **s, size_t *n);
int32_t gguf_next_i32(const uint8_t **at); /* items of GGUF_I32 or GGUF_U32 */
float gguf_next_f32(const uint8_t **at);

#endif
