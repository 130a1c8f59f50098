/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors_write.h - writes a checkpoint's safetensors files, tensor by tensor.
 *
 * All names and shapes are known before, so the header comes first and no tensor is ever held
 * whole.  More bytes than a shard may have go to several files with an index, named as published
 * models name them. */
#ifndef DATA_SAFETENSORS_WRITE_H
#define DATA_SAFETENSORS_WRITE_H

#include <stddef.h>

#include "base/err.h"
#include "data/tensor_store.h"

struct safetensors_sink;

/* Writes the n_bytes of tensor i with safetensors_put().  Errors: any. */
typedef bool safetensors_fill(void *arg, size_t i, struct safetensors_sink *sink, struct err *err);

struct safetensors_job {
    const char *dir, *stem;             /* files DIR/STEM.safetensors, or DIR/STEM-00001-of-... */
    const struct tensor_entry *entries; /* [n] name, type, shape and n_bytes of each */
    size_t n;
    size_t shard_bytes; /* of tensors in one file; a larger one has a file of its own */
    safetensors_fill *fill;
    void *arg;
};

/* Writes all files; fill is called for each tensor in turn.  After a failure the folder holds a
 * part of them.  Errors: ERR_IO and others of file_fail(), ERR_LIMIT, those of fill. */
bool safetensors_write(const struct safetensors_job *job, struct err *err) CHECKED;

/* Appends n bytes to the tensor under way.  Errors: as file_write(). */
bool safetensors_put(struct safetensors_sink *sink, const void *bytes, size_t n,
                     struct err *err) CHECKED;

#endif
