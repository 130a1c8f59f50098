/* SPDX-License-Identifier: Apache-2.0 */
/* Folds the facts of a finished branch into shapes, one for each instance type. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/regex.h"
#include "text/schema_int.h"

/* Says whether a value is among those at node, a list or one. */
static bool is_listed(const struct json_node *node, enum node_kind kind)
{
    if (node->kind != NODE_ARRAY)
        return node->kind == kind;
    for (const struct json_node *v = node->first; v; v = v->next)
        if (v->kind == kind)
            return true;
    return false;
}

/* Whether the facts leave one of null, true and false. */
static bool has_word(struct schema_fact *const *facts, size_t n, enum node_kind kind)
{
    for (size_t i = 0; i < n; i++)
        if (facts[i]->kind == FACT_VALUES && is_listed(facts[i]->node, kind) == facts[i]->fails)
            return false;
    return true;
}

static uint32_t words(struct schema_compiler *c, struct schema_fact *const *facts, size_t n,
                      unsigned types)
{
    static const struct {
        unsigned type;
        enum node_kind kind;
        const char *text;
    } all[] = {{TYPE_NULL, NODE_NULL, "null"},
               {TYPE_TRUE, NODE_TRUE, "true"},
               {TYPE_FALSE, NODE_FALSE, "false"}};
    uint32_t language = REGEX_NOTHING;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((types & all[i].type) && has_word(facts, n, all[i].kind))
            language =
                regex_or(c->set, language, regex_literal(c->set, all[i].text, strlen(all[i].text)));
    return language;
}

/* What cannot be told counts as possible. */
static bool is_empty(struct schema_compiler *c, uint32_t language)
{
    struct err ignored = {0};
    bool yes = false;
    return language == REGEX_NOTHING || (regex_is_empty(c->set, language, &yes, &ignored) && yes);
}

static bool fold(struct schema_compiler *c, struct schema_goal *goal,
                 struct schema_fact *const *facts, size_t n, unsigned types,
                 struct schema_shape *shape, bool *is_dead, struct err *err)
{
    if (types & TYPE_OBJECT)
        return schema_object_fold(c, goal, facts, n, shape, is_dead, err);
    if (types & TYPE_ARRAY)
        return schema_array_fold(c, facts, n, shape, is_dead, err);
    if (types & TYPE_STRING) {
        if (!schema_string_fold(c, facts, n, shape, err))
            return false;
    } else if (types & TYPE_NUMBER) {
        if (!schema_number_fold(c, facts, n, types, shape, err))
            return false;
    } else {
        shape->kind = SHAPE_LANGUAGE;
        shape->has_one_spelling = true;
        shape->language = words(c, facts, n, types);
    }
    *is_dead = is_empty(c, shape->language);
    return true;
}

static bool add_shape(struct schema_compiler *c, struct schema_goal *goal,
                      struct schema_fact *const *facts, size_t n, unsigned types, struct err *err)
{
    struct schema_shape *shape = arena_new(&c->arena, 1, sizeof *shape, err);
    bool is_dead = false;
    if (!shape || !fold(c, goal, facts, n, types, shape, &is_dead, err))
        return false;
    if (is_dead) {
        if (!c->lost && n)
            c->lost = facts[n - 1]->node;
        return true;
    }
    for (size_t i = 0; i < n; i++)
        if (facts[i]->kind == FACT_REFUSED && (facts[i]->lo & types))
            return schema_fail(&c->doc, facts[i]->node, err, "%s", facts[i]->message);
    if (goal->n_shapes == LIMIT_SCHEMA_ALTERNATIVES)
        return schema_fail(&c->doc, goal->given->node, err, "more than %u alternatives",
                           LIMIT_SCHEMA_ALTERNATIVES);
    shape->next = goal->shapes;
    goal->shapes = shape;
    goal->n_shapes++;
    return true;
}

bool schema_shape_finish(struct schema_compiler *c, struct schema_branch *b, struct err *err)
{
    static const unsigned groups[] = {TYPE_NULL | TYPE_FALSE | TYPE_TRUE, TYPE_NUMBER, TYPE_STRING,
                                      TYPE_ARRAY, TYPE_OBJECT};
    size_t n = 0;
    for (const struct schema_fact *f = b->facts; f; f = f->next)
        n++;
    if (!schema_spend(c, 1 + n, c->doc.root, err))
        return false;
    struct schema_fact **facts = mem_new(n, sizeof(void *), err);
    if (!facts)
        return false;
    size_t at = n;
    for (struct schema_fact *f = b->facts; f; f = f->next)
        facts[--at] = f;
    bool ok = true;
    for (size_t i = 0; i < sizeof groups / sizeof *groups && ok; i++)
        if (b->types & groups[i])
            ok = add_shape(c, b->goal, facts, n, b->types & groups[i], err);
    free(facts);
    return ok;
}
