/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes may come behind a terminal.  Where a terminal may end and go on, the parser is
 * asked only for a byte that both could be; so these sets may be too large, never too small. */
#include <stdlib.h>
#include <string.h>

#include "text/grammar_int.h"

struct bytes {
    uint64_t w[4];
};

struct solver {
    struct grammar *grammar;
    const struct grammar_builder *b;
    struct bytes *first;  /* [n_symbols] */
    struct bytes *follow; /* [n_symbols] */
    bool changed;
};

static void join(struct solver *s, struct bytes *to, const struct bytes *from)
{
    for (int i = 0; i < 4; i++) {
        s->changed = s->changed || (from->w[i] & ~to->w[i]);
        to->w[i] |= from->w[i];
    }
}

static bool is_met(const struct solver *s, uint32_t id)
{
    return s->grammar->symbols[id].start != UINT32_MAX;
}

static bool is_nullable(const struct solver *s, uint32_t id)
{
    return s->grammar->symbols[id].is_nullable;
}

/* Goes through a production from its end: behind is what may follow the part that is looked at.
 * Leaves in *behind with what the production begins, and what follows where it may be empty. */
static void pass_production(struct solver *s, const struct production *production,
                            struct bytes *behind)
{
    for (uint32_t i = production->n; i--;) {
        uint32_t id = s->b->parts.ids[production->first + i];
        if (!s->grammar->symbols[id].is_productive)
            return;
        join(s, &s->follow[id], behind);
        if (!is_nullable(s, id))
            memset(behind, 0, sizeof *behind);
        for (int w = 0; w < 4; w++)
            behind->w[w] |= s->first[id].w[w];
    }
}

static void first_of_production(struct solver *s, const struct production *production,
                                struct bytes *to)
{
    for (uint32_t i = 0; i < production->n; i++) {
        uint32_t id = s->b->parts.ids[production->first + i];
        join(s, to, &s->first[id]);
        if (!is_nullable(s, id))
            return;
    }
}

static void first_of_member(struct solver *s, const struct grammar_member *member, struct bytes *to)
{
    join(s, to, &s->first[member->name]);
    if (is_nullable(s, member->name))
        join(s, to, &s->first[member->value]);
}

static void update_first(struct solver *s, uint32_t id)
{
    const struct symbol *symbol = &s->grammar->symbols[id];
    struct bytes *to = &s->first[id];
    for (uint32_t p = symbol->kind == SYM_RULE ? symbol->a : 0; p;
         p = s->b->productions[p - 1].next)
        first_of_production(s, &s->b->productions[p - 1], to);
    if (symbol->kind == SYM_REPEAT)
        join(s, to, &s->first[symbol->a]);
    if (symbol->kind != SYM_LIST)
        return;
    const struct list_spec *spec = &s->grammar->lists[symbol->a];
    for (uint32_t i = 0; i < spec->list.n_fixed + spec->list.n_free; i++)
        first_of_member(s, &spec->members[i], to);
}

static void follow_in_list(struct solver *s, uint32_t id)
{
    const struct list_spec *spec = &s->grammar->lists[s->grammar->symbols[id].a];
    struct bytes members = s->first[id], after = s->follow[id];
    bool changed = s->changed;
    join(s, &after, &s->first[spec->list.separator]);
    if (is_nullable(s, spec->list.separator))
        join(s, &after, &members);
    s->changed = changed; /* copies have changed, not the sets */
    join(s, &s->follow[spec->list.separator], &members);
    for (uint32_t i = 0; i < spec->list.n_fixed + spec->list.n_free; i++) {
        const struct grammar_member *member = &spec->members[i];
        join(s, &s->follow[member->value], &after);
        join(s, &s->follow[member->name], &s->first[member->value]);
        if (is_nullable(s, member->value))
            join(s, &s->follow[member->name], &after);
    }
}

static void update_follow(struct solver *s, uint32_t id)
{
    const struct symbol *symbol = &s->grammar->symbols[id];
    for (uint32_t p = symbol->kind == SYM_RULE ? symbol->a : 0; p;
         p = s->b->productions[p - 1].next) {
        struct bytes behind = s->follow[id];
        pass_production(s, &s->b->productions[p - 1], &behind);
    }
    if (symbol->kind == SYM_REPEAT) {
        join(s, &s->follow[symbol->a], &s->follow[id]);
        join(s, &s->follow[symbol->a], &s->first[symbol->a]);
    }
    if (symbol->kind == SYM_LIST)
        follow_in_list(s, id);
}

static bool first_of_terminals(struct solver *s, struct err *err)
{
    const struct grammar *g = s->grammar;
    for (uint32_t id = 0; id < g->n_symbols; id++)
        if (g->symbols[id].kind == SYM_TERMINAL && is_met(s, id) &&
            !regex_first_bytes(g->set, g->symbols[id].a, s->first[id].w))
            return regex_set_ok(g->set, err) ? err_set(err, ERR_LIMIT, "out of memory") : false;
    return true;
}

/* Children are made before parents as a rule, so what they begin with settles upwards, and what
 * follows them downwards. */
static void solve(struct solver *s)
{
    uint32_t n = s->grammar->n_symbols;
    do {
        s->changed = false;
        for (uint32_t id = 0; id < n; id++)
            if (is_met(s, id))
                update_first(s, id);
    } while (s->changed);
    do {
        s->changed = false;
        for (uint32_t id = n; id--;)
            if (is_met(s, id))
                update_follow(s, id);
    } while (s->changed);
}

bool grammar_follow(struct grammar *grammar, const struct grammar_builder *builder, struct err *err)
{
    struct solver s = {.grammar = grammar, .b = builder};
    s.first = mem_new(grammar->n_symbols, sizeof *s.first, err);
    s.follow = mem_new(grammar->n_symbols, sizeof *s.follow, err);
    bool ok = s.first && s.follow && first_of_terminals(&s, err);
    if (ok)
        solve(&s);
    for (uint32_t id = 0; ok && id < grammar->n_symbols; id++)
        if (grammar->symbols[id].kind == SYM_TERMINAL && is_met(&s, id))
            memcpy(grammar->terminals[grammar->symbols[id].start].follow, s.follow[id].w,
                   sizeof s.follow[id].w);
    free(s.first);
    free(s.follow);
    return ok;
}
