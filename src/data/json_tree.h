/* SPDX-License-Identifier: Apache-2.0 */
/* json_tree.h - a JSON text as a tree that loses nothing of it.
 *
 * Requests, arguments of tool calls and their results become part of prompts, as the
 * reference tokenizer library writes them: Python's json.loads() and json.dumps().  So
 * here, unlike in json.h, which reads the files of a checkpoint strictly, the order of
 * members and every digit of a whole number are kept, a name that occurs twice keeps its
 * first place and its last value, NaN and the infinities are numbers, and half a surrogate
 * pair is U+FFFD.
 *
 *     struct json_tree tree = {0};
 *     if (!json_tree_parse(&tree, "request", bytes, n, err)) ...
 *     const struct json_node *model = json_member(tree.root, "model");
 *     if (model && model->kind != NODE_STRING)
 *         json_node_fail(model, err, "expected a text");   -> "request: model: expected a text"
 *     json_tree_free(&tree);
 *
 * Thread: any; a tree does not change. */
#ifndef DATA_JSON_TREE_H
#define DATA_JSON_TREE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

enum node_kind {
    NODE_NULL,
    NODE_FALSE,
    NODE_TRUE,
    NODE_NUMBER,
    NODE_STRING,
    NODE_ARRAY,
    NODE_OBJECT,
};

struct json_node {
    enum node_kind kind;
    struct span key;         /* name in the object above; s is NULL elsewhere */
    struct span text;        /* string: its UTF-8; number: as Python writes it */
    size_t n;                /* members or items */
    size_t index;            /* place among those of the node above */
    struct json_node *first; /* member or item, or NULL */
    struct json_node *next;  /* one of the same node above, or NULL */
    struct json_node *up;    /* NULL at the root */
    const char *name;        /* of the document, for messages */
};

/* All zero is empty. */
struct json_tree {
    struct arena arena;
    const struct json_node *root;
};

/* Parses n bytes of UTF-8; name stands before messages.  Texts without an escape are not
 * copied.  name and bytes, [n], are borrowed as long as the tree lives.
 * Owned: json_tree_free(), also after a failure.
 * Errors: ERR_FORMAT with line and column; ERR_LIMIT past LIMIT_REQUEST_DEPTH or
 * LIMIT_REQUEST_VALUES. */
bool json_tree_parse(struct json_tree *tree, const char *name, const void *bytes, size_t n,
                     struct err *err) CHECKED;
void json_tree_free(struct json_tree *tree);

/* The same in the place of what tree, which may be all zero, held before, whose memory is used
 * again: for many small texts, one after another.  Owned and Errors: as json_tree_parse(). */
bool json_tree_parse_again(struct json_tree *tree, const char *name, const void *bytes, size_t n,
                           struct err *err) CHECKED;

/* Finds a member.  Borrowed: from the tree; NULL when it is absent or object is no object. */
const struct json_node *json_member(const struct json_node *object, const char *key);

/* Reads a whole number that is written without fraction or exponent.  Returns false when
 * node is none from min to max. */
bool json_node_int(const struct json_node *node, int64_t min, int64_t max, int64_t *out);

/* Records "NAME: path[3].to.value: MESSAGE" as ERR_ARG.  Returns false.
 * Errors: ERR_ARG, always. */
bool json_node_fail(const struct json_node *node, struct err *err, const char *fmt, ...)
    PRINTF(3, 4);

/* Appends the value as json.dumps(ensure_ascii=False) writes it: ", " and ": " between
 * items, the rest without white space.  Errors: ERR_LIMIT. */
bool json_write(const struct json_node *node, struct buf *out, struct err *err) CHECKED;

/* Appends text as a JSON string in the same way.  Ill-formed UTF-8 becomes U+FFFD.
 * Errors: ERR_LIMIT. */
bool json_write_text(struct span text, struct buf *out, struct err *err) CHECKED;

#endif
