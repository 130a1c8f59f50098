/* SPDX-License-Identifier: Apache-2.0 */
/* A schema, and after a line break a text: whatever both are, there is an answer; a text that
 * both ways of compiling accept has been read as JSON by the reader of requests. */
#include <stdlib.h>
#include <string.h>

#include "data/json_tree.h"
#include "text/grammar.h"
#include "text/matcher.h"
#include "text/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_text(struct grammar *grammar, const char *text, size_t n)
{
    struct err err = {0};
    bool ends = false;
    struct matcher *matcher = matcher_open(grammar, NULL, NULL, 0, &err);
    if (matcher && matcher_accept_bytes(matcher, text, n, NULL, &err) &&
        matcher_can_end(matcher, &ends, &err) && ends) {
        struct json_tree tree;
        if (!json_tree_parse(&tree, "t", text, n, &err) && err.code != ERR_LIMIT)
            __builtin_trap();
        json_tree_free(&tree);
    }
    matcher_close(matcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data, *line = size ? memchr(bytes, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - bytes) : size;
    struct json_tree tree;
    struct err err = {0};
    if (json_tree_parse(&tree, "f", bytes, n, &err)) {
        struct schema_options all[] = {{0},
                                       {.closing = SCHEMA_CLOSE_NEVER,
                                        .space = SCHEMA_SPACE_ANY,
                                        .any_order = true,
                                        .conform = true}};
        for (int i = 0; i < 2; i++) {
            struct grammar *grammar = schema_grammar(tree.root, &all[i], &err);
            if (grammar && line)
                try_text(grammar, line + 1, size - n - 1);
            grammar_unref(grammar);
        }
    }
    json_tree_free(&tree);
    return 0;
}
