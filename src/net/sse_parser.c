/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sse_parser.h"

#include <string.h>

void sse_init(struct sse_parser *sse, size_t max, sse_fn *fn, void *arg)
{
    *sse = (struct sse_parser){.fn = fn, .arg = arg};
    buf_init(&sse->line, max);
    buf_init(&sse->name, max);
    buf_init(&sse->data, max);
}

void sse_free(struct sse_parser *sse)
{
    buf_free(&sse->line);
    buf_free(&sse->name);
    buf_free(&sse->data);
}

static void forget_event(struct sse_parser *sse)
{
    buf_clear(&sse->name);
    buf_clear(&sse->data);
    sse->has_data = false;
}

void sse_reset(struct sse_parser *sse)
{
    forget_event(sse);
    buf_clear(&sse->line);
    sse->after_cr = sse->begun = false;
}

static struct span span_of(const struct buf *buf)
{
    return (struct span){buf->data ? buf->data : "", buf->len};
}

static bool end_event(struct sse_parser *sse, struct err *err)
{
    const struct sse_event event = {.name = span_of(&sse->name), .data = span_of(&sse->data)};
    bool ok = !sse->has_data || sse->fn(sse->arg, &event, err);
    forget_event(sse);
    return ok;
}

static bool take_field(struct sse_parser *sse, struct span name, struct span value, struct err *err)
{
    bool ok = true;
    if (span_is(name, "data")) {
        ok = (!sse->has_data || buf_add(&sse->data, "\n", 1, err)) &&
             buf_add(&sse->data, value.s, value.n, err);
        sse->has_data = true;
    } else if (span_is(name, "event")) {
        buf_clear(&sse->name);
        ok = buf_add(&sse->name, value.s, value.n, err);
    }
    return ok || err_add(err, "one event of the stream");
}

static bool take_line(struct sse_parser *sse, struct span line, struct err *err)
{
    if (!sse->begun && line.n >= 3 && memcmp(line.s, "\xef\xbb\xbf", 3) == 0)
        line = (struct span){line.s + 3, line.n - 3};
    sse->begun = true;
    if (!line.n)
        return end_event(sse, err);
    const char *colon = memchr(line.s, ':', line.n), *end = line.s + line.n;
    if (!colon)
        return take_field(sse, line, (struct span){end, 0}, err);
    const char *value = colon + 1;
    value += value < end && *value == ' ';
    return colon == line.s || /* a comment */
           take_field(sse, (struct span){line.s, (size_t)(colon - line.s)},
                      (struct span){value, (size_t)(end - value)}, err);
}

/* Takes the end of a line, and what of it came before. */
static bool end_line(struct sse_parser *sse, struct span end, struct err *err)
{
    if (!sse->line.len && end.n <= sse->line.max)
        return take_line(sse, end, err);
    bool ok = (buf_add(&sse->line, end.s, end.n, err) || err_add(err, "a line of the stream")) &&
              take_line(sse, span_of(&sse->line), err);
    buf_clear(&sse->line);
    return ok;
}

bool sse_feed(struct sse_parser *sse, const void *bytes, size_t n, struct err *err)
{
    const char *s = bytes;
    size_t begin = 0;
    if (n && sse->after_cr) {
        begin = *s == '\n';
        sse->after_cr = false;
    }
    for (size_t i = begin; i < n; i++) {
        if (s[i] != '\n' && s[i] != '\r')
            continue;
        if (!end_line(sse, (struct span){s + begin, i - begin}, err))
            return false;
        if (s[i] == '\r' && i + 1 == n)
            sse->after_cr = true;
        else if (s[i] == '\r' && s[i + 1] == '\n')
            i++;
        begin = i + 1;
    }
    return begin >= n || buf_add(&sse->line, s + begin, n - begin, err) ||
           err_add(err, "a line of the stream");
}

bool sse_is_amid(const struct sse_parser *sse)
{
    return sse->line.len > 0 || sse->has_data;
}
