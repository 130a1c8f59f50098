/* SPDX-License-Identifier: Apache-2.0 */
/* input.h - standard input, read whole. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buf.h"
#include "base/err.h"

/* Appends all of stdin to buf, whose maximum is the limit.  Errors: ERR_IO, ERR_LIMIT. */
bool input_read(struct buf *buf, struct err *err) CHECKED;

/* The same for a prompt: the newline that ends its last line is no part of it.
 * Errors: ERR_IO, ERR_LIMIT. */
bool input_prompt(struct buf *buf, struct err *err) CHECKED;

/* Says whether a person types what is read. */
bool input_is_terminal(void);

#endif
