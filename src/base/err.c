/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/line.h"

enum { WHOLE_BYTES = 8192, HEAD_BYTES = ERR_TEXT_BYTES / 2 };

/* Stores a message, without its middle if it is too long. */
static void store(struct err *err, const char *whole)
{
    static const char gap[] = " ... ";
    size_t n = strlen(whole);
    if (n < sizeof err->text) {
        memcpy(err->text, whole, n + 1);
    } else {
        size_t n_tail = sizeof err->text - HEAD_BYTES - (sizeof gap - 1); /* with the NUL */
        memcpy(err->text, whole, HEAD_BYTES);
        memcpy(err->text + HEAD_BYTES, gap, sizeof gap - 1);
        memcpy(err->text + sizeof err->text - n_tail, whole + n + 1 - n_tail, n_tail);
    }
    line_clean(err->text); /* it may quote names from files */
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    char whole[WHOLE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(whole, sizeof whole, fmt, ap);
    va_end(ap);
    err->code = code;
    store(err, whole);
    return false;
}

bool err_add(struct err *err, const char *fmt, ...)
{
    char whole[WHOLE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(whole, sizeof whole - sizeof err->text - 2, fmt, ap);
    va_end(ap);
    if (n < 0)
        return false;
    size_t at = strlen(whole);
    snprintf(whole + at, sizeof whole - at, ": %s", err->text);
    store(err, whole);
    return false;
}

bool err_remedy(struct err *err, enum err_code code, const char *remedy)
{
    char whole[WHOLE_BYTES];
    if (err->code != code || strchr(err->text, ';'))
        return false;
    size_t n = strlen(err->text);
    if (n && err->text[n - 1] == '.')
        n--; /* the sentence goes on */
    snprintf(whole, sizeof whole, "%.*s; %s", (int)n, err->text, remedy);
    store(err, whole);
    return false;
}
