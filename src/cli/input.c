/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"

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

ssize_t input_line(char **line, size_t *size)
{
    interrupt_wake();
    fputs("> ", stderr);
    ssize_t n = getline(line, size, stdin);
    bool dropped = ferror(stdin) && errno == EINTR;
    /* Without its newline the line, or the lack of one, left the cursor where it was. */
    if (dropped || n <= 0 || (*line)[n - 1] != '\n')
        fputs("\n", stderr);
    interrupt_release();
    if (dropped) {
        clearerr(stdin);
        return 0;
    }
    return n > 0 ? n - ((*line)[n - 1] == '\n') : -1;
}

bool input_is_terminal(void)
{
    return isatty(STDIN_FILENO);
}
