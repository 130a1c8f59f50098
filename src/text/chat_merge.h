/* SPDX-License-Identifier: Apache-2.0 */
/* chat_merge.h - a conversation in the shape that is encoded: neighbours of one role merged,
 * system texts where the format wants them, arguments as the reference writes JSON
 * (mistral-common, protocol/instruct/normalize.py). */
#ifndef TEXT_CHAT_MERGE_H
#define TEXT_CHAT_MERGE_H

#include "base/arena.h"
#include "base/err.h"
#include "text/chat.h"

struct prompt_format;

struct chat_merged {
    struct chat_message *messages;
    size_t n_messages;
    size_t *sources;    /* [n_messages] first message of the chat that each is made of */
    struct span system; /* up to v3: every system text, joined; s NULL when there is none */
};

/* Merges chat, which passed chat_check().  What *out points to lies in arena or in chat.
 * Errors: ERR_LIMIT. */
bool chat_merge(const struct prompt_format *format, const struct chat *chat, struct arena *arena,
                struct chat_merged *out, struct err *err) CHECKED;

#endif
