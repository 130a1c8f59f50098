/* SPDX-License-Identifier: Apache-2.0 */
/* out_check.h - that a file to be written replaces nothing by mistake.
 *
 * A link, or another spelling of the path, may hide that two names are one file.  "-" and what is
 * no regular file pass: nothing is replaced there. */
#ifndef CLI_OUT_CHECK_H
#define CLI_OUT_CHECK_H

#include "base/err.h"

struct adapter;
struct checkpoint;

/* Refuses the weights, the configuration and the tokenizer of the model.
 * Errors: ERR_ARG, ERR_LIMIT. */
bool out_check_model(const char *out, const struct checkpoint *ckpt, struct err *err) CHECKED;

/* Refuses the files of the adapters, which may be NULL.  Errors: ERR_ARG, ERR_LIMIT. */
bool out_check_adapters(const char *out, const struct adapter *adapters, struct err *err) CHECKED;

/* Refuses the file in, which is read meanwhile; NULL passes.  Errors: ERR_ARG. */
bool out_check_input(const char *out, const char *in, struct err *err) CHECKED;

/* Refuses a file that is there, unless forced.  Errors: ERR_ARG. */
bool out_check_new(const char *out, bool force, struct err *err) CHECKED;

#endif
