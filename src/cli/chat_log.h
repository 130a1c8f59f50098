/* SPDX-License-Identifier: Apache-2.0 */
/* chat_log.h - a conversation at the terminal: its messages as JSON in the spelling of the
 * API, which is also how it is saved and rendered. */
#ifndef CLI_CHAT_LOG_H
#define CLI_CHAT_LOG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "text/chat.h"

struct prompt_format;

struct chat_entry {
    enum chat_role role;
    char *json;
};

/* All zero is an empty conversation. */
struct chat_log {
    struct chat_entry *entries; /* [n] */
    size_t n, n_places;
    char *tools;  /* JSON list, NULL without any */
    char *effort; /* reasoning_effort, NULL when not given */
};

/* Owned: chat_log_free(), also after a failure.  Errors: ERR_LIMIT. */
bool chat_log_copy(struct chat_log *to, const struct chat_log *from, struct err *err) CHECKED;
void chat_log_free(struct chat_log *log);

/* Removes the messages from n on. */
void chat_log_cut(struct chat_log *log, size_t n);

/* Appends a message that is JSON already.  Errors: ERR_LIMIT. */
bool chat_log_add(struct chat_log *log, enum chat_role role, const struct buf *json,
                  struct err *err) CHECKED;

/* Appends a text that the user said, or the result of a call.  Errors: ERR_LIMIT. */
bool chat_log_say(struct chat_log *log, struct span text, struct err *err) CHECKED;
bool chat_log_result(struct chat_log *log, const struct chat_call *call, struct span text,
                     struct err *err) CHECKED;

/* Says what the system message at the start is from now on.  Errors: ERR_LIMIT. */
bool chat_log_set_system(struct chat_log *log, struct span text, struct err *err) CHECKED;

/* The same from a file, see system_prompt.h.  Errors: those of file_read(), ERR_LIMIT. */
bool chat_log_read_system(struct chat_log *log, const char *path,
                          const struct prompt_format *format, struct err *err) CHECKED;

/* Says whether the conversation begins with a system message. */
bool chat_log_has_system(const struct chat_log *log);

/* Reads tool definitions: a list, or an object with "tools".
 * Errors: those of file_read() and json_tree_parse(), ERR_ARG. */
bool chat_log_read_tools(struct chat_log *log, const char *path, struct err *err) CHECKED;

/* Says how much thought the answers take from now on: a word of the API, or NULL for what the model
 * does without one.  Errors: ERR_LIMIT. */
bool chat_log_set_effort(struct chat_log *log, const char *effort, struct err *err) CHECKED;

/* Appends the request that asks for the next message.  Errors: ERR_LIMIT. */
bool chat_log_request(const struct chat_log *log, struct buf *out, struct err *err) CHECKED;

/* Reads a saved conversation into a log without messages, whose tools and effort stay if the file
 * has none; or writes one. Owned: chat_log_free(), also after a failure. Errors: those of
 * file_read(), chat_read() and outfile_open(). */
bool chat_log_load(struct chat_log *log, const char *path, struct err *err) CHECKED;
bool chat_log_save(const struct chat_log *log, const char *path, struct err *err) CHECKED;

#endif
