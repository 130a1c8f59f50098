/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - bytes that nobody can guess, for secrets and names.
 *
 * Thread: any. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/err.h"

/* Fills bytes, n of them, from the system.  Errors: ERR_IO. */
bool random_bytes(void *bytes, size_t n, struct err *err) CHECKED;

/* Writes n characters, each equally likely to be one of letters: [n_letters], at most 256, and a
 * NUL to text: [n + 1].  Errors: ERR_IO. */
bool random_text(char *text, size_t n, const char *letters, size_t n_letters,
                 struct err *err) CHECKED;

#endif
