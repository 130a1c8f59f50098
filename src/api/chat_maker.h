/* SPDX-License-Identifier: Apache-2.0 */
/* chat_maker.h - requests of other dialects put into the words of chat completions.
 *
 * What those say is made a JSON tree of a chat completion request, which chat_run() answers: so
 * there is one reader of messages, tools, formats and settings, and one way to a prompt.  Texts,
 * schemas and arguments are not copied.
 * The first failure is remembered; what is made after it is NULL, which every function takes.
 * Thread: one at a time. */
#ifndef API_CHAT_MAKER_H
#define API_CHAT_MAKER_H

#include "data/json_tree.h"

/* A node to which others are added. */
struct made {
    struct json_node node;
    struct json_node *last; /* of its members or items */
};

struct chat_maker {
    struct json_tree *tree; /* what is made */
    struct made *root, *messages, *tools;
    struct made *message; /* the last one */
    struct err *err;
};

/* Begins a request in *tree, which is empty.  The tree is the caller's, also after a failure, and
 * borrows from the request that it is made of.  Errors: ERR_LIMIT. */
bool chat_maker_init(struct chat_maker *maker, struct json_tree *tree, struct err *err) CHECKED;

/* Says whether all is there; else the error is in maker->err. */
bool chat_maker_done(const struct chat_maker *maker) CHECKED;

/* Add a member of that name, or, key NULL, an item.  A copied node keeps what is below it.
 * Borrowed: from the tree. */
struct made *make_node(struct chat_maker *maker, struct made *up, const char *key,
                       enum node_kind kind);
void make_text(struct chat_maker *maker, struct made *up, const char *key, struct span text);
void make_bool(struct chat_maker *maker, struct made *up, const char *key, bool value);
void make_copy(struct chat_maker *maker, struct made *up, const char *key,
               const struct json_node *node);

/* Copies the members of body that have these names and are not null; names end with NULL. */
void make_same(struct chat_maker *maker, const struct json_node *body, const char *const *names);

/* Adds a message without content.  Borrowed: from the tree. */
struct made *make_message(struct chat_maker *maker, const char *role);

/* Adds a part {"type": type, type: text}.  Borrowed: from the tree. */
void make_part(struct chat_maker *maker, struct made *content, const char *type, struct span text);

/* A content of one text is that text, as if it had been sent so. */
void make_plain(struct made *content);

/* Adds a call to an assistant's message; *calls is its list, NULL before the first. */
void make_call(struct chat_maker *maker, struct made *message, struct made **calls, struct span id,
               struct span name, const struct json_node *arguments);

/* Adds the definition of a function.  description, schema and strict may be NULL. */
void make_tool(struct chat_maker *maker, struct span name, const struct json_node *description,
               const struct json_node *schema, const struct json_node *strict);

/* Adds {"type": "function", "function": {"name": name}} to what up is. */
void make_function_choice(struct chat_maker *maker, struct made *up, const char *key,
                          struct span name);

/* Asks for an answer that fits a schema; name and strict may be NULL. */
void make_schema_format(struct chat_maker *maker, const struct json_node *name,
                        const struct json_node *schema, const struct json_node *strict);

/* Returns head and text with between in the middle.  Borrowed: from the tree. */
struct span make_joined(struct chat_maker *maker, struct span head, struct span between,
                        struct span text);

/* Reads a degree of effort, where there is one, as one of those that chats know.
 * Errors: ERR_ARG. */
bool make_effort(struct chat_maker *maker, const struct json_node *effort) CHECKED;

#endif
