/* SPDX-License-Identifier: Apache-2.0 */
#include "text/ebnf_int.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/grammar.h"
#include "text/regex.h"

#define TERMINAL_PARTS 4000 /* of a rule that becomes one terminal */
#define DEPTH_MAX      1000 /* of expressions in rules, as far as they are looked into */

void ebnf_free(struct ebnf *ebnf)
{
    free(ebnf->rules);
    free(ebnf->table);
    arena_free(&ebnf->arena);
    *ebnf = (struct ebnf){0};
}

struct ebnf_node *ebnf_node(struct ebnf *ebnf, enum ebnf_op op, uint32_t id, struct err *err)
{
    struct ebnf_node *node = arena_new(&ebnf->arena, 1, sizeof *node, err);
    if (node)
        *node = (struct ebnf_node){.op = op, .id = id};
    return node;
}

void ebnf_append(struct ebnf_node *node, struct ebnf_node *part)
{
    if (node->last)
        node->last->next = part;
    else
        node->first = part;
    node->last = part;
}

static size_t find_place(const struct ebnf *ebnf, struct span name)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ (uint8_t)name.s[i]) * 1099511628211u;
    size_t at = (hash ^ hash >> 29) & (ebnf->n_table - 1);
    while (ebnf->table[at] && !span_same(ebnf->rules[ebnf->table[at] - 1].name, name))
        at = (at + 1) & (ebnf->n_table - 1);
    return at;
}

static bool grow(struct ebnf *ebnf, struct err *err)
{
    size_t n = ebnf->n_places ? 2 * ebnf->n_places : 16;
    struct ebnf_rule *rules = mem_resize(ebnf->rules, n, sizeof *rules, err);
    if (!rules)
        return false;
    ebnf->rules = rules;
    ebnf->n_places = n;
    uint32_t *table = mem_new(2 * n, sizeof *table, err);
    if (!table)
        return false;
    free(ebnf->table);
    ebnf->table = table;
    ebnf->n_table = 2 * n;
    for (size_t i = 0; i < ebnf->n_rules; i++)
        table[find_place(ebnf, ebnf->rules[i].name)] = (uint32_t)i + 1;
    return true;
}

bool ebnf_rule(struct ebnf *ebnf, struct span name, const char *at, uint32_t *id, struct err *err)
{
    uint32_t found = ebnf->n_table ? ebnf->table[find_place(ebnf, name)] : 0;
    if (!found) {
        if (ebnf->n_rules == LIMIT_GRAMMAR_RULES)
            return err_set(err, ERR_ARG, "more than %u rules", LIMIT_GRAMMAR_RULES);
        if (ebnf->n_rules == ebnf->n_places && !grow(ebnf, err))
            return false;
        ebnf->rules[ebnf->n_rules++] = (struct ebnf_rule){.name = name, .at = at};
        found = (uint32_t)ebnf->n_rules;
        ebnf->table[find_place(ebnf, name)] = found;
    }
    *id = found - 1;
    return true;
}

static void measure(struct ebnf *ebnf, struct ebnf_rule *rule, unsigned depth);

/* Adds the parts of an expression to *size.  Returns false when it is not regular. */
static bool measure_node(struct ebnf *ebnf, const struct ebnf_node *node, uint32_t *size,
                         unsigned depth)
{
    if (node->op == EBNF_SYMBOL || ++*size > TERMINAL_PARTS || depth > DEPTH_MAX)
        return false;
    if (node->op == EBNF_RULE) {
        struct ebnf_rule *rule = &ebnf->rules[node->id];
        measure(ebnf, rule, depth + 1);
        *size += rule->size;
        return rule->state == EBNF_REGULAR && *size <= TERMINAL_PARTS;
    }
    for (const struct ebnf_node *part = node->first; part; part = part->next)
        if (!measure_node(ebnf, part, size, depth + 1))
            return false;
    return true;
}

/* Says of a rule whether it becomes a terminal.  One that is met while it is open contains
 * itself. */
static void measure(struct ebnf *ebnf, struct ebnf_rule *rule, unsigned depth)
{
    if (rule->state == EBNF_OPEN || (rule->state == EBNF_NEW && depth > DEPTH_MAX))
        rule->state = EBNF_FREE;
    if (rule->state != EBNF_NEW)
        return;
    rule->state = EBNF_OPEN;
    bool is_regular = measure_node(ebnf, rule->body, &rule->size, depth);
    rule->state = is_regular && rule->state == EBNF_OPEN ? EBNF_REGULAR : EBNF_FREE;
}

static uint32_t regex_of(struct ebnf *ebnf, const struct ebnf_node *node)
{
    struct regex_set *set = grammar_regexes(ebnf->builder);
    uint32_t all;
    switch (node->op) {
    case EBNF_REGEX:
        return node->id;
    case EBNF_RULE: {
        struct ebnf_rule *rule = &ebnf->rules[node->id];
        if (rule->regex == REGEX_FAILED)
            rule->regex = regex_of(ebnf, rule->body);
        return rule->regex;
    }
    case EBNF_CAT:
        all = REGEX_EPSILON;
        for (const struct ebnf_node *part = node->first; part; part = part->next)
            all = regex_cat(set, all, regex_of(ebnf, part));
        return all;
    case EBNF_OR:
        all = REGEX_NOTHING;
        for (const struct ebnf_node *part = node->first; part; part = part->next)
            all = regex_or(set, all, regex_of(ebnf, part));
        return all;
    case EBNF_REPEAT:
        return regex_repeat(set, regex_of(ebnf, node->first), node->lo, node->hi);
    default:
        return REGEX_NOTHING;
    }
}

static bool symbol_of(struct ebnf *ebnf, const struct ebnf_node *node, uint32_t *symbol,
                      struct err *err);

/* A rule whose one production, or one for each part, are the parts. */
static bool symbol_of_parts(struct ebnf *ebnf, const struct ebnf_node *node, uint32_t *symbol,
                            struct err *err)
{
    size_t n = 0;
    for (const struct ebnf_node *part = node->first; part; part = part->next)
        n++;
    uint32_t *symbols = mem_new(n, sizeof *symbols, err);
    bool ok = symbols != NULL;
    n = 0;
    for (const struct ebnf_node *part = node->first; part && ok; part = part->next)
        ok = symbol_of(ebnf, part, &symbols[n++], err);
    if (ok)
        *symbol = node->op == EBNF_CAT ? grammar_sequence(ebnf->builder, symbols, n)
                                       : grammar_choice(ebnf->builder, symbols, n);
    free(symbols);
    return ok;
}

static bool symbol_of(struct ebnf *ebnf, const struct ebnf_node *node, uint32_t *symbol,
                      struct err *err)
{
    uint32_t size = 0;
    if (node->op == EBNF_SYMBOL) {
        *symbol = node->id;
        return true;
    }
    if (measure_node(ebnf, node, &size, 0)) {
        *symbol = grammar_terminal(ebnf->builder, regex_of(ebnf, node));
        return grammar_builder_ok(ebnf->builder, err);
    }
    if (node->op == EBNF_RULE) {
        *symbol = ebnf->rules[node->id].symbol;
        return true;
    }
    if (node->op != EBNF_REPEAT)
        return symbol_of_parts(ebnf, node, symbol, err);
    if (!symbol_of(ebnf, node->first, symbol, err))
        return false;
    *symbol = grammar_repeat(ebnf->builder, *symbol, node->lo,
                             node->hi == REGEX_FOREVER ? GRAMMAR_FOREVER : node->hi);
    return true;
}

bool ebnf_build(struct ebnf *ebnf, uint32_t root, uint32_t *symbol, struct err *err)
{
    for (size_t i = 0; i < ebnf->n_rules; i++)
        measure(ebnf, &ebnf->rules[i], 0);
    for (size_t i = 0; i < ebnf->n_rules; i++)
        if (ebnf->rules[i].state != EBNF_REGULAR)
            ebnf->rules[i].symbol = grammar_rule(ebnf->builder);
    for (size_t i = 0; i < ebnf->n_rules; i++) {
        uint32_t body;
        if (ebnf->rules[i].state == EBNF_REGULAR)
            continue;
        if (!symbol_of(ebnf, ebnf->rules[i].body, &body, err))
            return false;
        grammar_produce(ebnf->builder, ebnf->rules[i].symbol, &body, 1);
    }
    struct ebnf_node whole = {.op = EBNF_RULE, .id = root};
    return symbol_of(ebnf, &whole, symbol, err) && grammar_builder_ok(ebnf->builder, err);
}
