/* SPDX-License-Identifier: Apache-2.0 */
/* The automata of the rules: numbers for states, edges and terminals. */
#include <stdlib.h>
#include <string.h>

#include "text/grammar_int.h"

struct maker {
    struct grammar *grammar;
    const struct grammar_builder *b;
    struct id_list todo; /* symbols to be numbered */
    uint32_t n_state_places, n_edge_places, n_terminal_places;
    struct err *err;
};

static struct state *add_states(struct maker *m, uint32_t n)
{
    struct grammar *g = m->grammar;
    struct state *states =
        array_more(g->states, g->n_states, &m->n_state_places, n, sizeof *states, m->err);
    if (!states)
        return NULL;
    g->states = states;
    memset(states + g->n_states, 0, n * sizeof *states);
    g->n_states += n;
    return states + g->n_states - n;
}

static bool add_edge(struct maker *m, uint32_t symbol, uint32_t target)
{
    struct grammar *g = m->grammar;
    struct edge *edges =
        array_more(g->edges, g->n_edges, &m->n_edge_places, 1, sizeof *edges, m->err);
    if (!edges)
        return false;
    g->edges = edges;
    edges[g->n_edges++] = (struct edge){symbol, target};
    return true;
}

static bool add_terminal(struct maker *m, struct symbol *symbol)
{
    struct grammar *g = m->grammar;
    struct terminal *terminals = array_more(g->terminals, g->n_terminals, &m->n_terminal_places, 1,
                                            sizeof *terminals, m->err);
    if (!terminals)
        return false;
    g->terminals = terminals;
    symbol->start = g->n_terminals;
    terminals[g->n_terminals++] = (struct terminal){.regex = symbol->a};
    return true;
}

/* Gives a symbol its number the first time that it is met. */
static bool visit(struct maker *m, uint32_t id)
{
    struct grammar *g = m->grammar;
    struct symbol *symbol = &g->symbols[id];
    uint32_t n_states = 1, members;
    if (symbol->start != UINT32_MAX)
        return true;
    switch ((enum symbol_kind)symbol->kind) {
    case SYM_TERMINAL:
        return add_terminal(m, symbol);
    case SYM_LIST:
        members = g->lists[symbol->a].list.n_fixed + g->lists[symbol->a].list.n_free;
        n_states = LIST_AFTER_NAME + members;
        break;
    case SYM_RULE:
    case SYM_REPEAT:
        break;
    case SYM_EMPTY:
    case SYM_CONTROL:
    case SYM_FAILED:
        symbol->start = 0;
        return true;
    }
    symbol->start = g->n_states;
    return add_states(m, n_states) && id_list_add(&m->todo, id, m->err);
}

static bool is_live(const struct maker *m, const struct production *production)
{
    for (uint32_t i = 0; i < production->n; i++)
        if (!m->grammar->symbols[m->b->parts.ids[production->first + i]].is_productive)
            return false;
    return true;
}

/* The states behind the first symbol of a production; all others have one edge. */
static bool make_tail(struct maker *m, const struct production *production, uint32_t *second)
{
    struct grammar *g = m->grammar;
    const uint32_t *parts = m->b->parts.ids + production->first;
    *second = STATE_END;
    for (uint32_t i = production->n - 1; i; i--) {
        if (!visit(m, parts[i]) || !add_edge(m, parts[i], *second))
            return false;
        uint32_t state = g->n_states;
        struct state *made = add_states(m, 1);
        if (!made)
            return false;
        *made = (struct state){.kind = STATE_PLAIN, .first = g->n_edges - 1, .n = 1};
        *second = state;
    }
    return true;
}

static bool make_rule(struct maker *m, const struct symbol *rule)
{
    struct grammar *g = m->grammar;
    struct id_list firsts = {0}; /* symbol and target of each production */
    bool ok = true, accepts = false;
    for (uint32_t p = rule->a; ok && p; p = m->b->productions[p - 1].next) {
        const struct production *production = &m->b->productions[p - 1];
        uint32_t second;
        if (!is_live(m, production))
            continue;
        accepts = accepts || !production->n;
        if (!production->n)
            continue;
        uint32_t first = m->b->parts.ids[production->first];
        ok = visit(m, first) && make_tail(m, production, &second) &&
             id_list_add(&firsts, first, m->err) && id_list_add(&firsts, second, m->err);
    }
    struct state start = {
        .kind = STATE_PLAIN, .accepts = accepts, .first = g->n_edges, .n = firsts.n / 2};
    for (uint32_t i = 0; ok && i < firsts.n; i += 2)
        ok = add_edge(m, firsts.ids[i], firsts.ids[i + 1]);
    g->states[rule->start] = start;
    free(firsts.ids);
    return ok;
}

static bool make_list(struct maker *m, const struct symbol *symbol)
{
    struct grammar *g = m->grammar;
    const struct list_spec *spec = &g->lists[symbol->a];
    uint32_t n = spec->list.n_fixed + spec->list.n_free;
    for (uint32_t i = 0; i < LIST_AFTER_NAME + n; i++)
        g->states[symbol->start + i] =
            (struct state){.kind = STATE_LIST, .spec = symbol->a, .phase = i};
    if (!visit(m, spec->list.separator))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!visit(m, spec->members[i].name) || !visit(m, spec->members[i].value))
            return false;
    if (!spec->list.is_unique)
        return true;
    for (uint32_t i = spec->list.n_fixed; i < n; i++)
        g->terminals[g->symbols[spec->members[i].name].start].is_unique = true;
    g->has_unique = g->has_unique || spec->list.n_free;
    return true;
}

static bool make_repeat(struct maker *m, uint32_t id)
{
    struct grammar *g = m->grammar;
    struct symbol *repeat = &g->symbols[id];
    if (!g->symbols[repeat->a].is_productive) {
        g->states[repeat->start] = (struct state){.kind = STATE_PLAIN, .accepts = true};
        return true;
    }
    g->states[repeat->start] = (struct state){.kind = STATE_REPEAT, .spec = id};
    return visit(m, repeat->a);
}

bool grammar_make_states(struct grammar *grammar, const struct grammar_builder *builder,
                         struct err *err)
{
    struct maker m = {.grammar = grammar, .b = builder, .err = err};
    for (uint32_t i = 0; i < grammar->n_symbols; i++)
        grammar->symbols[i].start = UINT32_MAX;
    struct state *end = add_states(&m, 1);
    bool ok = end;
    if (end)
        end->accepts = true;
    ok = ok && visit(&m, grammar->root);
    while (ok && m.todo.n) {
        uint32_t id = m.todo.ids[--m.todo.n];
        struct symbol symbol = grammar->symbols[id];
        if (symbol.kind == SYM_RULE)
            ok = make_rule(&m, &symbol);
        else if (symbol.kind == SYM_LIST)
            ok = make_list(&m, &symbol);
        else
            ok = make_repeat(&m, id);
    }
    free(m.todo.ids);
    return ok;
}
