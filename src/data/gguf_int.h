/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_int.h - the parts of the GGUF reader: bytes, metadata, tensors.
 *
 * Errors of these functions name the item; gguf.c puts the file before them. */
#ifndef DATA_GGUF_INT_H
#define DATA_GGUF_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "data/gguf.h"

/* What is left of the file. */
struct gguf_reader {
    const uint8_t *p, *end;
};

/* Read a number of the header into *out and move on.  Errors: ERR_FORMAT. */
bool gguf_read_u32(struct gguf_reader *in, uint32_t *out, struct err *err) CHECKED;
bool gguf_read_u64(struct gguf_reader *in, uint64_t *out, struct err *err) CHECKED;

/* Reads a string of at most max bytes and moves on; *s is borrowed from the file.
 * Errors: ERR_FORMAT, ERR_LIMIT. */
bool gguf_read_string(struct gguf_reader *in, size_t max, const char **s, size_t *n,
                      struct err *err) CHECKED;

/* Reads a key or a tensor's name, which tensor_store_check_name() accepts.
 * Errors: ERR_FORMAT, ERR_LIMIT. */
bool gguf_read_name(struct gguf_reader *in, const char **s, size_t *n, struct err *err) CHECKED;

/* Reads n metadata entries into gguf->kvs, sorted by key; keys are copied to names.
 * Errors: ERR_FORMAT, ERR_LIMIT. */
bool gguf_read_kvs(struct gguf *gguf, struct gguf_reader *in, uint64_t n, struct arena *names,
                   struct err *err) CHECKED;

/* Adds the n tensors described at in, and the data behind them, to store.
 * start: where the file's [n] bytes begin; align: of its data.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED for a number format not read here, ERR_LIMIT. */
bool gguf_read_tensors(struct tensor_store *store, const char *file, struct gguf_reader *in,
                       uint64_t n, const uint8_t *start, uint32_t align, struct err *err) CHECKED;

/* A number format of tensors: its number in files, elements and bytes of a block. */
struct gguf_format {
    uint32_t id, block, bytes;
};

/* Finds a number format by name.  Returns false when it is none that is read here. */
bool gguf_format_find(const char *name, struct gguf_format *out);

#endif
