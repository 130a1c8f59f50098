/* SPDX-License-Identifier: Apache-2.0 */
/* chat_session.h - a conversation with a model under way.
 *
 * Every turn renders the whole conversation anew and computes what is new in it.  What is said
 * stays in the log only when the turn ends well: a failure leaves the log as it was. */
#ifndef CLI_CHAT_SESSION_H
#define CLI_CHAT_SESSION_H

#include "cli/chat_log.h"
#include "cli/run_int.h"
#include "text/prompt.h"

struct typed;

struct chat_session {
    struct run *run;
    struct prompt_format format;
    struct generator *gen;
    struct chat_log log;
    struct typed *typed; /* by a person, who is asked for the results of calls; or NULL */
    bool is_over;
};

/* Opens a conversation: the one that the command line loads, or none; with the system text, tools
 * and effort of the command line where that has none.
 * Owned: chat_session_close(), also after a failure.
 * Errors: those of vocabulary_format(), generator_open(), chat_log_read_tools(),
 * chat_log_load() and chat_session_check(). */
bool chat_session_open(struct chat_session *s, struct run *run, int version,
                       struct err *err) CHECKED;
void chat_session_close(struct chat_session *s);

/* Says whether a log could be a conversation in the session's format.  Errors: those of
 * chat_read() and prompt_chat(). */
bool chat_session_check(const struct chat_session *s, const struct chat_log *log,
                        struct err *err) CHECKED;

/* Says whether the last message is one that waits for an answer. */
bool chat_session_is_asked(const struct chat_session *s);

/* Notes how long a loaded conversation is. */
void chat_session_note(const struct chat_session *s);

/* Answers what the user says, or answers the conversation's end again; prints all of it, failures
 * included.  Returns the exit code. */
int chat_session_say(struct chat_session *s, struct span text);
int chat_session_again(struct chat_session *s);

#endif
