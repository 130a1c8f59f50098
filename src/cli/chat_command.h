/* SPDX-License-Identifier: Apache-2.0 */
/* chat_command.h - what a user can ask of the chat itself: lines such as "/save talk.json". */
#ifndef CLI_CHAT_COMMAND_H
#define CLI_CHAT_COMMAND_H

#include "cli/chat_session.h"

/* Says whether a line that is typed is a command: one slash is at its start.  What stands in quotes
 * is text. */
bool chat_command_is(const struct buf *line, bool is_quoted);

/* Returns the text that another line is: two slashes at its start stand for one.
 * Borrowed: from line. */
struct span chat_command_text(const struct buf *line, bool is_quoted);

/* Does what line says, "/NAME" or "/NAME TEXT" with a NUL behind it, and prints what comes of
 * it. */
void chat_command(struct chat_session *s, const char *line);

#endif
