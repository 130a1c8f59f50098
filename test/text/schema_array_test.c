/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

TEST(schema_array, tuples_and_bounds)
{
    says("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],"
         "\"items\":{\"type\":\"null\"},\"minItems\":1,\"maxItems\":3}",
         TEXTS("[1]", "[1,\"a\"]", "[1,\"a\",null]"),
         TEXTS("[]", "[\"a\"]", "[1,null]", "[1,\"a\",null,null]"));
    says("{\"items\":[{\"type\":\"integer\"}],\"additionalItems\":false}", TEXTS("[]", "[1]", "2"),
         TEXTS("[1,1]", "[null]"));
    says("{\"type\":\"array\",\"items\":false}", TEXTS("[]"), TEXTS("[1]"));
    says("{\"type\":\"array\",\"prefixItems\":[{},false]}", TEXTS("[]", "[1]"), TEXTS("[1,1]"));
}

TEST(schema_array, unique_items_of_scalars)
{
    says("{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"integer\"]},\"uniqueItems\":true}",
         TEXTS("[]", "[\"a\",\"b\",1,2]", "[1,\"1\"]"), TEXTS("[1,2,1]", "[\"a\",\"a\"]"));
    says_no("{\"type\":\"array\",\"items\":{\"type\":\"object\"},\"uniqueItems\":true}",
            "schema not supported: /uniqueItems: is supported for strings, integers, true, false "
            "and null only");
    says("{\"type\":\"array\",\"items\":{\"type\":\"object\"},\"uniqueItems\":true,\"maxItems\":1}",
         TEXTS("[{}]"), TEXTS("[{},{}]"));
}

TEST(schema_array, contains_counts)
{
    says("{\"type\":\"array\",\"contains\":{\"type\":\"null\"},\"minContains\":2,"
         "\"maxContains\":3,\"maxItems\":4}",
         TEXTS("[null,null]", "[1,null,null]", "[null,null,null,1]"),
         TEXTS("[]", "[null]", "[null,null,null,null]", "[1,null,1]"));
    says("{\"type\":\"array\",\"contains\":{\"const\":1},\"minContains\":0}", TEXTS("[]", "[2]"),
         TEXTS("{}"));
    says_no("{\"type\":\"array\",\"prefixItems\":[{}],\"contains\":{\"const\":1}}",
            "schema not supported: /contains: is not supported beside a tuple");
}
