/* SPDX-License-Identifier: Apache-2.0 */
/* Takes schemas apart that have to hold.  A branch is a list of tasks, which branches share as
 * far as they go together, and the facts found on the way; a keyword that offers a choice forks
 * it, so that its shapes come in the order of the schema. */
#include <string.h>

#include "base/limits.h"
#include "text/schema_int.h"
#include "text/schema_word_int.h"

enum { FEW_ITEMS = 64 }; /* of a list, which need no memory of their own */

/* The schemas in which the one at hand lies or that refer to it, for the same value. */
struct schema_chain {
    const struct schema_chain *up;
    const struct json_node *node;
    unsigned length;
};

#define MERGE_DEPTH 1000 /* choices inside choices, and goals inside goals: a stack is finite */

/* What became of a branch. */
enum went { WENT_ON, WENT_OUT, WENT_WRONG };

static enum went done(bool ok)
{
    return ok ? WENT_ON : WENT_WRONG;
}

bool schema_push(struct schema_compiler *c, struct schema_branch *b, const struct json_node *node,
                 enum term_kind kind, struct err *err)
{
    struct schema_task *task = arena_new(&c->arena, 1, sizeof *task, err);
    struct schema_chain *chain = arena_new(&c->arena, 1, sizeof *chain, err);
    if (!task || !chain)
        return false;
    *chain = (struct schema_chain){b->chain, node, b->chain ? b->chain->length + 1 : 1};
    if (chain->length > LIMIT_SCHEMA_CHOICES)
        return schema_fail(&c->doc, node, err, "more than %d schemas apply to one value",
                           LIMIT_SCHEMA_CHOICES);
    *task = (struct schema_task){.next = b->tasks,
                                 .term = {node, kind},
                                 .member = node->kind == NODE_OBJECT ? node->first : NULL,
                                 .scope = kind == TERM_HOLDS ? b->scope : NULL,
                                 .chain = chain};
    b->tasks = task;
    return true;
}

bool schema_spend(struct schema_compiler *c, size_t n_steps, const struct json_node *node,
                  struct err *err)
{
    c->n_steps += n_steps;
    return c->n_steps <= LIMIT_SCHEMA_STEPS ||
           schema_fail(&c->doc, node, err, "merging takes too many steps");
}

/* Comes back to the keywords from member on, later. */
static bool push_rest(struct schema_compiler *c, struct schema_branch *b,
                      const struct json_node *schema, const struct json_node *member,
                      struct err *err)
{
    if (!member)
        return true;
    struct schema_task *task = arena_new(&c->arena, 1, sizeof *task, err);
    if (!task)
        return false;
    *task = (struct schema_task){b->tasks, {schema, TERM_HOLDS}, member, b->scope, b->chain};
    b->tasks = task;
    return true;
}

bool schema_add_fact(struct schema_compiler *c, struct schema_branch *b, struct schema_fact fact,
                     struct err *err)
{
    struct schema_fact *copy = arena_new(&c->arena, 1, sizeof *copy, err);
    if (!copy)
        return false;
    fact.next = b->facts;
    fact.scope = b->scope;
    *copy = fact;
    b->facts = copy;
    return true;
}

bool schema_refuse(struct schema_compiler *c, struct schema_branch *b, unsigned types,
                   const struct json_node *node, const char *message, struct err *err)
{
    return schema_add_fact(
        c, b,
        (struct schema_fact){.kind = FACT_REFUSED, .node = node, .lo = types, .message = message},
        err);
}

bool schema_fork(struct schema_compiler *c, const struct schema_branch *b,
                 const struct json_node *node, enum term_kind kind, struct err *err)
{
    struct schema_branch copy = *b;
    return schema_push(c, &copy, node, kind, err) && schema_merge_run(c, copy, err);
}

bool schema_count(struct schema_compiler *c, const struct json_node *node, uint32_t *out,
                  struct err *err)
{
    struct decimal d;
    struct err cause = {0};
    if (!decimal_read(&c->arena, node->text, &d, &cause))
        return schema_fail_because(&c->doc, node, &cause, err);
    if (!decimal_count(&d, COUNT_MAX - 2, out))
        return schema_fail(&c->doc, node, err, "expected a whole number from 0");
    return true;
}

unsigned schema_type_of(const struct json_node *value)
{
    switch (value->kind) {
    case NODE_NULL:
        return TYPE_NULL;
    case NODE_FALSE:
        return TYPE_FALSE;
    case NODE_TRUE:
        return TYPE_TRUE;
    case NODE_NUMBER:
        return TYPE_NUMBER;
    case NODE_STRING:
        return TYPE_STRING;
    case NODE_ARRAY:
        return TYPE_ARRAY;
    default:
        return TYPE_OBJECT;
    }
}

static unsigned type_named(struct span name)
{
    static const struct {
        const char *name;
        unsigned types;
    } names[] = {{"null", TYPE_NULL},     {"boolean", TYPE_FALSE | TYPE_TRUE},
                 {"integer", TYPE_WHOLE}, {"number", TYPE_NUMBER},
                 {"string", TYPE_STRING}, {"array", TYPE_ARRAY},
                 {"object", TYPE_OBJECT}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_is(name, names[i].name))
            return names[i].types;
    return 0;
}

bool schema_read_types(struct schema_compiler *c, const struct json_node *node, unsigned *types,
                       struct err *err)
{
    *types = 0;
    for (const struct json_node *t = node->kind == NODE_STRING ? node : node->first; t;
         t = t == node ? NULL : t->next) {
        unsigned one = type_named(t->text);
        if (!one)
            return schema_fail(&c->doc, t, err, "\"%.*s\" is no type",
                               (int)(t->text.n < 100 ? t->text.n : 100), t->text.s);
        *types |= one;
    }
    return true;
}

bool schema_follow(struct schema_compiler *c, const struct schema_branch *b,
                   const struct json_node *ref, const struct json_node **target, struct err *err)
{
    enum schema_word word = schema_word_find(ref->key);
    if (!(word == WORD_REF ? schema_doc_resolve(&c->doc, ref, target, err)
                           : schema_doc_resolve_dynamic(&c->doc, ref, target, err)))
        return false;
    c->n_steps += 10;
    for (const struct schema_chain *up = b->chain; up; up = up->up)
        if (up->node == *target)
            return schema_fail(&c->doc, ref, err, "the reference leads back to itself");
    return true;
}

/* The types a schema allows, as far as its first look tells. */
static unsigned quick_types(struct schema_compiler *c, const struct json_node *schema, int depth)
{
    unsigned types = TYPE_ANY, one;
    struct err ignored = {0};
    if (schema->kind == NODE_FALSE)
        return 0;
    for (const struct json_node *m = schema->kind == NODE_OBJECT ? schema->first : NULL; m;
         m = m->next) {
        const struct json_node *target;
        switch (schema_word_find(m->key)) {
        case WORD_TYPE:
            if (!schema_word_expects(WORD_TYPE, m) && schema_read_types(c, m, &one, &ignored))
                types &= one;
            break;
        case WORD_CONST:
            types &= schema_type_of(m);
            break;
        case WORD_ENUM:
            one = 0;
            for (const struct json_node *v = m->first; v; v = v->next)
                one |= schema_type_of(v);
            types &= one;
            break;
        case WORD_REF:
            if (depth < 4 && m->kind == NODE_STRING &&
                schema_doc_resolve(&c->doc, m, &target, &ignored))
                types &= quick_types(c, target, depth + 1);
            break;
        default:
            break;
        }
    }
    return types;
}

/* Says whether two schemas are known to share no value. */
static bool are_disjoint(struct schema_compiler *c, const struct json_node *a,
                         const struct json_node *b)
{
    struct err ignored = {0};
    struct schema_term both[] = {{a, TERM_HOLDS}, {b, TERM_HOLDS}};
    uint32_t goal;
    if (!(quick_types(c, a, 0) & quick_types(c, b, 0)))
        return true;
    return schema_goal_find(c, both, 2, &goal, &ignored) && schema_goal_is_dead(c, goal);
}

/* Each set of the schemas that hold together: what unevaluated keywords see depends on it. */
static bool fork_subsets(struct schema_compiler *c, const struct schema_branch *b,
                         const struct json_node *list, struct err *err)
{
    for (unsigned set = (1u << list->n) - 1; set; set--) {
        struct schema_branch copy = *b;
        for (const struct json_node *item = list->first; item; item = item->next)
            if (set >> item->index & 1 && !schema_push(c, &copy, item, TERM_HOLDS, err))
                return false;
        if (!schema_merge_run(c, copy, err))
            return false;
    }
    return true;
}

#define SUBSETS_MAX 6 /* schemas of an anyOf; of more, only one at a time is seen */

static bool fork_any(struct schema_compiler *c, const struct schema_branch *b,
                     const struct json_node *list, struct err *err)
{
    if (b->scope && list->n <= SUBSETS_MAX)
        return fork_subsets(c, b, list, err);
    for (const struct json_node *item = list->first; item; item = item->next)
        if ((quick_types(c, item, 0) & b->types) && !schema_fork(c, b, item, TERM_HOLDS, err))
            return false;
    return true;
}

/* One schema holds, and those fail that could hold, too. */
static bool fork_one(struct schema_compiler *c, const struct schema_branch *b,
                     const struct json_node *list, struct err *err)
{
    for (const struct json_node *item = list->first; item; item = item->next) {
        struct schema_branch copy = *b;
        copy.types &= quick_types(c, item, 0);
        if (!schema_spend(c, list->n, item, err))
            return false;
        for (const struct json_node *other = list->first; other && copy.types; other = other->next)
            if (other != item && (quick_types(c, other, 0) & copy.types) &&
                !are_disjoint(c, item, other) && !schema_push(c, &copy, other, TERM_FAILS, err))
                return false;
        if (!schema_push(c, &copy, item, TERM_HOLDS, err) ||
            (copy.types && !schema_merge_run(c, copy, err)))
            return false;
    }
    return true;
}

static bool fork_if(struct schema_compiler *c, const struct schema_branch *b,
                    const struct json_node *schema, const struct json_node *condition,
                    struct err *err)
{
    const struct json_node *yes = json_member(schema, "then"), *no = json_member(schema, "else");
    struct schema_branch met = *b, unmet = *b;
    return (!yes || schema_push(c, &met, yes, TERM_HOLDS, err)) &&
           schema_push(c, &met, condition, TERM_HOLDS, err) && schema_merge_run(c, met, err) &&
           (!no || schema_push(c, &unmet, no, TERM_HOLDS, err)) &&
           schema_push(c, &unmet, condition, TERM_FAILS, err) && schema_merge_run(c, unmet, err);
}

/* The dependencies from m on: each name is missing, or it is there and brings something. */
static bool fork_dependencies(struct schema_compiler *c, struct schema_branch b,
                              const struct json_node *m, struct err *err)
{
    static const struct json_node nothing = {.kind = NODE_FALSE};
    if (!m)
        return schema_merge_run(c, b, err);
    if (++b.n_forks > LIMIT_SCHEMA_CHOICES)
        return schema_fail(&c->doc, m, err, "more than %d choices apply to one value",
                           LIMIT_SCHEMA_CHOICES);
    schema_object_prune(c, &b);
    if (!b.types)
        return schema_spend(c, 1, m, err);
    struct schema_branch with = b;
    struct schema_fact missing = {
        .kind = FACT_PROPERTY, .name = m->key, .term = {&nothing, TERM_HOLDS}, .node = m};
    if (!schema_add_fact(c, &b, missing, err) || !fork_dependencies(c, b, m->next, err))
        return false;
    with.types &= TYPE_OBJECT;
    if (!schema_add_fact(
            c, &with, (struct schema_fact){.kind = FACT_REQUIRED, .name = m->key, .node = m}, err))
        return false;
    if (m->kind != NODE_ARRAY) {
        if (!schema_push(c, &with, m, TERM_HOLDS, err))
            return false;
    } else {
        for (const struct json_node *name = m->first; name; name = name->next) {
            struct schema_fact needed = {.kind = FACT_REQUIRED, .name = name->text, .node = name};
            if (!schema_add_fact(c, &with, needed, err))
                return false;
        }
    }
    return !with.types || fork_dependencies(c, with, m->next, err);
}

/* Values: the scalars among them are one branch, every other is one of its own. */
static bool fork_values(struct schema_compiler *c, const struct schema_branch *b,
                        const struct json_node *list, struct err *err)
{
    struct schema_branch scalars = *b;
    unsigned types = 0;
    for (const struct json_node *v = list->first; v; v = v->next)
        types |= schema_type_of(v);
    scalars.types &= types & TYPE_SCALAR;
    struct schema_fact fact = {.kind = FACT_VALUES, .node = list};
    if (scalars.types &&
        (!schema_add_fact(c, &scalars, fact, err) || !schema_merge_run(c, scalars, err)))
        return false;
    for (const struct json_node *v = list->first; v; v = v->next)
        if (!(schema_type_of(v) & TYPE_SCALAR) && (schema_type_of(v) & b->types) &&
            !schema_fork(c, b, v, TERM_IS, err))
            return false;
    return true;
}

/* "enum" of texts beside "type": "array" means the items, as tools have it; taken literally, no
 * array would be left. */
static bool means_items(const struct schema_compiler *c, const struct schema_branch *b,
                        const struct json_node *list)
{
    const struct json_node *type = json_member(list->up, "type");
    if (c->options->conform || !(b->types & TYPE_ARRAY) || !type || !span_is(type->text, "array"))
        return false;
    for (const struct json_node *v = list->first; v; v = v->next)
        if (v->kind == NODE_ARRAY)
            return false;
    return list->n > 0;
}

static enum went forked(bool ok)
{
    return ok ? WENT_OUT : WENT_WRONG;
}

/* The value is the one at node. */
static enum went hold_value(struct schema_compiler *c, struct schema_branch *b,
                            const struct json_node *value, struct err *err)
{
    b->types &= schema_type_of(value);
    if (schema_type_of(value) & TYPE_SCALAR)
        return done(
            schema_add_fact(c, b, (struct schema_fact){.kind = FACT_VALUES, .node = value}, err));
    bool is_array = value->kind == NODE_ARRAY;
    uint32_t n = (uint32_t)value->n;
    struct schema_fact size = {
        .kind = is_array ? FACT_N_ITEMS : FACT_SIZE, .node = value, .lo = n, .hi = n};
    if (!schema_add_fact(c, b, size, err))
        return WENT_WRONG;
    for (const struct json_node *m = value->first; m; m = m->next) {
        struct schema_fact required = {.kind = FACT_REQUIRED, .name = m->key, .node = m};
        struct schema_fact is = {.kind = is_array ? FACT_ITEM : FACT_PROPERTY,
                                 .name = m->key,
                                 .lo = (uint32_t)m->index,
                                 .term = {m, TERM_IS},
                                 .node = m};
        if ((!is_array && !schema_add_fact(c, b, required, err)) || !schema_add_fact(c, b, is, err))
            return WENT_WRONG;
    }
    return WENT_ON;
}

static enum went hold_count(struct schema_compiler *c, struct schema_branch *b,
                            const struct json_node *m, enum fact_kind kind, bool is_upper,
                            struct err *err)
{
    struct schema_fact fact = {.kind = kind, .node = m, .hi = COUNT_MAX};
    return done(schema_count(c, m, is_upper ? &fact.hi : &fact.lo, err) &&
                schema_add_fact(c, b, fact, err));
}

static enum went hold_bound(struct schema_compiler *c, struct schema_branch *b,
                            const struct json_node *schema, const struct json_node *m,
                            enum schema_word word, struct err *err)
{
    bool is_upper = word == WORD_MAXIMUM || word == WORD_EXCLUSIVE_MAXIMUM;
    bool is_exclusive = word == WORD_EXCLUSIVE_MINIMUM || word == WORD_EXCLUSIVE_MAXIMUM;
    if (m->kind != NODE_NUMBER) /* draft 4: it says how the other is meant */
        return WENT_ON;
    if (!is_exclusive) {
        const struct json_node *how =
            json_member(schema, is_upper ? "exclusiveMaximum" : "exclusiveMinimum");
        is_exclusive = how && how->kind == NODE_TRUE;
    }
    struct schema_fact fact = {
        .kind = FACT_BOUND, .node = m, .is_upper = is_upper, .is_exclusive = is_exclusive};
    return done(schema_add_fact(c, b, fact, err));
}

static enum went hold_contains(struct schema_compiler *c, struct schema_branch *b,
                               const struct json_node *schema, const struct json_node *m,
                               struct err *err)
{
    const struct json_node *min = json_member(schema, "minContains");
    const struct json_node *max = json_member(schema, "maxContains");
    struct schema_fact fact = {
        .kind = FACT_CONTAINS, .node = m, .term = {m, TERM_HOLDS}, .lo = 1, .hi = COUNT_MAX};
    return done((!min || schema_count(c, min, &fact.lo, err)) &&
                (!max || schema_count(c, max, &fact.hi, err)) && schema_add_fact(c, b, fact, err));
}

/* Adds one fact about the whole schema when m is the first of the keywords that it is about. */
static enum went hold_group(struct schema_compiler *c, struct schema_branch *b,
                            const struct json_node *schema, const struct json_node *m,
                            enum fact_kind kind, struct err *err)
{
    for (const struct json_node *before = schema->first; before != m; before = before->next) {
        enum schema_word word = schema_word_find(before->key);
        bool is_properties = word == WORD_PROPERTIES || word == WORD_PATTERN_PROPERTIES ||
                             word == WORD_ADDITIONAL_PROPERTIES;
        bool is_items =
            word == WORD_ITEMS || word == WORD_PREFIX_ITEMS || word == WORD_ADDITIONAL_ITEMS;
        if (kind == FACT_PROPERTIES ? is_properties : is_items)
            return WENT_ON;
    }
    return done(schema_add_fact(c, b, (struct schema_fact){.kind = kind, .node = schema}, err));
}

static enum went hold_required(struct schema_compiler *c, struct schema_branch *b,
                               const struct json_node *m, struct err *err)
{
    for (const struct json_node *name = m->first; name; name = name->next)
        if (!schema_add_fact(
                c, b, (struct schema_fact){.kind = FACT_REQUIRED, .name = name->text, .node = name},
                err))
            return WENT_WRONG;
    return WENT_ON;
}

static enum went hold_reference(struct schema_compiler *c, struct schema_branch *b,
                                const struct json_node *m, struct err *err)
{
    const struct json_node *target;
    return done(schema_follow(c, b, m, &target, err) && schema_push(c, b, target, TERM_HOLDS, err));
}

static enum went hold_all(struct schema_compiler *c, struct schema_branch *b,
                          const struct json_node *list, struct err *err)
{
    /* The first one on top: what comes first in the schema is first in the text. */
    const struct json_node *items[FEW_ITEMS], **all = items;
    if (list->n > FEW_ITEMS && !(all = arena_new(&c->arena, list->n, sizeof(void *), err)))
        return WENT_WRONG;
    for (const struct json_node *item = list->first; item; item = item->next)
        all[item->index] = item;
    for (size_t i = list->n; i--;)
        if (!schema_push(c, b, all[i], TERM_HOLDS, err))
            return WENT_WRONG;
    return WENT_ON;
}

/* Keywords that choose between schemas. */
static enum went hold_choice(struct schema_compiler *c, struct schema_branch *b,
                             const struct json_node *schema, const struct json_node *m,
                             enum schema_word word, struct err *err)
{
    if (word == WORD_ENUM && means_items(c, b, m))
        return done(schema_add_fact(
            c, b, (struct schema_fact){.kind = FACT_REST, .node = m, .term = {m, TERM_IS_ONE}},
            err));
    if (++b->n_forks > LIMIT_SCHEMA_CHOICES) {
        schema_fail(&c->doc, m, err, "more than %d choices apply to one value",
                    LIMIT_SCHEMA_CHOICES);
        return WENT_WRONG;
    }
    if (b->n_forks > 1 && (b->types & TYPE_OBJECT))
        schema_object_prune(c, b);
    if (!b->types)
        return WENT_OUT;
    switch (word) {
    case WORD_ENUM:
        return forked(fork_values(c, b, m, err));
    case WORD_ANY_OF:
        return forked(fork_any(c, b, m, err));
    case WORD_ONE_OF:
        return forked(c->options->one_of_is_any_of ? fork_any(c, b, m, err)
                                                   : fork_one(c, b, m, err));
    case WORD_IF:
        if (!b->scope && !json_member(schema, "then") && !json_member(schema, "else"))
            return WENT_ON;
        return forked(fork_if(c, b, schema, m, err));
    default:
        return forked(fork_dependencies(c, *b, m->first, err));
    }
}

/* Keywords about arrays and objects. */
static enum went hold_inside(struct schema_compiler *c, struct schema_branch *b,
                             const struct json_node *schema, const struct json_node *m,
                             enum schema_word word, struct err *err)
{
    struct schema_fact fact = {.node = m, .term = {m, TERM_HOLDS}};
    switch (word) {
    case WORD_ITEMS:
    case WORD_PREFIX_ITEMS:
    case WORD_ADDITIONAL_ITEMS:
        return hold_group(c, b, schema, m, FACT_ITEMS, err);
    case WORD_PROPERTIES:
    case WORD_PATTERN_PROPERTIES:
    case WORD_ADDITIONAL_PROPERTIES:
        return hold_group(c, b, schema, m, FACT_PROPERTIES, err);
    case WORD_CONTAINS:
        return hold_contains(c, b, schema, m, err);
    case WORD_REQUIRED:
        return hold_required(c, b, m, err);
    case WORD_UNIQUE_ITEMS:
        fact.kind = FACT_UNIQUE;
        return m->kind == NODE_TRUE ? done(schema_add_fact(c, b, fact, err)) : WENT_ON;
    case WORD_PROPERTY_NAMES:
        fact.kind = FACT_NAMES;
        return done(schema_add_fact(c, b, fact, err));
    case WORD_UNEVALUATED_ITEMS:
        fact.kind = FACT_UNEVALUATED_ITEMS;
        return done(schema_add_fact(c, b, fact, err));
    case WORD_UNEVALUATED_PROPERTIES:
        fact.kind = FACT_UNEVALUATED_PROPERTIES;
        return done(schema_add_fact(c, b, fact, err));
    default:
        return WENT_ON;
    }
}

/* Keywords about scalars, and counts. */
static enum went hold_plain(struct schema_compiler *c, struct schema_branch *b,
                            const struct json_node *schema, const struct json_node *m,
                            enum schema_word word, struct err *err)
{
    struct schema_fact fact = {.node = m};
    switch (word) {
    case WORD_MINIMUM:
    case WORD_MAXIMUM:
    case WORD_EXCLUSIVE_MINIMUM:
    case WORD_EXCLUSIVE_MAXIMUM:
        return hold_bound(c, b, schema, m, word, err);
    case WORD_MULTIPLE_OF:
        fact.kind = FACT_MULTIPLE;
        return done(schema_add_fact(c, b, fact, err));
    case WORD_PATTERN:
        fact.kind = FACT_PATTERN;
        return done(schema_add_fact(c, b, fact, err));
    case WORD_FORMAT:
        fact.kind = FACT_FORMAT;
        return done(schema_add_fact(c, b, fact, err));
    case WORD_MIN_LENGTH:
    case WORD_MAX_LENGTH:
        return hold_count(c, b, m, FACT_LENGTH, word == WORD_MAX_LENGTH, err);
    case WORD_MIN_ITEMS:
    case WORD_MAX_ITEMS:
        return hold_count(c, b, m, FACT_N_ITEMS, word == WORD_MAX_ITEMS, err);
    case WORD_MIN_PROPERTIES:
    case WORD_MAX_PROPERTIES:
        return hold_count(c, b, m, FACT_SIZE, word == WORD_MAX_PROPERTIES, err);
    default:
        return hold_inside(c, b, schema, m, word, err);
    }
}

static enum went hold_word(struct schema_compiler *c, struct schema_branch *b,
                           const struct json_node *schema, const struct json_node *m,
                           enum schema_word word, struct err *err)
{
    unsigned types;
    switch (word) {
    case WORD_TYPE:
        if (!schema_read_types(c, m, &types, err))
            return WENT_WRONG;
        b->types &= types;
        return WENT_ON;
    case WORD_CONST:
        return done(schema_push(c, b, m, TERM_IS, err));
    case WORD_NOT:
        return done(schema_push(c, b, m, TERM_FAILS, err));
    case WORD_REF:
    case WORD_DYNAMIC_REF:
    case WORD_RECURSIVE_REF:
        return hold_reference(c, b, m, err);
    case WORD_ALL_OF:
        return hold_all(c, b, m, err);
    case WORD_ENUM:
    case WORD_ANY_OF:
    case WORD_ONE_OF:
    case WORD_IF:
    case WORD_DEPENDENCIES:
    case WORD_DEPENDENT_REQUIRED:
    case WORD_DEPENDENT_SCHEMAS:
        return hold_choice(c, b, schema, m, word, err);
    case WORD_VOCABULARY:
        schema_fail(&c->doc, m, err, "vocabularies are not supported");
        return WENT_WRONG;
    default:
        return hold_plain(c, b, schema, m, word, err);
    }
}

const struct json_node *schema_lone_reference(const struct schema_compiler *c,
                                              const struct json_node *schema)
{
    if (!c->options->conform || !c->doc.is_marked || c->doc.draft > DRAFT_7)
        return NULL;
    const struct json_node *ref = json_member(schema, "$ref");
    return ref && ref->kind == NODE_STRING ? ref : NULL;
}

/* Opens the scope of a schema that has one, before its first keyword. */
static bool enter_scope(struct schema_compiler *c, struct schema_branch *b,
                        const struct json_node *schema, struct err *err)
{
    if (!json_member(schema, "unevaluatedItems") && !json_member(schema, "unevaluatedProperties"))
        return true;
    struct schema_scope *scope = arena_new(&c->arena, 1, sizeof *scope, err);
    if (!scope)
        return false;
    *scope = (struct schema_scope){b->scope, schema};
    b->scope = scope;
    return true;
}

/* Says whether a keyword only adds to the branch at hand. */
static bool is_simple(enum schema_word word)
{
    return word == WORD_TYPE || (word >= WORD_MINIMUM && word <= WORD_REQUIRED) ||
           word == WORD_MIN_PROPERTIES || word == WORD_MAX_PROPERTIES;
}

/* Keywords of a schema that holds, from task->member on. */
static enum went hold_schema(struct schema_compiler *c, struct schema_branch *b,
                             const struct schema_task *task, struct err *err)
{
    const struct json_node *schema = task->term.node;
    const struct json_node *lone = schema_lone_reference(c, schema);
    if (lone)
        return hold_reference(c, b, lone, err);
    if (task->member == schema->first && !enter_scope(c, b, schema, err))
        return WENT_WRONG;
    for (const struct json_node *m = task->member; m; m = m->next) {
        enum schema_word word = schema_word_find(m->key);
        if (word == WORD_NONE)
            continue;
        if (!schema_spend(c, 1, m, err))
            return WENT_WRONG;
        const char *expects = schema_word_expects(word, m);
        if (expects) {
            schema_fail(&c->doc, m, err, "expected %s", expects);
            return WENT_WRONG;
        }
        if (!is_simple(word) && !push_rest(c, b, schema, m->next, err))
            return WENT_WRONG;
        enum went went = hold_word(c, b, schema, m, word, err);
        if (went == WENT_ON && !b->types && !c->lost)
            c->lost = m;
        if (went != WENT_ON || !b->types || !is_simple(word))
            return went;
    }
    return WENT_ON;
}

/* Does the task on top of the list. */
static enum went take_task(struct schema_compiler *c, struct schema_branch *b, struct err *err)
{
    const struct schema_task *task = b->tasks;
    const struct json_node *node = task->term.node;
    b->tasks = task->next;
    b->scope = task->scope;
    b->chain = task->chain;
    if (!schema_spend(c, 1, node, err))
        return WENT_WRONG;
    switch (task->term.kind) {
    case TERM_IS:
        return hold_value(c, b, node, err);
    case TERM_IS_ONE:
        return forked(fork_values(c, b, node, err));
    case TERM_IS_NOT:
        return forked(schema_differ(c, b, node, err));
    case TERM_FAILS:
        return forked(schema_negate(c, b, node, err));
    case TERM_HOLDS:
        if (node->kind == NODE_OBJECT)
            return hold_schema(c, b, task, err);
        if (node->kind != NODE_TRUE)
            b->types = 0;
        if (!b->types && !c->lost)
            c->lost = node;
    }
    return WENT_ON;
}

bool schema_merge_run(struct schema_compiler *c, struct schema_branch branch, struct err *err)
{
    enum went went = WENT_ON;
    if (++c->depth > MERGE_DEPTH) {
        c->depth--;
        return schema_fail(&c->doc, c->doc.root, err, "too many choices in choices");
    }
    while (went == WENT_ON && branch.tasks && branch.types)
        went = take_task(c, &branch, err);
    bool ok = went != WENT_WRONG;
    if (went == WENT_ON && branch.types)
        ok = schema_shape_finish(c, &branch, err);
    c->depth--;
    return ok;
}
