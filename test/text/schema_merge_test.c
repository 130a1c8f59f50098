/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

TEST(schema_merge, siblings_and_all_of_intersect)
{
    says("{\"type\":[\"string\",\"integer\"],\"minLength\":2,\"allOf\":[{\"maximum\":5},"
         "{\"pattern\":\"^a\"}]}",
         TEXTS("\"ab\"", "5", "-100"), TEXTS("\"b2\"", "\"a\"", "6", "null"));
}

TEST(schema_merge, one_of_tells_its_branches_apart)
{
    says("{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", TEXTS("1", "2.5", "\"x\""),
         TEXTS("3", "1.5"));
    says("{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
         TEXTS("{\"a\":1}", "{\"b\":1}"), TEXTS("{}", "{\"a\":1,\"b\":1}"));
    struct schema_options options = says_conform();
    options.one_of_is_any_of = true;
    says_with(&options, "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", TEXTS("3"),
              TEXTS("1.5"));
}

TEST(schema_merge, conditions_become_alternatives)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"k\":{\"enum\":[\"a\",\"b\"]},\"n\":{}},"
        "\"required\":[\"k\"],\"if\":{\"properties\":{\"k\":{\"const\":\"a\"}}},"
        "\"then\":{\"required\":[\"n\"]},\"else\":{\"properties\":{\"n\":false}}}";
    says(schema, TEXTS("{\"k\":\"a\",\"n\":1}", "{\"k\":\"b\"}", "{\"n\":1,\"k\":\"a\"}"),
         TEXTS("{\"k\":\"a\"}", "{\"k\":\"b\",\"n\":1}", "{\"n\":1}"));
}

TEST(schema_merge, dependencies_of_names)
{
    says("{\"dependentRequired\":{\"a\":[\"b\"]},\"dependentSchemas\":{\"c\":{\"maxProperties\":1}}"
         "}",
         TEXTS("{}", "{\"b\":1}", "{\"a\":1,\"b\":1}", "{\"c\":1}", "1"),
         TEXTS("{\"a\":1}", "{\"c\":1,\"d\":1}"));
}

TEST(schema_merge, unevaluated_sees_what_holds)
{
    static const char schema[] =
        "{\"properties\":{\"a\":{}},\"anyOf\":[{\"properties\":{\"b\":{\"const\":1}},"
        "\"required\":[\"b\"]},{\"properties\":{\"c\":{}}}],\"unevaluatedProperties\":false}";
    says(schema, TEXTS("{\"a\":1}", "{\"b\":1,\"c\":1}", "{\"c\":1}"),
         TEXTS("{\"b\":2}", "{\"d\":1}"));
    says("{\"prefixItems\":[{}],\"allOf\":[{\"prefixItems\":[{},{}]}],\"unevaluatedItems\":false}",
         TEXTS("[1,2]"), TEXTS("[1,2,3]"));
}

/* A chain of conditions on one name: only those combinations are followed that can be. */
TEST(schema_merge, exclusive_conditions_do_not_multiply)
{
    char schema[8192];
    size_t n = (size_t)snprintf(schema, sizeof schema, "{\"type\":\"object\",\"allOf\":[");
    for (int i = 0; i < 40; i++)
        n += (size_t)snprintf(schema + n, sizeof schema - n,
                              "%s{\"if\":{\"properties\":{\"k\":{\"const\":%d}}},"
                              "\"then\":{\"properties\":{\"v\":{\"const\":%d}}}}",
                              i ? "," : "", i, i);
    snprintf(schema + n, sizeof schema - n, "],\"required\":[\"k\",\"v\"]}");
    says(schema, TEXTS("{\"k\":7,\"v\":7}", "{\"v\":39,\"k\":39}", "{\"k\":40,\"v\":1}"),
         TEXTS("{\"k\":7,\"v\":8}", "{\"k\":0,\"v\":1}"));
}
