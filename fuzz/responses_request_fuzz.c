/* SPDX-License-Identifier: Apache-2.0 */
/* Any request for OpenAI's Responses becomes a chat completion request, or a reason why not. */
#include "api/responses_request.h"

#include "made_chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_tree body = {0}, made = {0};
    struct err err = {0};
    if (json_tree_parse(&body, "request", data, size, &err) && body.root->kind == NODE_OBJECT) {
        if (responses_request_read(body.root, &made, &err))
            check_made(&made);
        else
            need(err.code != ERR_NONE && err.text[0]);
    }
    json_tree_free(&made);
    json_tree_free(&body);
    return 0;
}
