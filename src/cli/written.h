/* SPDX-License-Identifier: Apache-2.0 */
/* written.h - how a verb ends that writes a file or a folder. */
#ifndef CLI_WRITTEN_H
#define CLI_WRITTEN_H

#include "base/err.h"

/* Prints "OUT: " and what was written there as one line of standard output, unless out is "-": that
 * has the bytes.  Returns EXIT_DONE, or EXIT_FAILED with a message where nobody can read it. */
int written_done(const char *out, const char *fmt, ...) PRINTF(2, 3);

/* Says why nothing was written, be it a signal.  Returns the exit code, as console_fail().
 * Errors: err is only read. */
int written_fail(const char *out, const struct err *err);

#endif
