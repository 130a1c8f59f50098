/* SPDX-License-Identifier: Apache-2.0 */
/* chat.h - a conversation as a request states it: messages, tools, settings.
 *
 *     struct chat chat = {0};
 *     if (!chat_read(&chat, CHAT_MISTRAL, "request", bytes, n, err)) ...
 *     if (!prompt_chat(&format, &chat, &options, &prompt, err)) ...
 *     chat_free(&chat);
 *
 * A program may also fill in a struct chat itself; all of it is plain data.
 * Thread: any; a chat does not change once read. */
#ifndef TEXT_CHAT_H
#define TEXT_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "data/json_tree.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT, CHAT_TOOL };

enum chat_part_kind { PART_TEXT, PART_IMAGE, PART_AUDIO, PART_THINKING };

struct chat_part {
    enum chat_part_kind kind;
    bool closed;            /* thinking: it has ended */
    struct span text;       /* text and thinking: UTF-8; media: the URL or base64 as sent, s NULL
                               when only its size is given */
    uint32_t width, height; /* image: pixels; 0 while not known */
    uint64_t n_samples;     /* audio: at the model's rate; 0 while not known */
};

struct chat_call {
    struct span id; /* "null" when the request has none */
    struct span name;
    struct span arguments; /* text that should be JSON */
};

struct chat_message {
    enum chat_role role;
    bool is_list; /* content was a list of parts, which is encoded a little differently */
    bool prefix;  /* assistant: the answer goes on where this ends */
    const struct chat_part *parts;
    size_t n_parts; /* none for absent, null or "" content */
    const struct chat_call *calls;
    size_t n_calls;
    struct span call_id; /* tool: the call it answers; s NULL when missing */
    struct span name;    /* tool: of the function; s NULL when missing */
};

struct chat_tool {
    struct span name, description;      /* description "" when missing */
    const struct json_node *parameters; /* a JSON Schema; NULL: none, written {} */
    bool is_strict;                     /* arguments are to fit it exactly */
};

/* All zero is empty. */
struct chat {
    const struct chat_message *messages;
    size_t n_messages;
    const struct chat_tool *tools;
    size_t n_tools;
    struct span reasoning_effort; /* s NULL when not given */
    bool continue_final;          /* the last message, an assistant's, goes on */
    bool truncate;                /* drop old messages that do not fit */
    bool has_model;               /* the request names a model */
    struct json_tree tree;        /* what the rest borrows from */
    struct arena arena;
};

/* Who spelled the request.  Both spellings of media, of tools without parameters, of
 * arguments as objects and of thinking are read in either.  In OpenAI's, in addition, "developer"
 * is a system message and ids of calls of any form are mapped to nine characters. */
enum chat_spelling { CHAT_MISTRAL, CHAT_OPENAI };

/* Reads a chat completion request.  Fields that do not concern the prompt are ignored.
 * name and bytes, [n], are borrowed as long as the chat lives.
 * Owned: chat_free(), also after a failure.
 * Errors: ERR_FORMAT and ERR_LIMIT of json_tree_parse(), ERR_ARG naming the field. */
bool chat_read(struct chat *chat, enum chat_spelling spelling, const char *name, const void *bytes,
               size_t n, struct err *err) CHECKED;

/* The same from a tree, which it takes over.  Owned, Errors: as chat_read(). */
bool chat_read_tree(struct chat *chat, enum chat_spelling spelling, struct json_tree *tree,
                    struct err *err) CHECKED;
void chat_free(struct chat *chat);

/* "system", "user", "assistant", "tool".  Borrowed: static. */
const char *chat_role_name(enum chat_role role);

#endif
