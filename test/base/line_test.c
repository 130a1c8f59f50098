/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line.h"

#include "test.h"

TEST(line, keeps_text_and_drops_commands_to_the_terminal)
{
    char text[] = "caf\xc3\xa9\t\x1b[31m \xc2\x9b"
                  "31m\xc2\xa0 \x7f\xc2";
    line_clean(text);
    assert_string_equal(text, "caf\xc3\xa9??[31m ??31m\xc2\xa0 ?\xc2");
}
