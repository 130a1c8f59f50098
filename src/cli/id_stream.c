/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/id_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fail(struct err *err)
{
    if (ferror(stdin))
        return err_set(err, ERR_IO, "standard input: %s", strerror(errno));
    return err_set(err, ERR_FORMAT, "standard input: expected a JSON array of ids such as [1,2,3]");
}

/* Returns the next character that is no white space, or EOF. */
static int next_mark(void)
{
    int c;
    do
        c = getchar();
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
    return c;
}

/* Reads a number whose first character is c; what stands behind it stays. */
static bool read_id(struct id_stream *stream, int c, int32_t *id, struct err *err)
{
    char text[16];
    size_t n = 0;
    for (; n + 1 < sizeof text && c != EOF && !strchr(",] \t\n\r", c); c = getchar())
        text[n++] = (char)c;
    text[n] = 0;
    if (c == EOF)
        return fail(err);
    ungetc(c, stdin);
    bool is_number = n && strspn(text, "0123456789") == n && (n == 1 || text[0] != '0');
    long long number = is_number ? strtoll(text, NULL, 10) : -1;
    if (number < 0 || number >= stream->n_vocab)
        return err_set(err, ERR_FORMAT,
                       "standard input: [%zu]: expected a whole number from 0 to %d", stream->n,
                       stream->n_vocab - 1);
    *id = (int32_t)number;
    stream->n++;
    return true;
}

bool id_stream_next(struct id_stream *stream, int32_t *id, struct err *err)
{
    *id = -1;
    if (stream->is_over)
        return true;
    int c = next_mark();
    bool is_last = c == ']' && stream->n;
    if (!is_last) {
        if (c != (stream->n ? ',' : '['))
            return fail(err);
        c = next_mark();
        is_last = c == ']' && !stream->n;
    }
    if (!is_last)
        return read_id(stream, c, id, err);
    stream->is_over = true;
    return (next_mark() == EOF && !ferror(stdin)) || fail(err);
}
