/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <string.h>

bool span_is(struct span a, const char *text)
{
    return span_same(a, (struct span){text, strlen(text)});
}

bool span_same(struct span a, struct span b)
{
    return a.n == b.n && (!a.n || memcmp(a.s, b.s, a.n) == 0);
}

bool span_has(struct span a, const char *needle)
{
    return a.n && memmem(a.s, a.n, needle, strlen(needle)) != NULL;
}
