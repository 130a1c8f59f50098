/* SPDX-License-Identifier: Apache-2.0 */
/* input.h - standard input, read whole or as it is typed. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends all of stdin to buf, whose maximum is the limit.  Errors: ERR_IO, ERR_LIMIT. */
bool input_read(struct buf *buf, struct err *err) CHECKED;

/* Prompts for a line on a terminal and reads it as getline() does, with room for it in *line:
 * [*size].  Ctrl-C drops what was typed.  Returns its length without the newline, 0 also for a
 * dropped one, or -1 at the end.
 * Owned: *line, free(). */
ssize_t input_line(char **line, size_t *size);

/* Says whether a person types what is read. */
bool input_is_terminal(void);

#endif
