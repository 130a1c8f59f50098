/* SPDX-License-Identifier: Apache-2.0 */
/* Targets decode to what they say they do; header lines are read without a byte too many, and
 * what is accepted is what was written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_framing.h"
#include "net/http_origin.h"
#include "net/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_target(const char *raw, size_t n)
{
    struct arena arena = {0};
    struct err err = {0};
    struct http_target target;
    if (http_target_parse(&target, raw, n, &arena, &err)) {
        const char *path = target.path;
        size_t n_path = strlen(path);
        if ((*path != '/' && strcmp(path, "*") != 0) || strstr(path, "/../") ||
            strstr(path, "/./") || !http_is_text(path, n_path) || n_path > n ||
            (n_path >= 3 && strcmp(path + n_path - 3, "/..") == 0))
            __builtin_trap();
        for (size_t i = 0; i < target.n_query; i++)
            if (!http_target_query(&target, target.query[i].name))
                __builtin_trap();
    } else if (err.code != ERR_FORMAT) {
        __builtin_trap();
    }
    arena_free(&arena);
}

/* Does to written lines what libmicrohttpd does. */
static void cut_lines(char *p, size_t n)
{
    bool colon = false;
    for (size_t i = 0; i < n; i++) {
        bool crlf = p[i] == '\r' && i + 1 < n && p[i + 1] == '\n';
        if (crlf || p[i] == '\n') {
            p[i] = '\0';
            i += crlf;
            p[i] = '\0';
            colon = false;
        } else if (p[i] == ':' && !colon) {
            p[i] = '\0';
            colon = true;
        }
    }
}

static void try_lines(char *lines, size_t n)
{
    static const char *const none[] = {NULL};
    struct http_pair pairs[16];
    struct http_framing framing;
    struct err err = {0};
    size_t n_pairs = 0, used = 2;
    if (!http_framing_lines(lines, n, 200, pairs, 16, &n_pairs, &err))
        return;
    for (size_t i = 0; i < n_pairs; i++) {
        used += strlen(pairs[i].name) + 1 + strlen(pairs[i].value) + 2;
        if (!http_is_token(pairs[i].name) || !http_is_value(pairs[i].value))
            __builtin_trap();
    }
    if (used > n)
        __builtin_trap();
    if (http_framing_check(&framing, pairs, n_pairs, "HTTP/1.1", &err)) {
        if (!framing.host || (framing.is_chunked && framing.has_length))
            __builtin_trap();
        (void)http_host_is_ours(framing.host, none);
        (void)http_origin_is_ours(framing.host, none, false, framing.host);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + !size);
    memcpy(copy, data, size);
    const char *feed = size ? memchr(copy, '\n', size) : NULL;
    size_t n = feed ? (size_t)(feed - copy) : size;
    size_t rest = size - n - (feed != NULL);
    /* Exact copies, so that a sanitizer sees a read past an end. */
    char *target = malloc(n + !n), *lines = malloc(rest + !rest);
    memcpy(target, copy, n);
    memcpy(lines, copy + size - rest, rest);
    try_target(target, n);
    cut_lines(lines, rest);
    try_lines(lines, rest);
    free(target);
    free(lines);
    free(copy);
    return 0;
}
