/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

/* Goals are the same for the same terms in any order: recursion through intersections ends. */
TEST(schema_goal, recursion_through_intersections_ends)
{
    says("{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"$ref\":\"#/$defs/b\"}],\"$defs\":{"
         "\"a\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/a\"},\"maxItems\":2},"
         "\"b\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/b\"},\"minItems\":0}}}",
         TEXTS("[]", "[[],[[]]]"), TEXTS("[[],[],[]]", "[1]"));
}

TEST(schema_goal, a_place_that_cannot_be_reached_does_no_harm)
{
    /* The tail is not productive: an optional member of that kind is never written. */
    says(
        "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/t\"},\"b\":{}},"
        "\"additionalProperties\":false,\"$defs\":{\"t\":{\"type\":\"object\",\"required\":[\"t\"],"
        "\"properties\":{\"t\":{\"$ref\":\"#/$defs/t\"}}}}}",
        TEXTS("{}", "{\"b\":1}"), TEXTS("{\"a\":{}}", "{\"a\":{\"t\":{}}}"));
}
