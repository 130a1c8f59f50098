/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema_uri_int.h"

#include <string.h>

struct uri {
    struct span scheme, authority, path, query; /* s NULL where missing; path never is */
};

void schema_uri_split(struct span ref, struct span *uri, struct span *fragment)
{
    const char *hash = ref.n ? memchr(ref.s, '#', ref.n) : NULL;
    *uri = ref;
    *fragment = (struct span){0};
    if (!hash)
        return;
    uri->n = (size_t)(hash - ref.s);
    *fragment = (struct span){hash + 1, ref.n - uri->n - 1};
}

static bool is_scheme_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

/* Takes the text up to the first of the given characters from *rest. */
static struct span take_until(struct span *rest, const char *ends)
{
    size_t n = 0;
    while (n < rest->n && !strchr(ends, rest->s[n]))
        n++;
    struct span taken = {rest->s, n};
    rest->s += n;
    rest->n -= n;
    return taken;
}

static struct uri parse(struct span text)
{
    struct uri uri = {0};
    struct span rest = text.s ? text : SPAN("");
    size_t n = 0;
    while (n < rest.n && is_scheme_char(rest.s[n]))
        n++;
    if (n && n < rest.n && rest.s[n] == ':') {
        uri.scheme = (struct span){rest.s, n};
        rest.s += n + 1;
        rest.n -= n + 1;
    }
    if (rest.n >= 2 && rest.s[0] == '/' && rest.s[1] == '/') {
        rest.s += 2;
        rest.n -= 2;
        uri.authority = take_until(&rest, "/?");
    }
    uri.path = take_until(&rest, "?");
    if (rest.n)
        uri.query = (struct span){rest.s + 1, rest.n - 1};
    return uri;
}

/* Removes "." and ".." from a path, in place.  Returns the new length. */
static size_t remove_dots(char *path, size_t n)
{
    size_t out = 0;
    for (size_t at = 0; at < n;) {
        size_t end = at + 1;
        while (end < n && path[end] != '/')
            end++;
        size_t skip = path[at] == '/';
        size_t len = end - at - skip;
        const char *name = path + at + skip;
        bool is_up = len == 2 && name[0] == '.' && name[1] == '.';
        if (is_up)
            while (out && path[--out] != '/')
                ;
        if (is_up || (len == 1 && name[0] == '.')) {
            if (end == n) /* the last one leaves its slash */
                path[out++] = '/';
        } else {
            memmove(path + out, path + at, end - at);
            out += end - at;
        }
        at = end;
    }
    return out;
}

/* The path of a reference against that of its base. */
static bool merge_paths(struct arena *arena, const struct uri *base, struct span ref,
                        struct span *out, struct err *err)
{
    size_t keep = base->path.n;
    while (keep && base->path.s[keep - 1] != '/')
        keep--;
    bool absolute = ref.n && ref.s[0] == '/';
    if (absolute)
        keep = 0;
    size_t slash = !absolute && !keep && base->authority.s;
    char *path = arena_new(arena, keep + slash + ref.n + 1, 1, err);
    if (!path)
        return false;
    if (keep)
        memcpy(path, base->path.s, keep);
    if (slash)
        path[0] = '/';
    if (ref.n)
        memcpy(path + keep + slash, ref.s, ref.n);
    *out = (struct span){path, remove_dots(path, keep + slash + ref.n)};
    return true;
}

static char *append(char *at, struct span text)
{
    if (text.n)
        memcpy(at, text.s, text.n);
    return at + text.n;
}

static bool join(struct arena *arena, const struct uri *uri, struct span *out, struct err *err)
{
    size_t n = uri->scheme.n + uri->authority.n + uri->path.n + uri->query.n + 4;
    char *text = arena_new(arena, n + 1, 1, err);
    if (!text)
        return false;
    char *at = text;
    if (uri->scheme.s)
        at = append(append(at, uri->scheme), SPAN(":"));
    if (uri->authority.s)
        at = append(append(at, SPAN("//")), uri->authority);
    at = append(at, uri->path);
    if (uri->query.s)
        at = append(append(at, SPAN("?")), uri->query);
    *out = (struct span){text, (size_t)(at - text)};
    return true;
}

bool schema_uri_resolve(struct arena *arena, struct span base_text, struct span ref_text,
                        struct span *out, struct err *err)
{
    struct uri base = parse(base_text), ref = parse(ref_text);
    if (ref.scheme.s) {
        *out = ref_text;
        return true;
    }
    ref.scheme = base.scheme;
    if (!ref.authority.s) {
        ref.authority = base.authority;
        if (!ref.path.n) {
            ref.path = base.path;
            if (!ref.query.s)
                ref.query = base.query;
        } else if (!merge_paths(arena, &base, ref.path, &ref.path, err)) {
            return false;
        }
    }
    return join(arena, &ref, out, err);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool schema_uri_decode(struct arena *arena, struct span text, bool is_pointer, struct span *out,
                       struct err *err)
{
    char *bytes = arena_new(arena, text.n + 1, 1, err);
    if (!bytes)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool pair = i + 2 < text.n && hex(text.s[i + 1]) >= 0 && hex(text.s[i + 2]) >= 0;
        if (text.s[i] == '%' && pair) {
            bytes[n++] = (char)(hex(text.s[i + 1]) << 4 | hex(text.s[i + 2]));
            i += 2;
        } else {
            bytes[n++] = text.s[i];
        }
    }
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++) {
        bool escape = is_pointer && bytes[i] == '~' && i + 1 < n &&
                      (bytes[i + 1] == '0' || bytes[i + 1] == '1');
        bytes[n_out++] = !escape ? bytes[i] : bytes[++i] == '0' ? '~' : '/';
    }
    *out = (struct span){bytes, n_out};
    return true;
}
