/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_BYTES = 256 };

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

static bool grow(struct buf *buf, size_t need, struct err *err)
{
    size_t cap = buf->cap ? buf->cap : FIRST_BYTES;
    while (cap < need)
        cap = cap > buf->max / 2 ? buf->max + 1 : cap * 2;
    char *data = mem_resize(buf->data, cap, 1, err);
    if (!data)
        return false;
    buf->data = data;
    buf->cap = cap;
    return true;
}

bool buf_add(struct buf *buf, const void *bytes, size_t n, struct err *err)
{
    assert(buf->max < SIZE_MAX && buf->len <= buf->max);
    if (n > buf->max - buf->len)
        return err_set(err, ERR_LIMIT, "more than %zu bytes", buf->max);
    if (buf->len + n + 1 > buf->cap && !grow(buf, buf->len + n + 1, err))
        return false;
    if (n)
        memcpy(buf->data + buf->len, bytes, n);
    buf->len += n;
    buf->data[buf->len] = '\0';
    return true;
}

void buf_drop(struct buf *buf, size_t n)
{
    assert(n <= buf->len);
    if (!n)
        return;
    buf->len -= n;
    memmove(buf->data, buf->data + n, buf->len + 1);
}
