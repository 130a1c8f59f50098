/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for a symbol because it holds for others: that it has a text, that this may be
 * empty, with which bytes it begins, and what follows it.  Each is a fixed point: a symbol is
 * looked at again when one that it mentions has changed. */
#include <stdlib.h>
#include <string.h>

#include "text/grammar_int.h"

/* --- who mentions whom ------------------------------------------------------------- */

struct users {
    uint32_t *at;  /* [n_symbols + 1] */
    uint32_t *ids; /* users of symbol i: ids[at[i]..at[i + 1]) */
};

typedef void mention_fn(void *arg, uint32_t user, uint32_t used);

static void for_each_mention(const struct grammar_builder *b, mention_fn *fn, void *arg)
{
    for (uint32_t id = 0; id < b->n_symbols; id++) {
        const struct symbol *symbol = &b->symbols[id];
        if (symbol->kind == SYM_REPEAT)
            fn(arg, id, symbol->a);
        for (uint32_t p = symbol->kind == SYM_RULE ? symbol->a : 0; p;
             p = b->productions[p - 1].next)
            for (uint32_t i = 0; i < b->productions[p - 1].n; i++)
                fn(arg, id, b->parts.ids[b->productions[p - 1].first + i]);
        if (symbol->kind != SYM_LIST)
            continue;
        const struct list_spec *spec = &b->lists[symbol->a];
        fn(arg, id, spec->list.separator);
        for (uint32_t i = 0; i < spec->list.n_fixed + spec->list.n_free; i++) {
            fn(arg, id, spec->members[i].name);
            fn(arg, id, spec->members[i].value);
        }
    }
}

static void count(void *arg, uint32_t user, uint32_t used)
{
    struct users *users = arg;
    (void)user;
    users->at[used + 1]++;
}

static void enter(void *arg, uint32_t user, uint32_t used)
{
    struct users *users = arg;
    users->ids[users->at[used]++] = user;
}

static void users_free(struct users *users)
{
    free(users->at);
    free(users->ids);
}

static bool users_init(struct users *users, const struct grammar_builder *b, struct err *err)
{
    users->at = mem_new((size_t)b->n_symbols + 2, sizeof *users->at, err);
    if (!users->at)
        return false;
    for_each_mention(b, count, users);
    for (uint32_t i = 0; i < b->n_symbols; i++)
        users->at[i + 1] += users->at[i];
    users->ids = mem_new(users->at[b->n_symbols], sizeof *users->ids, err);
    if (!users->ids)
        return false;
    for_each_mention(b, enter, users);
    memmove(users->at + 1, users->at, b->n_symbols * sizeof *users->at);
    users->at[0] = 0;
    return true;
}

/* --- flags --------------------------------------------------------------------------- */

static bool all_parts(const struct grammar_builder *b, const struct production *production,
                      bool (*has)(const struct symbol *symbol))
{
    for (uint32_t i = 0; i < production->n; i++)
        if (!has(&b->symbols[b->parts.ids[production->first + i]]))
            return false;
    return true;
}

static bool any_production(const struct grammar_builder *b, const struct symbol *rule,
                           bool (*has)(const struct symbol *symbol))
{
    for (uint32_t p = rule->a; p; p = b->productions[p - 1].next)
        if (all_parts(b, &b->productions[p - 1], has))
            return true;
    return false;
}

static bool is_productive(const struct symbol *symbol)
{
    return symbol->is_productive;
}

static bool is_nullable(const struct symbol *symbol)
{
    return symbol->is_productive && symbol->is_nullable;
}

static bool now_productive(const struct grammar_builder *b, const struct symbol *symbol)
{
    switch ((enum symbol_kind)symbol->kind) {
    case SYM_EMPTY:
        return true;
    case SYM_CONTROL:
        return b->controls[symbol->a].n > 0;
    case SYM_RULE:
        return any_production(b, symbol, is_productive);
    case SYM_REPEAT:
        return !symbol->lo || b->symbols[symbol->a].is_productive;
    case SYM_LIST:
        return list_is_possible(&b->lists[symbol->a], b->symbols);
    case SYM_TERMINAL:
    case SYM_FAILED:
        break;
    }
    return symbol->is_productive;
}

static bool now_nullable(const struct grammar_builder *b, const struct symbol *symbol)
{
    switch ((enum symbol_kind)symbol->kind) {
    case SYM_EMPTY:
        return true;
    case SYM_TERMINAL:
        return regex_is_nullable(b->set, symbol->a);
    case SYM_RULE:
        return any_production(b, symbol, is_nullable);
    case SYM_REPEAT:
        return !symbol->lo || is_nullable(&b->symbols[symbol->a]);
    case SYM_LIST:
        return list_is_nullable(&b->lists[symbol->a]);
    case SYM_CONTROL:
    case SYM_FAILED:
        break;
    }
    return false;
}

/* Raises one flag of all symbols for which it holds. */
static bool raise(struct grammar_builder *b, const struct users *users, bool want_nullable,
                  struct err *err)
{
    struct id_list todo = {0};
    bool ok = true;
    for (uint32_t id = 0; ok && id < b->n_symbols; id++)
        ok = id_list_add(&todo, b->n_symbols - 1 - id, err);
    while (ok && todo.n) {
        uint32_t id = todo.ids[--todo.n];
        struct symbol *symbol = &b->symbols[id];
        bool *flag = want_nullable ? &symbol->is_nullable : &symbol->is_productive;
        if (*flag || !(want_nullable ? now_nullable(b, symbol) : now_productive(b, symbol)))
            continue;
        *flag = true;
        ok = id_list_add_all(&todo, users->ids + users->at[id], users->at[id + 1] - users->at[id],
                             err);
    }
    free(todo.ids);
    return ok;
}

/* A terminal has a text unless its language is empty, which may need a search. */
static bool mark_terminals(struct grammar_builder *b, struct err *err)
{
    for (uint32_t id = 0; id < b->n_symbols; id++) {
        struct symbol *symbol = &b->symbols[id];
        bool is_empty = false;
        if (symbol->kind == SYM_TERMINAL && !regex_is_empty(b->set, symbol->a, &is_empty, err))
            return false;
        symbol->is_productive = symbol->kind == SYM_TERMINAL && !is_empty;
    }
    return true;
}

static bool finish_lists(struct grammar_builder *b, struct err *err)
{
    for (uint32_t id = 0; id < b->n_symbols; id++) {
        const struct symbol *symbol = &b->symbols[id];
        if (symbol->kind != SYM_LIST || !symbol->is_productive)
            continue;
        struct list_spec *spec = &b->lists[symbol->a];
        if (!list_prepare(spec, b->symbols, err))
            return false;
    }
    return true;
}

/* A member without any text could be repeated for ever. */
static bool check_members(const struct grammar_builder *b, struct err *err)
{
    for (uint32_t k = 0; k < b->n_lists; k++) {
        const struct list_spec *spec = &b->lists[k];
        for (uint32_t i = 0; i < spec->list.n_fixed + spec->list.n_free; i++) {
            const struct grammar_member *member = &spec->members[i];
            if (is_nullable(&b->symbols[member->name]) && is_nullable(&b->symbols[member->value]))
                return err_set(err, ERR_ARG, "a member of a list may be empty");
            if (spec->list.is_unique && i >= spec->list.n_fixed &&
                is_nullable(&b->symbols[member->name]))
                return err_set(err, ERR_ARG, "the name of a member that must differ may be empty");
        }
    }
    return true;
}

/* x{m,n} of what may be empty is x{0,n}. */
static void relax_repeats(struct grammar_builder *b)
{
    for (uint32_t id = 0; id < b->n_symbols; id++) {
        struct symbol *symbol = &b->symbols[id];
        if (symbol->kind == SYM_REPEAT && is_nullable(&b->symbols[symbol->a]))
            symbol->lo = 0;
    }
}

bool grammar_analyse(struct grammar_builder *builder, struct err *err)
{
    struct users users = {0};
    bool ok = users_init(&users, builder, err) && mark_terminals(builder, err) &&
              raise(builder, &users, false, err) && finish_lists(builder, err) &&
              raise(builder, &users, true, err) && check_members(builder, err);
    if (ok)
        relax_repeats(builder);
    users_free(&users);
    return ok;
}
