/* SPDX-License-Identifier: Apache-2.0 */
/* importance.h - how much each input of a matrix matters: the mean square of what it was
 * multiplied with while the model read a text.
 *
 * Files have the form of llama.cpp's imatrix: for a matrix NAME the sums of squares NAME.in_sum2
 * [n_parts][n_cols] and how many tokens they are from, NAME.counts [n_parts][1]. */
#ifndef MODEL_IMPORTANCE_H
#define MODEL_IMPORTANCE_H

#include "data/gguf.h"
#include "model/gguf_export.h"

/* A file. */
struct importance {
    struct gguf gguf;
};

/* Opens a file, and checks that it was made with the model of the export.
 * Owned: importance_close().
 * Errors: as gguf_open(); ERR_ARG for a file that is none or has a tensor which the model does not
 * have, or has in another shape, which is named. */
bool importance_open(struct importance *file, const char *path, const struct gguf_export *e,
                     struct err *err) CHECKED;
void importance_close(struct importance *file);

/* Computes the weights of a tensor, all 1 for an expert that no token met.
 * Owned: free() *weights: [n_parts][n_cols], NULL when the file has none for this tensor.
 * Errors: ERR_FORMAT for sums that are negative or not finite, ERR_LIMIT. */
bool importance_read(const struct importance *file, const struct export_tensor *t, float **weights,
                     struct err *err) CHECKED;

/* Sums that grow while a model runs. */
struct importance_sums {
    const struct gguf_export *e;
    struct importance_place *places; /* [n], sorted by address */
    size_t n;
    double *sums; /* of all matrices, one behind the other */
};

/* Prepares for the matrices of the export, whose checkpoint lies in host memory.
 * Owned: importance_sums_close().  Errors: ERR_LIMIT. */
bool importance_sums_open(struct importance_sums *s, const struct gguf_export *e,
                          struct err *err) CHECKED;
void importance_sums_close(struct importance_sums *s);

/* Is a backend_observe_fn; arg is the sums, x: [n_tok][w->n_cols].  What is no matrix of the export
 * is not counted. */
void importance_observe(void *arg, const struct tensor *w, const float *x, int n_tok);

/* What else stands in a file. */
struct importance_facts {
    const char *text; /* the file that was read */
    uint32_t n_chunks, chunk_tokens;
};

/* Writes a file through fn: every matrix that was used.
 * Errors: those of fn; ERR_FORMAT for sums that are not finite; ERR_ARG when none was used;
 * ERR_LIMIT. */
bool importance_write(const struct importance_sums *s, const struct importance_facts *facts,
                      export_write_fn *fn, void *arg, struct err *err) CHECKED;

#endif
