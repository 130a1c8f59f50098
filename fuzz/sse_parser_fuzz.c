/* SPDX-License-Identifier: Apache-2.0 */
/* Where bytes are cut changes no event, and none has more than the limit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/sse_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 300 };

struct seen {
    struct buf text; /* of all events */
    size_t n;
};

static bool note(void *arg, const struct sse_event *event, struct err *err)
{
    struct seen *seen = arg;
    if (event->data.n > MAX || event->name.n > MAX || memchr(event->data.s, '\r', event->data.n) ||
        memchr(event->name.s, '\n', event->name.n))
        __builtin_trap();
    seen->n++;
    return buf_add(&seen->text, event->name.s, event->name.n, err) &&
           buf_add(&seen->text, "=", 1, err) &&
           buf_add(&seen->text, event->data.s, event->data.n, err) &&
           buf_add(&seen->text, "|", 1, err);
}

/* Feeds pieces of step bytes, each in memory of its own.  Returns whether all were taken. */
static bool feed(struct seen *seen, const uint8_t *data, size_t size, size_t step)
{
    struct sse_parser sse;
    struct err err = {0};
    bool ok = true;
    *seen = (struct seen){0};
    buf_init(&seen->text, 2 * size + 100);
    sse_init(&sse, MAX, note, seen);
    for (size_t i = 0, n; ok && i < size; i += n) {
        n = size - i < step ? size - i : step;
        uint8_t *piece = malloc(n);
        memcpy(piece, data + i, n);
        ok = sse_feed(&sse, piece, n, &err);
        free(piece);
    }
    if (ok != (err.code == ERR_NONE))
        __builtin_trap();
    sse_free(&sse);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, cut;
    if (!size)
        return 0;
    size_t step = 1 + data[0] % 7;
    bool ok = feed(&whole, data, size, size);
    bool cut_ok = feed(&cut, data, size, step);
    if (ok != cut_ok || whole.n != cut.n || whole.text.len != cut.text.len ||
        (whole.text.len && memcmp(whole.text.data, cut.text.data, whole.text.len) != 0))
        __builtin_trap();
    buf_free(&whole.text);
    buf_free(&cut.text);
    return 0;
}
