/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/regex.h"
#include "text/schema_int.h"
#include "text/schema_word_int.h"

static int compare_terms(const void *a, const void *b)
{
    const struct schema_term *x = a, *y = b;
    if (x->node != y->node)
        return x->node > y->node ? 1 : -1;
    return (x->kind > y->kind) - (x->kind < y->kind);
}

/* Says whether a term is met by every value, or by none. */
static bool is_trivial(const struct schema_term *term, bool met)
{
    bool holds = term->kind == TERM_HOLDS;
    if (!holds && term->kind != TERM_FAILS)
        return false;
    if (term->node->kind == NODE_OBJECT)
        return !term->node->n && holds == met;
    return (term->node->kind == NODE_TRUE) == (holds == met);
}

/* Sorts the terms and drops what says nothing.  Returns the new number; *never says that two
 * of them exclude each other. */
static size_t normalise(struct schema_term *terms, size_t n, bool *never)
{
    size_t n_out = 0;
    *never = false;
    qsort(terms, n, sizeof *terms, compare_terms);
    for (size_t i = 0; i < n; i++) {
        *never |= is_trivial(&terms[i], false);
        if (is_trivial(&terms[i], true))
            continue;
        const struct schema_term *last = n_out ? &terms[n_out - 1] : NULL;
        if (last && last->node == terms[i].node) {
            if (last->kind == terms[i].kind)
                continue;
            /* A schema that holds and fails; a value that is and is not.  As node is a schema
             * in one reading and a value in the other, the kinds must be of one sort. */
            *never |= last->kind / 2 == terms[i].kind / 2;
        }
        terms[n_out++] = terms[i];
    }
    return n_out;
}

static uint64_t hash_terms(const struct schema_term *terms, size_t n)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ (uintptr_t)terms[i].node) * 1099511628211u;
        hash = (hash ^ (uint64_t)terms[i].kind) * 1099511628211u;
        hash ^= hash >> 29;
    }
    return hash;
}

static bool same_terms(const struct schema_goal *goal, const struct schema_term *terms, size_t n)
{
    if (goal->n_terms != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (goal->terms[i].node != terms[i].node || goal->terms[i].kind != terms[i].kind)
            return false;
    return true;
}

/* The place in the table of a goal with these terms, or the free one where it belongs. */
static size_t find_place(const struct schema_compiler *c, const struct schema_term *terms, size_t n)
{
    size_t at = hash_terms(terms, n) & (c->n_table - 1);
    while (c->table[at] && !same_terms(c->goals[c->table[at]], terms, n))
        at = (at + 1) & (c->n_table - 1);
    return at;
}

static bool grow_table(struct schema_compiler *c, struct err *err)
{
    size_t n = c->n_table ? 2 * c->n_table : 256;
    uint32_t *table = mem_new(n, sizeof *table, err);
    if (!table)
        return false;
    free(c->table);
    c->table = table;
    c->n_table = n;
    for (size_t i = N_FIXED_GOALS; i < c->n_goals; i++)
        c->table[find_place(c, c->goals[i]->terms, c->goals[i]->n_terms)] = (uint32_t)i;
    return true;
}

static struct schema_term *copy_terms(struct schema_compiler *c, const struct schema_term *terms,
                                      size_t n, struct err *err)
{
    struct schema_term *copy = arena_new(&c->arena, n, sizeof *copy, err);
    if (copy && n)
        memcpy(copy, terms, n * sizeof *copy);
    return copy;
}

static bool add_goal(struct schema_compiler *c, const struct schema_term *terms, size_t n,
                     const struct schema_term *given, size_t n_given, struct err *err)
{
    if (c->n_goals == LIMIT_SCHEMA_GOALS)
        return schema_fail(&c->doc, NULL, err, "more than %u different places", LIMIT_SCHEMA_GOALS);
    if (c->n_goals == c->n_goal_places) {
        size_t places = c->n_goal_places ? 2 * c->n_goal_places : 64;
        struct schema_goal **more = mem_resize(c->goals, places, sizeof(void *), err);
        if (!more)
            return false;
        c->goals = more;
        c->n_goal_places = places;
    }
    struct schema_goal *goal = arena_new(&c->arena, 1, sizeof *goal, err);
    if (!goal || !(goal->terms = copy_terms(c, terms, n, err)) ||
        !(goal->given = copy_terms(c, given, n_given, err)))
        return false;
    goal->n_terms = n;
    goal->n_given = n_given;
    c->goals[c->n_goals++] = goal;
    return true;
}

bool schema_goal_find(struct schema_compiler *c, const struct schema_term *terms, size_t n,
                      uint32_t *goal, struct err *err)
{
    while (c->n_goals < N_FIXED_GOALS)
        if (!add_goal(c, NULL, 0, NULL, 0, err))
            return false;
    if ((!c->n_table || 2 * c->n_goals > c->n_table) && !grow_table(c, err))
        return false;
    struct schema_term few[16], *sorted = few;
    if (n > sizeof few / sizeof *few && !(sorted = mem_new(n, sizeof *sorted, err)))
        return false;
    if (n)
        memcpy(sorted, terms, n * sizeof *sorted);
    bool never, ok = true;
    size_t n_given = n;
    n = normalise(sorted, n, &never);
    *goal = never ? SCHEMA_NEVER : SCHEMA_ALWAYS;
    if (n && !never) {
        size_t at = find_place(c, sorted, n);
        if (!c->table[at] && (ok = add_goal(c, sorted, n, terms, n_given, err)))
            c->table[at] = (uint32_t)c->n_goals - 1;
        *goal = c->table[at];
    }
    if (sorted != few)
        free(sorted);
    return ok;
}

bool schema_goal_open(struct schema_compiler *c, uint32_t id, struct err *err)
{
    struct schema_goal *goal = c->goals[id];
    if (goal->state == GOAL_DONE || id == SCHEMA_NEVER)
        return true;
    goal->state = GOAL_OPEN;
    goal->shapes = NULL;
    goal->n_shapes = 0;
    struct schema_branch branch = {.goal = goal, .types = TYPE_ANY};
    bool ok = true;
    for (size_t i = goal->n_given; i-- && ok;)
        ok = schema_push(c, &branch, goal->given[i].node, goal->given[i].kind, err);
    ok = ok && schema_merge_run(c, branch, err);
    goal->state = ok ? GOAL_DONE : GOAL_REFUSED;
    return ok;
}

/* How many goals may be looked into to learn whether a first one is dead. */
#define DEAD_DEPTH 100

bool schema_goal_is_dead(struct schema_compiler *c, uint32_t id)
{
    struct err ignored = {0};
    const struct schema_goal *goal = c->goals[id];
    if (id == SCHEMA_NEVER)
        return true;
    if (goal->state == GOAL_NEW && c->n_open < DEAD_DEPTH) {
        const struct json_node *lost = c->lost; /* a question leaves no trace */
        c->n_open++;
        bool ok = schema_goal_open(c, id, &ignored);
        c->n_open--;
        c->lost = lost;
        if (!ok)
            return false;
    }
    return goal->state == GOAL_DONE && !goal->n_shapes;
}

/* One shape as it is written or, of a string, decoded. */
static uint32_t shape_language(const struct schema_compiler *c, const struct schema_shape *shape,
                               bool decoded)
{
    uint32_t text = shape->language;
    if (shape->kind == SHAPE_FREE)
        text = regex_text_length(c->set, shape->lo, shape->hi);
    if (decoded || shape->kind == SHAPE_LANGUAGE)
        return text;
    return json_rules_quoted(&c->rules, text);
}

bool schema_goal_language(struct schema_compiler *c, uint32_t id, bool decoded, uint32_t *language,
                          bool *known, struct err *err)
{
    const struct schema_goal *goal = c->goals[id];
    *known = true;
    *language = REGEX_NOTHING;
    if (id == SCHEMA_ALWAYS) {
        *known = decoded;
        *language = regex_any_text(c->set);
        return true;
    }
    if (goal->state == GOAL_OPEN) { /* it contains itself, so it is no scalar */
        *known = false;
        return true;
    }
    if (!schema_goal_open(c, id, err))
        return false;
    for (const struct schema_shape *s = goal->shapes; s; s = s->next) {
        bool is_string = s->kind == SHAPE_STRING || s->kind == SHAPE_FREE;
        if (decoded && !is_string)
            continue;
        if (!is_string && (s->kind != SHAPE_LANGUAGE || !s->has_one_spelling))
            *known = false;
        else
            *language = regex_or(c->set, *language, shape_language(c, s, decoded));
    }
    return true;
}
