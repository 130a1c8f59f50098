/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/grammar.h"
#include "text/regex.h"
#include "text/schema_int.h"

bool schema_goal_symbol(struct schema_compiler *c, uint32_t id, uint32_t *symbol, struct err *err)
{
    struct schema_goal *goal = c->goals[id];
    if (id == SCHEMA_ALWAYS)
        goal->rule = json_rules_value(&c->rules);
    if (!goal->rule) {
        goal->rule = grammar_rule(c->builder);
        c->to_build[c->n_to_build++] = id;
    }
    *symbol = goal->rule;
    return grammar_builder_ok(c->builder, err);
}

/* Scalars are one terminal, so that they share their beginnings. */
static bool build_scalars(struct schema_compiler *c, const struct schema_goal *goal,
                          struct err *err)
{
    uint32_t all = REGEX_NOTHING, one;
    for (const struct schema_shape *s = goal->shapes; s; s = s->next) {
        if (s->kind == SHAPE_LANGUAGE)
            one = s->language;
        else if (s->kind == SHAPE_STRING)
            one = json_rules_quoted(&c->rules, s->language);
        else if (s->kind == SHAPE_FREE)
            one = regex_json_string(c->set, s->lo, s->hi == COUNT_MAX ? REGEX_FOREVER : s->hi);
        else
            continue;
        all = regex_or(c->set, all, one);
    }
    if (all != REGEX_NOTHING) {
        uint32_t text = grammar_terminal(c->builder, all);
        grammar_produce(c->builder, goal->rule, &text, 1);
    }
    return regex_set_ok(c->set, err);
}

static bool build_goal(struct schema_compiler *c, uint32_t id, struct err *err)
{
    struct schema_goal *goal = c->goals[id];
    if (!schema_goal_open(c, id, err) || !build_scalars(c, goal, err))
        return false;
    /* Shapes are listed newest first. */
    const struct schema_shape **shapes = mem_new(goal->n_shapes, sizeof(void *), err);
    if (!shapes)
        return false;
    size_t at = goal->n_shapes;
    for (const struct schema_shape *s = goal->shapes; s; s = s->next)
        shapes[--at] = s;
    bool ok = true;
    for (size_t i = 0; i < goal->n_shapes && ok; i++) {
        uint32_t symbol;
        if (shapes[i]->kind == SHAPE_ARRAY)
            ok = schema_array_build(c, shapes[i]->array, &symbol, err);
        else if (shapes[i]->kind == SHAPE_OBJECT)
            ok = schema_object_build(c, shapes[i]->object, &symbol, err);
        else
            continue;
        if (ok)
            grammar_produce(c->builder, goal->rule, &symbol, 1);
    }
    free(shapes);
    return ok && grammar_builder_ok(c->builder, err);
}

/* The schema that holds and, where only objects are wanted, one of these. */
static bool root_goal(struct schema_compiler *c, const struct json_node *schema, uint32_t *goal,
                      struct err *err)
{
    static const struct json_node object = {
        .kind = NODE_STRING, .key = {"type", 4}, .text = {"object", 6}};
    struct json_node *only = arena_new(&c->arena, 2, sizeof *only, err);
    if (!only)
        return false;
    only[1] = object;
    only[1].up = only;
    only[0] = (struct json_node){.kind = NODE_OBJECT, .n = 1, .first = &only[1]};
    struct schema_term terms[] = {{schema, TERM_HOLDS}, {only, TERM_HOLDS}};
    return schema_goal_find(c, terms, c->options->objects_only ? 2 : 1, goal, err);
}

static bool unsatisfiable(struct schema_compiler *c, struct err *err)
{
    if (c->options->is_unsatisfiable)
        *c->options->is_unsatisfiable = true;
    return schema_fail(&c->doc, c->lost, err, "no value can meet the schema");
}

static bool build_all(struct schema_compiler *c, const struct json_node *schema, uint32_t *symbol,
                      struct err *err)
{
    uint32_t root;
    if (!json_rules_init(&c->rules, c->builder, c->options, err))
        return false;
    c->to_build = mem_new(LIMIT_SCHEMA_GOALS, sizeof *c->to_build, err);
    if (!c->to_build || !schema_doc_init(&c->doc, c->options->name, schema, err) ||
        !root_goal(c, schema, &root, err) || !schema_goal_open(c, root, err))
        return false;
    if (root != SCHEMA_ALWAYS && schema_goal_is_dead(c, root))
        return unsatisfiable(c, err);
    if (!schema_goal_symbol(c, root, symbol, err))
        return false;
    while (c->n_to_build)
        if (!build_goal(c, c->to_build[--c->n_to_build], err))
            return false;
    return true;
}

bool schema_build(struct grammar_builder *builder, const struct json_node *schema,
                  const struct schema_options *options, uint32_t *symbol, struct err *err)
{
    struct schema_compiler c = {
        .options = options, .builder = builder, .set = grammar_regexes(builder)};
    bool ok = build_all(&c, schema, symbol, err);
    free(c.to_build);
    free(c.table);
    free(c.goals);
    arena_free(&c.arena);
    schema_doc_free(&c.doc);
    return ok;
}

struct grammar *schema_grammar(const struct json_node *schema, const struct schema_options *options,
                               struct err *err)
{
    uint32_t root = 0;
    struct grammar_builder *builder = grammar_builder_open(err);
    if (!builder)
        return NULL;
    if (!schema_build(builder, schema, options, &root, err)) {
        grammar_builder_close(builder);
        return NULL;
    }
    return grammar_finish(builder, root, err);
}

bool schema_build_any(struct grammar_builder *builder, bool objects_only,
                      const struct schema_options *options, uint32_t *symbol, struct err *err)
{
    struct json_rules rules;
    if (!json_rules_init(&rules, builder, options, err))
        return false;
    *symbol = objects_only ? json_rules_object(&rules) : json_rules_value(&rules);
    return grammar_builder_ok(builder, err);
}
