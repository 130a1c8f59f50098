/* SPDX-License-Identifier: Apache-2.0 */
#include "api/chat_maker.h"

#include <string.h>

#include "../test.h"

TEST(chat_maker, what_is_copied_names_its_place_in_the_request)
{
    struct json_tree body = {0}, made = {0};
    struct chat_maker m;
    struct err err = {0};
    static const char text[] = "{\"list\":[1,{\"a\":2}],\"none\":null}";
    assert_true(json_tree_parse(&body, "request", text, strlen(text), &err));
    assert_true(chat_maker_init(&m, &made, &err));
    make_same(&m, body.root, (const char *const[]){"list", "none", "other", NULL});
    make_copy(&m, m.root, "stop", json_member(body.root, "list"));
    const struct json_node *stop = json_member(made.root, "stop");
    assert_int_equal(stop->n, 2);
    assert_null(json_member(made.root, "none"));
    json_node_fail(stop->first->next->first, &err, "wrong");
    assert_string_equal(err.text, "request: list[1].a: wrong");
    json_tree_free(&made);
    json_tree_free(&body);
}

TEST(chat_maker, one_text_is_plain)
{
    struct json_tree made = {0};
    struct chat_maker m;
    struct err err = {0};
    assert_true(chat_maker_init(&m, &made, &err));
    struct made *content = make_node(&m, m.root, "content", NODE_ARRAY);
    make_part(&m, content, "text", SPAN("x"));
    make_plain(content);
    assert_int_equal(content->node.kind, NODE_STRING);
    assert_true(span_is(content->node.text, "x"));
    content = make_node(&m, m.root, "other", NODE_ARRAY);
    make_part(&m, content, "image_url", SPAN("x"));
    make_plain(content);
    assert_int_equal(content->node.kind, NODE_ARRAY);
    json_tree_free(&made);
}

TEST(chat_maker, after_a_failure_nothing_is_made)
{
    struct json_tree made = {0};
    struct chat_maker m;
    struct err err = {0};
    struct made *calls = NULL;
    assert_true(chat_maker_init(&m, &made, &err));
    err_set(&err, ERR_LIMIT, "full");
    struct made *message = make_message(&m, "user");
    assert_null(message);
    make_call(&m, message, &calls, SPAN("i"), SPAN("f"), NULL);
    make_tool(&m, SPAN("f"), NULL, NULL, NULL);
    make_function_choice(&m, m.root, "tool_choice", SPAN("f"));
    assert_true(span_is(make_joined(&m, SPAN("a"), SPAN("b"), SPAN("c")), ""));
    assert_false(chat_maker_done(&m));
    assert_int_equal(m.messages->node.n, 0);
    json_tree_free(&made);
}
