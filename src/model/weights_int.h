/* SPDX-License-Identifier: Apache-2.0 */
/* weights_int.h - what the sources that bind tensors share. */
#ifndef MODEL_WEIGHTS_INT_H
#define MODEL_WEIGHTS_INT_H

#include "model/checkpoint_int.h"

struct binder {
    struct checkpoint *ckpt;
    const char *file;        /* for messages about what is in no file */
    const char *prefix;      /* of the model, "model." */
    const char *head_prefix; /* of the output matrix */
    bool *bound;             /* [ckpt->tensors->n] */
    struct err *err;
};

/* A name without ".weight" and without what else tells the parts of a matrix apart. */
struct stem {
    char text[LIMIT_NAME_BYTES + 1];
};

/* Equal matrices below each other in one tensor, with the tensors that scale them.  The caller
 * says what it expects: n_outer * n_inner matrices of n_rows x n_cols, in a tensor of
 * [n_outer][n_inner * n_rows][n_cols], or without the first dimension when n_outer is 1. */
struct stack {
    int64_t n_outer, n_inner, n_rows, n_cols;

    const struct tensor_entry *entry;
    enum dtype dtype;
    const struct tensor_entry *scale; /* [1], [n_outer] or [n_outer][1][1]; or NULL */
    bool is_divisor;                  /* what scale holds */
    const struct tensor_entry *input; /* the same for what the matrix is multiplied with */
    struct tensor_scales blocks;      /* of the first matrix */
    int64_t n_block_rows;             /* rows of blocks from one matrix to the next */
};

/* Says whether a file has that matrix. */
bool weights_has(const struct binder *b, const char *stem);

/* Finds a tensor and what scales it, checks them, and counts bytes and parameters.  All of *s
 * but the sizes is filled.
 * Errors: ERR_FORMAT for a tensor that is missing or has another shape, or a scale that is not
 * a positive number; ERR_UNSUPPORTED for its format. */
bool weights_find(const struct binder *b, const char *stem, struct stack *s,
                  struct err *err) CHECKED;

/* Returns matrix i of a stack. */
struct tensor weights_at(const struct binder *b, const struct stack *s, int64_t i);

/* Both for a tensor of one matrix, of out's n_rows x n_cols.  Errors: as weights_find(). */
bool weights_take(const struct binder *b, const char *stem, struct tensor *out,
                  struct err *err) CHECKED;

/* Binds router and experts of a layer into w; prefix is that of the layer's tensors.
 * Errors: as weights_find(). */
bool weights_bind_experts(const struct binder *b, const char *prefix, struct layer_weights *w,
                          struct err *err) CHECKED;

#endif
