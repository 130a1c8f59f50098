/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_says.h"

/* Every whole number of a range and some beside it, against the processor's comparison. */
TEST(schema_number, ranges_of_whole_numbers)
{
    uint64_t seed = 3;
    for (int i = 0; i < 60; i++) {
        int span = i % 3 ? 2000 : 30, lo = (int)(test_random(&seed) % (unsigned)span) - span / 2;
        int hi = lo + (int)(test_random(&seed) % 150);
        char schema[200];
        snprintf(schema, sizeof schema, "{\"type\":\"integer\",\"minimum\":%d,\"%s\":%d}", lo,
                 i & 1 ? "maximum" : "exclusiveMaximum", hi);
        struct schema_options options = says_conform();
        struct err err = {0};
        struct grammar *grammar = says_compile(schema, strlen(schema), &options, &err);
        if (!grammar) {
            assert_true(lo == hi && !(i & 1));
            continue;
        }
        struct matcher *matcher = matcher_open(grammar, NULL, NULL, 0, &err);
        assert_non_null(matcher);
        for (int x = lo - 30; x < hi + 30; x++) {
            char text[16];
            int n = snprintf(text, sizeof text, "%d", x);
            if (says_accept(matcher, text, (size_t)n) != (x >= lo && (i & 1 ? x <= hi : x < hi)))
                fail_msg("%s: %d", schema, x);
        }
        matcher_close(matcher);
        grammar_unref(grammar);
    }
}

TEST(schema_number, fractions_and_large_bounds)
{
    says("{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1.25}",
         TEXTS("0.1", "0.0001", "1", "1.25", "1.250", "1.2"),
         TEXTS("0", "0.0", "0.000", "-0.1", "1.2501", "1.26", "2", "1e-1", "-0.0"));
    says("{\"type\":\"integer\",\"minimum\":9007199254740993}", TEXTS("9007199254740993"),
         TEXTS("9007199254740992"));
    says("{\"type\":\"number\",\"minimum\":-0.5,\"exclusiveMaximum\":-0.25}",
         TEXTS("-0.5", "-0.26", "-0.2501"), TEXTS("-0.25", "-0.51", "0", "-1"));
}

TEST(schema_number, multiples)
{
    says("{\"type\":\"integer\",\"multipleOf\":7,\"minimum\":10,\"maximum\":30}",
         TEXTS("14", "21", "28"), TEXTS("7", "35", "15"));
    says("{\"type\":\"number\",\"multipleOf\":0.25}", TEXTS("0.25", "1.5", "3", "-2.75", "1.500"),
         TEXTS("0.3", "0.125", "2.26"));
    says("{\"type\":\"integer\",\"multipleOf\":2.5}", TEXTS("5", "10", "0"), TEXTS("2", "4", "7"));
    says("{\"type\":\"integer\",\"multipleOf\":1e3}", TEXTS("3000", "0"), TEXTS("100", "1500"));
    says_no("{\"type\":\"integer\",\"multipleOf\":10007}",
            "schema not supported: /multipleOf: more than 10000 without its powers of ten");
}

TEST(schema_number, formats_are_ranges_of_integers)
{
    says("{\"type\":\"integer\",\"format\":\"int32\"}", TEXTS("2147483647", "-2147483648"),
         TEXTS("2147483648", "-2147483649"));
}
