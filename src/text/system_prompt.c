/* SPDX-License-Identifier: Apache-2.0 */
#include "text/system_prompt.h"

#include <string.h>

#include "text/prompt_format.h"

/* Cuts text at the first mark: *before ends there, and *text begins behind it. */
static bool cut(struct span *text, const char *mark, struct span *before)
{
    size_t n = strlen(mark);
    const char *at = text->n ? memmem(text->s, text->n, mark, n) : NULL;
    if (!at)
        return false;
    *before = (struct span){text->s, (size_t)(at - text->s)};
    *text = (struct span){at + n, text->n - before->n - n};
    return true;
}

size_t system_prompt_parts(const struct prompt_format *format, struct span text,
                           struct chat_part *parts)
{
    struct span rest = text, before, thought;
    size_t n = 0;
    if (format->version != 13 || !cut(&rest, "[THINK]", &before) ||
        !cut(&rest, "[/THINK]", &thought)) {
        parts[0] = (struct chat_part){.text = text};
        return text.n > 0;
    }
    if (before.n)
        parts[n++] = (struct chat_part){.text = before};
    parts[n++] = (struct chat_part){.kind = PART_THINKING, .closed = true, .text = thought};
    if (rest.n)
        parts[n++] = (struct chat_part){.text = rest};
    return n;
}
