/* SPDX-License-Identifier: Apache-2.0 */
#include "base/small_text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool small_text_read(char *text, size_t size, const char *format, ...)
{
    char path[PATH_MAX];
    va_list args;
    va_start(args, format);
    int n_path = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    text[0] = '\0';
    if (n_path < 0 || (size_t)n_path >= sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    size_t used = 0;
    ssize_t n = 1;
    /* Such files have no size: they are read until there is no more. */
    while (used < size && n != 0) {
        n = read(fd, text + used, size - used);
        if (n < 0 && errno != EINTR)
            break;
        used += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (n != 0 || used == size) {
        text[0] = '\0';
        return false;
    }
    text[used] = '\0';
    return true;
}

const char *small_text_line(const char *text, const char *key)
{
    size_t n = strlen(key);
    while (strncmp(text, key, n) != 0) {
        text = strchr(text, '\n');
        if (!text)
            return NULL;
        text++;
    }
    return text + n;
}

bool small_text_number(const char **text, long long *value)
{
    const char *at = *text;
    long long number = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(number, 10LL, &number) ||
            __builtin_add_overflow(number, (long long)(*at - '0'), &number))
            return false;
    if (at == *text)
        return false;
    *text = at;
    *value = number;
    return true;
}

uint64_t small_text_amount(const char *dir, const char *name, const char *key)
{
    char text[SMALL_TEXT_BYTES];
    long long number;
    small_text_read(text, sizeof text, "%s/%s", dir, name);
    const char *value = small_text_line(text, key);
    if (!value)
        return SMALL_TEXT_NONE;
    value += strspn(value, " \t");
    return small_text_number(&value, &number) ? (uint64_t)number : SMALL_TEXT_NONE;
}
