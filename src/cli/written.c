/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/written.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/console.h"

int written_done(const char *out, const char *fmt, ...)
{
    va_list args;
    if (strcmp(out, "-") == 0)
        return console_finish(EXIT_DONE);
    signal(SIGPIPE, SIG_IGN); /* whoever reads the line may be gone: that is an error to tell */
    printf("%s: ", out);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    int code = console_finish(EXIT_DONE);
    if (code != EXIT_DONE)
        console_note("%s is complete all the same", out);
    return code;
}

int written_fail(const char *out, const struct err *err)
{
    if (err->code == ERR_CANCELLED && strcmp(out, "-") == 0)
        console_error("bise: standard output: interrupted; what was written is not complete");
    else if (err->code == ERR_CANCELLED)
        console_error("bise: %s: interrupted; nothing was written", out);
    return console_fail(err);
}
