/* SPDX-License-Identifier: Apache-2.0 */
/* turn_options.h - what a chat request says of the form of its answer: tools that may or must be
 * called, a schema, a grammar. */
#ifndef API_TURN_OPTIONS_H
#define API_TURN_OPTIONS_H

#include "api/completion.h"
#include "text/chat.h"

/* Reads tool_choice, parallel_tool_calls, response_format, structured_outputs and their other
 * names, and sets c->grammar; chat->tools are those that may be called from then on.  Replies and
 * returns false when that fails. */
bool turn_options_read(struct completion *c, struct chat *chat, const struct json_node *body);

#endif
