/* SPDX-License-Identifier: Apache-2.0 */
/* reply_message.h - the events of a reply collected into one assistant message.
 *
 *     struct reply_message message = {0};
 *     for (struct reply_event e; reply_next(reply, &e);)
 *         if (!reply_message_add(&message, &e, err)) ...
 *     after REPLY_END: message.message, reply_message_write()
 *     reply_message_free(&message); */
#ifndef TEXT_REPLY_MESSAGE_H
#define TEXT_REPLY_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "text/chat.h"
#include "text/reply.h"

/* All zero is empty. */
struct reply_message {
    struct chat_message message;   /* role assistant, as it would be sent back in a request; a
                                      prefix when the model did not end it */
    struct span error;             /* first REPLY_ERROR; s NULL when there was none */
    struct reply_builder *builder; /* private */
};

/* Adds an event, in order; REPLY_END completes m->message.  Owned: reply_message_free().
 * Errors: ERR_LIMIT. */
bool reply_message_add(struct reply_message *m, const struct reply_event *event,
                       struct err *err) CHECKED;

/* Appends the complete message as JSON: role, content (a text, or chunks when there was
 * thinking), tool_calls, prefix, parse_error; what is empty is left out.  A thought is a text,
 * as the reference library writes it.  Errors: ERR_LIMIT. */
bool reply_message_write(const struct reply_message *m, struct buf *out, struct err *err) CHECKED;
void reply_message_free(struct reply_message *m);

#endif
