/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns in the ECMA-262 dialect to languages, by recursive descent.
 *
 * An anchor is a fact about what stands around a part of the pattern.  Each part is therefore
 * four languages: of texts that may stand anywhere, only at the start, only at the end, or
 * only alone.  Look-ahead in an outermost branch is an intersection with all that follows. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/span.h"
#include "data/utf8.h"
#include "text/regex_class_int.h"
#include "text/regex_int.h"

struct part {
    uint32_t in[2][2]; /* [at the start][at the end] */
};

struct parser {
    struct regex_set *set;
    const char *s;
    size_t n, at;
    bool is_folding; /* (?i) */
    enum regex_mode mode;
    int depth;
    struct err *err;
};

static bool fail(struct parser *p, enum err_code code, size_t at, const char *what)
{
    return err_set(p->err, code, "at %zu: %s", at, what);
}

static bool more(const struct parser *p)
{
    return p->at < p->n;
}

static bool next_is(const struct parser *p, const char *text)
{
    size_t n = strlen(text);
    return p->n - p->at >= n && memcmp(p->s + p->at, text, n) == 0;
}

static bool take(struct parser *p, const char *text)
{
    bool is = next_is(p, text);
    p->at += is ? strlen(text) : 0;
    return is;
}

/* --- parts ------------------------------------------------------------------- */

static struct part part_of(uint32_t language)
{
    return (struct part){{{language, REGEX_NOTHING}, {REGEX_NOTHING, REGEX_NOTHING}}};
}

static bool has_anchor(const struct part *x)
{
    return x->in[0][1] != REGEX_NOTHING || x->in[1][0] != REGEX_NOTHING ||
           x->in[1][1] != REGEX_NOTHING;
}

static struct part part_or(struct regex_set *set, const struct part *x, const struct part *y)
{
    struct part both;
    for (int i = 0; i < 4; i++)
        both.in[i >> 1][i & 1] = regex_or(set, x->in[i >> 1][i & 1], y->in[i >> 1][i & 1]);
    return both;
}

static uint32_t only_empty(const struct regex_set *set, uint32_t id)
{
    return regex_is_nullable(set, id) ? REGEX_EPSILON : REGEX_NOTHING;
}

/* What stands before a part for the start of the text, or behind one for the end, is empty. */
static struct part part_cat(struct regex_set *set, const struct part *x, const struct part *y)
{
    struct part both = part_of(REGEX_NOTHING);
    for (int i = 0; i < 16; i++) {
        int start_x = i & 1, end_x = i >> 1 & 1, start_y = i >> 2 & 1, end_y = i >> 3;
        uint32_t a = x->in[start_x][end_x], b = y->in[start_y][end_y];
        if (a == REGEX_NOTHING || b == REGEX_NOTHING)
            continue;
        a = start_y ? only_empty(set, a) : a;
        b = end_x ? only_empty(set, b) : b;
        uint32_t *to = &both.in[start_x | start_y][end_x | end_y];
        *to = regex_or(set, *to, regex_cat(set, a, b));
    }
    return both;
}

/* Lets anything follow where the end is not demanded, if the mode does: the part then speaks of
 * all that is left. */
static uint32_t close_end(struct regex_set *set, const struct part *x, int start,
                          enum regex_mode mode)
{
    uint32_t open = x->in[start][0];
    if (mode == REGEX_SEARCH)
        open = regex_cat(set, open, regex_any_text(set));
    return regex_or(set, open, x->in[start][1]);
}

/* --- atoms ------------------------------------------------------------------- */

static bool hex(struct parser *p, int n_digits, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < n_digits; i++, p->at++) {
        char c = more(p) ? p->s[p->at] : 0;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return fail(p, ERR_ARG, p->at, "a hexadecimal digit is missing");
        *code = *code * 16 + (uint32_t)digit;
    }
    return true;
}

static bool is_surrogate(uint32_t code)
{
    return code >= 0xD800 && code <= 0xDFFF;
}

/* Behind \u. */
static bool unicode_escape(struct parser *p, uint32_t *code)
{
    size_t at = p->at;
    if (!take(p, "{")) {
        if (!hex(p, 4, code))
            return false;
        uint32_t low;
        if (*code >= 0xD800 && *code < 0xDC00 && take(p, "\\u")) {
            if (!hex(p, 4, &low))
                return false;
            if (low < 0xDC00 || low > 0xDFFF)
                return fail(p, ERR_ARG, at, "half a surrogate pair");
            *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
        }
        return !is_surrogate(*code) || fail(p, ERR_ARG, at, "half a surrogate pair");
    }
    uint32_t digit;
    *code = 0;
    do {
        if (!hex(p, 1, &digit))
            return false;
        *code = *code * 16 + digit;
    } while (*code <= 0x10FFFF && !next_is(p, "}"));
    if (!take(p, "}") || *code > 0x10FFFF || is_surrogate(*code))
        return fail(p, ERR_ARG, at, "no code point");
    return true;
}

static bool one_char(struct parser *p, uint32_t *code)
{
    size_t len;
    if (utf8_decode(p->s + p->at, p->n - p->at, code, &len) != UTF8_OK)
        return fail(p, ERR_ARG, p->at, "the pattern is not UTF-8");
    p->at += len;
    return true;
}

static bool is_letter(uint32_t code)
{
    return (code | 32) >= 'a' && (code | 32) <= 'z';
}

/* Behind a backslash, an escape that stands for one character. */
static bool char_escape(struct parser *p, uint32_t *code)
{
    static const char from[] = "tnvfr0", to[] = "\t\n\v\f\r";
    size_t at = p->at - 1;
    if (!more(p))
        return fail(p, ERR_ARG, at, "a backslash at the end");
    char c = p->s[p->at];
    const char *control = c ? strchr(from, c) : NULL;
    if (control &&
        !(c == '0' && p->n - p->at > 1 && p->s[p->at + 1] >= '0' && p->s[p->at + 1] <= '9')) {
        p->at++;
        *code = (uint8_t)to[control - from];
        return true;
    }
    if (take(p, "x"))
        return hex(p, 2, code);
    if (take(p, "u"))
        return unicode_escape(p, code);
    if (c == 'c' && p->n - p->at > 1 && is_letter((uint8_t)p->s[p->at + 1])) {
        *code = (uint8_t)p->s[p->at + 1] & 31u;
        p->at += 2;
        return true;
    }
    if ((c >= '0' && c <= '9') || c == 'k')
        return fail(p, ERR_UNSUPPORTED, at, "a back-reference is not supported");
    if (c == 'b' || c == 'B')
        return fail(p, ERR_UNSUPPORTED, at, "a word boundary is not supported");
    if (is_letter((uint8_t)c))
        return fail(p, ERR_ARG, at, "an unknown escape");
    return one_char(p, code);
}

/* Behind a backslash, an escape that stands for a set.  *is_set says whether it was one. */
static bool set_escape(struct parser *p, struct code_set *codes, bool *is_set)
{
    size_t at = p->at - 1;
    char c = more(p) ? p->s[p->at] : 0;
    *is_set = c && strchr("dDwWsSpP", c);
    if (!*is_set)
        return true;
    p->at++;
    if ((c | 32) != 'p')
        return code_set_add_escape(codes, c, p->err);
    const char *end = take(p, "{") ? memchr(p->s + p->at, '}', p->n - p->at) : NULL;
    if (!end)
        return fail(p, ERR_ARG, at, "a property without its name in braces");
    struct span name = {p->s + p->at, (size_t)(end - (p->s + p->at))};
    p->at += name.n + 1;
    return code_set_add_property(codes, name, c == 'P', p->err) || err_add(p->err, "at %zu", at);
}

/* One end of a range in a class, or a set.  *code is UTF8_BAD for a set. */
static bool class_atom(struct parser *p, struct code_set *codes, uint32_t *code)
{
    bool is_set = false;
    if (!take(p, "\\"))
        return one_char(p, code);
    if (!set_escape(p, codes, &is_set))
        return false;
    *code = UTF8_BAD;
    if (is_set)
        return true;
    if (take(p, "b")) {
        *code = '\b';
        return true;
    }
    return char_escape(p, code);
}

/* Behind [ and an optional ^. */
static bool class_items(struct parser *p, struct code_set *codes, size_t start)
{
    while (!next_is(p, "]")) {
        uint32_t lo, hi;
        size_t at = p->at;
        if (!more(p))
            return fail(p, ERR_ARG, start, "a class without its end");
        if (!class_atom(p, codes, &lo))
            return false;
        bool is_range = next_is(p, "-") && p->n - p->at > 1 && p->s[p->at + 1] != ']';
        hi = lo;
        if (is_range && lo != UTF8_BAD) {
            p->at++;
            if (!class_atom(p, codes, &hi))
                return false;
        }
        if (hi == UTF8_BAD && lo != UTF8_BAD) { /* a-\d: three items */
            if (!code_set_add(codes, lo, lo, p->err) || !code_set_add(codes, '-', '-', p->err))
                return false;
            continue;
        }
        if (lo != UTF8_BAD && lo > hi)
            return fail(p, ERR_ARG, at, "a range that runs backwards");
        if (lo != UTF8_BAD && !code_set_add(codes, lo, hi, p->err))
            return false;
    }
    p->at++;
    return true;
}

/* Makes a part of a set of code points, which is freed. */
static bool finish_codes(struct parser *p, struct code_set *codes, bool ok, bool is_not,
                         struct part *out)
{
    ok = ok && (!p->is_folding || code_set_fold(codes, p->err)) &&
         code_set_finish(codes, is_not, p->err);
    if (ok)
        *out = part_of(regex_code_set(p->set, codes->list.ids, codes->list.n / 2));
    code_set_free(codes);
    return ok;
}

static bool parse_class(struct parser *p, struct part *out)
{
    struct code_set codes = {0};
    size_t start = p->at - 1;
    bool is_not = take(p, "^");
    return finish_codes(p, &codes, class_items(p, &codes, start), is_not, out);
}

static bool parse_escape(struct parser *p, struct part *out)
{
    struct code_set codes = {0};
    bool is_set;
    uint32_t code = 0;
    bool ok = set_escape(p, &codes, &is_set);
    if (ok && !is_set)
        ok = char_escape(p, &code) && code_set_add(&codes, code, code, p->err);
    return finish_codes(p, &codes, ok, false, out);
}

static bool parse_dot(struct parser *p, struct part *out)
{
    struct code_set codes = {0};
    bool ok = code_set_add(&codes, '\n', '\n', p->err) &&
              code_set_add(&codes, '\r', '\r', p->err) &&
              code_set_add(&codes, 0x2028, 0x2029, p->err);
    return finish_codes(p, &codes, ok, true, out);
}

static bool parse_char(struct parser *p, struct part *out)
{
    struct code_set codes = {0};
    uint32_t code;
    bool ok = one_char(p, &code) && code_set_add(&codes, code, code, p->err);
    return finish_codes(p, &codes, ok, false, out);
}

/* --- groups -------------------------------------------------------------------- */

static bool parse_choice(struct parser *p, struct part *out);

/* Behind "(?" of a group that has a name. */
static bool skip_name(struct parser *p, size_t start)
{
    const char *end = memchr(p->s + p->at, '>', p->n - p->at);
    if (!end)
        return fail(p, ERR_ARG, start, "a group name without its end");
    p->at = (size_t)(end - p->s) + 1;
    return true;
}

static bool group_kind(struct parser *p, size_t start)
{
    if (!take(p, "?") || take(p, ":"))
        return true;
    if (take(p, "i:"))
        return p->is_folding = true;
    if (next_is(p, "<=") || next_is(p, "<!"))
        return fail(p, ERR_UNSUPPORTED, start, "look-behind is not supported");
    if (next_is(p, "=") || next_is(p, "!"))
        return fail(p, ERR_UNSUPPORTED, start,
                    "look-ahead inside a group or a repetition is not supported");
    if (take(p, "<") || take(p, "P<"))
        return skip_name(p, start);
    return fail(p, ERR_UNSUPPORTED, start, "this kind of group is not supported");
}

static bool parse_group(struct parser *p, struct part *out)
{
    size_t start = p->at - 1;
    bool was_folding = p->is_folding;
    if (p->depth >= LIMIT_REGEX_DEPTH)
        return fail(p, ERR_LIMIT, start, "groups are nested too deep");
    if (!group_kind(p, start))
        return false;
    p->depth++;
    if (!parse_choice(p, out))
        return false;
    p->depth--;
    p->is_folding = was_folding;
    return take(p, ")") || fail(p, ERR_ARG, start, "a group without its end");
}

static bool parse_count(struct parser *p, uint32_t *count)
{
    size_t at = p->at;
    uint64_t value = 0;
    for (; more(p) && p->s[p->at] >= '0' && p->s[p->at] <= '9'; p->at++)
        if (value < REGEX_FOREVER)
            value = value * 10 + (uint64_t)(p->s[p->at] - '0');
    *count = value < REGEX_FOREVER ? (uint32_t)value : REGEX_FOREVER - 1;
    return p->at > at;
}

/* {m}, {m,} and {m,n}; anything else in braces is text.  Returns whether it was a repetition. */
static bool parse_braces(struct parser *p, uint32_t *lo, uint32_t *hi)
{
    size_t start = p->at;
    bool ok = take(p, "{") && parse_count(p, lo);
    *hi = *lo;
    if (ok && take(p, ",") && !parse_count(p, hi))
        *hi = REGEX_FOREVER;
    if (ok && take(p, "}"))
        return true;
    p->at = start;
    return false;
}

static bool parse_atom(struct parser *p, struct part *out)
{
    size_t at = p->at;
    if (take(p, "("))
        return parse_group(p, out);
    if (take(p, "["))
        return parse_class(p, out);
    if (take(p, "\\"))
        return parse_escape(p, out);
    if (take(p, "."))
        return parse_dot(p, out);
    bool is_start = take(p, "^");
    if (is_start || take(p, "$")) {
        *out = part_of(REGEX_NOTHING);
        out->in[is_start][!is_start] = REGEX_EPSILON;
        return true;
    }
    uint32_t lo, hi;
    if (next_is(p, "*") || next_is(p, "+") || next_is(p, "?") || parse_braces(p, &lo, &hi))
        return fail(p, ERR_ARG, at, "nothing to repeat");
    return parse_char(p, out);
}

/* --- repetition ------------------------------------------------------------------ */

static bool repeat_part(struct parser *p, struct part *x, uint32_t lo, uint32_t hi, size_t at)
{
    if (lo > LIMIT_REGEX_COUNT || (hi != REGEX_FOREVER && hi > LIMIT_REGEX_COUNT))
        return err_set(p->err, ERR_LIMIT, "at %zu: a repetition of more than %u times", at,
                       LIMIT_REGEX_COUNT);
    if (lo > hi)
        return fail(p, ERR_ARG, at, "a repetition whose bounds are in the wrong order");
    if (lo == 1 && hi == 1)
        return true;
    if (!has_anchor(x)) {
        *x = part_of(regex_repeat(p->set, x->in[0][0], lo, hi));
        return true;
    }
    if (hi > 1)
        return fail(p, ERR_UNSUPPORTED, at, "an anchor inside a repetition is not supported");
    if (!hi)
        *x = part_of(REGEX_EPSILON);
    else
        x->in[0][0] = regex_optional(p->set, x->in[0][0]);
    return true;
}

static bool parse_repeats(struct parser *p, struct part *x)
{
    for (bool again = false;; again = true) {
        size_t at = p->at;
        uint32_t lo = 0, hi = REGEX_FOREVER;
        if (take(p, "+"))
            lo = 1;
        else if (take(p, "?"))
            hi = 1;
        else if (!take(p, "*") && !parse_braces(p, &lo, &hi))
            return true;
        if (again)
            return fail(p, ERR_ARG, at, "nothing to repeat");
        take(p, "?"); /* lazy: the same language */
        if (!repeat_part(p, x, lo, hi, at))
            return false;
    }
}

/* --- branches ---------------------------------------------------------------------- */

struct term {
    struct part part;
    uint8_t look; /* 0, '=' or '!' */
};

struct branch {
    struct term *terms;
    uint32_t n, n_places;
};

static bool branch_add(struct parser *p, struct branch *branch, const struct term *term)
{
    struct term *terms =
        array_more(branch->terms, branch->n, &branch->n_places, 1, sizeof *terms, p->err);
    if (!terms)
        return false;
    branch->terms = terms;
    terms[branch->n++] = *term;
    return true;
}

/* Behind "(?" of a look-ahead. */
static bool parse_look(struct parser *p, struct term *term, size_t start)
{
    term->look = (uint8_t)p->s[p->at++];
    p->depth++;
    bool ok = parse_choice(p, &term->part);
    p->depth--;
    if (ok && !take(p, ")"))
        return fail(p, ERR_ARG, start, "a group without its end");
    if (ok && (term->part.in[1][0] != REGEX_NOTHING || term->part.in[1][1] != REGEX_NOTHING))
        return fail(p, ERR_UNSUPPORTED, start, "^ inside look-ahead is not supported");
    return ok;
}

static bool parse_term(struct parser *p, struct term *term)
{
    size_t start = p->at;
    *term = (struct term){0};
    if (!p->depth && (take(p, "(?=") || take(p, "(?!"))) {
        p->at--;
        return parse_look(p, term, start);
    }
    if (!p->depth && start == 0 && take(p, "(?i)")) {
        p->is_folding = true;
        term->part = part_of(REGEX_EPSILON);
        return true;
    }
    return parse_atom(p, &term->part) && parse_repeats(p, &term->part);
}

/* All that follows a look-ahead must, or must not, begin as that says. */
static struct part look_at(struct parser *p, const struct term *term, const struct part *follows)
{
    struct regex_set *set = p->set;
    struct part both = part_of(REGEX_NOTHING);
    uint32_t ahead = close_end(set, &term->part, 0, REGEX_SEARCH);
    uint32_t must = term->look == '=' ? ahead : regex_text_not(set, ahead);
    for (int start = 0; start < 2; start++)
        both.in[start][1] = regex_and(set, must, close_end(set, follows, start, p->mode));
    return both;
}

static struct part join_terms(struct parser *p, const struct branch *branch)
{
    struct part all = part_of(REGEX_EPSILON);
    for (uint32_t i = branch->n; i--;) {
        const struct term *term = &branch->terms[i];
        all = term->look ? look_at(p, term, &all) : part_cat(p->set, &term->part, &all);
    }
    return all;
}

static bool parse_branch(struct parser *p, struct part *out)
{
    struct branch branch = {0};
    bool ok = true;
    while (ok && more(p) && !next_is(p, "|") && !(p->depth && next_is(p, ")"))) {
        struct term term;
        if (next_is(p, ")"))
            ok = fail(p, ERR_ARG, p->at, "the end of a group that does not begin");
        else
            ok = parse_term(p, &term) && branch_add(p, &branch, &term);
    }
    if (ok)
        *out = join_terms(p, &branch);
    free(branch.terms);
    return ok;
}

static bool parse_choice(struct parser *p, struct part *out)
{
    *out = part_of(REGEX_NOTHING);
    do {
        struct part branch;
        if (!parse_branch(p, &branch))
            return false;
        *out = part_or(p->set, out, &branch);
    } while (take(p, "|"));
    return true;
}

uint32_t regex_parse(struct regex_set *set, const char *pattern, size_t n, enum regex_mode mode,
                     struct err *err)
{
    struct parser p = {.set = set, .s = pattern, .n = n, .mode = mode, .err = err};
    if (n > LIMIT_REGEX_BYTES) {
        err_set(err, ERR_LIMIT, "a regular expression of %zu bytes; at most %u are supported", n,
                LIMIT_REGEX_BYTES);
        return REGEX_FAILED;
    }
    struct part whole;
    uint32_t any = regex_any_text(set);
    if (!parse_choice(&p, &whole))
        return REGEX_FAILED;
    uint32_t all = REGEX_NOTHING;
    for (int i = 0; i < 4; i++) {
        int start = i >> 1, end = i & 1;
        bool search = mode == REGEX_SEARCH;
        uint32_t text = whole.in[start][end];
        if (search && !end)
            text = regex_cat(set, text, any);
        if (search && !start)
            text = regex_cat(set, any, text);
        all = regex_or(set, all, text);
    }
    if (all == REGEX_FAILED && regex_set_ok(set, err))
        err_set(err, ERR_LIMIT, "the regular expression could not be built");
    return all;
}
