/* SPDX-License-Identifier: Apache-2.0 */
#include "text/json_rules_int.h"

#include "schema_says.h"

TEST(json_rules, any_value)
{
    says_writes("true",
                TEXTS("1", "-0.5e+10", "\"\"", "[]", "{}", "[1, [\"a\", {\"b\": null}]]",
                      "{\"a\": 1, \"b\": 2}", "[\n  1,\n  2\n]"),
                TEXTS("", " 1", "1 ", "[1,]", "{\"a\":1,\"a\":2}", "{a:1}", "01", "[  1]"));
}

TEST(json_rules, white_space_is_bounded)
{
    char text[128];
    snprintf(text, sizeof text, "[\n%32s1]", "");
    says_writes("true", TEXTS(text), NO_TEXTS);
    snprintf(text, sizeof text, "[\n%33s1]", "");
    says_writes("true", NO_TEXTS, TEXTS(text));
}

TEST(json_rules, names_have_one_spelling)
{
    says("{\"properties\":{\"a\\\"\\n\\u0001\\u000b/\":{}},\"additionalProperties\":false}",
         TEXTS("{\"a\\\"\\n\\u0001\\u000b/\":1}"), TEXTS("{\"a\\u0022\\n\\u0001\\u000b/\":1}"));
}

TEST(json_rules, a_pattern_of_space_must_be_space)
{
    struct err err = {0};
    struct schema_options options = {.space_pattern = SPAN("a?")};
    assert_null(says_compile("{}", 2, &options, &err));
    options.space_pattern = SPAN("[ \\n]*");
    assert_null(says_compile("{}", 2, &options, &err));
}
