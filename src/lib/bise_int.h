/* SPDX-License-Identifier: Apache-2.0 */
/* bise_int.h - what the files behind bise.h share. */
#ifndef LIB_BISE_INT_H
#define LIB_BISE_INT_H

#include <bise.h>

#include "lib/runtime.h"

struct token_ids;

struct bise_model {
    struct runtime rt;
};

/* Hands err to the caller, who may not want it.  Returns its code.  Errors: err is only read. */
enum bise_code lib_report(const struct err *err, struct bise_error *error);

/* A forgotten argument is a failure like any other.  n is how much pointer must lead to.
 * Errors: ERR_ARG naming it. */
bool lib_given(const void *pointer, size_t n, const char *name, struct err *err) CHECKED;

/* Copies at most max ids of list to ids: [max].  Returns how many list has. */
int64_t lib_copy_ids(const struct token_ids *list, int32_t *ids, size_t max);

/* Starts an answer to ids: [n].  continues_text: what it begins with goes on in the prompt's text.
 * Owned: bise_answer_close().  Errors: ERR_ARG, and those of the generator. */
struct bise_answer *lib_answer_open(struct bise_model *model, const int32_t *ids, size_t n,
                                    const struct bise_answer_options *options, bool continues_text,
                                    struct err *err) CHECKED;

#endif
