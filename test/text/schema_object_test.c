/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

TEST(schema_object, names_that_patterns_share)
{
    says("{\"type\":\"object\",\"properties\":{\"ab\":{\"minimum\":5}},\"patternProperties\":{"
         "\"^a\":{\"type\":\"integer\"},\"b$\":{\"maximum\":9}},\"additionalProperties\":false}",
         TEXTS("{\"ab\":7}", "{\"ac\":100}", "{\"xb\":\"s\"}", "{\"azb\":9}"),
         TEXTS("{\"ab\":3}", "{\"ab\":10}", "{\"azb\":10}", "{\"c\":1}", "{\"ac\":1.5}"));
}

TEST(schema_object, additional_properties_see_their_own_siblings_only)
{
    says("{\"allOf\":[{\"properties\":{\"a\":{}},\"additionalProperties\":false},"
         "{\"properties\":{\"b\":{}}}]}",
         TEXTS("{}", "{\"a\":1}"), TEXTS("{\"b\":1}"));
}

TEST(schema_object, a_name_is_written_once)
{
    says("{\"type\":\"object\",\"properties\":{\"a\":{}}}", TEXTS("{\"b\":1,\"a\":1,\"c\":1}"),
         TEXTS("{\"a\":1,\"a\":2}", "{\"b\":1,\"b\":2}", "{\"b\":1,\"c\":1,\"b\":2}"));
}

TEST(schema_object, property_names)
{
    says("{\"type\":\"object\",\"propertyNames\":{\"maxLength\":2},\"properties\":{\"abc\":{},"
         "\"d\":{\"type\":\"null\"}}}",
         TEXTS("{}", "{\"d\":null,\"xx\":1}"), TEXTS("{\"abc\":1}", "{\"xyz\":1}", "{\"d\":1}"));
}

TEST(schema_object, sizes)
{
    says("{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"a\"],"
         "\"minProperties\":2,\"maxProperties\":2}",
         TEXTS("{\"a\":1,\"b\":1}", "{\"x\":1,\"a\":1}"),
         TEXTS("{\"a\":1}", "{\"x\":1,\"y\":1}", "{\"a\":1,\"b\":1,\"c\":1}"));
}

/* More names than any order is kept for: then in that of the schema. */
TEST(schema_object, many_names)
{
    char schema[8192];
    size_t n = (size_t)snprintf(schema, sizeof schema, "{\"properties\":{");
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(schema + n, sizeof schema - n, "%s\"p%d\":{\"const\":%d}",
                              i ? "," : "", i, i);
    snprintf(schema + n, sizeof schema - n, "},\"required\":[\"p3\"]}");
    says(schema, TEXTS("{\"p1\":1,\"p3\":3,\"p99\":99}", "{\"p3\":3,\"q\":0}"),
         TEXTS("{\"p3\":3,\"p1\":1}", "{\"p1\":1}", "{\"p3\":4}", "{\"p3\":3,\"p3\":3}"));
}
