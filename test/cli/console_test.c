/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"

#include <stdio.h>
#include <string.h>

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

TEST(console, a_bar_fits_every_width)
{
    static const char rest[] = "1.18 MB of 2.36 MB";
    static const char name[] = "mistralai/Mistral-Small-3.2-24B-Instruct-2506";
    static const struct {
        int width;
        const char *want;
    } cases[] = {
        {120, "mistralai/Mistral-Small-3.2-24B-Instruct-2506 [######################.............."
              ".........]  50 %, 1.18 MB of 2.36 MB"},
        {80, "...l-3.2-24B-Instruct-2506 [############............]  50 %, 1.18 MB of 2.36 MB"},
        {66, "...ruct-2506 [############............]  50 %, 1.18 MB of 2.36 MB"},
        {50, "...506 [#######.......]  50 %, 1.18 MB of 2.36 MB"},
        {46, "[######......]  50 %, 1.18 MB of 2.36 MB"},
        {30, "50 %, 1.18 MB of 2.36 MB"},
        {10, "50 %, 1.1"},
        {1, ""},
    };
    char line[401];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        console_bar_line(line, sizeof line, cases[i].width, name, 0.5, rest);
        assert_string_equal(line, cases[i].want);
    }
    console_bar_line(line, sizeof line, 80, "a/b", 0, "");
    assert_string_equal(line, "a/b [..................................................]   0 %, ");
    for (int width = 1; width <= 400; width++)
        for (int percent = 0; percent <= 100; percent++) {
            console_bar_line(line, sizeof line, width, name, percent / 100.0, rest);
            assert_true((int)strlen(line) < width);
        }
}
