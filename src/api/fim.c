/* SPDX-License-Identifier: Apache-2.0 */
/* fim.c - POST /v1/fim/completions: what stands between two texts. */
#include "api/chat_writer.h"
#include "api/endpoints.h"
#include "api/fields.h"
#include "api/models.h"
#include "base/mem.h"
#include "text/prompt.h"

static bool make_prompt(struct completion *c, const struct json_node *body, struct err *err)
{
    struct span suffix = {0};
    struct prompt prompt = {0};
    const struct json_node *before = field_need(body, "prompt", NODE_STRING, err);
    if (!before || !field_text(body, "suffix", &suffix, err))
        return false;
    c->prompts = mem_new(1, sizeof *c->prompts, err);
    if (!c->prompts)
        return false;
    bool ok = prompt_fim(c->model->format, before->text, suffix, &prompt, err);
    if (ok) {
        c->prompts[0] = prompt.ids; /* taken over */
        c->n_prompts = 1;
        prompt.ids = (struct token_ids){0};
    }
    prompt_free(&prompt);
    return ok;
}

void fim_answer(struct call *call)
{
    struct err err = {0};
    struct api_error error;
    const struct json_node *body = call->body.root;
    const struct api_model *model = call_model(call);
    if (!model)
        return;
    if (!model_fills_in(model)) {
        api_error_set(&error, 400, "invalid_request_error", "unsupported_content",
                      "model '%s' has no tokens for filling in the middle", model->name);
        call_fail(call, &error);
        return;
    }
    struct completion *c = completion_new(call, model, &chat_writer, &err);
    if (!c || !sampling_read(body, model, &call->arena, &c->sampling, &err) ||
        !make_prompt(c, body, &err)) {
        call_fail_err(call, &err);
        return;
    }
    c->mistral = true;
    api_new_id("fim-", c->id, sizeof c->id);
    completion_start(c);
}
