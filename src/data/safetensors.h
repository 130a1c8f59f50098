/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.h - reads safetensors files: one, or shards with an index.
 *
 * Every check of the format's reference reader and more: see the table of
 * malformed files in test/data.  Nothing is allocated from an unchecked length. */
#ifndef DATA_SAFETENSORS_H
#define DATA_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/tensor_store.h"

/* Adds the tensors of one file image, which outlives store.  file is for messages and
 * is copied.  After a failure store holds a part of them.
 * bytes: [n].  Errors: ERR_FORMAT, ERR_LIMIT. */
bool safetensors_parse(struct tensor_store *store, const char *file, const uint8_t *bytes, size_t n,
                       struct err *err) CHECKED;

/* Opens DIR/STEM.safetensors.index.json with the shards that it names, or else
 * DIR/STEM.safetensors, and sorts the store.  Refused are a shard outside DIR
 * (absolute, "..", or a link that leads out), a tensor that its shard does not hold,
 * that two shards hold, or that the index does not list.  If DIR is
 * MODEL/snapshots/REVISION, a link may lead to MODEL/blobs, where the download cache of the
 * model hub keeps its files.
 * Errors: ERR_NOT_FOUND, ERR_FORMAT, ERR_LIMIT, ERR_IO. */
bool safetensors_open(struct tensor_store *store, const char *dir, const char *stem,
                      struct err *err) CHECKED;

#endif
