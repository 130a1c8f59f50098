/* SPDX-License-Identifier: Apache-2.0 */
/* input.h - standard input, read whole or as it is typed. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends all of stdin to buf, whose maximum is the limit.  Errors: ERR_IO, ERR_LIMIT. */
bool input_read(struct buf *buf, struct err *err) CHECKED;

/* The same for a prompt: the newline that ends its last line is no part of it.
 * Errors: ERR_IO, ERR_LIMIT. */
bool input_prompt(struct buf *buf, struct err *err) CHECKED;

enum { INPUT_END = -1, INPUT_DROPPED = -2 };

/* Asks for a line on a terminal and reads it as getline() does, with room for it in *line:
 * [*size].  Returns its length without the newline, INPUT_DROPPED after Ctrl-C or INPUT_END.
 * Owned: *line, free(). */
ssize_t input_line(const char *question, char **line, size_t *size);

/* Asks for a message and reads it into text: one line, or several where a line ends in a backslash
 * or where they stand between """ and """, which *is_quoted says.  Returns its length,
 * INPUT_DROPPED or INPUT_END.  Errors: ERR_LIMIT, with INPUT_DROPPED. */
ssize_t input_message(const char *question, struct buf *text, bool *is_quoted,
                      struct err *err) CHECKED;

/* Says whether a person types what is read. */
bool input_is_terminal(void);

#endif
