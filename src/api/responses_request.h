/* SPDX-License-Identifier: Apache-2.0 */
/* responses_request.h - a request for POST /v1/responses in the words of chat completions.
 *
 * Nothing is stored, so what refers to something that was is not found. */
#ifndef API_RESPONSES_REQUEST_H
#define API_RESPONSES_REQUEST_H

#include "data/json_tree.h"

/* Makes a chat completion request, *out, of body, an object; out borrows from it.
 * Owned: out, json_tree_free(), also after a failure.
 * Errors: ERR_ARG naming the field of body; ERR_NOT_FOUND; ERR_UNSUPPORTED; ERR_LIMIT. */
bool responses_request_read(const struct json_node *body, struct json_tree *out,
                            struct err *err) CHECKED;

/* Says whether the body asks for log-probabilities. */
bool responses_wants_chances(const struct json_node *body);

#endif
