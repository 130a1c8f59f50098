/* SPDX-License-Identifier: Apache-2.0 */
/* plural.h - "1 token", "2 tokens": the one letter of a counted noun.
 *
 *     err_set(err, ERR_LIMIT, "%u token%s", n, plural(n));
 *
 * Thread: any. */
#ifndef BASE_PLURAL_H
#define BASE_PLURAL_H

#include <stdint.h>

/* Returns what a noun ends with behind n.  Borrowed: static. */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

#endif
