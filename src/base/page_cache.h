/* SPDX-License-Identifier: Apache-2.0 */
/* page_cache.h - files that are to be read from disk again, for measuring that. */
#ifndef BASE_PAGE_CACHE_H
#define BASE_PAGE_CACHE_H

#include "base/err.h"

/* Asks the system to forget what it has of the file at path in memory, and stores the share of it,
 * 0 to 1, that is there all the same: what processes have mapped stays, and so does all of a file
 * system in memory.  NaN where the system does not tell: of a file that neither belongs to the user
 * nor may be written.  Errors: as file_map(). */
bool page_cache_drop(const char *path, double *share_left, struct err *err) CHECKED;

#endif
