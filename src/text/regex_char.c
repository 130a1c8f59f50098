/* SPDX-License-Identifier: Apache-2.0 */
/* Characters: code points as UTF-8, literals, and how JSON strings spell them. */
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "data/utf8.h"
#include "text/regex_int.h"

/* --- code points ----------------------------------------------------------- */

/* The bytes of lo and hi have one length n and the same first n - 1 - k bytes ... cut until
 * every byte but the first that differs runs over its whole range. */
static uint32_t utf8_block(struct regex_set *set, const char *lo, const char *hi, size_t n)
{
    uint32_t block = REGEX_EPSILON;
    while (n--)
        block = regex_cat(set, regex_byte_range(set, (uint8_t)lo[n], (uint8_t)hi[n]), block);
    return block;
}

/* Pushes the code points lo..hi, all of the same length in UTF-8, as products of byte ranges. */
static bool push_blocks(struct regex_set *set, uint32_t lo, uint32_t hi)
{
    while (lo <= hi) {
        /* The largest block that starts at lo: all values of the last k continuation bytes. */
        uint32_t span = 0, end = lo;
        for (uint32_t bits = 6; bits <= 18; bits += 6) {
            uint32_t low = (UINT32_C(1) << bits) - 1;
            if ((lo & low) || (lo | low) > hi)
                break;
            span = low;
        }
        /* ... and as many of them in a row as have the bytes before in common. */
        uint32_t step = span + 1, group = (lo | (step * 64 - 1));
        end = group < hi ? group : hi;
        end = ((end + 1) & ~span) - 1;
        char first[UTF8_MAX], last[UTF8_MAX];
        size_t n = utf8_encode(lo, first);
        utf8_encode(end, last);
        uint32_t block = utf8_block(set, first, last, n);
        if (block == REGEX_FAILED || !regex_push(set, block))
            return false;
        lo = end + 1;
    }
    return true;
}

static bool push_range(struct regex_set *set, uint32_t lo, uint32_t hi)
{
    static const uint32_t parts[][2] = {
        {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint32_t from = lo > parts[i][0] ? lo : parts[i][0];
        uint32_t to = hi < parts[i][1] ? hi : parts[i][1];
        if (from > to)
            continue;
        bool ok = i ? push_blocks(set, from, to)
                    : regex_push(set, regex_byte_range(set, (uint8_t)from, (uint8_t)to));
        if (!ok)
            return false;
    }
    return true;
}

uint32_t regex_code_set(struct regex_set *set, const uint32_t *pairs, size_t n_ranges)
{
    uint32_t base = set->scratch.n;
    for (size_t i = 0; i < n_ranges; i++)
        if (!push_range(set, pairs[2 * i], pairs[2 * i + 1])) {
            set->scratch.n = base;
            return REGEX_FAILED;
        }
    uint32_t chars = regex_make_or(set, base);
    if (chars != REGEX_FAILED && chars != REGEX_NOTHING)
        set->nodes[chars].flags |= REGEX_CHAR | REGEX_CODE;
    return chars;
}

uint32_t regex_code_range(struct regex_set *set, uint32_t lo, uint32_t hi)
{
    return regex_code_set(set, (uint32_t[]){lo, hi}, 1);
}

uint32_t regex_any_char(struct regex_set *set)
{
    if (!set->any_char)
        set->any_char = regex_code_range(set, 0, 0x10FFFF);
    return set->any_char;
}

uint32_t regex_any_text(struct regex_set *set)
{
    if (!set->any_text)
        set->any_text = regex_make_repeat(set, regex_any_char(set), 0, REGEX_FOREVER);
    return set->any_text;
}

uint32_t regex_text_length(struct regex_set *set, uint32_t lo, uint32_t hi)
{
    regex_any_text(set);
    return regex_repeat(set, regex_any_char(set), lo, hi);
}

/* --- literals -------------------------------------------------------------- */

static uint32_t literal_before(struct regex_set *set, const char *s, size_t n, uint32_t rest)
{
    while (n && rest != REGEX_FAILED)
        rest = regex_cat(set, regex_byte(set, (uint8_t)s[--n]), rest);
    return rest;
}

uint32_t regex_literal(struct regex_set *set, const char *s, size_t n)
{
    uint32_t literal = literal_before(set, s, n, REGEX_EPSILON);
    uint32_t code;
    size_t len;
    if (n && n <= UTF8_MAX && literal != REGEX_FAILED &&
        utf8_decode(s, n, &code, &len) == UTF8_OK && len == n)
        set->nodes[literal].flags |= REGEX_CHAR | REGEX_CODE;
    return literal;
}

static int compare_texts(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = n ? memcmp(x->s, y->s, n) : 0;
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The union of texts[n], which are sorted, without their first skip bytes, which are equal. */
static uint32_t literal_tree(struct regex_set *set, const struct span *texts, size_t n, size_t skip)
{
    const struct span *first = &texts[0], *last = &texts[n - 1];
    size_t same = skip;
    while (same < first->n && same < last->n && first->s[same] == last->s[same])
        same++;
    uint32_t base = set->scratch.n;
    size_t at = 0;
    while (at < n && texts[at].n == same)
        at++;
    if (at && !regex_push(set, REGEX_EPSILON))
        return REGEX_FAILED;
    while (at < n) {
        size_t end = at + 1;
        while (end < n && texts[end].s[same] == texts[at].s[same])
            end++;
        uint32_t kid = end - at == 1
                           ? literal_before(set, texts[at].s + same, texts[at].n - same, 2)
                           : literal_tree(set, texts + at, end - at, same);
        if (kid == REGEX_FAILED || !regex_push(set, kid)) {
            set->scratch.n = base;
            return REGEX_FAILED;
        }
        at = end;
    }
    return literal_before(set, first->s + skip, same - skip, regex_make_or(set, base));
}

uint32_t regex_literals(struct regex_set *set, const struct span *texts, size_t n_texts)
{
    if (!n_texts)
        return REGEX_NOTHING;
    struct err err;
    struct span *sorted = mem_new(n_texts, sizeof *sorted, &err);
    if (!sorted)
        return regex_fail(set, ERR_LIMIT, "%s", err.text);
    memcpy(sorted, texts, n_texts * sizeof *sorted);
    qsort(sorted, n_texts, sizeof *sorted, compare_texts);
    uint32_t all = literal_tree(set, sorted, n_texts, 0);
    free(sorted);
    return all;
}

/* --- JSON ------------------------------------------------------------------ */

/* Writes how JSON spells a character that it wants escaped.  Returns its length, 0 for others.
 * out: [8]. */
static size_t json_escape(uint32_t byte, char *out)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    static const char digits[] = "0123456789abcdef";
    for (const char *s = shorts; *s; s += 2)
        if ((uint8_t)*s == byte) {
            out[0] = '\\';
            out[1] = s[1];
            return 2;
        }
    if (byte >= 0x20)
        return 0;
    out[0] = '\\';
    out[1] = 'u';
    out[2] = out[3] = '0';
    out[4] = digits[byte >> 4];
    out[5] = digits[byte & 15];
    return 6;
}

/* Bytes below 0x80 that need an escape: the controls, the quote, the backslash. */
#define ESCAPED_0 (UINT64_C(0xFFFFFFFF) | UINT64_C(1) << '"')
#define ESCAPED_1 (UINT64_C(1) << ('\\' - 64))

/* A class of bytes as JSON spells them. */
static uint32_t spell_class(struct regex_set *set, uint32_t class_id)
{
    uint64_t plain[4];
    memcpy(plain, set->classes[class_id], sizeof plain);
    uint32_t base = set->scratch.n;
    if (!(plain[0] & ESCAPED_0) && !(plain[1] & ESCAPED_1))
        return regex_byte_class(set, plain);
    for (uint32_t byte = 0; byte < 0x80; byte++) {
        char text[8];
        if (!(plain[byte >> 6] >> (byte & 63) & 1))
            continue;
        size_t n = json_escape(byte, text);
        if (!n)
            continue;
        plain[byte >> 6] &= ~(UINT64_C(1) << (byte & 63));
        if (!regex_push(set, literal_before(set, text, n, REGEX_EPSILON)))
            return REGEX_FAILED;
    }
    if (!regex_push(set, regex_byte_class(set, plain)))
        return REGEX_FAILED;
    return regex_make_or(set, base);
}

struct speller {
    struct regex_set *set;
    uint32_t *done; /* [n] spelling of each node, REGEX_FAILED where not known */
};

static uint32_t spell(struct speller *speller, uint32_t id);

static uint32_t spell_kids(struct speller *speller, struct regex_node x)
{
    struct regex_set *set = speller->set;
    uint32_t base = set->scratch.n;
    for (uint32_t i = 0; i < x.b; i++)
        if (!regex_push(set, spell(speller, set->kids.ids[x.a + i])))
            return REGEX_FAILED;
    return x.op == OP_OR ? regex_make_or(set, base) : regex_make_and(set, base);
}

/* A chain of concatenations may be as long as a text: no recursion along it. */
static uint32_t spell_chain(struct speller *speller, uint32_t id)
{
    struct regex_set *set = speller->set;
    uint32_t base = set->scratch.n;
    for (; regex_at(set, id)->op == OP_CAT; id = regex_at(set, id)->b)
        if (!regex_push(set, spell(speller, regex_at(set, id)->a)))
            return REGEX_FAILED;
    uint32_t all = spell(speller, id);
    while (set->scratch.n > base)
        all = regex_cat(set, set->scratch.ids[--set->scratch.n], all);
    return all;
}

/* Every spelling. */
static uint32_t json_text(struct regex_set *set)
{
    static const uint64_t all[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    if (!set->json_text) {
        uint32_t byte = regex_byte_class(set, all);
        if (byte == REGEX_FAILED)
            return REGEX_FAILED;
        uint32_t spelled = spell_class(set, regex_at(set, byte)->a);
        set->json_text = regex_make_repeat(set, spelled, 0, REGEX_FOREVER);
    }
    return set->json_text;
}

/* What is no spelling of a text must not come back through a complement. */
static uint32_t spell_not(struct speller *speller, uint32_t id)
{
    uint32_t rest = regex_not(speller->set, spell(speller, id));
    return regex_and(speller->set, json_text(speller->set), rest);
}

/* Spelling maps each character to a text of its own, none the beginning of another, so it goes
 * through every operation.  It maps single bytes: those above 7F stay what they are. */
static uint32_t spell(struct speller *speller, uint32_t id)
{
    struct regex_set *set = speller->set;
    uint32_t spelled = speller->done[id];
    if (spelled)
        return spelled;
    struct regex_node x = *regex_at(set, id);
    switch ((enum regex_op)x.op) {
    case OP_NOTHING:
    case OP_EPSILON:
    case OP_MULTIPLE:
        spelled = id;
        break;
    case OP_CLASS:
        spelled = spell_class(set, x.a);
        break;
    case OP_CAT:
        spelled = spell_chain(speller, id);
        break;
    case OP_OR:
    case OP_AND:
        spelled = spell_kids(speller, x);
        break;
    case OP_NOT:
        spelled = spell_not(speller, x.a);
        break;
    case OP_REPEAT:
        spelled = regex_make_repeat(set, spell(speller, x.a), x.lo, x.hi);
        break;
    }
    if (spelled != REGEX_FAILED && (x.flags & REGEX_CODE))
        set->nodes[spelled].flags |= REGEX_CODE;
    speller->done[id] = spelled;
    return spelled;
}

uint32_t regex_json_spelling(struct regex_set *set, uint32_t text)
{
    struct err err;
    if (text == REGEX_FAILED)
        return REGEX_FAILED;
    struct speller speller = {.set = set};
    speller.done = mem_new(text + 1, sizeof *speller.done, &err);
    if (!speller.done)
        return regex_fail(set, ERR_LIMIT, "%s", err.text);
    uint32_t base = set->scratch.n;
    uint32_t spelled = spell(&speller, text);
    set->scratch.n = base;
    free(speller.done);
    return spelled;
}

/* \uHHHH of lo..hi where lo and hi differ in ranges of whole digits: given digit by digit. */
static uint32_t hex_digits(struct regex_set *set, const char *lo, const char *hi)
{
    uint32_t all = REGEX_EPSILON;
    for (int i = 3; i >= 0; i--) {
        uint64_t members[4] = {0};
        static const char digits[] = "0123456789abcdefABCDEF";
        for (const char *d = digits; *d; d++) {
            char low = (char)(*d >= 'A' && *d <= 'F' ? *d + 32 : *d);
            if (low >= lo[i] && low <= hi[i])
                members[*d >> 6] |= UINT64_C(1) << (*d & 63);
        }
        all = regex_cat(set, regex_byte_class(set, members), all);
    }
    return regex_cat(set, regex_literal(set, "\\u", 2), all);
}

uint32_t regex_json_char(struct regex_set *set)
{
    if (set->json_char)
        return set->json_char;
    uint32_t high = hex_digits(set, "d800", "dbff"), low = hex_digits(set, "dc00", "dfff");
    static const char escaped[] = "\"\\bfnrt";
    uint32_t shorts = REGEX_NOTHING;
    for (const char *s = escaped; *s; s++)
        shorts = regex_or(set, shorts, regex_byte(set, (uint8_t)*s));
    uint32_t forms[] = {
        regex_code_range(set, 0x20, 0x21),
        regex_code_range(set, 0x23, 0x5B),
        regex_code_range(set, 0x5D, 0x7E),
        regex_code_range(set, 0x80, 0x10FFFF),
        regex_cat(set, regex_byte(set, '\\'), shorts),
        hex_digits(set, "0000", "cfff"),
        hex_digits(set, "d000", "d7ff"),
        hex_digits(set, "e000", "ffff"),
        regex_cat(set, high, low),
    };
    uint32_t all = regex_or_all(set, forms, sizeof forms / sizeof *forms);
    if (all != REGEX_FAILED)
        set->nodes[all].flags |= REGEX_CODE;
    return set->json_char = all;
}

uint32_t regex_json_string(struct regex_set *set, uint32_t lo, uint32_t hi)
{
    uint32_t quote = regex_byte(set, '"');
    uint32_t inside = regex_repeat(set, regex_json_char(set), lo, hi);
    return regex_cat(set, quote, regex_cat(set, inside, quote));
}
