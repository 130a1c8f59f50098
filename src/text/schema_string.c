/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as languages of decoded text. */
#include <stdlib.h>

#include "base/mem.h"
#include "text/regex.h"
#include "text/schema_int.h"

static bool pattern_language(struct schema_compiler *c, const struct json_node *node, uint32_t *out,
                             struct err *err)
{
    struct err cause = {0};
    *out = regex_parse(c->set, node->text.s, node->text.n, REGEX_SEARCH, &cause);
    return *out != REGEX_FAILED || schema_fail_because(&c->doc, node, &cause, err);
}

static bool values_language(struct schema_compiler *c, const struct json_node *node, uint32_t *out,
                            struct err *err)
{
    bool is_list = node->kind == NODE_ARRAY;
    struct span *texts = mem_new(is_list ? node->n : 1, sizeof *texts, err);
    size_t n = 0;
    if (!texts)
        return false;
    for (const struct json_node *v = is_list ? node->first : node; v; v = is_list ? v->next : NULL)
        if (v->kind == NODE_STRING)
            texts[n++] = v->text;
    *out = regex_literals(c->set, texts, n);
    free(texts);
    return true;
}

/* What a format leaves, REGEX_FAILED for everything.  What generation may narrow or leave free,
 * who asks for the standard is told. */
static bool format_language(struct schema_compiler *c, const struct schema_fact *fact,
                            uint32_t *out, struct err *err)
{
    enum format_trust trust;
    *out = schema_format(c->set, fact->node->text, &trust);
    bool is_refused =
        fact->fails ? trust > FORMAT_EXACT : trust >= FORMAT_COARSE && c->options->conform;
    if (is_refused)
        return schema_fail(&c->doc, fact->node, err, "the format \"%.*s\" cannot be %s",
                           (int)fact->node->text.n, fact->node->text.s,
                           fact->fails ? "negated" : "enforced exactly");
    if (*out == REGEX_FAILED && fact->fails)
        *out = regex_any_text(c->set); /* an annotation never fails */
    return true;
}

/* The language of one fact; REGEX_FAILED when it says nothing. */
static bool fact_language(struct schema_compiler *c, const struct schema_fact *fact, uint32_t *out,
                          struct err *err)
{
    bool ok = true;
    *out = REGEX_FAILED;
    if (fact->kind == FACT_VALUES)
        ok = values_language(c, fact->node, out, err);
    else if (fact->kind == FACT_PATTERN)
        ok = pattern_language(c, fact->node, out, err);
    else if (fact->kind == FACT_FORMAT)
        ok = format_language(c, fact, out, err);
    if (ok && fact->fails && *out != REGEX_FAILED)
        *out = regex_text_not(c->set, *out);
    return ok;
}

bool schema_string_fold(struct schema_compiler *c, struct schema_fact *const *facts, size_t n,
                        struct schema_shape *shape, struct err *err)
{
    uint32_t language = REGEX_FAILED, one;
    shape->hi = COUNT_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct schema_fact *fact = facts[i];
        if (fact->kind == FACT_LENGTH) {
            shape->lo = fact->lo > shape->lo ? fact->lo : shape->lo;
            shape->hi = fact->hi < shape->hi ? fact->hi : shape->hi;
        }
        if (!fact_language(c, fact, &one, err))
            return false;
        if (one != REGEX_FAILED)
            language = language == REGEX_FAILED ? one : regex_and(c->set, language, one);
    }
    shape->has_one_spelling = true;
    shape->kind = SHAPE_FREE;
    shape->language = shape->lo > shape->hi ? REGEX_NOTHING : REGEX_EPSILON;
    if (language == REGEX_FAILED)
        return true;
    shape->kind = SHAPE_STRING;
    shape->language = language;
    if (shape->lo || shape->hi != COUNT_MAX)
        shape->language =
            regex_and(c->set, language, regex_text_length(c->set, shape->lo, shape->hi));
    return true;
}
