/* SPDX-License-Identifier: Apache-2.0 */
/* typed.h - lines and messages that a person types. */
#ifndef CLI_TYPED_H
#define CLI_TYPED_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/line_editor.h"

struct typed {
    struct line_editor editor;
    bool edits; /* else lines are read plainly, as the terminal gives them */
    char *line;
    size_t size;
};

/* While it is open, Ctrl-C ends no program.  t stays where it is.  Owned: typed_close(). */
void typed_open(struct typed *t);
void typed_close(struct typed *t);

/* Asks for a line and reads it.  Returns its length without the newline, LINE_DROPPED or LINE_END.
 * Borrowed: *line, until the next call. */
ssize_t typed_line(struct typed *t, const char *question, const char **line);

/* Asks for a message and reads it into text: one line, or several where a line ends in a backslash
 * or where they stand between """ and """: all of the message, which *is_quoted says, or the
 * argument of a command.  Returns its length, LINE_DROPPED or LINE_END.
 * Errors: ERR_LIMIT, with LINE_DROPPED. */
ssize_t typed_message(struct typed *t, const char *question, struct buf *text, bool *is_quoted,
                      struct err *err) CHECKED;

/* Says whether nothing is to be seen in text: [n] bytes. */
bool typed_is_blank(const char *text, size_t n);

#endif
