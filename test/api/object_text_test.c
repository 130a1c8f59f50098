/* SPDX-License-Identifier: Apache-2.0 */
#include "api/object_text.h"

#include <string.h>

#include "../test.h"
#include "data/json_tree.h"

/* What text becomes, in pieces of step bytes.  Owned: buf_free(). */
static void mend(const char *text, size_t step, struct buf *out)
{
    struct object_text object = {0};
    struct err err = {0};
    size_t n_text = strlen(text);
    buf_init(out, 1 << 20);
    for (size_t i = 0; i < n_text; i += step) {
        size_t n = n_text - i < step ? n_text - i : step;
        assert_true(object_text_add(&object, (struct span){text + i, n}, out, &err));
    }
    assert_true(object_text_end(&object, (struct span){text, n_text}, out, &err));
    assert_true(buf_add(out, "", 1, &err)); /* a NUL, for comparing */
}

static void becomes(const char *text, const char *want)
{
    for (size_t step = 1; step < 5; step++) {
        struct buf out;
        mend(text, step, &out);
        assert_string_equal(out.data, want);
        buf_free(&out);
    }
}

TEST(object_text, an_object_stays_what_it_is)
{
    static const char *const texts[] = {
        "{}",
        "{\"a\":1}",
        "{ \"a\" : [ ] }",
        "{\"city\":\"Paris\",\"n\":[0,-1,2.5,1e9,-0.5E-7,true,false,null,{}],\"o\":{\"x\":\"\"}}",
        "{\"\\u00e9\\\\\\\"\\n\":\"\xc3\xa9 \xf0\x9f\xa6\x8a\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        becomes(texts[i], texts[i]);
    becomes("{\"a\": 1, \"b\": [2, \n3]}", "{\"a\": 1,\"b\": [2,3]}");
}

TEST(object_text, nothing_is_an_empty_object)
{
    becomes("", "{}");
    becomes(" \n", "{}");
    becomes("{", "{}");
}

TEST(object_text, what_is_cut_short_is_closed)
{
    becomes("{\"a\": \"Par", "{\"a\": \"Par\"}");
    becomes("{\"a\": \"x\\", "{\"a\": \"x\\\\\"}");
    becomes("{\"a\": \"\\u00", "{\"a\": \"\\u0000\"}");
    becomes("{\"a", "{\"a\":null}");
    becomes("{\"a\"", "{\"a\":null}");
    becomes("{\"a\":", "{\"a\":null}");
    becomes("{\"a\":1,", "{\"a\":1}");
    becomes("{\"a\":[1,", "{\"a\":[1]}");
    becomes("{\"a\":[{\"b\":tr", "{\"a\":[{\"b\":true}]}");
    becomes("{\"a\":-", "{\"a\":-0}");
    becomes("{\"a\":1.", "{\"a\":1.0}");
    becomes("{\"a\":1e", "{\"a\":1e0}");
    becomes("{\"a\":1e+", "{\"a\":1e+0}");
}

TEST(object_text, what_is_wrong_ends_it)
{
    becomes("{\"a\":1}}", "{\"a\":1}");
    becomes("{\"a\":1} and more", "{\"a\":1}");
    becomes("{\"a\":1]", "{\"a\":1}");
    becomes("{\"a\":01,\"b\":2}", "{\"a\":0}");
    becomes("{\"a\":'x'}", "{\"a\":null}");
    becomes("{\"a\":NaN}", "{\"a\":null}");
    becomes("{\"a\":1,}", "{\"a\":1}");
    becomes("{a:1}", "{}");
}

TEST(object_text, line_ends_in_texts_are_escaped)
{
    becomes("{\"code\":\"a\n\tb\"}", "{\"code\":\"a\\u000a\\u0009b\"}");
}

TEST(object_text, what_is_no_object_becomes_a_text)
{
    becomes("Paris", "{\"arguments\":\"Paris\"}");
    becomes(" [1, \"x\"]", "{\"arguments\":\" [1, \\\"x\\\"]\"}");
}

TEST(object_text, brackets_have_a_limit)
{
    char deep[LIMIT_REQUEST_DEPTH * 6];
    struct json_tree tree = {0};
    struct err err = {0};
    struct buf out;
    strcpy(deep, "{\"a\":");
    memset(deep + 5, '[', LIMIT_REQUEST_DEPTH);
    deep[5 + LIMIT_REQUEST_DEPTH] = '\0';
    mend(deep, 7, &out);
    assert_true(json_tree_parse(&tree, "mended", out.data, out.len - 1, &err));
    json_tree_free(&tree);
    buf_free(&out);
}

TEST(object_text, every_beginning_of_an_object_becomes_one)
{
    static const char text[] = "{\"a\": [1.5e-3, {\"b\\u00e9\": \"x\\\\y\"}, null], \"c\": {}, "
                               "\"d\": [[true], false], \"e\": \"\"}";
    char part[sizeof text];
    for (size_t n = 0; n < sizeof text; n++) {
        struct json_tree tree = {0};
        struct err err = {0};
        struct buf out;
        memcpy(part, text, n);
        part[n] = '\0';
        mend(part, 3, &out);
        assert_true(json_tree_parse(&tree, "mended", out.data, out.len - 1, &err));
        assert_int_equal(tree.root->kind, NODE_OBJECT);
        json_tree_free(&tree);
        buf_free(&out);
    }
}
