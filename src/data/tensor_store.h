/* SPDX-License-Identifier: Apache-2.0 */
/* tensor_store.h - the tensors of a checkpoint by name, in whatever files they lie.
 *
 * A container parser (safetensors.h, gguf.h) checks a tensor completely before it
 * adds it: the whole of data[0..n_bytes) is inside a mapped file and n_bytes fits
 * type and shape.  A name occurs once.  Data may start at any address.
 * All zero is an empty store. */
#ifndef DATA_TENSOR_STORE_H
#define DATA_TENSOR_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"

struct tensor_entry {
    const char *name;          /* NUL-terminated UTF-8, no control characters */
    const char *type;          /* static: "F32", "BF16", "F8_E4M3", "Q4_K", ... */
    const char *file;          /* the file's path as it was given, for messages */
    int n_dims;                /* 0 for a scalar */
    int64_t shape[LIMIT_DIMS]; /* outermost first, each >= 0 */
    const uint8_t *data;       /* [n_bytes], borrowed from the mapping */
    size_t n_bytes;
};

struct tensor_store {
    struct tensor_entry *entries; /* [n]; sorted by name after tensor_store_sort() */
    size_t n, n_places;
    struct file_map *files; /* [n_files] mapped by this store */
    const char **paths;     /* [n_files] as they were opened */
    size_t n_files;
    struct arena names;
};

/* Maps a file and keeps the mapping until the store is freed.  *map stays valid
 * although more files are added.
 * Errors: as file_map(), ERR_LIMIT past LIMIT_SHARDS. */
bool tensor_store_map(struct tensor_store *store, const char *path, struct file_map *map,
                      struct err *err) CHECKED;

/* Says whether all that was read from the mapped files so far was theirs, see file_map_check().
 * Errors: ERR_IO naming file and offset, in place of whatever err holds. */
bool tensor_store_check(const struct tensor_store *store, struct err *err) CHECKED;

/* Finds in which of the mapped files data lies, and where in it: *file_id counts files and
 * paths.  Returns false when data lies in none of them. */
bool tensor_store_locate(const struct tensor_store *store, const void *data, size_t *file_id,
                         uint64_t *offset) CHECKED;

/* Checks a name [n] from a file before it is added or stands in a message.
 * Errors: ERR_FORMAT unless it is 1 to LIMIT_NAME_BYTES bytes of printable UTF-8. */
bool tensor_store_check_name(const char *name, size_t n, struct err *err) CHECKED;

/* Adds a copy of entry; its name is copied, its type, file and data are not.
 * Errors: ERR_LIMIT past LIMIT_TENSORS or without memory. */
bool tensor_store_add(struct tensor_store *store, const struct tensor_entry *entry, size_t n_name,
                      struct err *err) CHECKED;

/* Sorts by name.  Errors: ERR_FORMAT when a name occurs twice. */
bool tensor_store_sort(struct tensor_store *store, struct err *err) CHECKED;

/* Returns the tensor of that name in a sorted store, or NULL.
 * Borrowed: until tensor_store_free(). */
const struct tensor_entry *tensor_store_find(const struct tensor_store *store, const char *name);

/* Writes the shape as "128 x 64" to text: [size], for messages. */
void tensor_entry_shape(const struct tensor_entry *entry, char *text, size_t size);

/* Returns the product of the shape, 1 for a scalar. */
int64_t tensor_entry_count(const struct tensor_entry *entry);

/* Unmaps the files and empties the store. */
void tensor_store_free(struct tensor_store *store);

#endif
