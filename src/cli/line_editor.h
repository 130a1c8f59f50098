/* SPDX-License-Identifier: Apache-2.0 */
/* line_editor.h - lines typed at a terminal, with editing and a history, by libedit.
 *
 * The history is forgotten at the end: what was typed is written to no file. */
#ifndef CLI_LINE_EDITOR_H
#define CLI_LINE_EDITOR_H

#include <stdbool.h>
#include <sys/types.h>

struct line_editor {
    struct editline *lines; /* libedit's names of its own */
    struct history *history;
    char question[128];
};

/* Returns false where lines are to be read plainly: standard input or output is no terminal, or
 * one that cannot move its cursor.  e stays where it is.
 * Owned: line_editor_close(), after a success. */
bool line_editor_open(struct line_editor *e);
void line_editor_close(struct line_editor *e);

enum { LINE_END = -1, LINE_DROPPED = -2 };

/* Asks for a line.  Pasted text is one line, whatever newlines are in it, where the terminal tells
 * what is pasted.  Returns the line's length without newlines at its end, LINE_DROPPED after
 * Ctrl-C, or LINE_END.  Borrowed: *line, until the next call. */
ssize_t line_editor_read(struct line_editor *e, const char *question, const char **line);

#endif
