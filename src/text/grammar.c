/* SPDX-License-Identifier: Apache-2.0 */
#include "text/grammar.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/grammar_int.h"
#include "text/lexer_int.h"

/* --- the builder ------------------------------------------------------------- */

struct grammar_builder *grammar_builder_open(struct err *err)
{
    struct grammar_builder *b = mem_new(1, sizeof *b, err);
    if (!b)
        return NULL;
    b->set = regex_set_open(err);
    b->symbols = mem_new(64, sizeof *b->symbols, err);
    if (!b->set || !b->symbols) {
        grammar_builder_close(b);
        return NULL;
    }
    b->n_symbol_places = 64;
    b->n_symbols = GRAMMAR_EMPTY + 1;
    b->symbols[GRAMMAR_EMPTY] = (struct symbol){.kind = SYM_EMPTY};
    return b;
}

static void free_lists(struct list_spec *lists, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        free(lists[i].members);
        free(lists[i].left);
    }
    free(lists);
}

static void free_controls(struct control *controls, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        free(controls[i].ids);
    free(controls);
}

void grammar_builder_close(struct grammar_builder *builder)
{
    if (!builder)
        return;
    regex_set_close(builder->set);
    free(builder->symbols);
    free(builder->productions);
    free(builder->parts.ids);
    free_lists(builder->lists, builder->n_lists);
    free_controls(builder->controls, builder->n_controls);
    id_table_free(&builder->terminals);
    free(builder);
}

struct regex_set *grammar_regexes(struct grammar_builder *builder)
{
    return builder->set;
}

bool grammar_builder_ok(const struct grammar_builder *builder, struct err *err)
{
    if (!regex_set_ok(builder->set, err))
        return false;
    return !builder->failed || err_set(err, builder->cause.code, "%s", builder->cause.text);
}

/* Where a failure is written: the first one stays. */
static struct err *cause(struct grammar_builder *b, struct err *later)
{
    bool is_first = !b->failed;
    b->failed = true;
    return is_first ? &b->cause : later;
}

static uint32_t fail(struct grammar_builder *b, enum err_code code, const char *what)
{
    struct err later;
    err_set(cause(b, &later), code, "%s", what);
    return GRAMMAR_FAILED;
}

/* Passes on what failed below. */
static uint32_t failed(struct grammar_builder *b, const struct err *err)
{
    struct err later;
    *cause(b, &later) = *err;
    return GRAMMAR_FAILED;
}

static uint32_t add_symbol(struct grammar_builder *b, const struct symbol *symbol)
{
    struct err err;
    if (b->n_symbols >= LIMIT_GRAMMAR_SYMS)
        return fail(b, ERR_LIMIT, "the grammar has too many symbols");
    struct symbol *symbols =
        array_more(b->symbols, b->n_symbols, &b->n_symbol_places, 1, sizeof *symbols, &err);
    if (!symbols)
        return failed(b, &err);
    b->symbols = symbols;
    symbols[b->n_symbols] = *symbol;
    return b->n_symbols++;
}

uint32_t grammar_terminal(struct grammar_builder *builder, uint32_t regex)
{
    struct err err;
    uint32_t hash = id_hash(regex, 0), id;
    if (regex == REGEX_FAILED)
        return GRAMMAR_FAILED;
    if (regex == REGEX_EPSILON)
        return GRAMMAR_EMPTY;
    for (uint32_t at = hash; id_table_probe(&builder->terminals, hash, &at, &id);)
        if (builder->symbols[id].a == regex)
            return id;
    id = add_symbol(builder, &(struct symbol){.kind = SYM_TERMINAL, .a = regex});
    if (id && !id_table_add(&builder->terminals, hash, id, &err))
        return failed(builder, &err);
    return id;
}

uint32_t grammar_text(struct grammar_builder *builder, const char *s, size_t n)
{
    return grammar_terminal(builder, regex_literal(builder->set, s, n));
}

uint32_t grammar_control(struct grammar_builder *builder, const int32_t *ids, size_t n)
{
    struct err err;
    struct id_list list = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = ids[i] >= 0 ? id_list_add(&list, (uint32_t)ids[i], &err)
                         : err_set(&err, ERR_ARG, "%d is no token", ids[i]);
    struct control *controls =
        ok ? array_more(builder->controls, builder->n_controls, &builder->n_control_places, 1,
                        sizeof *controls, &err)
           : NULL;
    if (!controls) {
        free(list.ids);
        return failed(builder, &err);
    }
    id_list_make_set(&list, 0);
    builder->controls = controls;
    controls[builder->n_controls] = (struct control){list.ids, list.n};
    return add_symbol(builder, &(struct symbol){.kind = SYM_CONTROL, .a = builder->n_controls++});
}

uint32_t grammar_rule(struct grammar_builder *builder)
{
    return add_symbol(builder, &(struct symbol){.kind = SYM_RULE});
}

static bool is_symbol(struct grammar_builder *b, uint32_t id)
{
    if (id == GRAMMAR_FAILED) /* a regular expression may be the cause, which says so itself */
        return b->failed || b->set->failed ? false
                                           : fail(b, ERR_ARG, "a symbol that does not exist");
    assert(id < b->n_symbols);
    return true;
}

static bool add_parts(struct grammar_builder *b, const uint32_t *symbols, size_t n)
{
    struct err err;
    for (size_t i = 0; i < n; i++) {
        if (!is_symbol(b, symbols[i]))
            return false;
        if (symbols[i] != GRAMMAR_EMPTY && !id_list_add(&b->parts, symbols[i], &err))
            return failed(b, &err);
    }
    return b->parts.n < 4 * LIMIT_GRAMMAR_SYMS ||
           fail(b, ERR_LIMIT, "the productions of the grammar are too many");
}

void grammar_produce(struct grammar_builder *builder, uint32_t rule, const uint32_t *symbols,
                     size_t n)
{
    struct err err;
    uint32_t first = builder->parts.n;
    if (!is_symbol(builder, rule) || !add_parts(builder, symbols, n))
        return;
    assert(builder->symbols[rule].kind == SYM_RULE);
    struct production *productions =
        array_more(builder->productions, builder->n_productions, &builder->n_production_places, 1,
                   sizeof *productions, &err);
    if (!productions) {
        failed(builder, &err);
        return;
    }
    builder->productions = productions;
    productions[builder->n_productions] = (struct production){
        .first = first, .n = builder->parts.n - first, .next = builder->symbols[rule].a};
    builder->symbols[rule].a = ++builder->n_productions;
}

uint32_t grammar_sequence(struct grammar_builder *builder, const uint32_t *symbols, size_t n)
{
    if (n == 1)
        return symbols[0];
    if (!n)
        return GRAMMAR_EMPTY;
    uint32_t rule = grammar_rule(builder);
    grammar_produce(builder, rule, symbols, n);
    return rule;
}

uint32_t grammar_choice(struct grammar_builder *builder, const uint32_t *symbols, size_t n)
{
    if (n == 1)
        return symbols[0];
    uint32_t rule = grammar_rule(builder);
    for (size_t i = 0; i < n; i++)
        grammar_produce(builder, rule, &symbols[i], 1);
    return rule;
}

uint32_t grammar_repeat(struct grammar_builder *builder, uint32_t symbol, uint32_t lo, uint32_t hi)
{
    if (!is_symbol(builder, symbol))
        return GRAMMAR_FAILED;
    if (symbol == GRAMMAR_EMPTY || !hi)
        return GRAMMAR_EMPTY;
    if (lo > hi)
        return grammar_rule(builder);
    if (lo == 1 && hi == 1)
        return symbol;
    return add_symbol(builder,
                      &(struct symbol){.kind = SYM_REPEAT, .a = symbol, .lo = lo, .hi = hi});
}

/* --- lists ------------------------------------------------------------------- */

static bool check_list(struct grammar_builder *b, const struct grammar_list *list)
{
    if (list->order == GRAMMAR_ANY_ORDER && list->n_fixed > GRAMMAR_ANY_ORDER_MAX)
        return fail(b, ERR_LIMIT, "more than 64 members in any order");
    if (list->is_unique && list->min > LIMIT_GRAMMAR_UNIQUE)
        return fail(b, ERR_LIMIT, "more than 4096 members that must all differ");
    bool ok = is_symbol(b, list->separator);
    for (uint32_t i = 0; ok && i < list->n_fixed + list->n_free; i++) {
        const struct grammar_member *member =
            i < list->n_fixed ? &list->fixed[i] : &list->free[i - list->n_fixed];
        ok = is_symbol(b, member->name) && is_symbol(b, member->value);
        if (ok && i >= list->n_fixed && list->is_unique &&
            b->symbols[member->name].kind != SYM_TERMINAL)
            ok = fail(b, ERR_ARG, "members that must differ need terminals as names");
    }
    return ok;
}

uint32_t grammar_list(struct grammar_builder *builder, const struct grammar_list *spec)
{
    struct err err;
    if ((uint64_t)spec->n_fixed + spec->n_free > LIMIT_GRAMMAR_SYMS)
        return fail(builder, ERR_LIMIT, "the grammar has a list of too many members");
    if (!check_list(builder, spec))
        return GRAMMAR_FAILED;
    uint32_t n = spec->n_fixed + spec->n_free;
    struct list_spec *lists = array_more(builder->lists, builder->n_lists, &builder->n_list_places,
                                         1, sizeof *lists, &err);
    struct grammar_member *members = lists ? mem_new(n, sizeof *members, &err) : NULL;
    if (lists)
        builder->lists = lists;
    if (!members)
        return failed(builder, &err);
    if (spec->n_fixed)
        memcpy(members, spec->fixed, spec->n_fixed * sizeof *members);
    if (spec->n_free)
        memcpy(members + spec->n_fixed, spec->free, spec->n_free * sizeof *members);
    struct list_spec *list = &lists[builder->n_lists];
    *list = (struct list_spec){.list = *spec, .members = members};
    list->list.fixed = list->list.free = NULL;
    return add_symbol(builder, &(struct symbol){.kind = SYM_LIST, .a = builder->n_lists++});
}

/* --- the finished grammar ------------------------------------------------------ */

static void grammar_free(struct grammar *grammar)
{
    lexer_close(grammar->lexer);
    lock_close(grammar->lock);
    regex_set_close(grammar->set);
    free(grammar->symbols);
    free(grammar->states);
    free(grammar->edges);
    free_lists(grammar->lists, grammar->n_lists);
    free_controls(grammar->controls, grammar->n_controls);
    free(grammar->terminals);
    free(grammar);
}

/* Moves what both have in common out of the builder. */
static void take_over(struct grammar *grammar, struct grammar_builder *b, uint32_t root)
{
    grammar->set = b->set;
    grammar->symbols = b->symbols;
    grammar->n_symbols = b->n_symbols;
    grammar->lists = b->lists;
    grammar->n_lists = b->n_lists;
    grammar->controls = b->controls;
    grammar->n_controls = b->n_controls;
    grammar->root = root;
    b->set = NULL;
    b->symbols = NULL;
    b->lists = NULL;
    b->controls = NULL;
    b->n_lists = b->n_controls = 0;
}

static struct grammar *compile(struct grammar_builder *b, uint32_t root, struct err *err)
{
    if (!grammar_builder_ok(b, err))
        return NULL;
    /* A rule of its own, so that the whole is complete when it is. */
    uint32_t start = grammar_rule(b);
    grammar_produce(b, start, &root, 1);
    if (!grammar_builder_ok(b, err) || !grammar_analyse(b, err))
        return NULL;
    if (!b->symbols[root].is_productive) {
        err_set(err, ERR_ARG, "the grammar has no text at all");
        return NULL;
    }
    struct grammar *grammar = mem_new(1, sizeof *grammar, err);
    if (!grammar)
        return NULL;
    holders_add(&grammar->holders);
    take_over(grammar, b, start);
    grammar->lock = lock_open(err);
    if (grammar->lock && grammar_make_states(grammar, b, err) && grammar_follow(grammar, b, err))
        grammar->lexer = lexer_open(grammar, err);
    if (grammar->lexer)
        return grammar;
    grammar_free(grammar);
    return NULL;
}

struct grammar *grammar_finish(struct grammar_builder *builder, uint32_t root, struct err *err)
{
    if (root == GRAMMAR_EMPTY) { /* which has no states of its own */
        root = grammar_rule(builder);
        grammar_produce(builder, root, NULL, 0);
    }
    struct grammar *grammar = compile(builder, root, err);
    grammar_builder_close(builder);
    return grammar;
}

struct grammar *grammar_ref(struct grammar *grammar)
{
    holders_add(&grammar->holders);
    return grammar;
}

void grammar_unref(struct grammar *grammar)
{
    if (grammar && holders_drop(&grammar->holders))
        grammar_free(grammar);
}

size_t grammar_bytes(struct grammar *grammar)
{
    size_t n = sizeof *grammar + grammar->n_symbols * sizeof *grammar->symbols +
               grammar->n_states * sizeof *grammar->states +
               grammar->n_edges * sizeof *grammar->edges +
               grammar->n_terminals * sizeof *grammar->terminals;
    for (uint32_t i = 0; i < grammar->n_lists; i++)
        n += (size_t)(grammar->lists[i].list.n_fixed + 1) * 32;
    for (uint32_t i = 0; i < grammar->n_controls; i++)
        n += grammar->controls[i].n * sizeof(uint32_t);
    lock_take(grammar->lock);
    n += regex_set_bytes(grammar->set) + lexer_bytes(grammar->lexer);
    lock_give(grammar->lock);
    return n;
}
