/* SPDX-License-Identifier: Apache-2.0 */
/* What Python's own json module takes and refuses is in test/data/json/python.json. */
#include "data/json_tree.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

static const char file[] = "test/data/json/python.json";

TEST(json_tree, refuses_what_python_refuses)
{
    json_t *root = json_load_file(file, JSON_ALLOW_NUL, NULL), *text;
    size_t i;
    assert_non_null(root);
    assert_true(json_array_size(json_object_get(root, "bad")) > 30);
    json_array_foreach(json_object_get(root, "bad"), i, text)
    {
        struct json_tree tree;
        struct err err = {0};
        if (json_tree_parse(&tree, "t", json_string_value(text), json_string_length(text), &err))
            fail_msg("accepted: %s", json_string_value(text));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_ptr_equal(strstr(err.text, "t: line "), err.text);
        json_tree_free(&tree);
    }
    json_decref(root);
}

static bool parse(struct json_tree *tree, const char *text, struct err *err)
{
    return json_tree_parse(tree, "request", text, strlen(text), err);
}

TEST(json_tree, finds_members_and_says_where_they_are)
{
    struct json_tree tree;
    struct err err = {0};
    assert_true(parse(&tree, "{\"a\": [1, {\"b c\": \"x\\u00e9\\u0000\"}], \"n\": null}", &err));
    const struct json_node *a = json_member(tree.root, "a");
    assert_int_equal(a->n, 2);
    const struct json_node *b = json_member(a->first->next, "b c");
    assert_int_equal(b->kind, NODE_STRING);
    assert_true(span_same(b->text, SPAN("x\xc3\xa9\0")));
    assert_int_equal(json_member(tree.root, "n")->kind, NODE_NULL);
    assert_null(json_member(tree.root, "m"));
    assert_null(json_member(a, "b c"));
    assert_false(json_node_fail(b, &err, "expected a %s", "number"));
    assert_string_equal(err.text, "request: a[1].b c: expected a number");
    assert_int_equal(err.code, ERR_ARG);
    json_tree_free(&tree);
}

TEST(json_tree, a_repeated_name_keeps_its_first_place_and_its_last_value)
{
    struct json_tree tree;
    struct err err = {0};
    assert_true(parse(&tree, "{\"x\":1,\"y\":2,\"x\":{\"z\":[3]},\"w\":4}", &err));
    assert_int_equal(tree.root->n, 3);
    assert_true(span_is(tree.root->first->key, "x"));
    assert_int_equal(tree.root->first->next->next->index, 2);
    const struct json_node *three = json_member(tree.root->first, "z")->first;
    assert_false(json_node_fail(three, &err, "here"));
    assert_string_equal(err.text, "request: x.z[0]: here");
    json_tree_free(&tree);
}

TEST(json_tree, two_second_halves_are_no_pair)
{
    struct json_tree tree;
    struct err err = {0};
    assert_true(parse(&tree, "\"\\udc00\\udc00\"", &err));
    assert_true(span_is(tree.root->text, "\xef\xbf\xbd\xef\xbf\xbd"));
    json_tree_free(&tree);
}

TEST(json_tree, reads_whole_numbers)
{
    struct json_tree tree;
    struct err err = {0};
    int64_t n = 0;
    assert_true(parse(&tree, "[0, -5, 5.0, 1e2, 9223372036854775807, 9223372036854775808]", &err));
    const bool want[] = {true, true, false, false, true, false};
    size_t i = 0;
    for (const struct json_node *item = tree.root->first; item; item = item->next)
        assert_int_equal(json_node_int(item, INT64_MIN, INT64_MAX, &n), want[i++]);
    assert_false(json_node_int(tree.root->first->next, 0, 10, &n));
    assert_false(json_node_int(tree.root, 0, 10, &n));
    assert_true(n == INT64_MAX);
    json_tree_free(&tree);
}

TEST(json_tree, has_limits)
{
    struct json_tree tree;
    struct err err = {0};
    char *text = calloc(1, 2 * LIMIT_REQUEST_VALUES + 10);
    memset(text, '[', LIMIT_REQUEST_DEPTH);
    memset(text + LIMIT_REQUEST_DEPTH, ']', LIMIT_REQUEST_DEPTH);
    assert_true(parse(&tree, text, &err));
    json_tree_free(&tree);
    memset(text, '[', LIMIT_REQUEST_DEPTH + 1);
    assert_false(parse(&tree, text, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    json_tree_free(&tree);
    text[0] = '[';
    for (size_t i = 0; i < LIMIT_REQUEST_VALUES; i++)
        memcpy(text + 1 + 2 * i, "0,", 2);
    text[2 * LIMIT_REQUEST_VALUES] = ']';
    err = (struct err){0};
    assert_false(parse(&tree, text, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    json_tree_free(&tree);
    err = (struct err){0};
    assert_false(json_tree_parse(&tree, "t", "\"\xff\"", 3, &err));
    assert_string_equal(err.text, "t: not UTF-8");
    free(text);
}

TEST(json_tree, many_members_take_no_quadratic_time)
{
    struct json_tree tree;
    struct buf text;
    struct err err = {0};
    buf_init(&text, 1 << 24);
    for (int i = 0; i < 300000; i++) {
        char member[32];
        int n = snprintf(member, sizeof member, "%s\"%d\":0", i ? "," : "{", i / 2);
        assert_true(buf_add(&text, member, (size_t)n, &err));
    }
    assert_true(buf_add(&text, "}", 1, &err));
    assert_true(json_tree_parse(&tree, "t", text.data, text.len, &err));
    assert_int_equal(tree.root->n, 150000);
    json_tree_free(&tree);
    buf_free(&text);
}

TEST(json_tree, survives_every_failed_allocation)
{
    static const char text[] = "{\"a\":[1.5,\"\\n\"],\"a\":{\"b\":1}}";
    for (size_t n = 0;; n++) {
        struct json_tree tree;
        struct err err = {0};
        mem_fail_after(n);
        bool ok = parse(&tree, text, &err);
        size_t n_failed = mem_n_failed();
        mem_fail_never();
        json_tree_free(&tree);
        assert_int_equal(ok, n_failed == 0);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
    }
}

TEST(json_tree, uses_its_memory_again)
{
    static const char *const texts[] = {"{\"a\":[1,2,{\"b\":null}]}", "[", "7", "{\"c\":\"\\n\"}"};
    struct json_tree tree = {0};
    struct buf out;
    struct err err = {0};
    buf_init(&out, 1000);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 4; i++) {
            bool ok = json_tree_parse_again(&tree, "t", texts[i], strlen(texts[i]), &err);
            assert_int_equal(ok, i != 1);
            assert_int_equal(tree.root != NULL, ok);
            if (ok)
                assert_true(json_write(tree.root, &out, &err));
        }
        assert_string_equal(out.data, "{\"a\": [1, 2, {\"b\": null}]}7{\"c\": \"\\n\"}");
        buf_clear(&out);
        mem_fail_after(0); /* it needs no more */
        assert_true(json_tree_parse_again(&tree, "t", "[]", 2, &err));
        mem_fail_never();
    }
    json_tree_free(&tree);
    buf_free(&out);
}
