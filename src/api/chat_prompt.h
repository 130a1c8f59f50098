/* SPDX-License-Identifier: Apache-2.0 */
/* chat_prompt.h - from a conversation as clients send it to the tokens of its prompt.
 *
 * Agents send what no model was trained on: results without a call, calls without a result, ids
 * of other vendors, thoughts of other models.  What can be understood is put in order; the rest
 * is refused by name. */
#ifndef API_CHAT_PROMPT_H
#define API_CHAT_PROMPT_H

#include "api/api.h"
#include "base/span.h"
#include "text/chat.h"
#include "text/prompt.h"

struct chat_prompt_options {
    bool safe;     /* the guardrail text goes before the system prompt */
    bool no_tools; /* definitions of tools are left out */
};

/* Puts chat in order for model and builds its prompt.  *prefix is what the answer begins with
 * already, s NULL for nothing.
 * Owned: out, prompt_free(), also after a failure.
 * Errors: in *error. */
bool chat_prompt(struct chat *chat, const struct api_model *model,
                 const struct chat_prompt_options *options, struct prompt *out, struct span *prefix,
                 struct api_error *error);

#endif
