/* SPDX-License-Identifier: Apache-2.0 */
/* stop_filter.c - one Knuth-Morris-Pratt automaton per stop string.
 *
 * What is held back is the longest beginning of a stop string that the text ends
 * with, so its bytes need no copy: the stop string has them. */
#include "engine/stop_filter.h"

#include <string.h>

#include "data/utf8.h"

static void compute_borders(struct stop_string *s)
{
    size_t k = 0;
    for (size_t i = 1; i < s->n; i++) {
        while (k > 0 && s->bytes[i] != s->bytes[k])
            k = s->borders[k - 1];
        if (s->bytes[i] == s->bytes[k])
            k++;
        s->borders[i] = (uint16_t)k;
    }
}

bool stop_filter_init(struct stop_filter *filter, const char *const *strings, size_t n,
                      struct err *err)
{
    *filter = (struct stop_filter){0};
    if (n > LIMIT_STOP_STRINGS)
        return err_set(err, ERR_ARG, "stop: %zu strings; at most %d are possible", n,
                       LIMIT_STOP_STRINGS);
    for (size_t i = 0; i < n; i++) {
        struct stop_string *s = &filter->strings[i];
        size_t len = strnlen(strings[i], LIMIT_STOP_BYTES + 1);
        if (len < 1 || len > LIMIT_STOP_BYTES)
            return err_set(err, ERR_ARG, "stop: string %zu needs 1 to %d bytes", i + 1,
                           LIMIT_STOP_BYTES);
        if (!utf8_valid(strings[i], len))
            return err_set(err, ERR_ARG, "stop: string %zu is not UTF-8", i + 1);
        memcpy(s->bytes, strings[i], len);
        s->n = len;
        compute_borders(s);
    }
    filter->n_strings = n;
    return true;
}

void stop_filter_restart(struct stop_filter *filter)
{
    filter->found = false;
    for (size_t i = 0; i < filter->n_strings; i++)
        filter->strings[i].n_matched = 0;
}

/* Moves s on by one byte.  Says whether s is complete. */
static bool match_byte(struct stop_string *s, char byte)
{
    while (s->n_matched > 0 && byte != s->bytes[s->n_matched])
        s->n_matched = s->borders[s->n_matched - 1];
    if (byte == s->bytes[s->n_matched])
        s->n_matched++;
    return s->n_matched == s->n;
}

/* Returns the string of which the text ends with the longest beginning; some
 * string must exist. */
static const struct stop_string *longest_match(const struct stop_filter *filter)
{
    const struct stop_string *best = &filter->strings[0];
    for (size_t i = 1; i < filter->n_strings; i++)
        if (filter->strings[i].n_matched > best->n_matched)
            best = &filter->strings[i];
    return best;
}

static bool add_byte(struct stop_filter *filter, char byte, struct buf *out, struct err *err)
{
    const struct stop_string *before = longest_match(filter);
    size_t n_held = before->n_matched;
    size_t n_cut = 0; /* bytes of the longest stop string that ends here */
    for (size_t i = 0; i < filter->n_strings; i++)
        if (match_byte(&filter->strings[i], byte) && filter->strings[i].n > n_cut)
            n_cut = filter->strings[i].n;
    size_t n_keep = n_cut ? n_cut : longest_match(filter)->n_matched;
    filter->found = n_cut > 0;

    size_t n_out = n_held + 1 - n_keep;
    size_t n_old = n_out < n_held ? n_out : n_held;
    return buf_add(out, before->bytes, n_old, err) && buf_add(out, &byte, n_out - n_old, err);
}

bool stop_filter_add(struct stop_filter *filter, const char *text, size_t n, struct buf *out,
                     struct err *err)
{
    if (!filter->n_strings)
        return buf_add(out, text, n, err);
    for (size_t i = 0; i < n && !filter->found; i++)
        if (!add_byte(filter, text[i], out, err))
            return false;
    return true;
}

bool stop_filter_end(struct stop_filter *filter, struct buf *out, struct err *err)
{
    if (!filter->n_strings || filter->found)
        return true;
    const struct stop_string *held = longest_match(filter);
    size_t n = held->n_matched;
    stop_filter_restart(filter);
    return buf_add(out, held->bytes, n, err);
}
