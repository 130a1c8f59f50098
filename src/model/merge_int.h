/* SPDX-License-Identifier: Apache-2.0 */
/* merge_int.h - the folder that a merged model is written to; for adapter_merge.c. */
#ifndef MODEL_MERGE_INT_H
#define MODEL_MERGE_INT_H

#include <limits.h>
#include <stdint.h>

#include "base/err.h"

struct merge_folder {
    const char *model, *out;
    char tmp[PATH_MAX]; /* the folder beside out that becomes it, or "" */
};

/* Makes the folder beside out.  model and out must outlive it.
 * Owned: merge_folder_close(), which removes it unless it was committed.
 * Errors: ERR_ARG when out exists or lies in the model's folder, those of file_fail(). */
bool merge_folder_open(struct merge_folder *folder, const char *model, const char *out,
                       struct err *err) CHECKED;
void merge_folder_close(struct merge_folder *folder);

/* Checks that the disk has room for n_bytes of tensors.  Errors: ERR_IO. */
bool merge_folder_reserve(const struct merge_folder *folder, uint64_t n_bytes,
                          struct err *err) CHECKED;

/* What the configuration shall say otherwise than the model's. */
struct merge_config {
    const char *dtype; /* the number format that config.json names, or NULL: as it is */
    bool is_plain;     /* nothing of how matrices are quantised */
};

/* Copies what the model's folder holds beside weights.
 * Errors: those of file_map() and file_fail(). */
bool merge_folder_copy(const struct merge_folder *folder, const struct merge_config *wanted,
                       struct err *err) CHECKED;

/* Gives the folder its name.  Errors: those of file_fail(). */
bool merge_folder_commit(struct merge_folder *folder, struct err *err) CHECKED;

#endif
