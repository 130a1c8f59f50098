/* SPDX-License-Identifier: Apache-2.0 */
#include "text/split_int.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "data/utf8.h"
#include "text/char_class_int.h"

/* Sets of classes: the two runs of letters in the pattern, and what is neither
 * letter, number nor space. */
#define UPPERS (CHAR_CLASS_BIT('U') | CHAR_CLASS_BIT('B') | CHAR_CLASS_BIT('M'))
#define LOWERS (CHAR_CLASS_BIT('l') | CHAR_CLASS_BIT('B') | CHAR_CLASS_BIT('M'))
#define BOTH   (CHAR_CLASS_BIT('B') | CHAR_CLASS_BIT('M'))
#define OTHERS (CHAR_CLASS_BIT('M') | CHAR_CLASS_BIT('p'))

void split_classify(const char *text, size_t n, char *classes)
{
    for (size_t i = 0; i < n;) {
        uint32_t code;
        size_t len;
        if ((uint8_t)text[i] < 0x80) {
            classes[i] = char_class((uint8_t)text[i]);
            i++;
            continue;
        }
        utf8_decode(text + i, n - i, &code, &len);
        memset(classes + i, char_class(code), len);
        i += len;
    }
    classes[n] = 0;
}

static bool is_newline(char c)
{
    return c == '\r' || c == '\n';
}

/* Returns the end of [uppers]*[lowers]+ from i, or 0.  The first run gives back as
 * little as it must: down to its last letter or mark that is also a lower. */
static size_t word_end(const char *classes, size_t i)
{
    size_t end = 0;
    for (; char_class_in(classes[i], UPPERS); i++)
        if (char_class_in(classes[i], BOTH))
            end = i + 1;
    if (classes[i] != 'l')
        return end;
    while (char_class_in(classes[i], LOWERS))
        i++;
    return i;
}

/* Returns the end of [uppers]+ from i, or 0. */
static size_t caps_end(const char *classes, size_t i)
{
    size_t end = i;
    while (char_class_in(classes[end], UPPERS))
        end++;
    return end > i ? end : 0;
}

/* Returns the end of [ ]?[others]+[\r\n/]* from i, or 0. */
static size_t others_end(const struct split *split, size_t i)
{
    size_t from = split->text[i] == ' ' ? i + 1 : i, end = from;
    while (char_class_in(split->classes[end], OTHERS))
        end++;
    if (end == from)
        return 0;
    while (end < split->n && (is_newline(split->text[end]) || split->text[end] == '/'))
        end++;
    return end;
}

/* Returns the end of \s*[\r\n]+, else of \s+(?!\S), else of \s+. */
static size_t spaces_end(const struct split *split, size_t i)
{
    size_t newline = 0, last = i, end = i;
    for (; split->classes[end] == 's'; end++) {
        if (is_newline(split->text[end]))
            newline = end + 1;
        if (((uint8_t)split->text[end] & 0xc0) != 0x80)
            last = end;
    }
    if (newline)
        return newline;
    /* The last space of several is left to the word behind it. */
    return end == split->n || last == i ? end : last;
}

size_t split_next(const struct split *split, size_t i)
{
    const char *classes = split->classes;
    char c = classes[i];
    bool may_lead = c == 'M' || c == 'p' || (c == 's' && !is_newline(split->text[i]));
    size_t second = i + 1, end = 0;
    while (second < split->n && ((uint8_t)split->text[second] & 0xc0) == 0x80)
        second++;
    if (may_lead)
        end = word_end(classes, second);
    if (!end)
        end = word_end(classes, i);
    if (!end && may_lead)
        end = caps_end(classes, second);
    if (!end)
        end = caps_end(classes, i);
    if (!end && c == 'N')
        end = second;
    if (!end)
        end = others_end(split, i);
    return end ? end : spaces_end(split, i);
}
