/* SPDX-License-Identifier: Apache-2.0 */
#include "data/stand_in.h"

#include <string.h>
#include <strings.h>

#define POINTER   "version https://git-lfs.github.com/spec/"
#define UTF8_MARK "\xef\xbb\xbf" /* some editors and servers begin a text with it */

static bool begins(const char *s, size_t n, const char *with)
{
    size_t m = strlen(with);
    return n >= m && strncasecmp(s, with, m) == 0;
}

/* Says whether text begins as a web page does, behind blanks. */
static bool is_page(const char *s, size_t n)
{
    size_t i = begins(s, n, UTF8_MARK) ? strlen(UTF8_MARK) : 0;
    while (i < n && s[i] && strchr(" \t\r\n", s[i]))
        i++;
    return begins(s + i, n - i, "<!doctype html") || begins(s + i, n - i, "<html");
}

bool stand_in_check(const char *file, const void *bytes, size_t n, struct err *err)
{
    if (n && begins(bytes, n, POINTER))
        return err_set(err, ERR_FORMAT,
                       "%s: a git-lfs pointer, not the file itself; run 'git lfs pull' in its "
                       "folder, or get the model with 'bise pull'",
                       file);
    if (n && is_page(bytes, n))
        return err_set(err, ERR_FORMAT,
                       "%s: a web page, not the file itself; download it again, from its own "
                       "address or with 'bise pull'",
                       file);
    return true;
}
