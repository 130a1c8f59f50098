/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema_doc_int.h"

#include "schema_says.h"

TEST(schema_doc, finds_what_a_reference_means)
{
    says("{\"$ref\":\"#/$defs/a~1b%25\",\"$defs\":{\"a/b%\":{\"type\":\"null\"}}}", TEXTS("null"),
         TEXTS("1"));
    says("{\"$id\":\"http://x/y.json\",\"$ref\":\"z.json#it\",\"$defs\":{\"z\":{\"$id\":\"z.json\","
         "\"$defs\":{\"i\":{\"$anchor\":\"it\",\"const\":1}}}}}",
         TEXTS("1"), TEXTS("2"));
    says("{\"$dynamicRef\":\"#it\",\"$defs\":{\"i\":{\"$dynamicAnchor\":\"it\",\"const\":1}}}",
         TEXTS("1"), TEXTS("2"));
    says("{\"type\":\"object\",\"properties\":{\"a\":{\"$recursiveRef\":\"#\"}},"
         "\"additionalProperties\":false}",
         TEXTS("{\"a\":{\"a\":{}}}"), TEXTS("{\"a\":1}"));
}

TEST(schema_doc, refuses_what_it_cannot_follow)
{
    says_no("{\"$ref\":\"http://x/y.json\"}",
            "schema not supported: /$ref: \"http://x/y.json\" is in another document, and those "
            "are not fetched");
    says_no("{\"$ref\":\"#/nowhere\"}",
            "schema not supported: /$ref: \"#/nowhere\" is not in the schema");
    says_no("{\"$ref\":\"#/title\",\"title\":\"t\"}",
            "schema not supported: /$ref: \"#/title\" is no schema");
    says_no("{\"$ref\":\"#\"}", "schema not supported: /$ref: the reference leads back to itself");
    says_no("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/b\"}]},"
            "\"b\":{\"$ref\":\"#/$defs/a\"}}}",
            "schema not supported: /$defs/b/$ref: the reference leads back to itself");
    says_no("{\"$dynamicRef\":\"#i\",\"$defs\":{\"a\":{\"$id\":\"a\",\"$dynamicAnchor\":\"i\"},"
            "\"b\":{\"$dynamicAnchor\":\"i\"}}}",
            "schema not supported: /$dynamicRef: several targets are possible");
}

TEST(schema_doc, a_reference_stands_alone_up_to_draft_7)
{
    static const char schema[] =
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":\"#/definitions/s\","
        "\"maxLength\":1,\"definitions\":{\"s\":{\"type\":\"string\"}}}";
    says(schema, TEXTS("\"ab\""), TEXTS("1"));
    says_writes(schema, TEXTS("\"a\""), TEXTS("\"ab\""));
}
