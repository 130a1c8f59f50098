/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

TEST(schema_string, lengths_are_code_points)
{
    says("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
         TEXTS("\"ab\"", "\"\\u00e9\\n\"", "\"\xF0\x9F\x98\x80\xC3\xA9z\"", "\"\\ud83d\\ude00a\""),
         TEXTS("\"a\"", "\"\xF0\x9F\x98\x80\"", "\"abcd\"", "\"\\ud83d\\ude00\""));
}

TEST(schema_string, patterns_are_of_decoded_text)
{
    says("{\"type\":\"string\",\"pattern\":\"^[\\\"\\\\\\\\]\\\\n$\"}",
         TEXTS("\"\\\"\\n\"", "\"\\\\\\n\""), TEXTS("\"a\\n\"", "\"\\n\""));
    says("{\"type\":\"string\",\"pattern\":\"b\",\"maxLength\":2}",
         TEXTS("\"b\"", "\"ab\"", "\"bc\""), TEXTS("\"abc\"", "\"a\""));
    says_no("{\"type\":\"string\",\"pattern\":\"(\"}",
            "schema not supported: /pattern: at 0: a group without its end");
}
