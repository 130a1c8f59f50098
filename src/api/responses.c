/* SPDX-License-Identifier: Apache-2.0 */
/* responses.c - POST /v1/responses and /v1/responses/input_tokens, as OpenAI has them, without
 * keeping anything. */
#include "api/chat_run.h"
#include "api/endpoints.h"
#include "api/responses_request.h"
#include "api/responses_writer.h"
#include "base/limits.h"

static const struct api_model *read(struct call *call, struct json_tree *tree)
{
    struct err err = {0};
    const struct api_model *model = call_model(call);
    if (!model || responses_request_read(call->body.root, tree, &err))
        return model;
    call_fail_err(call, &err);
    return NULL;
}

void responses_answer(struct call *call)
{
    struct json_tree tree = {0};
    const struct api_model *model = read(call, &tree);
    if (model)
        chat_run(call, model, &tree, &responses_writer, "resp_");
    json_tree_free(&tree);
}

void input_tokens_answer(struct call *call)
{
    struct json_tree tree = {0};
    size_t n;
    const struct api_model *model = read(call, &tree);
    if (model && chat_count(call, model, &tree, &n)) {
        struct buf out;
        struct json_out o = {.buf = &out};
        buf_init(&out, LIMIT_TOKEN_BYTES);
        json_out_format(&o, "{\"object\":\"response.input_tokens\",\"input_tokens\":%zu}", n);
        call_reply(call, &o);
        buf_free(&out);
    }
    json_tree_free(&tree);
}
