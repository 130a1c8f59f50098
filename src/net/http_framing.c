/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_framing.h"

#include <string.h>
#include <strings.h>

#include "net/http_target.h"

bool http_is_token(const char *text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    const char *p = text;
    for (; *p; p++) {
        char lower = (char)(*p | 0x20);
        if (!(lower >= 'a' && lower <= 'z') && !(*p >= '0' && *p <= '9') && !strchr(marks, *p))
            return false;
    }
    return p > text;
}

bool http_is_value(const char *text)
{
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

/* Cuts white space off both ends. */
static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        text[--n] = '\0';
    return text;
}

bool http_framing_lines(char *lines, size_t n, size_t line_bytes, struct http_pair *pairs,
                        size_t max, size_t *n_pairs, struct err *err)
{
    char *p = lines, *end = lines + n;
    *n_pairs = 0;
    while (end - p > 2) {
        char *name_end = memchr(p, '\0', (size_t)(end - p));
        char *value = name_end ? name_end + 1 : end;
        char *value_end = value < end ? memchr(value, '\0', (size_t)(end - value)) : NULL;
        /* One NUL alone was a bare LF, or stood in the line already. */
        if (!value_end || end - value_end < 2 || value_end[1])
            return err_set(err, ERR_FORMAT, "a header line ends without CR LF, or has a NUL");
        if (!http_is_token(p))
            return err_set(err, ERR_FORMAT, "a header line has no proper name");
        if (!http_is_value(value))
            return err_set(err, ERR_FORMAT, "a header has control characters");
        if ((size_t)(value_end - p) > line_bytes)
            return err_set(err, ERR_LIMIT, "a header line has more than %zu bytes", line_bytes);
        if (*n_pairs == max)
            return err_set(err, ERR_LIMIT, "the request has more than %zu headers", max);
        pairs[(*n_pairs)++] = (struct http_pair){p, trim(value)};
        p = value_end + 2;
    }
    return (end - p == 2 && !p[0] && !p[1]) ||
           err_set(err, ERR_FORMAT, "the headers do not end with an empty line");
}

static bool set_length(struct http_framing *framing, const char *value, struct err *err)
{
    if (framing->has_length)
        return err_set(err, ERR_FORMAT, "the request has two Content-Length headers");
    size_t n = strspn(value, "0123456789");
    if (!n || n > 18 || value[n])
        return err_set(err, ERR_FORMAT, "Content-Length is no number");
    for (; *value; value++)
        framing->length = framing->length * 10 + (uint64_t)(*value - '0');
    framing->has_length = true;
    return true;
}

static bool set_chunked(struct http_framing *framing, const char *value, struct err *err)
{
    if (framing->is_chunked || strcasecmp(value, "chunked") != 0)
        return err_set(err, ERR_FORMAT, "Transfer-Encoding must be 'chunked', once");
    framing->is_chunked = true;
    return true;
}

static bool set_host(struct http_framing *framing, const char *value, struct err *err)
{
    if (framing->host)
        return err_set(err, ERR_FORMAT, "the request has two Host headers");
    for (const char *p = value; *p; p++) {
        char lower = (char)(*p | 0x20);
        if (!(lower >= 'a' && lower <= 'z') && !(*p >= '0' && *p <= '9') && !strchr("-._:[]", *p))
            return err_set(err, ERR_FORMAT, "Host is no name with a port");
    }
    framing->host = value;
    return true;
}

static bool check_one(struct http_framing *framing, const struct http_pair *pair, struct err *err)
{
    if (strcasecmp(pair->name, "Content-Length") == 0)
        return set_length(framing, pair->value, err);
    if (strcasecmp(pair->name, "Transfer-Encoding") == 0)
        return set_chunked(framing, pair->value, err);
    if (strcasecmp(pair->name, "Host") == 0)
        return set_host(framing, pair->value, err);
    if (strcasecmp(pair->name, "Expect") != 0)
        return true;
    framing->expects_continue = strcasecmp(pair->value, "100-continue") == 0;
    return framing->expects_continue ||
           err_set(err, ERR_UNSUPPORTED, "Expect is known as '100-continue' only");
}

bool http_framing_check(struct http_framing *framing, const struct http_pair *pairs, size_t n_pairs,
                        const char *version, struct err *err)
{
    *framing = (struct http_framing){0};
    bool is_old = strcmp(version, "HTTP/1.0") == 0;
    for (size_t i = 0; i < n_pairs; i++)
        if (!check_one(framing, &pairs[i], err))
            return false;
    if (!framing->host && !is_old)
        return err_set(err, ERR_FORMAT, "the request has no Host header");
    if (framing->is_chunked && (framing->has_length || is_old))
        return err_set(err, ERR_FORMAT, "chunks do not go with Content-Length or HTTP/1.0");
    return true;
}
