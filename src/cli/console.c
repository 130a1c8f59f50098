/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
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

static void line(const char *prefix, const char *fmt, va_list args)
{
    char text[512];
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

#define CLEAR_LINE "\r\033[K"

void console_progress(const char *fmt, ...)
{
    if (!isatty(STDERR_FILENO))
        return;
    va_list args;
    va_start(args, fmt);
    fputs(CLEAR_LINE, stderr);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

void console_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs(CLEAR_LINE, stderr);
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
