/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays: a tuple, then items of one kind. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/grammar.h"
#include "text/regex.h"
#include "text/schema_int.h"
#include "text/schema_word_int.h"

struct array_plan {
    const uint32_t *tuple; /* [n_tuple] goals */
    uint32_t n_tuple;
    uint32_t rest; /* goal of the items behind them */
    uint32_t min, max;
    const struct json_node *unique, *contains; /* keywords, for messages; NULL when not given */
    uint32_t marked, min_marked, max_marked;   /* goal of the items that contains counts */
    uint32_t unmarked;                         /* of those it does not */
};

/* Terms of the items, while they are collected. */
struct item_terms {
    struct schema_term *terms;
    size_t n, n_places;
};

struct fold {
    struct schema_compiler *c;
    struct schema_fact *const *facts;
    size_t n;
    struct array_plan *plan;
    uint32_t *tuple;
    struct err *err;
};

static bool add_term(struct item_terms *list, const struct json_node *node, enum term_kind kind,
                     struct err *err)
{
    if (list->n == list->n_places) {
        size_t n = list->n_places ? 2 * list->n_places : 8;
        struct schema_term *more = mem_resize(list->terms, n, sizeof *more, err);
        if (!more)
            return false;
        list->terms = more;
        list->n_places = n;
    }
    list->terms[list->n++] = (struct schema_term){node, kind};
    return true;
}

/* The tuple of a schema, and what it says about the items behind it; either may be NULL. */
static void read_items(const struct json_node *schema, const struct json_node **tuple,
                       const struct json_node **rest)
{
    const struct json_node *items = json_member(schema, "items");
    *tuple = json_member(schema, "prefixItems");
    *rest = items;
    if (items && items->kind == NODE_ARRAY) {
        *tuple = items;
        *rest = json_member(schema, "additionalItems");
    }
}

static const struct json_node *item_at(const struct json_node *list, uint32_t at)
{
    const struct json_node *item = list ? list->first : NULL;
    while (item && at--)
        item = item->next;
    return item;
}

/* How many items a schema evaluates: COUNT_MAX for all. */
static uint32_t n_evaluated(const struct fold *f, const struct schema_scope *scope)
{
    uint32_t most = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        const struct json_node *tuple, *rest;
        bool inside = false, is_own = fact->scope == scope;
        for (const struct schema_scope *s = fact->scope; s; s = s->up)
            inside |= s == scope;
        if (!inside)
            continue;
        if (fact->kind == FACT_UNEVALUATED_ITEMS && !is_own)
            return COUNT_MAX;
        if (fact->kind != FACT_ITEMS)
            continue;
        read_items(fact->node, &tuple, &rest);
        if (rest)
            return COUNT_MAX;
        if (tuple && tuple->n > most)
            most = (uint32_t)tuple->n;
    }
    return most;
}

/* Collects the terms of the item at a place; of those behind the tuple when at is COUNT_MAX. */
static bool collect_items(const struct fold *f, struct item_terms *list, uint32_t at)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        const struct json_node *tuple, *rest, *item = NULL;
        enum term_kind kind = TERM_HOLDS;
        if (fact->kind == FACT_ITEMS) {
            read_items(fact->node, &tuple, &rest);
            item = at == COUNT_MAX ? NULL : item_at(tuple, at);
            item = item ? item : rest;
        } else if (fact->kind == FACT_UNEVALUATED_ITEMS) {
            uint32_t n = n_evaluated(f, fact->scope);
            item = n != COUNT_MAX && at >= n ? fact->node : NULL;
        } else if ((fact->kind == FACT_ITEM && fact->lo == at) || fact->kind == FACT_REST) {
            item = fact->term.node;
            kind = fact->term.kind;
        }
        if (item && !add_term(list, item, kind, f->err))
            return false;
    }
    return true;
}

static bool item_goal(const struct fold *f, uint32_t at, const struct schema_term *more,
                      uint32_t *goal)
{
    struct item_terms list = {0};
    bool ok = collect_items(f, &list, at) &&
              (!more || add_term(&list, more->node, more->kind, f->err)) &&
              schema_goal_find(f->c, list.terms, list.n, goal, f->err);
    free(list.terms);
    return ok;
}

/* The length up to which items differ by their place. */
static uint32_t tuple_length(const struct fold *f)
{
    uint32_t most = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        const struct json_node *tuple, *rest;
        uint32_t n = 0;
        if (fact->kind == FACT_ITEMS) {
            read_items(fact->node, &tuple, &rest);
            n = tuple ? (uint32_t)tuple->n : 0;
        } else if (fact->kind == FACT_ITEM) {
            n = fact->lo + 1;
        }
        most = n > most ? n : most;
    }
    return most < f->plan->max ? most : f->plan->max;
}

static bool fold_counts(struct fold *f)
{
    struct array_plan *plan = f->plan;
    plan->max = COUNT_MAX;
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        if (fact->kind == FACT_N_ITEMS) {
            plan->min = fact->lo > plan->min ? fact->lo : plan->min;
            plan->max = fact->hi < plan->max ? fact->hi : plan->max;
        } else if (fact->kind == FACT_UNIQUE) {
            plan->unique = fact->node;
        } else if (fact->kind == FACT_CONTAINS && (fact->lo || fact->hi != COUNT_MAX)) {
            if (plan->contains)
                return schema_fail(&f->c->doc, fact->node, f->err,
                                   "several \"contains\" at once are not supported");
            plan->contains = fact->node;
            plan->min_marked = fact->lo;
            plan->max_marked = fact->hi;
        }
    }
    return true;
}

static bool fold_tuple(struct fold *f)
{
    struct array_plan *plan = f->plan;
    plan->n_tuple = tuple_length(f);
    if (plan->n_tuple > LIMIT_SCHEMA_TUPLE)
        return schema_fail(&f->c->doc, f->facts[0]->node, f->err, "more than %u items in a tuple",
                           LIMIT_SCHEMA_TUPLE);
    f->tuple = arena_new(&f->c->arena, plan->n_tuple, sizeof *f->tuple, f->err);
    if (!f->tuple)
        return false;
    plan->tuple = f->tuple;
    for (uint32_t i = 0; i < plan->n_tuple; i++) {
        if (!item_goal(f, i, NULL, &f->tuple[i]))
            return false;
        if (schema_goal_is_dead(f->c, f->tuple[i])) {
            plan->n_tuple = plan->max = i;
            return true;
        }
    }
    if (!item_goal(f, COUNT_MAX, NULL, &plan->rest))
        return false;
    if (plan->max > plan->n_tuple && schema_goal_is_dead(f->c, plan->rest))
        plan->max = plan->n_tuple;
    return true;
}

/* Items that contains counts, and the others. */
static bool fold_contains(struct fold *f)
{
    struct array_plan *plan = f->plan;
    const struct schema_fact *fact = NULL;
    for (size_t i = 0; i < f->n; i++)
        if (f->facts[i]->kind == FACT_CONTAINS && f->facts[i]->node == plan->contains)
            fact = f->facts[i];
    if (!fact)
        return true;
    if (plan->n_tuple)
        return schema_fail(&f->c->doc, fact->node, f->err, "is not supported beside a tuple");
    struct schema_term other = {fact->term.node,
                                fact->term.kind == TERM_HOLDS ? TERM_FAILS : TERM_HOLDS};
    /* Where there is no upper bound, an item that could be counted need not be. */
    if (!item_goal(f, COUNT_MAX, &fact->term, &plan->marked) ||
        !item_goal(f, COUNT_MAX, plan->max_marked == COUNT_MAX ? NULL : &other, &plan->unmarked))
        return false;
    if (schema_goal_is_dead(f->c, plan->marked))
        plan->max_marked = 0;
    if (plan->min_marked > plan->max_marked || plan->min_marked > plan->max)
        plan->max = 0, plan->min = 1;
    return true;
}

/* Where unevaluated items meet contains, what it counts is evaluated: not told apart here. */
static bool check_scopes(const struct fold *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        if (fact->kind != FACT_UNEVALUATED_ITEMS || fact->node->kind == NODE_TRUE ||
            n_evaluated(f, fact->scope) == COUNT_MAX)
            continue;
        for (size_t j = 0; j < f->n; j++)
            for (const struct schema_scope *s = f->facts[j]->scope; s; s = s->up)
                if (f->facts[j]->kind == FACT_CONTAINS && s == fact->scope)
                    return schema_fail(&f->c->doc, fact->node, f->err,
                                       "is not supported together with \"contains\"");
    }
    return true;
}

bool schema_array_fold(struct schema_compiler *c, struct schema_fact *const *facts, size_t n,
                       struct schema_shape *shape, bool *is_dead, struct err *err)
{
    struct array_plan *plan = arena_new(&c->arena, 1, sizeof *plan, err);
    struct fold f = {c, facts, n, plan, NULL, err};
    if (!plan || !fold_counts(&f))
        return false;
    if (plan->min <= plan->max && (!fold_tuple(&f) || !fold_contains(&f) || !check_scopes(&f)))
        return false;
    *is_dead = plan->min > plan->max;
    shape->kind = SHAPE_ARRAY;
    shape->array = plan;
    return true;
}

/* A member whose values are told apart by their text. */
static bool unique_member(struct schema_compiler *c, const struct array_plan *plan, uint32_t goal,
                          struct grammar_member *member, struct err *err)
{
    uint32_t language;
    bool known;
    if (!schema_goal_language(c, goal, false, &language, &known, err))
        return false;
    if (!known)
        return schema_fail(&c->doc, plan->unique, err,
                           "is supported for strings, integers, true, false and null only");
    *member = (struct grammar_member){.name = grammar_terminal(c->builder, language),
                                      .value = GRAMMAR_EMPTY};
    return true;
}

static bool item_member(struct schema_compiler *c, const struct array_plan *plan, uint32_t goal,
                        struct grammar_member *member, struct err *err)
{
    if (plan->unique && plan->max > 1)
        return unique_member(c, plan, goal, member, err);
    *member = (struct grammar_member){.name = GRAMMAR_EMPTY};
    return schema_goal_symbol(c, goal, &member->value, err);
}

static bool free_members(struct schema_compiler *c, const struct array_plan *plan,
                         struct grammar_member free[2], uint32_t *n_free, struct err *err)
{
    *n_free = 0;
    if (plan->max <= plan->n_tuple)
        return true;
    if (!plan->contains) {
        *n_free = 1;
        return item_member(c, plan, plan->rest, &free[0], err);
    }
    if (plan->max_marked) {
        if (!item_member(c, plan, plan->marked, &free[0], err))
            return false;
        free[0].is_marked = true;
        *n_free = 1;
    }
    return item_member(c, plan, plan->unmarked, &free[(*n_free)++], err);
}

bool schema_array_build(struct schema_compiler *c, const struct array_plan *plan, uint32_t *symbol,
                        struct err *err)
{
    struct grammar_member free_items[2] = {0};
    bool is_unique = plan->unique && plan->max > 1;
    if (is_unique && plan->n_tuple)
        return schema_fail(&c->doc, plan->unique, err, "is not supported for a tuple");
    struct grammar_list list = {.order = GRAMMAR_PREFIX,
                                .free = free_items,
                                .separator = c->rules.comma,
                                .min = plan->min ? plan->min : 1,
                                .max = plan->max == COUNT_MAX ? GRAMMAR_FOREVER : plan->max,
                                .min_marked = plan->contains ? plan->min_marked : 0,
                                .max_marked = GRAMMAR_FOREVER,
                                .is_unique = is_unique};
    if (plan->contains && plan->max_marked != COUNT_MAX)
        list.max_marked = plan->max_marked;
    struct grammar_member *tuple = mem_new(plan->n_tuple, sizeof *tuple, err);
    bool ok = tuple && free_members(c, plan, free_items, &list.n_free, err);
    for (uint32_t i = 0; i < plan->n_tuple && ok; i++)
        ok = item_member(c, plan, plan->tuple[i], &tuple[i], err);
    list.fixed = tuple;
    list.n_fixed = plan->n_tuple;
    if (ok) {
        uint32_t items = plan->max ? grammar_list(c->builder, &list) : GRAMMAR_FAILED;
        *symbol = json_rules_brackets(&c->rules, false, items, !plan->min && !list.min_marked);
    }
    free(tuple);
    return ok;
}
