/* SPDX-License-Identifier: Apache-2.0 */
/* anthropic_request.h - a request for POST /v1/messages in the words of chat completions. */
#ifndef API_ANTHROPIC_REQUEST_H
#define API_ANTHROPIC_REQUEST_H

#include "data/json_tree.h"

/* Makes a chat completion request, *out, of body, an object; out borrows from it.  only_prompt:
 * nobody wants an answer, so max_tokens may be missing.
 * Owned: out, json_tree_free(), also after a failure.
 * Errors: ERR_ARG naming the field of body; ERR_UNSUPPORTED; ERR_LIMIT. */
bool anthropic_request_read(const struct json_node *body, bool only_prompt, struct json_tree *out,
                            struct err *err) CHECKED;

#endif
