/* SPDX-License-Identifier: Apache-2.0 */
/* reply_message.h - the events of a reply collected into one assistant message. */
#ifndef TEXT_REPLY_MESSAGE_H
#define TEXT_REPLY_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "text/chat.h"
#include "text/reply.h"

/* All zero is empty. */
struct reply_message {
    struct arena arena;
    struct chat_message message;   /* role assistant; as it would be sent back in a request */
    struct span error;             /* first REPLY_ERROR; s NULL when there was none */
    struct reply_builder *builder; /* private */
};

/* Adds an event, in order.  Owned: reply_message_free().  Errors: ERR_LIMIT. */
bool reply_message_add(struct reply_message *m, const struct reply_event *event,
                       struct err *err) CHECKED;

/* Completes m->message.  stopped as in reply_end(): without it the message is a prefix.
 * Errors: ERR_LIMIT. */
bool reply_message_end(struct reply_message *m, bool stopped, struct err *err) CHECKED;

/* Appends the message as JSON in the spelling of the Mistral API: role, content (a text, or
 * chunks when there was thinking), tool_calls, prefix, parse_error.  Errors: ERR_LIMIT. */
bool reply_message_write(const struct reply_message *m, struct buf *out, struct err *err) CHECKED;
void reply_message_free(struct reply_message *m);

#endif
