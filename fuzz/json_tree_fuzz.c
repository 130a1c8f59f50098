/* SPDX-License-Identifier: Apache-2.0 */
/* Any text that is JSON is written so that reading it again gives the same. */
#include <string.h>

#include "base/limits.h"
#include "data/json_tree.h"
#include "data/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_tree tree, again;
    struct buf first, second;
    struct err err = {0};
    if (!json_tree_parse(&tree, "f", data, size, &err)) {
        json_tree_free(&tree);
        return 0;
    }
    buf_init(&first, LIMIT_REQUEST_BYTES);
    buf_init(&second, LIMIT_REQUEST_BYTES);
    if (!json_write(tree.root, &first, &err) || !utf8_valid(first.data, first.len) ||
        !json_tree_parse(&again, "g", first.data, first.len, &err) ||
        !json_write(again.root, &second, &err) || first.len != second.len ||
        memcmp(first.data, second.data, first.len) != 0)
        __builtin_trap();
    buf_free(&first);
    buf_free(&second);
    json_tree_free(&again);
    json_tree_free(&tree);
    return 0;
}
