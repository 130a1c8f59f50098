/* SPDX-License-Identifier: Apache-2.0 */
/* schema_doc_int.h - a JSON Schema as a document: its dialect, the names its parts have
 * ($id, $anchor), and what a reference in it means.  Other documents are never fetched.
 *
 * Thread: one at a time. */
#ifndef TEXT_SCHEMA_DOC_INT_H
#define TEXT_SCHEMA_DOC_INT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "data/json_tree.h"

enum schema_draft { DRAFT_4 = 4, DRAFT_6 = 6, DRAFT_7 = 7, DRAFT_2019 = 2019, DRAFT_2020 = 2020 };

struct schema_anchor; /* private: a name of a schema */

/* All zero is empty. */
struct schema_doc {
    const char *name; /* stands before paths in messages; "" is fine */
    const struct json_node *root;
    enum schema_draft draft;
    bool is_marked; /* $schema names the draft */
    struct arena arena;
    struct schema_anchor *anchors; /* [n_anchors] in the order of what they name */
    size_t n_anchors, n_places;
    const struct schema_anchor **resources; /* [n_resources] by the address of the schema */
    size_t n_resources;
    bool has_recursive_anchor;
};

/* Reads what the document says about itself.  name and root are borrowed.
 * Owned: schema_doc_free(), also after a failure.  Errors: ERR_ARG naming the path, ERR_LIMIT. */
bool schema_doc_init(struct schema_doc *doc, const char *name, const struct json_node *root,
                     struct err *err) CHECKED;
void schema_doc_free(struct schema_doc *doc);

/* Finds what the reference, a text in that document, points to.
 * Errors: ERR_ARG naming the path when it is not in this document or no schema. */
bool schema_doc_resolve(struct schema_doc *doc, const struct json_node *ref,
                        const struct json_node **target, struct err *err) CHECKED;

/* The same for $dynamicRef and $recursiveRef, where only one target is possible.
 * Errors: as above, and where there are several. */
bool schema_doc_resolve_dynamic(struct schema_doc *doc, const struct json_node *ref,
                                const struct json_node **target, struct err *err) CHECKED;

/* Records "schema not supported: NAME/path/to/node: MESSAGE" as ERR_ARG.  Returns false.
 * Errors: ERR_ARG, always. */
bool schema_fail(const struct schema_doc *doc, const struct json_node *node, struct err *err,
                 const char *fmt, ...) PRINTF(4, 5);

/* The same with what went wrong at that place.  Returns false.
 * Errors: ERR_LIMIT where that is why, else ERR_ARG. */
bool schema_fail_because(const struct schema_doc *doc, const struct json_node *node,
                         const struct err *cause, struct err *err);

#endif
