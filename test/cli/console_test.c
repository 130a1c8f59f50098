/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"

#include <stdio.h>

#include "test.h"

TEST(console, a_quoted_name_cannot_take_over_a_terminal)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"Gr\xc3\xbc\xc3\x9f"
         "e",
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
        {"a\nb\tc\x1b[2J\x7f", "a?b?c?[2J?"},
        {"\xc2\x9b"
         "2J",
         "?2J"}, /* the C1 control that begins a sequence */
        {"\x9b"
         "2J\xff",
         "?2J?"},                  /* the same as a byte */
        {"cut \xe2\x82", "cut ?"}, /* at the end of a buffer */
        {"\xe2\x82\xac 5", "\xe2\x82\xac 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", cases[i].text);
        console_clean(text);
        assert_string_equal(text, cases[i].want);
    }
}
