/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

TEST(schema_shape, values_compare_by_value)
{
    says("{\"enum\":[1,\"a\",null,false,[true],{\"b\":0}]}",
         TEXTS("1", "\"a\"", "null", "false", "[true]", "{\"b\":0}"),
         TEXTS("true", "0", "[1]", "[false]", "{\"b\":false}", "{}", "\"b\""));
    says("{\"const\":1.0}", TEXTS("1"), TEXTS("true", "1.5"));
    says("{\"type\":\"integer\",\"enum\":[1,2.5,3]}", TEXTS("1", "3"), TEXTS("2.5", "2"));
}

TEST(schema_shape, what_is_impossible_is_left_out)
{
    says("{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^a$\",\"minLength\":2},"
         "{\"type\":\"integer\",\"minimum\":2,\"maximum\":1},{\"const\":7}]}",
         TEXTS("7"), TEXTS("\"a\"", "\"aa\"", "1", "2"));
}
