/* SPDX-License-Identifier: Apache-2.0 */
/* bundled.h - which model a command line means. */
#ifndef CLI_BUNDLED_H
#define CLI_BUNDLED_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the path of the model that comes with the program: in the folder $BISE_MODELS, else
 * beside the installed or the built program.
 * Errors: ERR_NOT_FOUND naming the places, ERR_LIMIT. */
bool bundled_find(struct buf *path, struct err *err) CHECKED;

/* Appends the path that model means, or the bundled model's when it is NULL: a file or folder
 * that is there, else a model of the store (ORG/NAME).  Adapters are found in the same way.
 * Errors: ERR_ARG for an empty one, those of hub_store_find(), else as bundled_find(). */
bool bundled_or(const char *model, struct buf *path, struct err *err) CHECKED;

/* Says whether an argument is meant as a model and not as a prompt: it exists, ends in
 * ".gguf", or has a slash and no space. */
bool bundled_looks_like_model(const char *arg);

#endif
