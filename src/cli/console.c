/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "data/utf8.h"

/* C0 and C1 controls and DEL. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

void console_clean(char *text)
{
    size_t n = strlen(text), n_out = 0;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        if (utf8_decode(text + i, n - i, &code, &len) != UTF8_OK || is_control(code)) {
            text[n_out++] = '?';
        } else {
            memmove(text + n_out, text + i, len);
            n_out += len;
        }
    }
    text[n_out] = '\0';
}

#define CLEAR_LINE "\r\033[K"

static bool shows_progress; /* in the last line of the terminal */

static void line(const char *prefix, const char *fmt, va_list args)
{
    char text[512];
    console_progress_end();
    vsnprintf(text, sizeof text, fmt, args);
    console_clean(text);
    fprintf(stderr, "%s%s\n", prefix, text);
}

void console_note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    line("note: ", fmt, args);
    va_end(args);
}

void console_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    line("", fmt, args);
    va_end(args);
}

enum {
    MAX_WIDTH = 400,
    USUAL_WIDTH = 80,
    NAME_MIN = 6,
    BAR_MIN = 12,
    BAR_USUAL = 24,
    BAR_MAX = 50
};

/* Returns the columns of the terminal that stderr is. */
static int terminal_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    long width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    if (width <= 0)
        width = columns ? strtol(columns, NULL, 10) : 0;
    return width <= 0 ? USUAL_WIDTH : width < MAX_WIDTH ? (int)width : MAX_WIDTH;
}

static int clamp(int n, int min, int max)
{
    return n < min ? min : n > max ? max : n;
}

void console_bar_line(char *line, size_t size, int width, const char *name, double part,
                      const char *rest)
{
    static const char full[] = "##################################################";
    static const char empty[] = "..................................................";
    int n_name = (int)strlen(name);
    int room = width - 1 - (int)strlen(" [] 100 %, ") - (int)strlen(rest);
    int n_bar = clamp(room - n_name, clamp(room - NAME_MIN, BAR_MIN, BAR_USUAL), BAR_MAX);
    int n_shown = clamp(room - n_bar, 0, n_name);
    int n_full = (int)(part * n_bar), percent = (int)(part * 100);
    const char *dots = "";
    if (n_shown < n_name && n_shown < NAME_MIN)
        n_shown = 0;
    else if (n_shown < n_name)
        dots = "..."; /* a name's end says more than its start */
    size = (size_t)clamp(width, 1, (int)size);
    if (room < BAR_MIN)
        snprintf(line, size, "%d %%, %s", percent, rest);
    else
        snprintf(line, size, "%s%s%s[%.*s%.*s] %3d %%, %s", dots,
                 name + n_name - n_shown + strlen(dots), n_shown ? " " : "", n_full, full,
                 n_bar - n_full, empty, percent, rest);
}

void console_bar(const char *name, double part, const char *fmt, ...)
{
    char text[256], all[MAX_WIDTH + 1];
    va_list args;
    if (!isatty(STDERR_FILENO))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    console_bar_line(all, sizeof all, terminal_width(), name, part, text);
    fprintf(stderr, CLEAR_LINE "%s", all);
    shows_progress = true;
}

/* In the last column a terminal may go on to the next line. */
void console_progress(const char *fmt, ...)
{
    char text[256];
    va_list args;
    if (!isatty(STDERR_FILENO))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, CLEAR_LINE "%.*s", terminal_width() - 1, text);
    shows_progress = true;
}

void console_progress_end(void)
{
    if (shows_progress)
        fputs(CLEAR_LINE, stderr);
    shows_progress = false;
}

int console_fail(const struct err *err)
{
    if (err->code == ERR_CANCELLED)
        return interrupt_exit_code();
    console_error("bise: %s", err->text);
    return EXIT_FAILED;
}

static void write_visible(FILE *f, const char *text, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        if (utf8_decode(text + i, n - i, &code, &len) != UTF8_OK)
            fputs("\xef\xbf\xbd", f); /* U+FFFD */
        else if (!is_control(code) || code == '\n' || code == '\t')
            fwrite(text + i, 1, len, f);
    }
}

bool console_text(const char *text, size_t n, struct err *err)
{
    if (!n)
        return true;
    if (isatty(STDOUT_FILENO))
        write_visible(stdout, text, n);
    else
        fwrite(text, 1, n, stdout);
    return console_flush(err);
}

bool console_aside(const char *text, size_t n, struct err *err)
{
    FILE *f = isatty(STDOUT_FILENO) ? stdout : stderr;
    size_t n_seen = n;
    while (n_seen && text[n_seen - 1] == '\n')
        n_seen--;
    bool dims = n_seen && isatty(fileno(f));
    fputs(dims ? "\033[2m" : "", f);
    write_visible(f, text, n_seen);
    fputs(dims ? "\033[0m" : "", f);
    write_visible(f, text + n_seen, n - n_seen);
    return f == stderr || console_flush(err);
}

bool console_flush(struct err *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return err_set(err, ERR_IO, "standard output: %s", strerror(errno));
    return true;
}

int console_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    console_error("bise: standard output: %s", strerror(errno));
    return EXIT_FAILED;
}
