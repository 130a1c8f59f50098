/* SPDX-License-Identifier: Apache-2.0 */
/* uuid.h - names that nobody can guess: random UUIDs (version 4) as text.
 *
 * Thread: any. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>

#include "base/err.h"

enum { UUID_TEXT = 37 }; /* bytes of a text, its NUL included */

/* Writes a new one, lower case, to text: [UUID_TEXT].  Errors: ERR_IO. */
bool uuid_new(char *text, struct err *err) CHECKED;

/* Says whether text is a UUID of any version as uuid_new() writes it: such a text is safe as a
 * file's name. */
bool uuid_is(const char *text);

#endif
