/* SPDX-License-Identifier: Apache-2.0 */
/* Takes schemas apart that must not hold: one of their keywords fails.  Each way to fail is a
 * branch.  A keyword whose failure cannot be enforced refuses the types it speaks of. */
#include "text/schema_int.h"
#include "text/schema_word_int.h"

static const struct json_node nothing = {.kind = NODE_FALSE};

/* Follows a copy of the branch with some of its types and one fact more. */
static bool fork_fact(struct schema_compiler *c, const struct schema_branch *b, unsigned types,
                      struct schema_fact fact, struct err *err)
{
    struct schema_branch copy = *b;
    copy.types &= types;
    return !copy.types || (schema_add_fact(c, &copy, fact, err) && schema_merge_run(c, copy, err));
}

static bool fork_types(struct schema_compiler *c, const struct schema_branch *b, unsigned types,
                       struct err *err)
{
    struct schema_branch copy = *b;
    copy.types &= types;
    return !copy.types || schema_merge_run(c, copy, err);
}

/* Two facts together: something is there, and it is not as it should be. */
static bool fork_member(struct schema_compiler *c, const struct schema_branch *b,
                        const struct json_node *m, enum term_kind kind, struct err *err)
{
    struct schema_branch copy = *b;
    copy.types &= TYPE_OBJECT;
    struct schema_fact is = {.kind = FACT_PROPERTY, .node = m, .name = m->key, .term = {m, kind}};
    struct schema_fact there = {.kind = FACT_REQUIRED, .node = m, .name = m->key};
    return !copy.types || (schema_add_fact(c, &copy, there, err) &&
                           schema_add_fact(c, &copy, is, err) && schema_merge_run(c, copy, err));
}

static bool fork_item(struct schema_compiler *c, const struct schema_branch *b,
                      const struct json_node *m, enum term_kind kind, struct err *err)
{
    struct schema_branch copy = *b;
    copy.types &= TYPE_ARRAY;
    uint32_t at = (uint32_t)m->index;
    struct schema_fact is = {.kind = FACT_ITEM, .node = m, .lo = at, .term = {m, kind}};
    struct schema_fact there = {.kind = FACT_N_ITEMS, .node = m, .lo = at + 1, .hi = COUNT_MAX};
    return !copy.types || (schema_add_fact(c, &copy, there, err) &&
                           schema_add_fact(c, &copy, is, err) && schema_merge_run(c, copy, err));
}

static bool refuse(struct schema_compiler *c, const struct schema_branch *b, unsigned types,
                   const struct json_node *m, const char *message, struct err *err)
{
    return fork_fact(
        c, b, types,
        (struct schema_fact){.kind = FACT_REFUSED, .node = m, .lo = types, .message = message},
        err);
}

/* A count keyword fails when the count is on the other side. */
static bool negate_count(struct schema_compiler *c, const struct schema_branch *b,
                         const struct json_node *m, enum schema_word word, struct err *err)
{
    bool is_upper =
        word == WORD_MAX_LENGTH || word == WORD_MAX_ITEMS || word == WORD_MAX_PROPERTIES;
    bool is_text = word == WORD_MIN_LENGTH || word == WORD_MAX_LENGTH;
    bool is_list = word == WORD_MIN_ITEMS || word == WORD_MAX_ITEMS;
    struct schema_fact fact = {.kind = is_text   ? FACT_LENGTH
                                       : is_list ? FACT_N_ITEMS
                                                 : FACT_SIZE,
                               .node = m,
                               .hi = COUNT_MAX};
    uint32_t count;
    if (!schema_count(c, m, &count, err))
        return false;
    if (!is_upper && !count)
        return true;
    if (is_upper)
        fact.lo = count + 1;
    else
        fact.hi = count - 1;
    return fork_fact(c, b, is_text ? TYPE_STRING : is_list ? TYPE_ARRAY : TYPE_OBJECT, fact, err);
}

static bool negate_bound(struct schema_compiler *c, const struct schema_branch *b,
                         const struct json_node *schema, const struct json_node *m,
                         enum schema_word word, struct err *err)
{
    bool is_upper = word == WORD_MAXIMUM || word == WORD_EXCLUSIVE_MAXIMUM;
    bool is_exclusive = word == WORD_EXCLUSIVE_MINIMUM || word == WORD_EXCLUSIVE_MAXIMUM;
    if (m->kind != NODE_NUMBER)
        return true;
    const struct json_node *how =
        json_member(schema, is_upper ? "exclusiveMaximum" : "exclusiveMinimum");
    is_exclusive |= how && how->kind == NODE_TRUE;
    return fork_fact(
        c, b, TYPE_NUMBER,
        (struct schema_fact){
            .kind = FACT_BOUND, .node = m, .is_upper = !is_upper, .is_exclusive = !is_exclusive},
        err);
}

static bool negate_each(struct schema_compiler *c, const struct schema_branch *b,
                        const struct json_node *list, struct err *err)
{
    for (const struct json_node *item = list->first; item; item = item->next)
        if (!schema_fork(c, b, item, TERM_FAILS, err))
            return false;
    return true;
}

static bool negate_any(struct schema_compiler *c, const struct schema_branch *b,
                       const struct json_node *list, struct err *err)
{
    struct schema_branch copy = *b;
    for (const struct json_node *item = list->first; item; item = item->next)
        if (!schema_push(c, &copy, item, TERM_FAILS, err))
            return false;
    return schema_merge_run(c, copy, err);
}

/* oneOf fails when none holds, or two do. */
static bool negate_one(struct schema_compiler *c, const struct schema_branch *b,
                       const struct json_node *list, struct err *err)
{
    if (!negate_any(c, b, list, err))
        return false;
    for (const struct json_node *item = list->first; item; item = item->next)
        for (const struct json_node *other = item->next; other; other = other->next) {
            struct schema_branch copy = *b;
            if (!schema_push(c, &copy, item, TERM_HOLDS, err) ||
                !schema_push(c, &copy, other, TERM_HOLDS, err) || !schema_merge_run(c, copy, err))
                return false;
        }
    return true;
}

static bool negate_if(struct schema_compiler *c, const struct schema_branch *b,
                      const struct json_node *schema, const struct json_node *condition,
                      struct err *err)
{
    const struct json_node *yes = json_member(schema, "then"), *no = json_member(schema, "else");
    struct schema_branch met = *b, unmet = *b;
    if (yes &&
        (!schema_push(c, &met, yes, TERM_FAILS, err) ||
         !schema_push(c, &met, condition, TERM_HOLDS, err) || !schema_merge_run(c, met, err)))
        return false;
    return !no ||
           (schema_push(c, &unmet, no, TERM_FAILS, err) &&
            schema_push(c, &unmet, condition, TERM_FAILS, err) && schema_merge_run(c, unmet, err));
}

static bool negate_required(struct schema_compiler *c, const struct schema_branch *b,
                            const struct json_node *m, struct err *err)
{
    for (const struct json_node *name = m->first; name; name = name->next) {
        struct schema_fact missing = {.kind = FACT_PROPERTY,
                                      .node = name,
                                      .name = name->text,
                                      .term = {&nothing, TERM_HOLDS}};
        if (!fork_fact(c, b, TYPE_OBJECT, missing, err))
            return false;
    }
    return true;
}

static bool negate_properties(struct schema_compiler *c, const struct schema_branch *b,
                              const struct json_node *map, struct err *err)
{
    for (const struct json_node *m = map->first; m; m = m->next)
        if (!fork_member(c, b, m, TERM_FAILS, err))
            return false;
    return true;
}

/* Some member that a pattern or additionalProperties speaks of fails. */
static bool negate_some(struct schema_compiler *c, const struct schema_branch *b,
                        const struct json_node *m, struct err *err)
{
    if (m->kind == NODE_TRUE)
        return true;
    return fork_fact(c, b, TYPE_OBJECT,
                     (struct schema_fact){.kind = FACT_SOME, .node = m, .term = {m, TERM_FAILS}},
                     err);
}

static bool negate_patterns(struct schema_compiler *c, const struct schema_branch *b,
                            const struct json_node *map, struct err *err)
{
    for (const struct json_node *m = map->first; m; m = m->next)
        if (!negate_some(c, b, m, err))
            return false;
    return true;
}

static bool negate_tuple(struct schema_compiler *c, const struct schema_branch *b,
                         const struct json_node *list, struct err *err)
{
    for (const struct json_node *m = list->first; m; m = m->next)
        if (!fork_item(c, b, m, TERM_FAILS, err))
            return false;
    return true;
}

/* "items" and the like fail when an item behind the tuple does. */
static bool negate_items(struct schema_compiler *c, const struct schema_branch *b,
                         const struct json_node *schema, const struct json_node *m, struct err *err)
{
    const struct json_node *tuple = json_member(schema, "prefixItems");
    const struct json_node *items = json_member(schema, "items");
    if (m->kind == NODE_ARRAY)
        return negate_tuple(c, b, m, err);
    if (m != items && !(items && items->kind == NODE_ARRAY))
        return true; /* additionalItems without a tuple */
    if (m != items)
        tuple = items;
    if (m->kind == NODE_FALSE) {
        uint32_t n = tuple ? (uint32_t)tuple->n : 0;
        return fork_fact(
            c, b, TYPE_ARRAY,
            (struct schema_fact){.kind = FACT_N_ITEMS, .node = m, .lo = n + 1, .hi = COUNT_MAX},
            err);
    }
    if (tuple && tuple->n)
        return refuse(c, b, TYPE_ARRAY, m, "cannot be negated behind a tuple", err);
    return fork_fact(
        c, b, TYPE_ARRAY,
        (struct schema_fact){
            .kind = FACT_CONTAINS, .node = m, .term = {m, TERM_FAILS}, .lo = 1, .hi = COUNT_MAX},
        err);
}

static bool negate_contains(struct schema_compiler *c, const struct schema_branch *b,
                            const struct json_node *schema, const struct json_node *m,
                            struct err *err)
{
    const struct json_node *min = json_member(schema, "minContains");
    const struct json_node *max = json_member(schema, "maxContains");
    uint32_t lo = 1, hi = COUNT_MAX;
    if ((min && !schema_count(c, min, &lo, err)) || (max && !schema_count(c, max, &hi, err)))
        return false;
    struct schema_fact fewer = {.kind = FACT_CONTAINS, .node = m, .term = {m, TERM_HOLDS}};
    struct schema_fact more = fewer;
    fewer.hi = lo - 1;
    more.lo = hi + 1;
    more.hi = COUNT_MAX;
    if (lo == 1)
        fewer = (struct schema_fact){.kind = FACT_REST, .node = m, .term = {m, TERM_FAILS}};
    return (!lo || fork_fact(c, b, TYPE_ARRAY, fewer, err)) &&
           (!max || fork_fact(c, b, TYPE_ARRAY, more, err));
}

static bool negate_dependencies(struct schema_compiler *c, const struct schema_branch *b,
                                const struct json_node *map, struct err *err)
{
    for (const struct json_node *m = map->first; m; m = m->next) {
        struct schema_branch copy = *b;
        copy.types &= TYPE_OBJECT;
        struct schema_fact there = {.kind = FACT_REQUIRED, .node = m, .name = m->key};
        if (!copy.types || !schema_add_fact(c, &copy, there, err))
            return !copy.types;
        if (m->kind == NODE_ARRAY ? !negate_required(c, &copy, m, err)
                                  : !schema_fork(c, &copy, m, TERM_FAILS, err))
            return false;
    }
    return true;
}

static bool negate_inside(struct schema_compiler *c, const struct schema_branch *b,
                          const struct json_node *schema, const struct json_node *m,
                          enum schema_word word, struct err *err)
{
    switch (word) {
    case WORD_PROPERTIES:
        return negate_properties(c, b, m, err);
    case WORD_PATTERN_PROPERTIES:
        return negate_patterns(c, b, m, err);
    case WORD_ADDITIONAL_PROPERTIES:
        return negate_some(c, b, m, err);
    case WORD_REQUIRED:
        return negate_required(c, b, m, err);
    case WORD_PREFIX_ITEMS:
        return negate_tuple(c, b, m, err);
    case WORD_ITEMS:
    case WORD_ADDITIONAL_ITEMS:
        return negate_items(c, b, schema, m, err);
    case WORD_CONTAINS:
        return negate_contains(c, b, schema, m, err);
    case WORD_DEPENDENCIES:
    case WORD_DEPENDENT_REQUIRED:
    case WORD_DEPENDENT_SCHEMAS:
        return negate_dependencies(c, b, m, err);
    case WORD_UNIQUE_ITEMS:
    case WORD_UNEVALUATED_ITEMS:
        return (word == WORD_UNIQUE_ITEMS && m->kind != NODE_TRUE) ||
               refuse(c, b, TYPE_ARRAY, m, "cannot be negated", err);
    case WORD_PROPERTY_NAMES:
    case WORD_UNEVALUATED_PROPERTIES:
        return m->kind == NODE_TRUE || refuse(c, b, TYPE_OBJECT, m, "cannot be negated", err);
    default:
        return true;
    }
}

static bool negate_plain(struct schema_compiler *c, const struct schema_branch *b,
                         const struct json_node *schema, const struct json_node *m,
                         enum schema_word word, struct err *err)
{
    struct schema_fact fact = {.node = m, .fails = true};
    switch (word) {
    case WORD_MINIMUM:
    case WORD_MAXIMUM:
    case WORD_EXCLUSIVE_MINIMUM:
    case WORD_EXCLUSIVE_MAXIMUM:
        return negate_bound(c, b, schema, m, word, err);
    case WORD_MULTIPLE_OF:
        fact.kind = FACT_MULTIPLE;
        return fork_fact(c, b, TYPE_NUMBER, fact, err);
    case WORD_PATTERN:
        fact.kind = FACT_PATTERN;
        return fork_fact(c, b, TYPE_STRING, fact, err);
    case WORD_FORMAT:
        fact.kind = FACT_FORMAT;
        return fork_fact(c, b, TYPE_STRING | TYPE_NUMBER, fact, err);
    case WORD_MIN_LENGTH:
    case WORD_MAX_LENGTH:
    case WORD_MIN_ITEMS:
    case WORD_MAX_ITEMS:
    case WORD_MIN_PROPERTIES:
    case WORD_MAX_PROPERTIES:
        return negate_count(c, b, m, word, err);
    default:
        return negate_inside(c, b, schema, m, word, err);
    }
}

static bool negate_types(struct schema_compiler *c, const struct schema_branch *b,
                         const struct json_node *m, struct err *err)
{
    unsigned types;
    return schema_read_types(c, m, &types, err) && fork_types(c, b, TYPE_ANY & ~types, err);
}

static bool negate_enum(struct schema_compiler *c, const struct schema_branch *b,
                        const struct json_node *list, struct err *err)
{
    struct schema_branch copy = *b;
    for (const struct json_node *v = list->first; v; v = v->next)
        if (!(schema_type_of(v) & TYPE_SCALAR) && !schema_push(c, &copy, v, TERM_IS_NOT, err))
            return false;
    return fork_fact(c, &copy, TYPE_ANY,
                     (struct schema_fact){.kind = FACT_VALUES, .node = list, .fails = true}, err);
}

static bool negate_word(struct schema_compiler *c, const struct schema_branch *b,
                        const struct json_node *schema, const struct json_node *m, struct err *err)
{
    enum schema_word word = schema_word_find(m->key);
    const struct json_node *target;
    const char *expects = schema_word_expects(word, m);
    if (expects)
        return schema_fail(&c->doc, m, err, "expected %s", expects);
    switch (word) {
    case WORD_TYPE:
        return negate_types(c, b, m, err);
    case WORD_CONST:
        return schema_fork(c, b, m, TERM_IS_NOT, err);
    case WORD_ENUM:
        return negate_enum(c, b, m, err);
    case WORD_NOT:
        return schema_fork(c, b, m, TERM_HOLDS, err);
    case WORD_REF:
    case WORD_DYNAMIC_REF:
    case WORD_RECURSIVE_REF:
        return schema_follow(c, b, m, &target, err) && schema_fork(c, b, target, TERM_FAILS, err);
    case WORD_ALL_OF:
        return negate_each(c, b, m, err);
    case WORD_ANY_OF:
        return negate_any(c, b, m, err);
    case WORD_ONE_OF:
        return negate_one(c, b, m, err);
    case WORD_IF:
        return negate_if(c, b, schema, m, err);
    case WORD_VOCABULARY:
        return schema_fail(&c->doc, m, err, "vocabularies are not supported");
    default:
        return negate_plain(c, b, schema, m, word, err);
    }
}

bool schema_negate(struct schema_compiler *c, const struct schema_branch *b,
                   const struct json_node *schema, struct err *err)
{
    if (schema->kind == NODE_FALSE)
        return schema_merge_run(c, *b, err);
    if (schema->kind != NODE_OBJECT)
        return true; /* "true" never fails */
    const struct json_node *lone = schema_lone_reference(c, schema);
    for (const struct json_node *m = schema->first; m; m = m->next)
        if ((!lone || m == lone) && !negate_word(c, b, schema, m, err))
            return false;
    return true;
}

/* An array differs in length or in an item, an object in its names or in a value. */
bool schema_differ(struct schema_compiler *c, const struct schema_branch *b,
                   const struct json_node *value, struct err *err)
{
    unsigned type = schema_type_of(value);
    if (type & TYPE_SCALAR)
        return fork_fact(c, b, TYPE_ANY,
                         (struct schema_fact){.kind = FACT_VALUES, .node = value, .fails = true},
                         err);
    bool is_array = type == TYPE_ARRAY;
    uint32_t n = (uint32_t)value->n;
    struct schema_fact size = {
        .kind = is_array ? FACT_N_ITEMS : FACT_SIZE, .node = value, .hi = COUNT_MAX};
    size.lo = n + 1;
    if (!fork_types(c, b, TYPE_ANY & ~type, err) || !fork_fact(c, b, type, size, err))
        return false;
    size.lo = 0;
    size.hi = n - 1;
    if (n && !fork_fact(c, b, type, size, err))
        return false;
    for (const struct json_node *m = value->first; m; m = m->next) {
        struct schema_fact missing = {
            .kind = FACT_PROPERTY, .node = m, .name = m->key, .term = {&nothing, TERM_HOLDS}};
        if (is_array
                ? !fork_item(c, b, m, TERM_IS_NOT, err)
                : !fork_member(c, b, m, TERM_IS_NOT, err) || !fork_fact(c, b, type, missing, err))
            return false;
    }
    return true;
}
