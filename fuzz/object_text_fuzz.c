/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a model writes as arguments becomes one JSON object, however it is cut into pieces, and
 * an object stays what it is.  The first byte says how long the pieces are. */
#include <string.h>

#include "api/object_text.h"
#include "data/json_tree.h"
#include "data/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok)
{
    if (!ok)
        __builtin_trap();
}

static void mend(struct span text, size_t step, struct buf *out)
{
    struct object_text object = {0};
    struct err err = {0};
    for (size_t i = 0; i < text.n; i += step) {
        size_t n = text.n - i < step ? text.n - i : step;
        need(object_text_add(&object, (struct span){text.s + i, n}, out, &err));
    }
    need(object_text_end(&object, text, out, &err));
}

static bool is_object(const struct json_tree *tree)
{
    return tree->root && tree->root->kind == NODE_OBJECT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    if (!size || size > 100000 || !utf8_valid((const char *)data + 1, size - 1))
        return 0;
    struct span text = {(const char *)data + 1, size - 1};
    struct buf pieces, whole, want, got;
    struct json_tree before = {0}, after = {0};
    buf_init(&pieces, 1 << 24);
    buf_init(&whole, 1 << 24);
    buf_init(&want, 1 << 24);
    buf_init(&got, 1 << 24);
    mend(text, 1 + data[0] % 8, &pieces);
    mend(text, text.n + 1, &whole);
    need(pieces.len == whole.len && memcmp(pieces.data, whole.data, whole.len) == 0);
    need(json_tree_parse(&after, "after", whole.data, whole.len, &err) && is_object(&after));
    bool parsed = json_tree_parse(&before, "before", text.s, text.n, &err);
    /* Python's numbers that JSON does not have are refused. */
    bool same =
        parsed && is_object(&before) && !span_has(text, "NaN") && !span_has(text, "Infinity");
    if (same) {
        need(json_write(before.root, &want, &err) && json_write(after.root, &got, &err));
        need(want.len == got.len && memcmp(want.data, got.data, got.len) == 0);
    }
    json_tree_free(&before);
    json_tree_free(&after);
    buf_free(&pieces);
    buf_free(&whole);
    buf_free(&want);
    buf_free(&got);
    return 0;
}
