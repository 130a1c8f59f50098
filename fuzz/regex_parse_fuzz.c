/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern is refused, or gives a language whose complement has exactly the other texts, and
 * whose spelling in JSON is not empty unless it is. */
#include <stdlib.h>

#include "text/regex_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct regex_set *set, uint32_t regex, const char *s, size_t n)
{
    struct err err;
    bool yes, no, is_empty, is_spelled_empty;
    uint32_t other = regex_text_not(set, regex), spelled = regex_json_spelling(set, regex);
    set->fuel = 20000;
    if (!regex_matches(set, regex, s, n, &yes, &err) || !regex_matches(set, other, s, n, &no, &err))
        return;
    if (yes && no)
        __builtin_trap();
    if (!regex_is_empty(set, regex, &is_empty, &err) ||
        !regex_is_empty(set, spelled, &is_spelled_empty, &err))
        return;
    if (is_empty != is_spelled_empty || (yes && is_empty))
        __builtin_trap();
}

/* The first byte chooses the mode and how much of the input is the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    if (size < 2)
        return 0;
    enum regex_mode mode = data[0] & 1 ? REGEX_WHOLE : REGEX_SEARCH;
    size_t n_text = data[0] >> 1 < size - 1 ? data[0] >> 1 : size - 1;
    const char *pattern = (const char *)data + 1, *text = pattern + size - 1 - n_text;
    struct regex_set *set = regex_set_open(&err);
    if (!set)
        return 0;
    uint32_t regex = regex_parse(set, pattern, size - 1 - n_text, mode, &err);
    if (regex != REGEX_FAILED)
        check(set, regex, text, n_text);
    regex_set_close(set);
    return 0;
}
