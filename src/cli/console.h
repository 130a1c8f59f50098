/* SPDX-License-Identifier: Apache-2.0 */
/* console.h - what the verbs write: answers to stdout, messages to stderr.
 *
 * Text that comes from a model or a file may hold control characters that take over a
 * terminal; none of them reaches one. */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stddef.h>

#include "base/err.h"

/* Replaces what is no visible text by '?': control characters, ill-formed UTF-8.  For a line that
 * quotes a model or a file. */
void console_clean(char *text);

/* Write one line to stderr: a note, or an error, cleaned. */
void console_note(const char *fmt, ...) PRINTF(1, 2);
void console_error(const char *fmt, ...) PRINTF(1, 2);

/* Shows how far a long piece of work is, in a line of stderr that the next one replaces; only on
 * a terminal.  console_progress_end() takes it away. */
void console_progress(const char *fmt, ...) PRINTF(1, 2);
void console_progress_end(void);

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
