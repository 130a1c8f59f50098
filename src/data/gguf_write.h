/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_write.h - builds the head of a GGUF version 3 file: metadata and the table of tensors.
 *
 *     struct gguf_head head;
 *     gguf_head_init(&head);
 *     if (!gguf_put_string(&head, "general.architecture", SPAN("llama"), err) || ...
 *         !gguf_put_tensor(&head, &tensor, err) || ...
 *         !gguf_head_finish(&head, &bytes, err)) ...
 *     gguf_head_free(&head);
 *
 * Behind the finished head come the tensors' data in the order of the table, each followed by
 * gguf_padding() bytes of zero.  Who writes them is the caller's business. */
#ifndef DATA_GGUF_WRITE_H
#define DATA_GGUF_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "data/gguf.h"
#include "data/tensor_store.h"

#define GGUF_WRITE_ALIGN 32 /* general.alignment */

struct gguf_head {
    struct buf kvs, tensors; /* as they stand in the file */
    uint64_t n_kvs, n_tensors;
    uint64_t n_data;    /* bytes of all tensors with their padding */
    uint64_t n_pending; /* items that the last array lacks */
};

/* Makes an empty head.  Allocates nothing. */
void gguf_head_init(struct gguf_head *head);
void gguf_head_free(struct gguf_head *head);

/* Append an entry; the caller sees to it that no key occurs twice.  Errors: ERR_LIMIT. */
bool gguf_put_u32(struct gguf_head *head, const char *key, uint32_t value, struct err *err) CHECKED;
bool gguf_put_f32(struct gguf_head *head, const char *key, float value, struct err *err) CHECKED;
bool gguf_put_bool(struct gguf_head *head, const char *key, bool value, struct err *err) CHECKED;
bool gguf_put_string(struct gguf_head *head, const char *key, struct span value,
                     struct err *err) CHECKED;

/* Appends a copy of another file's entry, of any type.  Errors: ERR_LIMIT. */
bool gguf_put_kv(struct gguf_head *head, const struct gguf_kv *kv, struct err *err) CHECKED;

/* Begins an array of n items, which follow one by one before anything else.
 * Errors: ERR_LIMIT. */
bool gguf_put_array(struct gguf_head *head, const char *key, enum gguf_type item, uint64_t n,
                    struct err *err) CHECKED;
bool gguf_add_string(struct gguf_head *head, struct span value, struct err *err) CHECKED;
bool gguf_add_i32(struct gguf_head *head, int32_t value, struct err *err) CHECKED;
bool gguf_add_bool(struct gguf_head *head, bool value, struct err *err) CHECKED;
bool gguf_add_f32(struct gguf_head *head, float value, struct err *err) CHECKED;

/* Appends a row of the table: name, type, n_dims (1 to 4) and shape of entry count, and n_bytes
 * is stored there.  Errors: ERR_LIMIT. */
bool gguf_put_tensor(struct gguf_head *head, struct tensor_entry *entry, struct err *err) CHECKED;

/* Appends everything up to the first byte of data to out.  Errors: ERR_LIMIT. */
bool gguf_head_finish(const struct gguf_head *head, struct buf *out, struct err *err) CHECKED;

/* Returns how many zeros stand behind n bytes, less than GGUF_WRITE_ALIGN. */
size_t gguf_padding(uint64_t n);

#endif
