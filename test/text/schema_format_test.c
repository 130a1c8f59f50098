/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

/* The suite's examples are in schema_test.c; these are what it leaves open. */
TEST(schema_format, dates_are_in_the_calendar)
{
    says("{\"type\":\"string\",\"format\":\"date\"}", TEXTS("\"2000-02-29\"", "\"2024-02-29\""),
         TEXTS("\"1900-02-29\"", "\"2023-02-29\"", "\"2024-04-31\"", "\"2024-00-10\""));
}

TEST(schema_format, leap_seconds_are_where_utc_has_them)
{
    says("{\"type\":\"string\",\"format\":\"time\"}",
         TEXTS("\"23:59:60Z\"", "\"00:44:60+00:45\"", "\"17:59:60.5-06:00\""),
         TEXTS("\"12:00:60Z\"", "\"23:59:60+01:00\"", "\"00:44:60-00:45\""));
}

TEST(schema_format, parts_of_formats_are_said_to_be_such)
{
    says_no("{\"format\":\"hostname\"}", "schema not supported: /format: the format \"hostname\" "
                                         "cannot be enforced exactly");
    says_writes("{\"type\":\"string\",\"format\":\"hostname\"}", TEXTS("\"a.example\""),
                TEXTS("\"xn--a\"", "\"-a\"", "\"\""));
    says_no("{\"format\":\"idn-email\"}", "schema not supported: /format: the format \"idn-email\" "
                                          "cannot be enforced exactly");
    says_writes("{\"type\":\"string\",\"format\":\"idn-email\"}", TEXTS("\"x\""), TEXTS("1"));
}

TEST(schema_format, unknown_ones_say_nothing)
{
    says("{\"type\":\"string\",\"format\":\"route-rules\"}", TEXTS("\"\""), TEXTS("1"));
    says("{\"format\":\"date\"}", TEXTS("1", "null", "\"2024-01-01\""), TEXTS("\"x\""));
}
