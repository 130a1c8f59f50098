/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - POST /v1/messages and /v1/messages/count_tokens, as Anthropic has them. */
#include "api/anthropic_request.h"
#include "api/anthropic_writer.h"
#include "api/chat_run.h"
#include "api/endpoints.h"
#include "base/limits.h"

static const struct api_model *read(struct call *call, bool only_prompt, struct json_tree *tree)
{
    struct err err = {0};
    const struct api_model *model = call_model(call);
    if (!model || anthropic_request_read(call->body.root, only_prompt, tree, &err))
        return model;
    call_fail_err(call, &err);
    return NULL;
}

void messages_answer(struct call *call)
{
    struct json_tree tree = {0};
    const struct api_model *model = read(call, false, &tree);
    if (model)
        chat_run(call, model, &tree, &anthropic_writer, "msg_");
    json_tree_free(&tree);
}

void count_tokens_answer(struct call *call)
{
    struct json_tree tree = {0};
    size_t n;
    const struct api_model *model = read(call, true, &tree);
    if (model && chat_count(call, model, &tree, &n)) {
        struct buf out;
        struct json_out o = {.buf = &out};
        buf_init(&out, LIMIT_TOKEN_BYTES);
        json_out_format(&o, "{\"input_tokens\":%zu}", n);
        call_reply(call, &o);
        buf_free(&out);
    }
    json_tree_free(&tree);
}
