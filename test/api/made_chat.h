/* SPDX-License-Identifier: Apache-2.0 */
/* made_chat.h - checks what a request of another dialect becomes as a chat completion request.
 * Texts are written with ' for ". */
#ifndef TEST_MADE_CHAT_H
#define TEST_MADE_CHAT_H

#include <string.h>

#include "../test.h"
#include "base/mem.h"
#include "data/json_tree.h"
#include "text/chat.h"

typedef bool made_read_fn(const struct json_node *body, struct json_tree *out, struct err *err);

static char *quoted(const char *text, char *out, size_t size)
{
    assert_true(strlen(text) < size);
    for (size_t i = 0; i <= strlen(text); i++)
        out[i] = text[i] == '\'' ? '"' : text[i];
    return out;
}

static void made_parse(const char *text, struct json_tree *body)
{
    static char bytes[16384];
    struct err err = {0};
    quoted(text, bytes, sizeof bytes);
    if (!json_tree_parse(body, "request", bytes, strlen(bytes), &err))
        fail_msg("%s", err.text);
}

/* request becomes want, as json_write() writes it, and a chat reads that. */
static void made_is(made_read_fn *read, const char *request, const char *want)
{
    char text[16384];
    struct json_tree body = {0}, made = {0};
    struct chat chat = {0};
    struct err err = {0};
    struct buf out;
    buf_init(&out, 1 << 20);
    made_parse(request, &body);
    if (!read(body.root, &made, &err))
        fail_msg("%s", err.text);
    assert_true(json_write(made.root, &out, &err) && buf_add(&out, "", 1, &err));
    assert_string_equal(out.data, quoted(want, text, sizeof text));
    if (!chat_read_tree(&chat, CHAT_OPENAI, &made, &err))
        fail_msg("%s", err.text);
    chat_free(&chat);
    json_tree_free(&made);
    json_tree_free(&body);
    buf_free(&out);
}

/* request is refused with code and a message that has all of text. */
static void made_fails(made_read_fn *read, const char *request, enum err_code code,
                       const char *text)
{
    struct json_tree body = {0}, made = {0};
    struct err err = {0};
    made_parse(request, &body);
    assert_false(read(body.root, &made, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, text))
        fail_msg("'%s' lacks '%s'", err.text, text);
    json_tree_free(&made);
    json_tree_free(&body);
}

/* Whichever allocation fails, that is what is reported. */
static void made_without_memory(made_read_fn *read, const char *request)
{
    struct json_tree body = {0};
    made_parse(request, &body);
    for (size_t n = 0;; n++) {
        struct json_tree made = {0};
        struct err err = {0};
        mem_fail_after(n);
        bool ok = read(body.root, &made, &err);
        mem_fail_never();
        json_tree_free(&made);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
    }
    json_tree_free(&body);
}

#endif
