/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "data/json_tree.h"
#include "test.h"

TEST(json_write, writes_what_python_writes)
{
    json_t *root = json_load_file("test/data/json/python.json", JSON_ALLOW_NUL, NULL), *pair;
    size_t i;
    assert_non_null(root);
    assert_true(json_array_size(json_object_get(root, "good")) > 400);
    json_array_foreach(json_object_get(root, "good"), i, pair)
    {
        const json_t *in = json_array_get(pair, 0), *want = json_array_get(pair, 1);
        struct json_tree tree;
        struct buf out;
        struct err err = {0};
        buf_init(&out, 1 << 20);
        if (!json_tree_parse(&tree, "t", json_string_value(in), json_string_length(in), &err))
            fail_msg("%s: %s", json_string_value(in), err.text);
        assert_true(json_write(tree.root, &out, &err));
        if (strcmp(out.data, json_string_value(want)) != 0)
            fail_msg("%s\n gave %s\n want %s", json_string_value(in), out.data,
                     json_string_value(want));
        buf_free(&out);
        json_tree_free(&tree);
    }
    json_decref(root);
}

TEST(json_write, replaces_ill_formed_text_and_keeps_to_the_maximum)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, 9);
    assert_true(json_write_text(SPAN("a\xff\"b"), &out, &err));
    assert_string_equal(out.data, "\"a\xef\xbf\xbd\\\"b\"");
    assert_false(json_write_text(SPAN("a"), &out, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_free(&out);
}
