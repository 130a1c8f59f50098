/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/line_editor.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "data/utf8.h"

enum { HISTORY_LINES = 1000 };

#define PASTE_ON    "\033[?2004h"
#define PASTE_OFF   "\033[?2004l"
#define PASTE_BEGIN "\\e[200~" /* as libedit spells keys */
#define PASTE_END   L"\033[201~"

static char *ask(EditLine *lines)
{
    static char none[] = "";
    struct line_editor *e;
    if (el_get(lines, EL_CLIENTDATA, &e) != 0)
        return none;
    return e->question;
}

/* The window has another size, or the program was stopped and goes on. */
static void wake(EditLine *lines)
{
    el_resize(lines);
    el_set(lines, EL_PREP_TERM, 0);
    el_set(lines, EL_PREP_TERM, 1);
    el_set(lines, EL_REFRESH);
}

/* Reads one byte.  Returns 1, 0 at the end, or -1 after Ctrl-C. */
static int read_byte(EditLine *lines, char *byte)
{
    while (!interrupt_came()) {
        ssize_t n = read(STDIN_FILENO, byte, 1);
        if (n >= 0 || errno != EINTR)
            return n == 1;
        if (!interrupt_came())
            wake(lines);
    }
    return -1;
}

/* What libedit calls for each character.  After Ctrl-C each is the newline that ends the line. */
static int read_character(EditLine *lines, wchar_t *character)
{
    char bytes[UTF8_MAX];
    uint32_t code = UTF8_BAD;
    enum utf8_state state = UTF8_CUT;
    for (size_t n = 0, len; state == UTF8_CUT && n < sizeof bytes;) {
        int got = read_byte(lines, bytes + n);
        if (got == 0)
            return 0;
        if (got < 0) {
            *character = L'\n';
            return 1;
        }
        state = utf8_decode(bytes, ++n, &code, &len);
    }
    *character = (wchar_t)(state == UTF8_OK ? code : UTF8_REPLACEMENT);
    return 1;
}

static bool insert(EditLine *lines, const wchar_t *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const wchar_t one[] = {text[i] == L'\r' ? L'\n' : text[i], 0};
        if (el_winsertstr(lines, one) != 0)
            return false;
    }
    return true;
}

/* Called where the terminal says that pasted text begins. */
static unsigned char paste(EditLine *lines, int key)
{
    static const wchar_t end[] = PASTE_END;
    size_t n_end = sizeof end / sizeof *end - 1, n = 0;
    wchar_t c, last = 0;
    (void)key;
    while (n < n_end && !interrupt_came()) {
        if (read_character(lines, &c) != 1)
            return CC_EOF;
        bool is_line_feed = c == L'\n' && last == L'\r'; /* of both: one newline */
        last = c;
        if (c == end[n]) {
            n++;
            continue;
        }
        bool ok = insert(lines, end, n);
        n = c == end[0];
        if (!ok || (!n && c && !is_line_feed && !insert(lines, &c, 1)))
            return CC_ERROR;
    }
    return CC_REFRESH;
}

static const char *const keys[][2] = {
    {"^R", "em-inc-search-prev"},      {"^I", "ed-insert"},          {"\\e[H", "ed-move-to-beg"},
    {"\\e[F", "ed-move-to-end"},       {"\\e[1~", "ed-move-to-beg"}, {"\\e[4~", "ed-move-to-end"},
    {"\\e[3~", "ed-delete-next-char"}, {"\\e[1;5D", "ed-prev-word"}, {"\\e[1;5C", "em-next-word"},
    {PASTE_BEGIN, "bise-paste"},
};

static void set_up(struct line_editor *e)
{
    HistEvent event;
    el_set(e->lines, EL_CLIENTDATA, e);
    el_set(e->lines, EL_PROMPT, ask);
    el_set(e->lines, EL_GETCFN, read_character);
    el_set(e->lines, EL_SETTY, "-d", "-icrnl", "-inlcr", NULL); /* a pasted line can end in CR LF */
    el_set(e->lines, EL_EDITOR, "emacs");
    el_wset(e->lines, EL_ADDFN, L"bise-paste", L"insert pasted text", paste); /* kept, not copied */
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        el_set(e->lines, EL_BIND, keys[i][0], keys[i][1], NULL);
    history(e->history, &event, H_SETSIZE, HISTORY_LINES);
    history(e->history, &event, H_SETUNIQUE, 1);
    el_set(e->lines, EL_HIST, history, e->history);
}

bool line_editor_open(struct line_editor *e)
{
    const char *terminal = getenv("TERM");
    *e = (struct line_editor){0};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !terminal || !*terminal ||
        strcmp(terminal, "dumb") == 0)
        return false;
    /* Text is UTF-8, whatever the user's locale; libedit needs to know how wide it is. */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return false;
    e->lines = el_init("bise", stdin, stdout, stderr);
    e->history = history_init();
    if (!e->lines || !e->history) {
        line_editor_close(e);
        return false;
    }
    set_up(e);
    return true;
}

void line_editor_close(struct line_editor *e)
{
    if (e->lines)
        el_end(e->lines);
    if (e->history)
        history_end(e->history);
    *e = (struct line_editor){0};
}

/* Exists so that a read that waits is ended. */
static void nothing(int signal)
{
    (void)signal;
}

static const char *get_line(struct line_editor *e, int *n)
{
    struct sigaction action = {.sa_handler = nothing}, old_size, old_go_on;
    sigaction(SIGWINCH, &action, &old_size);
    sigaction(SIGCONT, &action, &old_go_on);
    interrupt_wake();
    fputs(PASTE_ON, stdout);
    const char *text = el_gets(e->lines, n);
    fputs(PASTE_OFF, stdout);
    fflush(stdout);
    interrupt_release();
    sigaction(SIGWINCH, &old_size, NULL);
    sigaction(SIGCONT, &old_go_on, NULL);
    return text;
}

ssize_t line_editor_read(struct line_editor *e, const char *question, const char **line)
{
    HistEvent event;
    int n;
    snprintf(e->question, sizeof e->question, "%s", question);
    *line = get_line(e, &n);
    if (interrupt_came())
        return LINE_DROPPED;
    if (!*line || n <= 0) {
        fputs("\n", stdout);
        return LINE_END;
    }
    if (strspn(*line, " \t\n") < (size_t)n)
        history(e->history, &event, H_ENTER, *line);
    while (n && (*line)[n - 1] == '\n')
        n--;
    return n;
}
