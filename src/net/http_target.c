/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_target.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Returns how many bytes the character at p has, its bytes up to end, or 0 when it is none. */
static size_t char_bytes(const uint8_t *p, const uint8_t *end)
{
    uint8_t c = *p;
    if (c < 0x80)
        return c != 0;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong, surrogates, past the last one. */
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

bool http_is_text(const char *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes, *end = p + n;
    while (p < end) {
        size_t k = char_bytes(p, end);
        if (!k)
            return false;
        p += k;
    }
    return true;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_decode(char *text, const char *raw, size_t n, bool plus, struct err *err)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        char c = raw[i];
        if (c == '%') {
            int high = n - i > 2 ? hex(raw[i + 1]) : -1;
            int low = high >= 0 ? hex(raw[i + 2]) : -1;
            if (low < 0)
                return err_set(err, ERR_FORMAT, "a %% escape is not two hexadecimal digits");
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        text[to++] = c;
    }
    text[to] = '\0';
    return http_is_text(text, to) || err_set(err, ERR_FORMAT, "%% escapes do not make UTF-8 text");
}

/* Refuses a path that means another one, or that spoils a log. */
static bool check_path(const char *path, struct err *err)
{
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return err_set(err, ERR_FORMAT, "the request target has control characters");
    for (const char *part = path + 1;; part++) {
        size_t n = strcspn(part, "/");
        if ((n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return err_set(err, ERR_FORMAT, "the request target has '.' or '..' parts");
        part += n;
        if (!*part)
            return true;
    }
}

static bool parse_query(struct http_target *target, const char *raw, size_t n, struct arena *arena,
                        struct err *err)
{
    size_t most = 1;
    for (size_t i = 0; i < n; i++)
        most += raw[i] == '&';
    struct http_pair *pairs = arena_new(arena, most, sizeof *pairs, err);
    /* Names and values together are no longer than their text, with a NUL for each '=' and '&'. */
    char *text = arena_new(arena, n + 2 * most, 1, err);
    if (!pairs || !text)
        return false;
    for (size_t at = 0; at < n;) {
        const char *part = raw + at, *end = memchr(part, '&', n - at);
        size_t k = end ? (size_t)(end - part) : n - at;
        at += k + 1;
        if (!k)
            continue;
        const char *equals = memchr(part, '=', k);
        size_t n_name = equals ? (size_t)(equals - part) : k;
        size_t n_value = equals ? k - n_name - 1 : 0;
        struct http_pair *pair = &pairs[target->n_query++];
        pair->name = text;
        if (!http_decode(text, part, n_name, true, err))
            return false;
        text += strlen(text) + 1;
        pair->value = text;
        if (!http_decode(text, part + k - n_value, n_value, true, err))
            return false;
        text += strlen(text) + 1;
    }
    target->query = pairs;
    return true;
}

/* Takes "http://authority" off the front of what remains. */
static bool take_authority(struct http_target *target, const char **raw, size_t *n,
                           struct arena *arena, struct err *err)
{
    size_t scheme = 0;
    if (*n > 7 && strncasecmp(*raw, "http://", 7) == 0)
        scheme = 7;
    else if (*n > 8 && strncasecmp(*raw, "https://", 8) == 0)
        scheme = 8;
    if (!scheme)
        return true;
    *raw += scheme;
    *n -= scheme;
    const char *slash = memchr(*raw, '/', *n);
    if (!slash || slash == *raw)
        return err_set(err, ERR_FORMAT, "the request target has no path");
    size_t k = (size_t)(slash - *raw);
    target->authority = arena_string(arena, *raw, k, err);
    *raw = slash;
    *n -= k;
    return target->authority != NULL;
}

bool http_target_parse(struct http_target *target, const char *raw, size_t n, struct arena *arena,
                       struct err *err)
{
    *target = (struct http_target){.path = "*"};
    for (size_t i = 0; i < n; i++)
        if (raw[i] <= ' ' || raw[i] == 0x7f || raw[i] == '#')
            return err_set(err, ERR_FORMAT, "the request target has bytes that it may not have");
    if (n == 1 && *raw == '*')
        return true;
    if (!take_authority(target, &raw, &n, arena, err))
        return false;
    if (!n || *raw != '/')
        return err_set(err, ERR_FORMAT, "the request target does not begin with '/'");
    const char *question = memchr(raw, '?', n);
    size_t n_path = question ? (size_t)(question - raw) : n;
    char *path = arena_new(arena, n_path + 1, 1, err);
    if (!path || !http_decode(path, raw, n_path, false, err) || !check_path(path, err))
        return false;
    target->path = path;
    return !question || parse_query(target, question + 1, n - n_path - 1, arena, err);
}

const char *http_target_query(const struct http_target *target, const char *name)
{
    for (size_t i = 0; i < target->n_query; i++)
        if (strcmp(target->query[i].name, name) == 0)
            return target->query[i].value;
    return NULL;
}
