/* SPDX-License-Identifier: Apache-2.0 */
/* chat_command.h - what a user can ask of the chat itself: lines such as "/save talk.json". */
#ifndef CLI_CHAT_COMMAND_H
#define CLI_CHAT_COMMAND_H

#include "cli/chat_session.h"

/* Does what line says, "/NAME" or "/NAME TEXT" with a NUL behind it, and prints what comes of
 * it. */
void chat_command(struct chat_session *s, const char *line);

#endif
