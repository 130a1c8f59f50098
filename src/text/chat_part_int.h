/* SPDX-License-Identifier: Apache-2.0 */
/* chat_part_int.h - the content of a message as JSON states it. */
#ifndef TEXT_CHAT_PART_INT_H
#define TEXT_CHAT_PART_INT_H

#include "text/chat.h"

/* Reads content, a text or a list of parts, into *message; NULL or null is none.  What it
 * makes lies in arena, the rest in the tree of content.
 * Errors: ERR_ARG naming the part, ERR_LIMIT. */
bool chat_read_content(struct arena *arena, const struct json_node *content,
                       struct chat_message *message, struct err *err) CHECKED;

/* Puts a thought that ended in front of an assistant's content, as the OpenAI spelling has it
 * beside the content.  Errors: ERR_LIMIT. */
bool chat_add_reasoning(struct arena *arena, struct span reasoning, struct chat_message *message,
                        struct err *err) CHECKED;

#endif
