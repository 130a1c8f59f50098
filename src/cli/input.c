/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool input_read(struct buf *buf, struct err *err)
{
    char chunk[16384];
    for (;;) {
        size_t n = fread(chunk, 1, sizeof chunk, stdin);
        if (!buf_add(buf, chunk, n, err)) {
            err_remedy(err, ERR_LIMIT, "give less text");
            return err_add(err, "standard input");
        }
        if (n < sizeof chunk)
            break;
    }
    if (ferror(stdin))
        return err_set(err, ERR_IO, "standard input: %s", strerror(errno));
    return true;
}

bool input_prompt(struct buf *buf, struct err *err)
{
    if (!input_read(buf, err))
        return false;
    if (buf->len && buf->data[buf->len - 1] == '\n')
        buf->len--;
    return true;
}

bool input_is_terminal(void)
{
    return isatty(STDIN_FILENO);
}
