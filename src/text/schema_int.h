/* SPDX-License-Identifier: Apache-2.0 */
/* schema_int.h - how a JSON Schema becomes a grammar, between its parts.
 *
 * The unit is a goal: a set of terms ("this schema holds", "that one fails", "the value is
 * this one") that one value has to meet.  Merging takes a goal apart (schema_merge.c,
 * schema_negate.c): allOf, $ref and siblings add terms to a branch, anyOf and the like fork it,
 * and every other keyword leaves a fact.  A finished branch is folded, for each instance type it
 * still allows, into a shape (schema_shape.c, schema_array.c, schema_object.c), whose members
 * are goals again.  Goals are interned, so recursion ends, and equal places become one rule.
 *
 * What cannot be enforced is a fact, too: it refuses the schema only when a value of its type
 * is still possible at the end of the branch.
 *
 * Thread: one at a time. */
#ifndef TEXT_SCHEMA_INT_H
#define TEXT_SCHEMA_INT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "data/json_tree.h"
#include "text/decimal_int.h"
#include "text/json_rules_int.h"
#include "text/schema_doc_int.h"

struct grammar_builder;
struct regex_set;
struct schema_options;
struct array_plan;
struct object_plan;

/* Instance types; numbers are two, so that "not an integer" is one of them. */
enum {
    TYPE_NULL = 1,
    TYPE_FALSE = 2,
    TYPE_TRUE = 4,
    TYPE_WHOLE = 8,
    TYPE_BROKEN = 16, /* a number that is not whole */
    TYPE_STRING = 32,
    TYPE_ARRAY = 64,
    TYPE_OBJECT = 128,
    TYPE_NUMBER = TYPE_WHOLE | TYPE_BROKEN,
    TYPE_SCALAR = 63,
    TYPE_ANY = 255,
};

#define COUNT_MAX UINT32_MAX /* no upper bound of a count */

enum term_kind {
    TERM_HOLDS,  /* the value meets the schema at node */
    TERM_FAILS,  /* it does not */
    TERM_IS,     /* it equals the value at node */
    TERM_IS_NOT, /* it does not */
    TERM_IS_ONE, /* it is one of the values in the list at node */
};

struct schema_term {
    const struct json_node *node;
    enum term_kind kind;
};

enum goal_state { GOAL_NEW, GOAL_OPEN, GOAL_DONE, GOAL_REFUSED };

/* No terms: any value.  The goal SCHEMA_NEVER: none. */
struct schema_goal {
    const struct schema_term *terms; /* [n_terms] sorted */
    size_t n_terms;
    const struct schema_term *given; /* [n_given] in the order in which they were first given */
    size_t n_given;
    enum goal_state state;
    struct schema_shape *shapes; /* newest first; once state is GOAL_DONE */
    size_t n_shapes;
    uint32_t rule; /* its symbol in the grammar; 0 when it has none yet */
};

enum { SCHEMA_ALWAYS, SCHEMA_NEVER, N_FIXED_GOALS };

/* A schema with unevaluatedItems or unevaluatedProperties, which sees the facts below it. */
struct schema_scope {
    const struct schema_scope *up;
    const struct json_node *node;
};

enum fact_kind {
    FACT_VALUES, /* scalars: one of the values at node, a list or a single one; or, failing, none */
    FACT_BOUND,  /* numbers: node is the limit */
    FACT_MULTIPLE,   /* numbers */
    FACT_LENGTH,     /* strings: lo..hi characters */
    FACT_PATTERN,    /* strings */
    FACT_FORMAT,     /* strings */
    FACT_ITEMS,      /* arrays: prefixItems, items and additionalItems of the schema at node */
    FACT_ITEM,       /* arrays: the item at lo, if there is one, meets term */
    FACT_REST,       /* arrays: items from lo on meet term */
    FACT_N_ITEMS,    /* arrays: lo..hi */
    FACT_UNIQUE,     /* arrays */
    FACT_CONTAINS,   /* arrays: lo..hi items meet term */
    FACT_PROPERTIES, /* objects: properties, patternProperties, additionalProperties at node */
    FACT_PROPERTY,   /* objects: the member name, if there is one, meets term */
    FACT_REQUIRED,   /* objects: there is a member name */
    FACT_SIZE,       /* objects: lo..hi members */
    FACT_NAMES,      /* objects: names meet term */
    FACT_SOME,       /* objects: a member that only the keyword at node speaks of meets term */
    FACT_UNEVALUATED_ITEMS,
    FACT_UNEVALUATED_PROPERTIES,
    FACT_REFUSED, /* types in lo: cannot be enforced, for the reason in message */
};

struct schema_fact {
    struct schema_fact *next; /* the one before it in the schema */
    enum fact_kind kind;
    bool fails;                       /* values, multiple, pattern, format: it is not so */
    bool is_upper, is_exclusive;      /* of a bound */
    const struct json_node *node;     /* the keyword's value, or the schema */
    const struct schema_scope *scope; /* innermost */
    struct span name;
    struct schema_term term;
    uint32_t lo, hi;
    const char *message;
};

/* What is left of a goal in one branch for one instance type. */
enum shape_kind {
    SHAPE_LANGUAGE, /* null, true, false, numbers: text as it is written */
    SHAPE_STRING,   /* decoded text */
    SHAPE_FREE,     /* any string of lo..hi characters */
    SHAPE_ARRAY,
    SHAPE_OBJECT,
};

struct schema_shape {
    struct schema_shape *next;
    enum shape_kind kind;
    bool has_one_spelling; /* equal values are equal texts */
    uint32_t language;
    uint32_t lo, hi;
    const struct array_plan *array;
    const struct object_plan *object;
};

struct schema_compiler {
    struct schema_doc doc;
    const struct schema_options *options;
    struct grammar_builder *builder;
    struct regex_set *set;
    struct json_rules rules; /* white space, any value */
    struct arena arena;
    struct schema_goal **goals; /* [n_goals] */
    size_t n_goals, n_goal_places;
    uint32_t *table; /* [n_table] goals by hash, open addressing, 0 = free */
    size_t n_table;
    uint32_t *to_build; /* [n_to_build] goals whose rules are to be filled */
    size_t n_to_build;
    size_t n_steps;               /* of merging, for the limit */
    unsigned depth;               /* of choices being followed */
    unsigned n_open;              /* goals being merged, one inside the other */
    const struct json_node *lost; /* where the first branch became empty */
};

/* schema_goal.c */

/* Finds or makes the goal of the terms, [n], in any order.  Errors: ERR_ARG, ERR_LIMIT. */
bool schema_goal_find(struct schema_compiler *c, const struct schema_term *terms, size_t n,
                      uint32_t *goal, struct err *err) CHECKED;

/* Takes a goal apart, once: shapes and n_shapes.
 * Errors: ERR_ARG when it cannot be enforced, ERR_LIMIT. */
bool schema_goal_open(struct schema_compiler *c, uint32_t goal, struct err *err) CHECKED;

/* Says that no value meets the goal, as far as that can be told at once. */
bool schema_goal_is_dead(struct schema_compiler *c, uint32_t goal);

/* The texts of a goal, if only scalars meet it: as they are written, or, with decoded, the
 * strings alone without quotes and escapes.  *known says whether that is so (every value has
 * one spelling then).  Errors: as schema_goal_open(). */
bool schema_goal_language(struct schema_compiler *c, uint32_t goal, bool decoded,
                          uint32_t *language, bool *known, struct err *err) CHECKED;

/* schema_merge.c */

struct schema_chain; /* private: how a task was reached */

struct schema_task {
    struct schema_task *next;
    struct schema_term term;
    const struct json_node *member; /* of the schema at term.node: keywords from here on */
    const struct schema_scope *scope;
    const struct schema_chain *chain;
};

struct schema_branch {
    struct schema_goal *goal; /* what it is a branch of */
    struct schema_task *tasks;
    struct schema_fact *facts;
    unsigned types;
    unsigned n_forks;
    const struct schema_scope *scope; /* of the task at hand */
    const struct schema_chain *chain;
};

/* Counts steps of work.  Errors: ERR_ARG at node past LIMIT_SCHEMA_STEPS. */
bool schema_spend(struct schema_compiler *c, size_t n_steps, const struct json_node *node,
                  struct err *err) CHECKED;

/* Follows a branch, and those it forks into, to their shapes.
 * Errors: ERR_ARG, ERR_LIMIT. */
bool schema_merge_run(struct schema_compiler *c, struct schema_branch branch,
                      struct err *err) CHECKED;

/* Add to a branch: what comes next, or what was found; fact.next and fact.scope are set here.
 * Errors: ERR_LIMIT. */
bool schema_push(struct schema_compiler *c, struct schema_branch *b, const struct json_node *node,
                 enum term_kind kind, struct err *err) CHECKED;
bool schema_add_fact(struct schema_compiler *c, struct schema_branch *b, struct schema_fact fact,
                     struct err *err) CHECKED;

/* Adds that values of these types cannot be told apart as node wants.  Errors: ERR_LIMIT. */
bool schema_refuse(struct schema_compiler *c, struct schema_branch *b, unsigned types,
                   const struct json_node *node, const char *message, struct err *err) CHECKED;

/* Follows a copy of the branch with one term more.  Errors: as schema_merge_run(). */
bool schema_fork(struct schema_compiler *c, const struct schema_branch *b,
                 const struct json_node *node, enum term_kind kind, struct err *err) CHECKED;

/* Reads the value of a count keyword into *out.  Errors: ERR_ARG, ERR_LIMIT. */
bool schema_count(struct schema_compiler *c, const struct json_node *node, uint32_t *out,
                  struct err *err) CHECKED;

/* The types that "type" at node names.  Errors: ERR_ARG. */
bool schema_read_types(struct schema_compiler *c, const struct json_node *node, unsigned *types,
                       struct err *err) CHECKED;

/* The $ref of a schema when nothing beside it counts: up to draft 7, as the standard has it.
 * When generating, the rest is enforced as well, since that is what authors mean.
 * Borrowed: from the schema; NULL when there is none. */
const struct json_node *schema_lone_reference(const struct schema_compiler *c,
                                              const struct json_node *schema);

/* The type of a value. */
unsigned schema_type_of(const struct json_node *value);

/* The target of a reference.  Errors: ERR_ARG, also for a cycle without progress. */
bool schema_follow(struct schema_compiler *c, const struct schema_branch *b,
                   const struct json_node *ref, const struct json_node **target,
                   struct err *err) CHECKED;

/* schema_negate.c: follow the ways in which a schema can fail, a value can differ.
 * Errors: as schema_merge_run(). */
bool schema_negate(struct schema_compiler *c, const struct schema_branch *b,
                   const struct json_node *schema, struct err *err) CHECKED;
bool schema_differ(struct schema_compiler *c, const struct schema_branch *b,
                   const struct json_node *value, struct err *err) CHECKED;

/* schema_object.c: takes objects from the types of a branch when a member that has to be there
 * cannot be any value, so that choices which exclude each other are not followed to their ends. */
void schema_object_prune(struct schema_compiler *c, struct schema_branch *b);

/* schema_shape.c: folds a finished branch into shapes of its goal.  Errors: ERR_ARG, ERR_LIMIT. */
bool schema_shape_finish(struct schema_compiler *c, struct schema_branch *b,
                         struct err *err) CHECKED;

/* schema_array.c, schema_object.c: fold the facts for one type into *shape; *is_dead when nothing
 * is left.  goal gets the shapes beyond the first.  facts: [n] in the order of the schema.
 * Errors: ERR_ARG, ERR_LIMIT. */
bool schema_array_fold(struct schema_compiler *c, struct schema_fact *const *facts, size_t n,
                       struct schema_shape *shape, bool *is_dead, struct err *err) CHECKED;
bool schema_object_fold(struct schema_compiler *c, struct schema_goal *goal,
                        struct schema_fact *const *facts, size_t n, struct schema_shape *shape,
                        bool *is_dead, struct err *err) CHECKED;

/* schema_number.c, schema_string.c: the language of the numbers, or decoded strings, that the
 * facts leave, as *shape.  facts: [n].  Errors: ERR_ARG, ERR_LIMIT. */
bool schema_number_fold(struct schema_compiler *c, struct schema_fact *const *facts, size_t n,
                        unsigned types, struct schema_shape *shape, struct err *err) CHECKED;
bool schema_string_fold(struct schema_compiler *c, struct schema_fact *const *facts, size_t n,
                        struct schema_shape *shape, struct err *err) CHECKED;

/* What is known of a format. */
enum format_trust {
    FORMAT_FREE,   /* nothing: it is an annotation */
    FORMAT_EXACT,  /* the language is the format */
    FORMAT_PART,   /* ... leaves out what nobody writes, so its complement says nothing */
    FORMAT_COARSE, /* ... leaves out more */
    FORMAT_UNTOLD, /* no language can tell */
};

/* The language that a format stands for; REGEX_FAILED where there is none. */
uint32_t schema_format(struct regex_set *set, struct span name, enum format_trust *trust);

/* schema.c: *symbol of a goal, whose rule may be filled later.  Errors: ERR_ARG, ERR_LIMIT. */
bool schema_goal_symbol(struct schema_compiler *c, uint32_t goal, uint32_t *symbol,
                        struct err *err) CHECKED;

/* schema_array.c, schema_object.c: *symbol of a plan.  Errors: as above. */
bool schema_array_build(struct schema_compiler *c, const struct array_plan *plan, uint32_t *symbol,
                        struct err *err) CHECKED;
bool schema_object_build(struct schema_compiler *c, const struct object_plan *plan,
                         uint32_t *symbol, struct err *err) CHECKED;

#endif
