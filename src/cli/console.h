/* SPDX-License-Identifier: Apache-2.0 */
/* console.h - what the verbs write: answers to stdout, messages to stderr.
 *
 * Text that comes from a model or a file may hold control characters that take over a
 * terminal; none of them reaches one. */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Replaces what is no visible text by '?': control characters, ill-formed UTF-8.  For a line that
 * quotes a model or a file. */
void console_clean(char *text);

/* Write one line to stderr: a note, or an error, cleaned. */
void console_note(const char *fmt, ...) PRINTF(1, 2);
void console_error(const char *fmt, ...) PRINTF(1, 2);

/* Show how far a long piece of work is, in a line of stderr that the next one replaces; only on
 * a terminal, whose width the line never exceeds.  console_bar() shows "NAME [###..] 60 %, " and
 * what follows, part from 0 to 1.  console_progress_end() takes the line away, and so does
 * every note and error. */
void console_progress(const char *fmt, ...) PRINTF(1, 2);
void console_bar(const char *name, double part, const char *fmt, ...) PRINTF(3, 4);
void console_progress_end(void);

/* Writes what console_bar() shows to line: [size], of less than width columns: where there is
 * little room the name becomes shorter first, then the bar, then the rest.  All text is ASCII. */
void console_bar_line(char *line, size_t size, int width, const char *name, double part,
                      const char *rest);

/* Writes "bise: MESSAGE" for a failure.  Returns EXIT_FAILED, or interrupt_exit_code() for
 * ERR_CANCELLED, which needs no message.  Errors: err is only read. */
int console_fail(const struct err *err);

/* Writes text: [n] bytes of whole UTF-8 characters to stdout at once.  On a terminal, control
 * characters other than newline and tab are left out, and ill-formed bytes become U+FFFD.  Errors:
 * ERR_IO. */
bool console_text(const char *text, size_t n, struct err *err) CHECKED;

/* Writes text: [n] bytes, in the same way, that is not the answer itself: dimmed among the answers
 * on a terminal, else to stderr.  Errors: ERR_IO. */
bool console_aside(const char *text, size_t n, struct err *err) CHECKED;

/* Writes what is buffered for stdout.  Errors: ERR_IO. */
bool console_flush(struct err *err) CHECKED;

/* The same at the end.  Returns code, or EXIT_FAILED with a message when
 * something could not be written: a full disk must not look like success. */
int console_finish(int code);

#endif
