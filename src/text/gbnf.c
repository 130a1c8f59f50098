/* SPDX-License-Identifier: Apache-2.0 */
#include "text/gbnf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/utf8.h"
#include "text/ebnf_int.h"
#include "text/grammar.h"
#include "text/regex.h"
#include "text/tokenizer.h"

struct parser {
    struct ebnf ebnf;
    struct regex_set *set;
    const struct tokenizer *tok;
    const char *name, *begin, *at, *end;
    unsigned depth; /* of groups */
    struct err *err;
};

static bool fail_at(const struct parser *p, const char *at, const char *fmt, const char *what)
{
    unsigned line = 1, column = 1;
    for (const char *s = p->begin; s < at; s++) {
        column = *s == '\n' ? 1 : column + 1;
        line += *s == '\n';
    }
    char message[200];
    snprintf(message, sizeof message, "%s%s", fmt, what);
    return err_set(p->err, ERR_ARG, "%s: line %u, column %u: %s", p->name, line, column, message);
}

static bool fail(const struct parser *p, const char *what)
{
    return fail_at(p, p->at, what, "");
}

static bool is_next(const struct parser *p, char c)
{
    return p->at < p->end && *p->at == c;
}

static bool take(struct parser *p, char c)
{
    if (!is_next(p, c))
        return false;
    p->at++;
    return true;
}

/* Skips blanks and comments and, where they do not end a rule, line breaks. */
static void skip(struct parser *p, bool lines)
{
    while (p->at < p->end) {
        if (*p->at == '#')
            while (p->at < p->end && *p->at != '\n' && *p->at != '\r')
                p->at++;
        else if (*p->at == ' ' || *p->at == '\t' || (lines && (*p->at == '\n' || *p->at == '\r')))
            p->at++;
        else
            break;
    }
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static struct span take_word(struct parser *p)
{
    const char *begin = p->at;
    while (p->at < p->end && is_word(*p->at))
        p->at++;
    return (struct span){begin, (size_t)(p->at - begin)};
}

static bool take_hex(struct parser *p, int n, uint32_t *code)
{
    *code = 0;
    for (; n; n--, p->at++) {
        char c = p->at < p->end ? *p->at : 0;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return fail(p, "expected a hexadecimal digit");
        *code = *code << 4 | (uint32_t)digit;
    }
    if (*code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF))
        return fail(p, "this is no character");
    return true;
}

/* One character of a literal or a class. */
static bool take_char(struct parser *p, uint32_t *code)
{
    size_t len;
    if (p->at == p->end)
        return fail(p, "the grammar ends inside a text");
    if (!take(p, '\\')) {
        if (utf8_decode(p->at, (size_t)(p->end - p->at), code, &len) != UTF8_OK)
            return fail(p, "this is no UTF-8");
        p->at += len;
        return true;
    }
    char c = p->at < p->end ? *p->at++ : 0;
    switch (c) {
    case 'x':
        return take_hex(p, 2, code);
    case 'u':
        return take_hex(p, 4, code);
    case 'U':
        return take_hex(p, 8, code);
    case 'n':
        *code = '\n';
        return true;
    case 't':
        *code = '\t';
        return true;
    case 'r':
        *code = '\r';
        return true;
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
    case '^':
        *code = (uint8_t)c;
        return true;
    default:
        p->at--;
        return fail(p, "unknown escape");
    }
}

static bool take_literal(struct parser *p, uint32_t *regex)
{
    *regex = REGEX_EPSILON;
    while (!is_next(p, '"')) {
        char bytes[UTF8_MAX];
        uint32_t code = 0;
        if (!take_char(p, &code))
            return false;
        *regex = regex_cat(p->set, *regex, regex_literal(p->set, bytes, utf8_encode(code, bytes)));
    }
    p->at++;
    return true;
}

static bool take_class(struct parser *p, uint32_t *regex)
{
    bool negated = take(p, '^');
    *regex = REGEX_NOTHING;
    while (!is_next(p, ']')) {
        uint32_t lo, hi;
        if (!take_char(p, &lo))
            return false;
        hi = lo;
        if (is_next(p, '-') && p->at + 1 < p->end && p->at[1] != ']') {
            p->at++;
            if (!take_char(p, &hi))
                return false;
            if (hi < lo)
                return fail(p, "the range is empty");
        }
        *regex = regex_or(p->set, *regex, regex_code_range(p->set, lo, hi));
    }
    p->at++;
    if (negated)
        *regex = regex_and(p->set, regex_any_char(p->set), regex_not(p->set, *regex));
    return true;
}

/* The id that a token's name or number stands for. */
static bool find_token(struct parser *p, struct span name, int32_t *id)
{
    char text[256];
    int32_t n_vocab = tokenizer_n_vocab(p->tok);
    *id = -1;
    if (name.n >= sizeof text - 2)
        return fail(p, "no such token");
    if (name.n > 2 && name.s[0] == '[' && name.s[1] >= '0' && name.s[1] <= '9') {
        int64_t number = 0;
        for (size_t i = 1; i < name.n - 1 && number < n_vocab; i++)
            number =
                name.s[i] >= '0' && name.s[i] <= '9' ? 10 * number + (name.s[i] - '0') : n_vocab;
        *id = number < n_vocab ? (int32_t)number : -1;
    } else {
        snprintf(text, sizeof text, "<%.*s>", (int)name.n, name.s);
        *id = tokenizer_control(p->tok, text);
        text[name.n + 1] = 0;
        if (*id < 0)
            *id = tokenizer_control(p->tok, text + 1);
    }
    return *id >= 0 || fail(p, "no such token");
}

/* Every token but one that may stand in a text. */
static bool other_tokens(struct parser *p, int32_t but, uint32_t *symbol)
{
    int32_t n = tokenizer_n_vocab(p->tok), n_ids = 0;
    int32_t *ids = mem_new((size_t)n, sizeof *ids, p->err);
    if (!ids)
        return false;
    for (int32_t id = 0; id < n; id++)
        if (id != but && id != tokenizer_bos(p->tok) && id != tokenizer_eos(p->tok))
            ids[n_ids++] = id;
    *symbol = grammar_control(p->ebnf.builder, ids, (size_t)n_ids);
    free(ids);
    return true;
}

static bool take_token(struct parser *p, bool negated, struct ebnf_node **node)
{
    const char *begin = p->at, *close = memchr(begin, '>', (size_t)(p->end - begin));
    struct span name = {begin, close ? (size_t)(close - begin) : 0};
    int32_t id;
    uint32_t symbol;
    if (!name.n)
        return fail(p, "expected a token, <[1000]> or <name>");
    if (!p->tok)
        return fail(p, "tokens need a model");
    if (!find_token(p, name, &id))
        return false;
    p->at = close + 1;
    if (!negated)
        symbol = grammar_control(p->ebnf.builder, &id, 1);
    else if (!other_tokens(p, id, &symbol))
        return false;
    *node = ebnf_node(&p->ebnf, EBNF_SYMBOL, symbol, p->err);
    return *node;
}

static bool take_choice(struct parser *p, bool nested, struct ebnf_node **node);

static bool take_group(struct parser *p, struct ebnf_node **node)
{
    if (++p->depth > LIMIT_REQUEST_DEPTH)
        return fail(p, "groups are nested too deeply");
    skip(p, true);
    if (!take_choice(p, true, node))
        return false;
    p->depth--;
    return take(p, ')') || fail(p, "expected ')'");
}

/* One element without what repeats it; *node is NULL where there is none. */
static bool take_element(struct parser *p, struct ebnf_node **node)
{
    uint32_t id = REGEX_FAILED;
    const char *begin = p->at;
    *node = NULL;
    if (p->at == p->end || *p->at == '|' || *p->at == ')' || *p->at == '\n' || *p->at == '\r')
        return true;
    if (take(p, '('))
        return take_group(p, node);
    if (take(p, '<'))
        return take_token(p, false, node);
    if (p->end - p->at > 1 && p->at[0] == '!' && p->at[1] == '<') {
        p->at += 2;
        return take_token(p, true, node);
    }
    if (is_word(*p->at)) {
        struct span name = take_word(p);
        if (!ebnf_rule(&p->ebnf, name, begin, &id, p->err))
            return fail_at(p, begin, p->err->text, "");
        *node = ebnf_node(&p->ebnf, EBNF_RULE, id, p->err);
        return *node;
    }
    bool ok = take(p, '"')   ? take_literal(p, &id)
              : take(p, '[') ? take_class(p, &id)
              : take(p, '.') ? (id = regex_any_char(p->set), true)
                             : fail(p, "expected a text, a class, a rule or a group");
    *node = ok ? ebnf_node(&p->ebnf, EBNF_REGEX, id, p->err) : NULL;
    return *node;
}

static bool take_number(struct parser *p, uint32_t missing, uint32_t *out)
{
    uint64_t value = 0;
    bool any = false;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++, any = true)
        if ((value = 10 * value + (uint64_t)(*p->at - '0')) > LIMIT_GRAMMAR_REPEAT)
            return fail(p, "the number is too large");
    *out = any ? (uint32_t)value : missing;
    return true;
}

static bool take_bounds(struct parser *p, uint32_t *lo, uint32_t *hi)
{
    skip(p, false);
    if (!take_number(p, 0, lo))
        return false;
    *hi = *lo;
    skip(p, false);
    if (take(p, ',')) {
        skip(p, false);
        if (!take_number(p, REGEX_FOREVER, hi))
            return false;
        skip(p, false);
    }
    if (*lo > *hi)
        return fail(p, "the bounds are the wrong way round");
    return take(p, '}') || fail(p, "expected '}'");
}

/* An element with as many of * + ? {m,n} as follow it. */
static bool take_repeated(struct parser *p, bool nested, struct ebnf_node **node)
{
    if (!take_element(p, node))
        return false;
    for (;;) {
        uint32_t lo = 0, hi = REGEX_FOREVER;
        skip(p, nested);
        if (!*node)
            return true;
        if (take(p, '+'))
            lo = 1;
        else if (take(p, '?'))
            hi = 1;
        else if (take(p, '{')) {
            if (!take_bounds(p, &lo, &hi))
                return false;
        } else if (!take(p, '*')) {
            return true;
        }
        struct ebnf_node *repeat = ebnf_node(&p->ebnf, EBNF_REPEAT, 0, p->err);
        if (!repeat)
            return false;
        repeat->lo = lo;
        repeat->hi = hi;
        ebnf_append(repeat, *node);
        *node = repeat;
    }
}

static bool take_sequence(struct parser *p, bool nested, struct ebnf_node **node)
{
    *node = ebnf_node(&p->ebnf, EBNF_CAT, 0, p->err);
    for (struct ebnf_node *part; *node;) {
        if (!take_repeated(p, nested, &part))
            return false;
        if (!part)
            return true;
        ebnf_append(*node, part);
    }
    return false;
}

static bool take_choice(struct parser *p, bool nested, struct ebnf_node **node)
{
    *node = ebnf_node(&p->ebnf, EBNF_OR, 0, p->err);
    if (!*node)
        return false;
    do {
        struct ebnf_node *part;
        skip(p, true);
        if (!take_sequence(p, nested, &part))
            return false;
        ebnf_append(*node, part);
    } while (take(p, '|'));
    return true;
}

static bool take_rule(struct parser *p)
{
    const char *begin = p->at;
    struct span name = take_word(p);
    uint32_t id;
    if (!name.n)
        return fail(p, "expected the name of a rule");
    skip(p, false);
    if (p->end - p->at < 3 || memcmp(p->at, "::=", 3) != 0)
        return fail(p, "expected '::='");
    p->at += 3;
    if (!ebnf_rule(&p->ebnf, name, begin, &id, p->err))
        return fail_at(p, begin, p->err->text, "");
    if (p->ebnf.rules[id].body)
        return fail_at(p, begin, "the rule is defined twice", "");
    struct ebnf_node *body;
    if (!take_choice(p, false, &body))
        return false;
    p->ebnf.rules[id].body = body;
    if (p->at < p->end && *p->at != '\n' && *p->at != '\r')
        return fail(p, "expected the end of the line");
    return true;
}

static bool parse(struct parser *p, uint32_t *root)
{
    skip(p, true);
    while (p->at < p->end) {
        if (!take_rule(p))
            return false;
        skip(p, true);
    }
    for (size_t i = 0; i < p->ebnf.n_rules; i++)
        if (!p->ebnf.rules[i].body)
            return fail_at(p, p->ebnf.rules[i].at, "the rule is not defined", "");
    size_t n_rules = p->ebnf.n_rules;
    if (!ebnf_rule(&p->ebnf, SPAN("root"), p->at, root, p->err))
        return false;
    return *root < n_rules || fail_at(p, p->begin, "there is no rule \"root\"", "");
}

bool gbnf_build(struct grammar_builder *builder, const char *name, struct span text,
                const struct tokenizer *tok, uint32_t *symbol, struct err *err)
{
    struct parser p = {.ebnf = {.builder = builder},
                       .set = grammar_regexes(builder),
                       .tok = tok,
                       .name = name,
                       .begin = text.s,
                       .at = text.s,
                       .end = text.s + text.n,
                       .err = err};
    uint32_t root = 0;
    if (text.n > LIMIT_SCHEMA_BYTES)
        return err_set(err, ERR_ARG, "%s: more than %u bytes", name, LIMIT_SCHEMA_BYTES);
    bool ok = parse(&p, &root) && ebnf_build(&p.ebnf, root, symbol, err);
    ebnf_free(&p.ebnf);
    return ok;
}

struct grammar *gbnf_grammar(const char *name, struct span text, const struct tokenizer *tok,
                             struct err *err)
{
    uint32_t root = 0;
    struct grammar_builder *builder = grammar_builder_open(err);
    if (!builder)
        return NULL;
    if (!gbnf_build(builder, name, text, tok, &root, err)) {
        grammar_builder_close(builder);
        return NULL;
    }
    return grammar_finish(builder, root, err);
}
