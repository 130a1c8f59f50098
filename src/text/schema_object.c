/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: members with declared names, and free ones by kinds of names.  A declared name is one
 * that some schema mentions; the kinds are the parts into which the patterns cut the rest. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/grammar.h"
#include "text/regex.h"
#include "text/schema_int.h"
#include "text/schema_word_int.h"

struct object_member {
    struct span name;
    uint32_t goal;
    bool is_required;
};

struct object_names {
    uint32_t language; /* decoded names */
    uint32_t goal;     /* of their values */
    bool is_marked;    /* one of these must be there, when the plan needs one */
};

struct object_plan {
    const struct object_member *members; /* [n_members] */
    uint32_t n_members;
    const struct object_names *names; /* [n_names] of free members */
    uint32_t n_names;
    uint32_t min, max;
    bool needs_marked;
};

struct term_list {
    struct term_list *next; /* the one before */
    struct schema_term term;
};

struct name {
    struct span text;
    struct term_list *terms;
    uint32_t seen; /* number of the fact that spoke of it last */
    bool is_required;
};

struct names {
    uint32_t language;
    struct term_list *terms;
    bool seen; /* a pattern of the fact at hand has it */
};

struct fold {
    struct schema_compiler *c;
    struct schema_fact *const *facts;
    size_t n;
    struct object_plan *plan;
    struct name *list; /* [n_list] */
    uint32_t n_list, n_places;
    uint32_t *table; /* [n_table] list by name, plus 1; open addressing */
    size_t n_table;
    struct names *free; /* [n_free] */
    uint32_t n_free;
    const struct schema_fact *some; /* a member that has to be there, or NULL */
    struct err *err;
};

static const struct json_node nothing = {.kind = NODE_FALSE};

static size_t find_place(const struct fold *f, struct span text)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < text.n; i++)
        hash = (hash ^ (uint8_t)text.s[i]) * 1099511628211u;
    size_t at = (hash ^ hash >> 29) & (f->n_table - 1);
    while (f->table[at] && !span_same(f->list[f->table[at] - 1].text, text))
        at = (at + 1) & (f->n_table - 1);
    return at;
}

static struct name *find_name(const struct fold *f, struct span text)
{
    uint32_t at = f->n_table ? f->table[find_place(f, text)] : 0;
    return at ? &f->list[at - 1] : NULL;
}

static bool grow(struct fold *f)
{
    uint32_t n = f->n_places ? 2 * f->n_places : 16;
    struct name *list = mem_resize(f->list, n, sizeof *list, f->err);
    if (!list)
        return false;
    f->list = list;
    f->n_places = n;
    uint32_t *table = mem_new(2 * (size_t)n, sizeof *table, f->err);
    if (!table)
        return false;
    free(f->table);
    f->table = table;
    f->n_table = 2 * (size_t)n;
    for (uint32_t i = 0; i < f->n_list; i++)
        f->table[find_place(f, f->list[i].text)] = i + 1;
    return true;
}

/* Finds or enters a name. */
static struct name *enter_name(struct fold *f, struct span text)
{
    struct name *name = find_name(f, text);
    if (name)
        return name;
    if (f->n_list == f->n_places && !grow(f))
        return NULL;
    name = &f->list[f->n_list++];
    *name = (struct name){.text = text};
    f->table[find_place(f, text)] = f->n_list;
    return name;
}

static bool add_term(struct fold *f, struct term_list **list, const struct json_node *node,
                     enum term_kind kind)
{
    struct term_list *link = arena_new(&f->c->arena, 1, sizeof *link, f->err);
    if (!link)
        return false;
    *link = (struct term_list){*list, {node, kind}};
    *list = link;
    return true;
}

static bool find_goal(struct fold *f, const struct term_list *list, const struct schema_term *more,
                      uint32_t *goal)
{
    size_t n = more != NULL;
    for (const struct term_list *t = list; t; t = t->next)
        n++;
    struct schema_term *terms = mem_new(n, sizeof *terms, f->err);
    if (!terms)
        return false;
    size_t at = n;
    if (more)
        terms[--at] = *more;
    for (const struct term_list *t = list; t; t = t->next)
        terms[--at] = t->term;
    bool ok = schema_goal_find(f->c, terms, n, goal, f->err);
    free(terms);
    return ok;
}

/* Declared names in the order of the schema: those with properties, then those only required
 * or otherwise spoken of. */
static bool enter_names(struct fold *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct json_node *map = f->facts[i]->kind == FACT_PROPERTIES
                                          ? json_member(f->facts[i]->node, "properties")
                                          : NULL;
        for (const struct json_node *m = map ? map->first : NULL; m; m = m->next)
            if (!enter_name(f, m->key))
                return false;
    }
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        if (fact->kind != FACT_REQUIRED && fact->kind != FACT_PROPERTY)
            continue;
        struct name *name = enter_name(f, fact->name);
        if (!name)
            return false;
        name->is_required |= fact->kind == FACT_REQUIRED;
        if (fact->kind == FACT_PROPERTY &&
            !add_term(f, &name->terms, fact->term.node, fact->term.kind))
            return false;
    }
    return true;
}

static bool pattern_language(struct fold *f, const struct json_node *m, uint32_t *out)
{
    struct err cause = {0};
    *out = regex_parse(f->c->set, m->key.s, m->key.n, REGEX_SEARCH, &cause);
    return *out != REGEX_FAILED || schema_fail_because(&f->c->doc, m, &cause, f->err);
}

static bool is_empty(struct fold *f, uint32_t language)
{
    struct err ignored = {0};
    bool yes = false;
    return language == REGEX_NOTHING ||
           (regex_is_empty(f->c->set, language, &yes, &ignored) && yes);
}

/* Cuts each kind of free names in two by a language; what is inside gets a term. */
static bool split_free(struct fold *f, uint32_t language, const struct json_node *node,
                       enum term_kind kind, const struct json_node *place)
{
    struct regex_set *set = f->c->set;
    uint32_t n = f->n_free, outside = regex_text_not(set, language);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t in = regex_and(set, f->free[i].language, language);
        uint32_t out = regex_and(set, f->free[i].language, outside);
        if (is_empty(f, in))
            continue;
        if (!is_empty(f, out)) {
            if (f->n_free == LIMIT_SCHEMA_KEY_CLASSES)
                return schema_fail(&f->c->doc, place, f->err,
                                   "the patterns overlap in more than %u ways",
                                   LIMIT_SCHEMA_KEY_CLASSES);
            f->free[f->n_free] = f->free[i];
            f->free[f->n_free++].language = out;
        }
        f->free[i].language = in;
        f->free[i].seen = true;
        if (node && !add_term(f, &f->free[i].terms, node, kind))
            return false;
    }
    return true;
}

/* What the patterns of a schema say.  Without is_said the names only count as seen. */
static bool apply_patterns(struct fold *f, const struct json_node *schema, uint32_t number,
                           bool is_said)
{
    const struct json_node *map = json_member(schema, "patternProperties");
    for (const struct json_node *m = map ? map->first : NULL; m; m = m->next) {
        uint32_t language;
        if (!schema_spend(f->c, 1 + f->n_list / 8, m, f->err) ||
            !pattern_language(f, m, &language) ||
            !split_free(f, language, is_said ? m : NULL, TERM_HOLDS, m))
            return false;
        for (uint32_t i = 0; i < f->n_list; i++) {
            bool yes;
            struct name *name = &f->list[i];
            if (!regex_matches(f->c->set, language, name->text.s, name->text.n, &yes, f->err))
                return false;
            if (!yes)
                continue;
            name->seen = number;
            if (is_said && !add_term(f, &name->terms, m, TERM_HOLDS))
                return false;
        }
    }
    return true;
}

static bool apply_properties(struct fold *f, const struct json_node *schema, uint32_t number,
                             bool is_said)
{
    const struct json_node *map = json_member(schema, "properties");
    for (const struct json_node *m = map ? map->first : NULL; m; m = m->next) {
        struct name *name = find_name(f, m->key);
        if (!name) /* of a schema that is not in force here */
            continue;
        name->seen = number;
        if (is_said && !add_term(f, &name->terms, m, TERM_HOLDS))
            return false;
    }
    return apply_patterns(f, schema, number, is_said);
}

/* Gives a term to every name that the fact at hand has not spoken of. */
static bool apply_others(struct fold *f, const struct json_node *node, uint32_t number)
{
    for (uint32_t i = 0; i < f->n_list && node; i++)
        if (f->list[i].seen != number && !add_term(f, &f->list[i].terms, node, TERM_HOLDS))
            return false;
    for (uint32_t i = 0; i < f->n_free && node; i++)
        if (!f->free[i].seen && !add_term(f, &f->free[i].terms, node, TERM_HOLDS))
            return false;
    return true;
}

static void forget_seen(struct fold *f)
{
    for (uint32_t i = 0; i < f->n_free; i++)
        f->free[i].seen = false;
}

static bool is_inside(const struct schema_fact *fact, const struct schema_scope *scope)
{
    const struct schema_scope *s = fact->scope;
    while (s && s != scope)
        s = s->up;
    return s == scope;
}

/* unevaluatedProperties speaks of what no fact in its scope has spoken of. */
static bool apply_unevaluated(struct fold *f, const struct schema_fact *fact, uint32_t number)
{
    forget_seen(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *other = f->facts[i];
        if (!is_inside(other, fact->scope))
            continue;
        if (other->kind == FACT_UNEVALUATED_PROPERTIES && other->scope != fact->scope)
            return true;
        if (other->kind != FACT_PROPERTIES)
            continue;
        if (json_member(other->node, "additionalProperties"))
            return true;
        if (!apply_properties(f, other->node, number, false))
            return false;
    }
    return apply_others(f, fact->node, number);
}

/* propertyNames: the names that a schema allows. */
static bool apply_names(struct fold *f, const struct schema_fact *fact)
{
    uint32_t goal, language;
    bool known;
    if (!schema_goal_find(f->c, &fact->term, 1, &goal, f->err) ||
        !schema_goal_language(f->c, goal, true, &language, &known, f->err))
        return false;
    if (!known)
        return schema_fail(&f->c->doc, fact->node, f->err, "the schema refers to itself");
    for (uint32_t i = 0; i < f->n_list; i++) {
        bool yes;
        struct name *name = &f->list[i];
        if (!regex_matches(f->c->set, language, name->text.s, name->text.n, &yes, f->err))
            return false;
        if (!yes && !add_term(f, &name->terms, &nothing, TERM_HOLDS))
            return false;
    }
    for (uint32_t i = 0; i < f->n_free; i++)
        f->free[i].language = regex_and(f->c->set, f->free[i].language, language);
    return true;
}

/* Says whether nothing is said about names that are not declared, where something could be. */
static bool closes(const struct fold *f)
{
    enum schema_closing closing = f->c->options->closing;
    bool any = closing == SCHEMA_CLOSE_ALWAYS, said = closing == SCHEMA_CLOSE_NEVER;
    for (size_t i = 0; i < f->n && !said; i++) {
        const struct json_node *node = f->facts[i]->node;
        said = f->facts[i]->kind == FACT_UNEVALUATED_PROPERTIES;
        if (f->facts[i]->kind != FACT_PROPERTIES)
            continue;
        const struct json_node *map = json_member(node, "properties");
        any |= map && map->n;
        said = json_member(node, "additionalProperties") || json_member(node, "patternProperties");
    }
    return any && !said;
}

static bool make_free(struct fold *f)
{
    f->free = arena_new(&f->c->arena, LIMIT_SCHEMA_KEY_CLASSES, sizeof *f->free, f->err);
    struct span *names = mem_new(f->n_list, sizeof *names, f->err);
    if (!f->free || !names) {
        free(names);
        return false;
    }
    for (uint32_t i = 0; i < f->n_list; i++)
        names[i] = f->list[i].text;
    f->free[0].language = regex_any_text(f->c->set);
    if (f->n_list)
        f->free[0].language =
            regex_text_not(f->c->set, regex_literals(f->c->set, names, f->n_list));
    f->n_free = 1;
    free(names);
    return true;
}

static bool apply_facts(struct fold *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        uint32_t number = (uint32_t)i + 1;
        bool ok = true;
        if (fact->kind == FACT_PROPERTIES) {
            forget_seen(f);
            ok = apply_properties(f, fact->node, number, true) &&
                 apply_others(f, json_member(fact->node, "additionalProperties"), number);
        } else if (fact->kind == FACT_UNEVALUATED_PROPERTIES) {
            ok = apply_unevaluated(f, fact, number);
        } else if (fact->kind == FACT_NAMES) {
            ok = apply_names(f, fact);
        }
        if (!ok)
            return false;
    }
    return true;
}

static bool fold_sizes(struct fold *f)
{
    f->plan->max = COUNT_MAX;
    for (size_t i = 0; i < f->n; i++) {
        const struct schema_fact *fact = f->facts[i];
        if (fact->kind == FACT_SIZE) {
            f->plan->min = fact->lo > f->plan->min ? fact->lo : f->plan->min;
            f->plan->max = fact->hi < f->plan->max ? fact->hi : f->plan->max;
        } else if (fact->kind == FACT_SOME) {
            if (f->some)
                return schema_fail(&f->c->doc, fact->node, f->err,
                                   "several members that have to fail are not supported");
            f->some = fact;
        }
    }
    return true;
}

/* Turns the declared names into members; *is_dead when a required one cannot be. */
static bool finish_members(struct fold *f, bool *is_dead)
{
    struct object_plan *plan = f->plan;
    uint32_t n_required = 0;
    struct object_member *members = arena_new(&f->c->arena, f->n_list, sizeof *members, f->err);
    if (!members)
        return false;
    plan->members = members;
    for (uint32_t i = 0; i < f->n_list; i++)
        n_required += f->list[i].is_required;
    *is_dead = n_required > plan->max;
    for (uint32_t i = 0; i < f->n_list && !*is_dead; i++) {
        struct object_member member = {f->list[i].text, SCHEMA_NEVER, f->list[i].is_required};
        if (!member.is_required && n_required == plan->max)
            continue;
        if (!find_goal(f, f->list[i].terms, NULL, &member.goal))
            return false;
        bool dead = member.goal == SCHEMA_NEVER ||
                    (member.is_required && schema_goal_is_dead(f->c, member.goal));
        if (dead && member.is_required && !f->c->lost)
            f->c->lost = f->list[i].terms ? f->list[i].terms->term.node : NULL;
        if (dead)
            *is_dead |= member.is_required;
        else
            members[plan->n_members++] = member;
    }
    if (n_required == plan->max)
        f->n_free = 0;
    return true;
}

static bool finish_free(struct fold *f)
{
    struct object_plan *plan = f->plan;
    struct object_names *names = arena_new(&f->c->arena, f->n_free, sizeof *names, f->err);
    if (!names)
        return false;
    plan->names = names;
    for (uint32_t i = 0; i < f->n_free; i++) {
        uint32_t goal;
        if (!find_goal(f, f->free[i].terms, NULL, &goal))
            return false;
        if (goal != SCHEMA_NEVER && !is_empty(f, f->free[i].language))
            names[plan->n_names++] = (struct object_names){f->free[i].language, goal, false};
    }
    return true;
}

/* The names that a pattern or additionalProperties at node speaks of. */
static bool named_by(struct fold *f, const struct json_node *node, uint32_t *out)
{
    const struct json_node *schema = node->up;
    if (!span_is(node->key, "additionalProperties") || schema->kind != NODE_OBJECT ||
        json_member(schema, "additionalProperties") != node)
        return pattern_language(f, node, out);
    uint32_t known = REGEX_NOTHING, one;
    const struct json_node *map = json_member(schema, "properties");
    for (const struct json_node *m = map ? map->first : NULL; m; m = m->next)
        known = regex_or(f->c->set, known, regex_literal(f->c->set, m->key.s, m->key.n));
    map = json_member(schema, "patternProperties");
    for (const struct json_node *m = map ? map->first : NULL; m; m = m->next) {
        if (!pattern_language(f, m, &one))
            return false;
        known = regex_or(f->c->set, known, one);
    }
    *out = regex_text_not(f->c->set, known);
    return true;
}

/* Adds a shape like this one in which the declared name at place i is there and fails. */
static bool add_failing(struct fold *f, struct schema_goal *goal, uint32_t place, uint32_t i)
{
    struct object_plan *plan = arena_new(&f->c->arena, 1, sizeof *plan, f->err);
    struct object_member *members =
        arena_new(&f->c->arena, f->plan->n_members, sizeof *members, f->err);
    struct schema_shape *shape = arena_new(&f->c->arena, 1, sizeof *shape, f->err);
    if (!plan || !members || !shape)
        return false;
    *plan = *f->plan;
    memcpy(members, f->plan->members, plan->n_members * sizeof *members);
    plan->members = members;
    members[place].is_required = true;
    if (!find_goal(f, f->list[i].terms, &f->some->term, &members[place].goal))
        return false;
    if (schema_goal_is_dead(f->c, members[place].goal))
        return true;
    if (goal->n_shapes == LIMIT_SCHEMA_ALTERNATIVES)
        return schema_fail(&f->c->doc, f->some->node, f->err, "more than %u alternatives",
                           LIMIT_SCHEMA_ALTERNATIVES);
    *shape = (struct schema_shape){.next = goal->shapes, .kind = SHAPE_OBJECT, .object = plan};
    goal->shapes = shape;
    goal->n_shapes++;
    return true;
}

/* Free members of which one has to fail, beside all the others. */
static bool mark_failing(struct fold *f, uint32_t language, bool *any)
{
    struct object_plan *plan = f->plan;
    struct object_names *names =
        arena_new(&f->c->arena, (size_t)plan->n_names + f->n_free, sizeof *names, f->err);
    if (!names)
        return false;
    uint32_t n = plan->n_names;
    memcpy(names, plan->names, n * sizeof *names);
    *any = false;
    for (uint32_t i = 0; i < f->n_free; i++) {
        uint32_t goal, both = regex_and(f->c->set, f->free[i].language, language);
        if (is_empty(f, both))
            continue;
        if (!find_goal(f, f->free[i].terms, &f->some->term, &goal))
            return false;
        if (schema_goal_is_dead(f->c, goal))
            continue;
        names[n++] = (struct object_names){both, goal, true};
        *any = true;
    }
    plan->names = names;
    plan->n_names = n;
    plan->needs_marked = true;
    return true;
}

/* A member has to be there that a pattern or additionalProperties speaks of, and fails: each
 * declared name can be that one, or a free one is.  The shape at hand becomes the latter. */
static bool apply_some(struct fold *f, struct schema_goal *goal, bool *is_dead)
{
    uint32_t language, place = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->facts[i]->kind == FACT_REFUSED && (f->facts[i]->lo & TYPE_OBJECT))
            return schema_fail(&f->c->doc, f->facts[i]->node, f->err, "%s", f->facts[i]->message);
    if (!named_by(f, f->some->node, &language))
        return false;
    for (uint32_t i = 0; i < f->n_list && place < f->plan->n_members; i++) {
        bool yes;
        struct span name = f->list[i].text;
        if (!span_same(f->plan->members[place].name, name))
            continue;
        if (!regex_matches(f->c->set, language, name.s, name.n, &yes, f->err) ||
            (yes && !add_failing(f, goal, place, i)))
            return false;
        place++;
    }
    bool any;
    if (!mark_failing(f, language, &any))
        return false;
    *is_dead = !any;
    return true;
}

bool schema_object_fold(struct schema_compiler *c, struct schema_goal *goal,
                        struct schema_fact *const *facts, size_t n, struct schema_shape *shape,
                        bool *is_dead, struct err *err)
{
    struct object_plan *plan = arena_new(&c->arena, 1, sizeof *plan, err);
    struct fold f = {.c = c, .facts = facts, .n = n, .plan = plan, .err = err};
    bool ok = plan && fold_sizes(&f) && enter_names(&f) && make_free(&f) && apply_facts(&f);
    if (ok && closes(&f))
        f.n_free = 0;
    ok = ok && finish_members(&f, is_dead) && (*is_dead || finish_free(&f));
    if (ok && !*is_dead) {
        *is_dead = plan->min > plan->max || (plan->min > plan->n_members && !plan->n_names);
        ok = *is_dead || !f.some || apply_some(&f, goal, is_dead);
    }
    free(f.list);
    free(f.table);
    shape->kind = SHAPE_OBJECT;
    shape->object = plan;
    return ok;
}

/* The terms that the facts so far have for a name. */
static size_t terms_so_far(const struct schema_branch *b, struct span name,
                           struct schema_term *terms, size_t max)
{
    size_t n = 0;
    for (const struct schema_fact *fact = b->facts; fact && n < max; fact = fact->next) {
        if (fact->kind == FACT_PROPERTY && span_same(fact->name, name))
            terms[n++] = fact->term;
        if (fact->kind != FACT_PROPERTIES)
            continue;
        const struct json_node *map = json_member(fact->node, "properties");
        for (const struct json_node *m = map ? map->first : NULL; m; m = m->next)
            if (span_same(m->key, name)) {
                terms[n++] = (struct schema_term){m, TERM_HOLDS};
                break;
            }
    }
    return n;
}

void schema_object_prune(struct schema_compiler *c, struct schema_branch *b)
{
    enum { NAMES = 4, TERMS = 64 };
    struct schema_term terms[TERMS];
    struct err ignored = {0};
    unsigned n_names = 0;
    const struct schema_fact *last = NULL;
    for (const struct schema_fact *f = b->facts; f && n_names < NAMES; f = f->next) {
        uint32_t goal;
        if (f->kind != FACT_REQUIRED || (last && span_same(last->name, f->name)))
            continue;
        last = f;
        n_names++;
        size_t n = terms_so_far(b, f->name, terms, TERMS);
        if (n > 1 && schema_goal_find(c, terms, n, &goal, &ignored) &&
            schema_goal_is_dead(c, goal)) {
            b->types &= ~(unsigned)TYPE_OBJECT;
            return;
        }
    }
}

static bool build_members(struct schema_compiler *c, const struct object_plan *plan,
                          struct grammar_member *out, struct err *err)
{
    for (uint32_t i = 0; i < plan->n_members; i++) {
        out[i] = (struct grammar_member){.name = json_rules_name(&c->rules, plan->members[i].name),
                                         .is_required = plan->members[i].is_required};
        if (!schema_goal_symbol(c, plan->members[i].goal, &out[i].value, err))
            return false;
    }
    return true;
}

static bool build_names(struct schema_compiler *c, const struct object_plan *plan,
                        struct grammar_member *out, struct err *err)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        uint32_t value[] = {c->rules.colon, 0};
        if (!schema_goal_symbol(c, plan->names[i].goal, &value[1], err))
            return false;
        uint32_t key = json_rules_quoted(&c->rules, plan->names[i].language);
        out[i] = (struct grammar_member){.name = grammar_terminal(c->builder, key),
                                         .value = grammar_sequence(c->builder, value, 2),
                                         .is_marked = plan->names[i].is_marked};
    }
    return true;
}

bool schema_object_build(struct schema_compiler *c, const struct object_plan *plan,
                         uint32_t *symbol, struct err *err)
{
    struct grammar_member *fixed = mem_new(plan->n_members, sizeof *fixed, err);
    struct grammar_member *free_names = mem_new(plan->n_names, sizeof *free_names, err);
    bool any_order = c->options->any_order && plan->n_members <= GRAMMAR_ANY_ORDER_MAX;
    struct grammar_list list = {.order = any_order ? GRAMMAR_ANY_ORDER : GRAMMAR_IN_ORDER,
                                .fixed = fixed,
                                .n_fixed = plan->n_members,
                                .free = free_names,
                                .n_free = plan->n_names,
                                .separator = c->rules.comma,
                                .min = plan->min ? plan->min : 1,
                                .max = plan->max == COUNT_MAX ? GRAMMAR_FOREVER : plan->max,
                                .min_marked = plan->needs_marked,
                                .max_marked = GRAMMAR_FOREVER,
                                .is_unique = true};
    bool ok = fixed && free_names && build_members(c, plan, fixed, err) &&
              build_names(c, plan, free_names, err);
    bool may_be_empty = !plan->min && !plan->needs_marked;
    for (uint32_t i = 0; i < plan->n_members; i++)
        may_be_empty &= !plan->members[i].is_required;
    if (ok) {
        bool any = plan->max && (plan->n_members || plan->n_names);
        uint32_t members = any ? grammar_list(c->builder, &list) : GRAMMAR_FAILED;
        *symbol = json_rules_brackets(&c->rules, true, members, may_be_empty);
    }
    free(fixed);
    free(free_names);
    return ok;
}
