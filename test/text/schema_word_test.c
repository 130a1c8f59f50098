/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema_word_int.h"

#include <string.h>

#include "schema_says.h"

TEST(schema_word, finds_every_keyword_by_name)
{
    for (int word = WORD_NONE + 1; word < N_WORDS; word++) {
        const char *name = schema_word_name((enum schema_word)word);
        assert_true(*name);
        assert_int_equal(schema_word_find((struct span){name, strlen(name)}), word);
    }
    assert_int_equal(schema_word_find(SPAN("definitions")), WORD_DEFS);
    assert_int_equal(schema_word_find(SPAN("title")), WORD_NONE);
    assert_int_equal(schema_word_find(SPAN("x-order")), WORD_NONE);
    assert_int_equal(schema_word_find(SPAN("")), WORD_NONE);
}

TEST(schema_word, knows_the_form_of_each_value)
{
    static const struct {
        const char *keyword, *good, *bad;
    } forms[] = {
        {"type", "[\"string\"]", "[]"},
        {"enum", "[1]", "{}"},
        {"allOf", "[true]", "[]"},
        {"items", "[{}]", "[1]"},
        {"properties", "{\"a\":{}}", "[]"},
        {"minLength", "2.0", "2.5"},
        {"minLength", "0", "-1"},
        {"multipleOf", "0.5", "0"},
        {"multipleOf", "1e-5", "-2"},
        {"pattern", "\"a\"", "1"},
        {"uniqueItems", "false", "0"},
        {"required", "[\"a\"]", "[1]"},
        {"minimum", "-1e5", "NaN"},
        {"not", "false", "null"},
        {"exclusiveMinimum", "true", "\"1\""},
        {"dependentRequired", "{\"a\":[]}", "{\"a\":{}}"},
        {"dependencies", "{\"a\":[],\"b\":{}}", "{\"a\":1}"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct json_tree good, bad;
        struct err err = {0};
        struct span name = {forms[i].keyword, strlen(forms[i].keyword)};
        enum schema_word word = schema_word_find(name);
        assert_true(json_tree_parse(&good, "g", forms[i].good, strlen(forms[i].good), &err));
        assert_true(json_tree_parse(&bad, "b", forms[i].bad, strlen(forms[i].bad), &err));
        assert_null(schema_word_expects(word, good.root));
        assert_non_null(schema_word_expects(word, bad.root));
        json_tree_free(&good);
        json_tree_free(&bad);
    }
}
