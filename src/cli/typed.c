/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/typed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "cli/interrupt.h"

void typed_open(struct typed *t)
{
    *t = (struct typed){0};
    t->edits = line_editor_open(&t->editor);
    interrupt_stay();
}

void typed_close(struct typed *t)
{
    interrupt_leave();
    if (t->edits)
        line_editor_close(&t->editor);
    free(t->line);
    *t = (struct typed){0};
}

static ssize_t plain_line(struct typed *t, const char *question)
{
    interrupt_wake();
    fputs(question, stderr);
    ssize_t n = getline(&t->line, &t->size, stdin);
    bool dropped = ferror(stdin) && errno == EINTR;
    /* Without its newline the line, or the lack of one, left the cursor where it was. */
    if (dropped || n <= 0 || t->line[n - 1] != '\n')
        fputs("\n", stderr);
    interrupt_release();
    if (dropped) {
        clearerr(stdin);
        return LINE_DROPPED;
    }
    return n > 0 ? n - (t->line[n - 1] == '\n') : LINE_END;
}

ssize_t typed_line(struct typed *t, const char *question, const char **line)
{
    if (t->edits)
        return line_editor_read(&t->editor, question, line);
    ssize_t n = plain_line(t, question);
    *line = t->line;
    return n;
}

#define QUOTES "\"\"\""

static bool begins_with(struct span text, const char *begin)
{
    size_t n = strlen(begin);
    return text.n >= n && memcmp(text.s, begin, n) == 0;
}

static bool ends_in(struct span text, const char *end)
{
    size_t n = strlen(end);
    return text.n >= n && memcmp(text.s + text.n - n, end, n) == 0;
}

/* A message under way. */
struct message {
    struct buf *text;
    bool in_quotes, goes_on;
    bool is_quoted; /* all of it */
    bool is_empty;  /* of lines so far */
};

/* Length of "/NAME " at the start of a line: what follows may stand in quotes. */
static size_t command_length(struct span line)
{
    size_t i = 0;
    if (line.n < 2 || line.s[0] != '/' || line.s[1] == '/')
        return 0;
    while (i < line.n && line.s[i] != ' ' && line.s[i] != '\t')
        i++;
    while (i < line.n && (line.s[i] == ' ' || line.s[i] == '\t'))
        i++;
    return i;
}

/* Begins a message: takes the quotes that open it off the line, and what stands before them. */
static bool open_quotes(struct message *m, struct span *line, struct err *err)
{
    size_t n = command_length(*line);
    bool line_begins = n == 0;
    if (!begins_with((struct span){line->s + n, line->n - n}, QUOTES))
        return true;
    if (!buf_add(m->text, line->s, n, err))
        return false;
    n += strlen(QUOTES);
    *line = (struct span){line->s + n, line->n - n};
    m->in_quotes = true;
    m->is_quoted = line_begins;
    return true;
}

static bool add_line(struct message *m, struct span line, struct err *err)
{
    bool is_first = !m->goes_on;
    if (is_first && !open_quotes(m, &line, err))
        return false;
    const char *mark = m->in_quotes ? QUOTES : "\\";
    bool opens = is_first && m->in_quotes, marked = ends_in(line, mark);
    m->goes_on = marked != m->in_quotes;
    if (marked)
        line.n -= strlen(mark);
    /* Quotes alone on their line are no line of the text, pasted ones neither. */
    if (opens && line.n && line.s[0] == '\n')
        line = (struct span){line.s + 1, line.n - 1};
    else if (!line.n && m->in_quotes && (opens || marked))
        return true;
    if (marked && m->in_quotes && line.n && line.s[line.n - 1] == '\n')
        line.n--;
    bool is_next = !m->is_empty;
    m->is_empty = false;
    return (!is_next || buf_add(m->text, "\n", 1, err)) &&
           (!line.n || buf_add(m->text, line.s, line.n, err));
}

ssize_t typed_message(struct typed *t, const char *question, struct buf *text, bool *is_quoted,
                      struct err *err)
{
    struct message m = {.text = text, .is_empty = true};
    ssize_t n;
    buf_clear(text);
    do {
        const char *line;
        n = typed_line(t, m.goes_on ? "... " : question, &line);
        if (n < 0)
            break;
        if (!add_line(&m, (struct span){line, (size_t)n}, err))
            n = LINE_DROPPED;
    } while (n >= 0 && m.goes_on);
    *is_quoted = m.is_quoted;
    return n < 0 ? n : (ssize_t)text->len;
}

bool typed_is_blank(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && text[i] && strchr(" \t\r\n", text[i]))
        i++;
    return i == n;
}
