/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

TEST(schema_negate, scalars)
{
    says("{\"not\":{\"type\":[\"integer\",\"boolean\"]}}", TEXTS("1.5", "null", "\"a\"", "[]"),
         TEXTS("1", "true"));
    says("{\"type\":\"string\",\"not\":{\"enum\":[\"a\",\"b\"]}}", TEXTS("\"c\"", "\"ab\""),
         TEXTS("\"a\"", "\"b\""));
    says("{\"type\":\"integer\",\"not\":{\"minimum\":3,\"multipleOf\":2}}",
         TEXTS("2", "1", "3", "5"), TEXTS("4", "6"));
    says("{\"type\":\"number\",\"not\":{\"multipleOf\":0.01}}", TEXTS("0.001", "1.255"),
         TEXTS("1.25", "1.250", "1"));
    says("{\"type\":\"string\",\"not\":{\"pattern\":\"^a\",\"maxLength\":2}}",
         TEXTS("\"b\"", "\"abc\""), TEXTS("\"a\"", "\"ab\""));
    says("{\"type\":\"string\",\"not\":{\"format\":\"date\"}}", TEXTS("\"2021-02-29\""),
         TEXTS("\"2020-02-29\""));
}

TEST(schema_negate, objects_and_arrays)
{
    says("{\"type\":\"object\",\"not\":{\"required\":[\"a\",\"b\"]}}", TEXTS("{}", "{\"a\":1}"),
         TEXTS("{\"a\":1,\"b\":1}"));
    says("{\"type\":\"object\",\"not\":{\"properties\":{\"a\":{\"type\":\"null\"}}}}",
         TEXTS("{\"a\":1}"), TEXTS("{}", "{\"a\":null}"));
    says("{\"type\":\"object\",\"properties\":{\"b\":{}},\"not\":{\"properties\":{\"a\":{}},"
         "\"additionalProperties\":{\"type\":\"null\"}}}",
         TEXTS("{\"b\":1}", "{\"c\":1}", "{\"c\":1,\"a\":null,\"d\":null}"),
         TEXTS("{}", "{\"a\":1}", "{\"b\":null}"));
    says("{\"type\":\"object\",\"not\":{\"patternProperties\":{\"^x\":{\"type\":\"null\"}}}}",
         TEXTS("{\"x1\":1}", "{\"a\":1,\"xx\":2}"), TEXTS("{}", "{\"x1\":null}", "{\"a\":1}"));
    says("{\"type\":\"array\",\"not\":{\"items\":{\"type\":\"null\"}}}", TEXTS("[1]", "[null,1]"),
         TEXTS("[]", "[null]"));
    says("{\"type\":\"array\",\"not\":{\"contains\":{\"type\":\"null\"}}}", TEXTS("[]", "[1]"),
         TEXTS("[null]", "[1,null]"));
    says("{\"not\":{\"const\":[1,{\"a\":2}]}}",
         TEXTS("1", "[1]", "[1,{}]", "[1,{\"a\":3}]", "[2,{\"a\":2}]", "[1,{\"a\":2,\"b\":1}]"),
         TEXTS("[1,{\"a\":2}]"));
}

TEST(schema_negate, choices)
{
    says("{\"not\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}}", TEXTS("1"),
         TEXTS("null", "\"a\""));
    says("{\"not\":{\"oneOf\":[{\"minimum\":1},{\"maximum\":5}]},\"type\":\"integer\"}",
         TEXTS("1", "3", "5"), TEXTS("0", "6"));
    says("{\"type\":\"integer\",\"not\":{\"if\":{\"minimum\":5},\"then\":{\"maximum\":9},"
         "\"else\":{\"minimum\":2}}}",
         TEXTS("10", "1"), TEXTS("5", "9", "2"));
    says("{\"not\":{\"not\":{\"const\":1}}}", TEXTS("1"), TEXTS("2"));
    says("{\"not\":{\"dependentRequired\":{\"a\":[\"b\"]}}}", TEXTS("{\"a\":1}"),
         TEXTS("{}", "{\"a\":1,\"b\":1}"));
}

TEST(schema_negate, refuses_what_it_cannot_enforce)
{
    says_no("{\"type\":\"array\",\"not\":{\"uniqueItems\":true}}",
            "schema not supported: /not/uniqueItems: cannot be negated");
    says_no("{\"type\":\"string\",\"not\":{\"format\":\"uri\"}}",
            "schema not supported: /not/format: the format \"uri\" cannot be negated");
    /* Of another type it does not matter. */
    says("{\"type\":\"string\",\"not\":{\"type\":\"array\",\"uniqueItems\":true}}", TEXTS("\"a\""),
         TEXTS("[]"));
}
