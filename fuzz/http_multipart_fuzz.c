/* SPDX-License-Identifier: Apache-2.0 */
/* A form reads the same in pieces of any size, and its names can be shown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/http_multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a sink was told. */
struct story {
    struct buf text;
    bool open;
};

static bool begin(void *arg, const struct multipart_part *part, struct err *err)
{
    struct story *s = arg;
    if (s->open || !*part->name || strpbrk(part->file_name, "/\\\r\n"))
        __builtin_trap();
    s->open = true;
    return buf_add(&s->text, part, sizeof *part, err);
}

static bool take(void *arg, const char *bytes, size_t n, struct err *err)
{
    struct story *s = arg;
    if (!s->open)
        __builtin_trap();
    return buf_add(&s->text, bytes, n, err);
}

static bool end(void *arg, struct err *err)
{
    struct story *s = arg;
    if (!s->open)
        __builtin_trap();
    s->open = false;
    return buf_add(&s->text, "|", 1, err);
}

static bool read_all(struct story *story, const char *type, const uint8_t *data, size_t size,
                     size_t piece, struct err *err)
{
    struct multipart m;
    const struct multipart_sink sink = {begin, take, end, story};
    bool ok = multipart_init(&m, type, &sink, err);
    for (size_t at = 0; ok && at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        /* An exact copy, so that a sanitizer sees a read past the end. */
        char *copy = malloc(n);
        memcpy(copy, data + at, n);
        ok = multipart_add(&m, copy, n, err);
        free(copy);
    }
    return ok && multipart_end(&m, err);
}

/* The first line is the content type, the rest the content. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err whole_err = {0}, piece_err = {0};
    struct story whole = {0}, pieces = {0};
    char type[256] = "";
    const uint8_t *feed = size ? memchr(data, '\n', size) : NULL;
    size_t n = feed ? (size_t)(feed - data) : 0;
    if (n && n < sizeof type)
        memcpy(type, data, n);
    size_t skip = feed ? n + 1 : 0;
    buf_init(&whole.text, 64 << 20);
    buf_init(&pieces.text, 64 << 20);
    bool ok = read_all(&whole, type, data + skip, size - skip, size + 1, &whole_err);
    size_t piece = size > 20 ? 1 + data[size - 20] % 7 : 1;
    bool same = read_all(&pieces, type, data + skip, size - skip, piece, &piece_err);
    if (ok != same || whole_err.code != piece_err.code || (ok && whole.open))
        __builtin_trap();
    if (ok && (whole.text.len != pieces.text.len ||
               (whole.text.len && memcmp(whole.text.data, pieces.text.data, whole.text.len) != 0)))
        __builtin_trap();
    buf_free(&whole.text);
    buf_free(&pieces.text);
    return 0;
}
