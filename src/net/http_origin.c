/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Returns the length of the name in "NAME" or "NAME:PORT", or 0 when it is neither. */
static size_t name_length(const char *host)
{
    size_t n = strcspn(host, ":");
    if (*host == '[') {
        const char *close = strchr(host, ']');
        n = close ? (size_t)(close - host) + 1 : 0;
    }
    if (!n || !host[n])
        return n;
    size_t digits = host[n] == ':' ? strspn(host + n + 1, "0123456789") : 0;
    return digits <= 5 && host[n] == ':' && !host[n + 1 + digits] ? n : 0;
}

static bool is_name(const char *host, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(host, name, n) == 0;
}

static bool is_loopback(const char *host, size_t n)
{
    return is_name(host, n, "localhost") || is_name(host, n, "127.0.0.1") ||
           is_name(host, n, "[::1]");
}

bool http_host_is_ours(const char *host, const char *const *names)
{
    size_t n = name_length(host);
    if (!n)
        return false;
    if (is_loopback(host, n))
        return true;
    for (; *names; names++)
        if (is_name(host, n, *names))
            return true;
    return false;
}

bool http_origin_is_ours(const char *origin, const char *const *origins, bool is_tls,
                         const char *host)
{
    for (; *origins; origins++)
        if (strcasecmp(origin, *origins) == 0)
            return true;
    size_t scheme = strncasecmp(origin, "http://", 7) == 0    ? 7
                    : strncasecmp(origin, "https://", 8) == 0 ? 8
                                                              : 0;
    if (!scheme)
        return false;
    const char *page = origin + scheme;
    if (is_loopback(page, name_length(page)))
        return true;
    return host && name_length(page) && (scheme == 8) == is_tls && strcasecmp(page, host) == 0;
}
