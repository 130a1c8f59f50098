/* SPDX-License-Identifier: Apache-2.0 */
/* made_chat.h - what holds for a chat completion request made of one of another dialect. */
#ifndef FUZZ_MADE_CHAT_H
#define FUZZ_MADE_CHAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "data/json_tree.h"
#include "text/chat.h"

static void need(bool ok)
{
    if (!ok)
        __builtin_trap();
}

/* Every node stands where it says, and lists are as long as they say. */
static void check_node(const struct json_node *node)
{
    size_t n = 0;
    const struct json_node *last = NULL;
    for (const struct json_node *item = node->first; item; item = item->next, n++) {
        need((node->kind == NODE_OBJECT) == (item->key.s != NULL));
        check_node(item);
        last = item;
    }
    need(n == node->n && (!last || node->kind == NODE_OBJECT || node->kind == NODE_ARRAY));
    need(node->kind != NODE_STRING || node->text.s);
}

/* It is JSON, and a chat reads it or says why not. */
static void check_made(struct json_tree *tree)
{
    struct err err = {0};
    struct buf text;
    struct json_tree again = {0};
    struct chat chat = {0};
    buf_init(&text, LIMIT_TEXT_BYTES);
    check_node(tree->root);
    need(tree->root->kind == NODE_OBJECT && json_member(tree->root, "messages"));
    need(json_write(tree->root, &text, &err));
    if (!json_tree_parse(&again, "again", text.data, text.len, &err))
        need(err.code == ERR_LIMIT);
    err = (struct err){0};
    if (!chat_read_tree(&chat, CHAT_OPENAI, tree, &err))
        need(err.code != ERR_NONE && err.text[0]);
    chat_free(&chat);
    json_tree_free(&again);
    buf_free(&text);
}

#endif
