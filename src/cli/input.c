/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

bool input_prompt(struct buf *buf, struct err *err)
{
    if (!input_read(buf, err))
        return false;
    if (buf->len && buf->data[buf->len - 1] == '\n')
        buf->len--;
    return true;
}

ssize_t input_line(const char *question, char **line, size_t *size)
{
    interrupt_wake();
    fputs(question, stderr);
    ssize_t n = getline(line, size, stdin);
    bool dropped = ferror(stdin) && errno == EINTR;
    /* Without its newline the line, or the lack of one, left the cursor where it was. */
    if (dropped || n <= 0 || (*line)[n - 1] != '\n')
        fputs("\n", stderr);
    interrupt_release();
    if (dropped) {
        clearerr(stdin);
        return INPUT_DROPPED;
    }
    return n > 0 ? n - ((*line)[n - 1] == '\n') : INPUT_END;
}

#define QUOTES "\"\"\""

static bool ends_in(const char *line, size_t n, const char *end)
{
    size_t n_end = strlen(end);
    return n >= n_end && memcmp(line + n - n_end, end, n_end) == 0;
}

/* A message under way. */
struct message {
    struct buf *text;
    bool in_quotes, goes_on;
};

static bool add_line(struct message *m, const char *line, size_t n, struct err *err)
{
    bool is_first = !m->goes_on, opens = is_first && n >= 3 && memcmp(line, QUOTES, 3) == 0;
    if (opens) {
        m->in_quotes = true;
        line += 3;
        n -= 3;
    }
    const char *mark = m->in_quotes ? QUOTES : "\\";
    bool marked = ends_in(line, n, mark);
    m->goes_on = marked != m->in_quotes;
    if (marked)
        n -= strlen(mark);
    /* Quotes alone on their line are no line of the text. */
    bool is_line = n || !m->in_quotes || (!opens && !marked);
    bool is_next = m->text->len && is_line;
    return (!is_next || buf_add(m->text, "\n", 1, err)) && buf_add(m->text, line, n, err);
}

ssize_t input_message(const char *question, struct buf *text, bool *is_quoted, struct err *err)
{
    struct message m = {.text = text};
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    buf_clear(text);
    do {
        n = input_line(m.goes_on ? "... " : question, &line, &size);
        if (n >= 0 && !add_line(&m, line, (size_t)n, err))
            n = INPUT_DROPPED;
    } while (n >= 0 && m.goes_on);
    free(line);
    *is_quoted = m.in_quotes;
    return n < 0 ? n : (ssize_t)text->len;
}

bool input_is_terminal(void)
{
    return isatty(STDIN_FILENO);
}
