/* SPDX-License-Identifier: Apache-2.0 */
/* chat_completions.c - POST /v1/chat/completions. */
#include <stdio.h>
#include <string.h>

#include "api/chat_prompt.h"
#include "api/chat_run.h"
#include "api/chat_writer.h"
#include "api/endpoints.h"
#include "api/fields.h"
#include "api/metrics.h"
#include "api/turn_options.h"
#include "base/mem.h"

/* Clients of Mistral's own libraries want thoughts as parts of the content. */
static bool speaks_mistral(const struct call *call, const struct json_node *body)
{
    const char *agent = http_request_header(call->x, "user-agent");
    const struct json_node *form = field_find(body, "reasoning_format");
    if (form && form->kind == NODE_STRING)
        return span_is(form->text, "mistral");
    if (call->mounted)
        return call->dialect == DIALECT_MISTRAL;
    if (field_find(body, "prompt_mode"))
        return true;
    if (agent && strncmp(agent, "mistral-client-", 15) == 0)
        return true;
    return call->api->options.mistral_thinking;
}

static bool wants_no_thoughts(const struct json_node *body)
{
    const struct json_node *form = field_find(body, "reasoning_format");
    const struct json_node *include = field_find(body, "include_reasoning");
    return (form && form->kind == NODE_STRING && span_is(form->text, "none")) ||
           (include && include->kind == NODE_FALSE);
}

static bool read_chances(const struct json_node *body, struct job_params *job, struct err *err)
{
    int64_t n_top = 0;
    if (!field_bool(body, "logprobs", &job->with_chances, err) ||
        !field_int(body, "top_logprobs", 0, JOB_MAX_TOP, &n_top, err))
        return false;
    job->n_top = (uint32_t)n_top;
    return !n_top || job->with_chances ||
           json_node_fail(field_find(body, "top_logprobs"), err, "needs \"logprobs\": true");
}

/* The tokens of what the answer is predicted to be. */
static bool read_prediction(const struct json_node *body, struct completion *c,
                            struct token_ids *guess, struct err *err)
{
    const struct json_node *prediction = field_find(body, "prediction");
    if (!prediction)
        return true;
    if (prediction->kind != NODE_OBJECT)
        return json_node_fail(prediction, err, "expected an object");
    if (c->sampling.n > 1)
        return json_node_fail(prediction, err, "cannot be combined with n above 1");
    const struct json_node *content = field_find(prediction, "content");
    if (!content || (content->kind != NODE_STRING && content->kind != NODE_ARRAY))
        return json_node_fail(content ? content : prediction, err, "expected a text as content");
    if (content->kind == NODE_STRING)
        return tokenizer_encode(c->model->tok, content->text.s, content->text.n, guess, err);
    for (const struct json_node *part = content->first; part; part = part->next) {
        struct span text = {0};
        if (!field_text(part, "text", &text, err) ||
            (text.s && !tokenizer_encode(c->model->tok, text.s, text.n, guess, err)))
            return false;
    }
    return true;
}

/* Fields of newer or other interfaces are left alone, and counted. */
static void count_unknown(const struct completion *c, const struct json_node *body)
{
    static const char *const known[] = {
        "model",
        "messages",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "max_tokens",
        "max_completion_tokens",
        "min_tokens",
        "stop",
        "stop_token_ids",
        "seed",
        "random_seed",
        "stream",
        "stream_options",
        "n",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "structured_outputs",
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
        "grammar",
        "json_schema",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "prediction",
        "reasoning_effort",
        "reasoning_format",
        "include_reasoning",
        "prompt_mode",
        "safe_prompt",
        "metadata",
        "prompt_cache_key",
        "service_tier",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "include_stop_str_in_output",
        "ignore_eos",
        "return_token_ids",
        "continue_final_message",
        "chat_template_kwargs",
        "user",
        "store",
        "truncate_for_context_length",
    };
    for (const struct json_node *field = body->first; field; field = field->next) {
        size_t i = 0, n = sizeof known / sizeof *known;
        while (i < n && !span_is(field->key, known[i]))
            i++;
        if (i == n)
            metrics_count(c->call->api->metrics, METRIC_UNKNOWN_FIELD);
    }
}

/* Reads all of the request but its messages. */
static bool read_request(const struct json_node *body, struct completion *c,
                         struct token_ids *guess, struct err *err)
{
    return sampling_read(body, c->model, &c->call->arena, &c->sampling, err) &&
           read_chances(body, &c->sampling.job, err) && read_prediction(body, c, guess, err);
}

static bool make_prompt(struct completion *c, struct chat *chat, const struct json_node *body)
{
    struct err err = {0};
    struct api_error error;
    struct chat_prompt_options options = {0};
    struct prompt prompt = {0};
    if (!field_bool(body, "safe_prompt", &options.safe, &err)) {
        call_fail_err(c->call, &err);
        return false;
    }
    c->prompts = mem_new(1, sizeof *c->prompts, &err);
    if (!c->prompts) {
        call_fail_err(c->call, &err);
        return false;
    }
    bool ok = chat_prompt(chat, c->model, &options, &prompt, &c->prefix, &error);
    if (ok) {
        c->prompts[0] = prompt.ids; /* taken over */
        c->n_prompts = 1;
        prompt.ids = (struct token_ids){0};
    } else {
        call_fail(c->call, &error);
    }
    prompt_free(&prompt);
    return ok;
}

static void start(struct completion *c, struct chat *chat, const struct json_node *body)
{
    struct err err = {0};
    struct token_ids guess = {0};
    count_unknown(c, body);
    if (!read_request(body, c, &guess, &err)) {
        call_fail_err(c->call, &err);
    } else if (turn_options_read(c, chat, body) && make_prompt(c, chat, body)) {
        c->sampling.job.prediction = guess.ids;
        c->sampling.job.n_prediction = guess.n;
        c->mistral = speaks_mistral(c->call, body);
        c->answer.format = c->model->format;
        c->answer.think_tags = c->model->format->traits->has_think_tag;
        c->answer.drops_thinking = wants_no_thoughts(body);
        completion_start(c);
    }
    token_ids_free(&guess);
}

/* Tools that a service would run itself; none are here. */
static bool has_own_tools_only(struct call *call)
{
    static const char *const others[] = {"web_search",       "web_search_premium",
                                         "code_interpreter", "image_generation",
                                         "document_library", "connector"};
    const struct json_node *tools = field_find(call->body.root, "tools");
    for (const struct json_node *tool = tools ? tools->first : NULL; tool; tool = tool->next) {
        const struct json_node *type = field_find(tool, "type");
        for (size_t i = 0; type && i < sizeof others / sizeof *others; i++) {
            struct api_error error;
            if (type->kind != NODE_STRING || !span_is(type->text, others[i]))
                continue;
            api_error_set(&error, 400, "invalid_request_error", "unsupported_content",
                          "the tool '%s' runs on the server, and this one has none; give tools of "
                          "type function",
                          others[i]);
            call_fail(call, &error);
            return false;
        }
    }
    return true;
}

/* The model has to have a form for conversations. */
static bool can_chat(struct call *call, const struct api_model *model)
{
    struct api_error error;
    if (model->format)
        return true;
    api_error_set(&error, 400, "invalid_request_error", "unsupported_content",
                  "model '%s' continues texts and has no form for conversations; use "
                  "/v1/completions",
                  model->name);
    call_fail(call, &error);
    return false;
}

void chat_run(struct call *call, const struct api_model *model, struct json_tree *tree,
              const struct writer *writer, const char *id_prefix)
{
    struct err err = {0};
    if (!can_chat(call, model))
        return;
    struct completion *c = completion_new(call, model, writer, &err);
    struct chat *chat = c ? arena_new(&call->arena, 1, sizeof *chat, &err) : NULL;
    call->chat = chat; /* the call frees it: the prefix and names lie there */
    if (!chat || !chat_read_tree(chat, CHAT_OPENAI, tree, &err)) {
        call_fail_err(call, &err);
        return;
    }
    api_new_id(id_prefix, c->id, sizeof c->id);
    start(c, chat, chat->tree.root);
}

bool chat_count(struct call *call, const struct api_model *model, struct json_tree *tree, size_t *n)
{
    struct err err = {0};
    struct api_error error;
    struct prompt prompt = {0};
    struct span prefix;
    const struct chat_prompt_options options = {0};
    if (!can_chat(call, model))
        return false;
    call->chat = arena_new(&call->arena, 1, sizeof *call->chat, &err);
    if (!call->chat || !chat_read_tree(call->chat, CHAT_OPENAI, tree, &err)) {
        call_fail_err(call, &err);
        return false;
    }
    bool ok = chat_prompt(call->chat, model, &options, &prompt, &prefix, &error);
    if (!ok)
        call_fail(call, &error);
    *n = prompt.ids.n;
    prompt_free(&prompt);
    return ok;
}

void chat_answer(struct call *call)
{
    const struct api_model *model = call_model(call);
    if (model && has_own_tools_only(call))
        chat_run(call, model, &call->body, &chat_writer, "chatcmpl-");
}
