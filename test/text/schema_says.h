/* SPDX-License-Identifier: Apache-2.0 */
/* schema_says.h - what a schema says to texts, for tests of its parts. */
#ifndef SCHEMA_SAYS_H
#define SCHEMA_SAYS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "text/grammar.h"
#include "text/matcher.h"
#include "text/schema.h"

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_TEXTS   ((const char *const[]){NULL})

/* As the standard has it. */
static inline struct schema_options says_conform(void)
{
    return (struct schema_options){.closing = SCHEMA_CLOSE_NEVER,
                                   .space = SCHEMA_SPACE_ANY,
                                   .any_order = true,
                                   .conform = true};
}

static inline struct grammar *says_compile(const char *schema, size_t n,
                                           const struct schema_options *options, struct err *err)
{
    struct json_tree tree;
    struct grammar *grammar = NULL;
    if (json_tree_parse(&tree, "schema", schema, n, err))
        grammar = schema_grammar(tree.root, options, err);
    json_tree_free(&tree);
    return grammar;
}

static inline bool says_accept(struct matcher *matcher, const char *text, size_t n)
{
    struct err err = {0};
    bool ends = false;
    if (!matcher_accept_bytes(matcher, text, n, NULL, &err)) {
        assert_int_equal(err.code, ERR_ARG);
        return false;
    }
    assert_true(matcher_can_end(matcher, &ends, &err));
    matcher_rollback(matcher, 1);
    return ends;
}

static inline void says_with(const struct schema_options *options, const char *schema,
                             const char *const *good, const char *const *bad)
{
    struct err err = {0};
    struct grammar *grammar = says_compile(schema, strlen(schema), options, &err);
    if (!grammar)
        fail_msg("%s: %s", schema, err.text);
    struct matcher *matcher = matcher_open(grammar, NULL, NULL, 0, &err);
    assert_non_null(matcher);
    for (; *good; good++)
        if (!says_accept(matcher, *good, strlen(*good)))
            fail_msg("%s rejects %s", schema, *good);
    for (; *bad; bad++)
        if (says_accept(matcher, *bad, strlen(*bad)))
            fail_msg("%s accepts %s", schema, *bad);
    matcher_close(matcher);
    grammar_unref(grammar);
}

/* By the standard: these texts are valid, those are not. */
static inline void says(const char *schema, const char *const *good, const char *const *bad)
{
    struct schema_options options = says_conform();
    says_with(&options, schema, good, bad);
}

/* When generating. */
static inline void says_writes(const char *schema, const char *const *good, const char *const *bad)
{
    struct schema_options options = {0};
    says_with(&options, schema, good, bad);
}

/* The schema is refused with exactly that sentence. */
static inline void says_no(const char *schema, const char *message)
{
    struct schema_options options = says_conform();
    struct err err = {0};
    struct grammar *grammar = says_compile(schema, strlen(schema), &options, &err);
    if (grammar)
        fail_msg("%s is accepted", schema);
    assert_string_equal(err.text, message);
    assert_int_equal(err.code, ERR_ARG);
}

#endif
