/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.h - the parts wired together: checkpoint, tokenizer, backend, model.
 *
 * The one place that names a backend; the command line and the library both
 * start here. */
#ifndef LIB_RUNTIME_H
#define LIB_RUNTIME_H

#include "base/err.h"

struct backend;
struct checkpoint;
struct model;
struct tokenizer;

struct runtime_options {
    const char *cpu; /* "auto" (NULL), "c", "avx2", "avx512" */
    int n_threads;   /* 0: all processors that the process may use */
    bool exact;
};

struct runtime {
    struct checkpoint *ckpt;
    struct tokenizer *tok; /* NULL when the checkpoint has none */
    struct backend *backend;
    struct model *model;
    double load_s; /* seconds that runtime_open() took */
};

/* Opens a model directory or .gguf file.  A checkpoint without a tokenizer opens;
 * one with a broken tokenizer does not.
 * Owned: runtime_close().  Errors: those of the parts. */
bool runtime_open(struct runtime *rt, const char *path, const struct runtime_options *options,
                  struct err *err) CHECKED;
void runtime_close(struct runtime *rt);

#endif
