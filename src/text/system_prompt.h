/* SPDX-License-Identifier: Apache-2.0 */
/* system_prompt.h - the system prompt that lies beside a model as a file. */
#ifndef TEXT_SYSTEM_PROMPT_H
#define TEXT_SYSTEM_PROMPT_H

#include "text/chat.h"

struct prompt_format;

#define SYSTEM_PROMPT_PARTS 3

/* Splits the text of such a file into the parts of a system message.  In v13 reasoning models are
 * shown between [THINK] and [/THINK] how to think, which becomes a thought; elsewhere, and
 * without both markers, all is text.  Parts without text are left out.
 * parts: [SYSTEM_PROMPT_PARTS], whose texts borrow from text.  Returns how many there are. */
size_t system_prompt_parts(const struct prompt_format *format, struct span text,
                           struct chat_part *parts);

#endif
