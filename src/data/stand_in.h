/* SPDX-License-Identifier: Apache-2.0 */
/* stand_in.h - what lies in the place of a file that was never fetched.
 *
 * A clone without git-lfs leaves small pointers where large files belong, and a download behind a
 * log-in page or of the wrong address leaves that page.  Neither is a damaged file, so neither
 * helps the remedy for those. */
#ifndef DATA_STAND_IN_H
#define DATA_STAND_IN_H

#include <stddef.h>

#include "base/err.h"

/* Says whether a file is what it should be, and not a git-lfs pointer or a web page.
 * file: for messages; bytes: [n].  Errors: ERR_FORMAT with the remedy. */
bool stand_in_check(const char *file, const void *bytes, size_t n, struct err *err) CHECKED;

#endif
