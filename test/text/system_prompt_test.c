/* SPDX-License-Identifier: Apache-2.0 */
#include "text/system_prompt.h"

#include <stdio.h>
#include <string.h>

#include "test.h"
#include "text/prompt_format.h"

/* Writes the parts as <t:text> and <h:thought>. */
static void assert_parts(int version, const char *text, const char *want)
{
    const struct prompt_format format = {.version = version};
    struct chat_part parts[SYSTEM_PROMPT_PARTS];
    char got[200] = "";
    size_t n = system_prompt_parts(&format, (struct span){text, strlen(text)}, parts);
    for (size_t i = 0; i < n; i++) {
        bool thinks = parts[i].kind == PART_THINKING;
        assert_int_equal(parts[i].closed, thinks);
        snprintf(got + strlen(got), sizeof got - strlen(got), "<%c:%.*s>", thinks ? 'h' : 't',
                 (int)parts[i].text.n, parts[i].text.s);
    }
    assert_string_equal(got, want);
}

/* As the model cards of Magistral Small 2507 and later cut their SYSTEM_PROMPT.txt: at the first
 * of each marker, every other byte stays. */
TEST(system_prompt, markers_of_thoughts_become_thoughts)
{
    assert_parts(13, "First think.\n[THINK]Your thoughts[/THINK]Here, answer.\n",
                 "<t:First think.\n><h:Your thoughts><t:Here, answer.\n>");
    assert_parts(13, "[THINK]a[/THINK]", "<h:a>");
    assert_parts(13, "[THINK][/THINK]", "<h:>");
    assert_parts(13, "a[THINK]b[THINK]c[/THINK]d[/THINK]", "<t:a><h:b[THINK]c><t:d[/THINK]>");
    assert_parts(13, "a[/THINK]b[THINK]c", "<t:a[/THINK]b[THINK]c>");
    assert_parts(13, "a[THINK]b", "<t:a[THINK]b>");
    assert_parts(13, "a", "<t:a>");
    assert_parts(13, "", "");
    assert_parts(11, "a[THINK]b[/THINK]c", "<t:a[THINK]b[/THINK]c>");
    assert_parts(15, "a[THINK]b[/THINK]c", "<t:a[THINK]b[/THINK]c>");
}
