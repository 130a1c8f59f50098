/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex_class_int.h"

#include <stdlib.h>
#include <string.h>

#include "text/char_class_int.h"

enum { LAST_CODE = 0x10FFFF };

bool code_set_add(struct code_set *set, uint32_t lo, uint32_t hi, struct err *err)
{
    return id_list_add(&set->list, lo, err) && id_list_add(&set->list, hi, err);
}

void code_set_free(struct code_set *set)
{
    free(set->list.ids);
    *set = (struct code_set){0};
}

static int compare_pairs(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return x[0] != y[0] ? (x[0] > y[0]) - (x[0] < y[0]) : (x[1] > y[1]) - (x[1] < y[1]);
}

static void join(struct code_set *set)
{
    uint32_t *pairs = set->list.ids, n_kept = 0;
    if (!set->list.n)
        return;
    qsort(pairs, set->list.n / 2, 2 * sizeof *pairs, compare_pairs);
    for (uint32_t i = 2; i < set->list.n; i += 2) {
        if (pairs[i] > pairs[n_kept + 1] + 1) {
            n_kept += 2;
            pairs[n_kept] = pairs[i];
            pairs[n_kept + 1] = pairs[i + 1];
        } else if (pairs[i + 1] > pairs[n_kept + 1]) {
            pairs[n_kept + 1] = pairs[i + 1];
        }
    }
    set->list.n = n_kept + 2;
}

static bool complement(struct code_set *set, struct err *err)
{
    struct code_set rest = {0};
    uint32_t from = 0;
    bool ok = true;
    for (uint32_t i = 0; ok && i < set->list.n; i += 2) {
        if (set->list.ids[i] > from)
            ok = code_set_add(&rest, from, set->list.ids[i] - 1, err);
        from = set->list.ids[i + 1] + 1;
    }
    if (ok && from <= LAST_CODE)
        ok = code_set_add(&rest, from, LAST_CODE, err);
    code_set_free(set);
    *set = rest;
    return ok;
}

bool code_set_finish(struct code_set *set, bool is_not, struct err *err)
{
    join(set);
    return !is_not || complement(set, err);
}

static bool add_set(struct code_set *set, const struct code_set *more, struct err *err)
{
    return id_list_add_all(&set->list, more->list.ids, more->list.n, err);
}

bool code_set_add_escape(struct code_set *set, char letter, struct err *err)
{
    static const uint32_t digits[] = {'0', '9'};
    static const uint32_t words[] = {'0', '9', 'A', 'Z', '_', '_', 'a', 'z'};
    static const uint32_t spaces[] = {9,      13,     32,     32,     0xA0,   0xA0,   0x1680,
                                      0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x202F,
                                      0x205F, 0x205F, 0x3000, 0x3000, 0xFEFF, 0xFEFF};
    struct code_set own = {0};
    bool is_not = letter >= 'A' && letter <= 'Z';
    char small = (char)(letter | 32);
    const uint32_t *pairs = small == 'd' ? digits : small == 'w' ? words : spaces;
    uint32_t n = small == 'd' ? 2 : small == 'w' ? 8 : sizeof spaces / sizeof *spaces;
    bool ok = id_list_add_all(&own.list, pairs, n, err) && code_set_finish(&own, is_not, err) &&
              add_set(set, &own, err);
    code_set_free(&own);
    return ok;
}

bool code_set_fold(struct code_set *set, struct err *err)
{
    uint32_t n = set->list.n;
    for (uint32_t i = 0; i < n; i += 2)
        for (uint32_t upper = 'A'; upper <= 'Z'; upper++) {
            uint32_t lo = set->list.ids[i], hi = set->list.ids[i + 1];
            bool has_upper = lo <= upper && upper <= hi;
            bool has_lower = lo <= upper + 32 && upper + 32 <= hi;
            uint32_t other = has_upper ? upper + 32 : upper;
            if (has_upper != has_lower && !code_set_add(set, other, other, err))
                return false;
        }
    return true;
}

/* --- properties ------------------------------------------------------------- */

/* Title case letters, which the table of classes counts among the upper case ones. */
static const uint32_t titles[] = {0x1C5,  0x1C5,  0x1C8,  0x1C8,  0x1CB,  0x1CB,  0x1F2,
                                  0x1F2,  0x1F88, 0x1F8F, 0x1F98, 0x1F9F, 0x1FA8, 0x1FAF,
                                  0x1FBC, 0x1FBC, 0x1FCC, 0x1FCC, 0x1FFC, 0x1FFC};
enum { N_TITLES = sizeof titles / sizeof *titles };

static bool is_title(uint32_t code)
{
    for (size_t i = 0; i < N_TITLES; i += 2)
        if (code >= titles[i] && code <= titles[i + 1])
            return true;
    return false;
}

/* Adds the code points of some classes; without_titles leaves those out. */
static bool add_classes(struct code_set *set, const char *letters, bool without_titles,
                        struct err *err)
{
    uint32_t bits = 0, from = UINT32_MAX;
    for (const char *c = letters; *c; c++)
        bits |= CHAR_CLASS_BIT(*c);
    for (uint32_t code = 0; code <= LAST_CODE + 1; code++) {
        bool in = code <= LAST_CODE && char_class_in(char_class(code), bits) &&
                  !(without_titles && is_title(code));
        if (in && from == UINT32_MAX)
            from = code;
        if (!in && from != UINT32_MAX) {
            if (!code_set_add(set, from, code - 1, err))
                return false;
            from = UINT32_MAX;
        }
    }
    return true;
}

static const struct {
    const char *name, *longer, *classes;
} properties[] = {
    {"L", "Letter", "UlB"},
    {"Ll", "Lowercase_Letter", "l"},
    {"Lu", "Uppercase_Letter", "U"},
    {"LC", "Cased_Letter", "Ul"},
    {"M", "Mark", "M"},
    {"N", "Number", "N"},
};

static bool add_property(struct code_set *set, struct span name, struct err *err)
{
    if (span_is(name, "Any"))
        return code_set_add(set, 0, LAST_CODE, err);
    if (span_is(name, "ASCII"))
        return code_set_add(set, 0, 0x7F, err);
    if (span_is(name, "Lt") || span_is(name, "Titlecase_Letter"))
        return id_list_add_all(&set->list, titles, N_TITLES, err);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (span_is(name, properties[i].name) || span_is(name, properties[i].longer))
            return add_classes(set, properties[i].classes,
                               span_is(name, "Lu") || span_is(name, "Uppercase_Letter"), err);
    return err_set(err, ERR_UNSUPPORTED, "the property \\p{%.*s} is not supported",
                   (int)(name.n < 40 ? name.n : 40), name.s);
}

static struct span strip(struct span name, const char *prefix)
{
    size_t n = strlen(prefix);
    return name.n > n && memcmp(name.s, prefix, n) == 0 ? (struct span){name.s + n, name.n - n}
                                                        : name;
}

bool code_set_add_property(struct code_set *set, struct span name, bool is_not, struct err *err)
{
    struct code_set own = {0};
    name = strip(strip(name, "General_Category="), "gc=");
    bool ok = add_property(&own, name, err) && code_set_finish(&own, is_not, err) &&
              add_set(set, &own, err);
    code_set_free(&own);
    return ok;
}
