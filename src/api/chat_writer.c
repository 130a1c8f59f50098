/* SPDX-License-Identifier: Apache-2.0 */
#include "api/chat_writer.h"

#include "api/tokens.h"
#include "base/limits.h"
#include "text/tokenizer.h"

void usage_write(const struct completion *c, struct json_out *o)
{
    struct usage u = completion_usage(c);
    json_out_format(o,
                    "\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u,"
                    "\"num_cached_tokens\":%u,\"prompt_tokens_details\":{\"cached_tokens\":%u},"
                    "\"completion_tokens_details\":{\"reasoning_tokens\":%u,"
                    "\"accepted_prediction_tokens\":%u,\"rejected_prediction_tokens\":%u}}",
                    u.n_prompt, u.n_answer, u.n_prompt + u.n_answer, u.n_cached, u.n_cached,
                    u.n_thinking, u.n_accepted, u.n_rejected);
}

/* --- log-probabilities ----------------------------------------------------------------- */

static void write_token(const struct api_model *model, const struct token_chance *chance,
                        struct json_out *o)
{
    struct buf piece;
    struct err err = {0};
    buf_init(&piece, LIMIT_TOKEN_BYTES);
    if (!token_text(model, chance->id, &piece, &err))
        buf_clear(&piece);
    json_out_raw(o, "\"token\":");
    json_out_span(o, (struct span){piece.data, piece.len});
    json_out_format(o, ",\"logprob\":%.7g,\"bytes\":[", (double)chance->logprob);
    for (size_t i = 0; i < piece.len; i++)
        json_out_format(o, i ? ",%d" : "%d", (unsigned char)piece.data[i]);
    json_out_raw(o, "]");
    buf_free(&piece);
}

void chance_write(const struct api_model *model, const struct job_token *token, struct json_out *o)
{
    json_out_raw(o, "{");
    write_token(model, &token->chances[0], o);
    json_out_raw(o, ",\"top_logprobs\":[");
    for (size_t i = 1; i < token->n_chances; i++) {
        json_out_raw(o, i > 1 ? ",{" : "{");
        write_token(model, &token->chances[i], o);
        json_out_raw(o, "}");
    }
    json_out_raw(o, "]}");
}

static void add_chance(struct choice *choice, const struct job_token *token, bool is_prompt)
{
    if (is_prompt)
        return;
    struct json_out o = {.buf = &choice->chances};
    json_out_raw(&o, choice->n_chances++ ? "," : "");
    chance_write(choice->model, token, &o);
    if (o.err.code)
        choice->answer.err = o.err;
}

/* "logprobs":{...} of the tokens since the last piece, with a comma before; nothing without. */
static void write_chances(struct choice *choice, struct json_out *o)
{
    if (!choice->c->sampling.job.with_chances || (choice->c->streaming && !choice->n_chances))
        return;
    json_out_raw(o, ",\"logprobs\":{\"content\":[");
    json_out_bytes(o, choice->chances.len ? choice->chances.data : "", choice->chances.len);
    json_out_raw(o, "],\"refusal\":null}");
    buf_clear(&choice->chances);
    choice->n_chances = 0;
}

/* --- streams ---------------------------------------------------------------------------- */

static void begin_chunk(struct completion *c)
{
    struct json_out *o = &c->out;
    json_out_format(o, "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":%lld",
                    c->id, (long long)c->created);
    json_out_raw(o, ",\"model\":");
    json_out_text(o, c->model->name);
}

/* Up to where the delta's members come. */
static void begin_delta(struct choice *choice)
{
    struct json_out *o = &choice->c->out;
    begin_chunk(choice->c);
    json_out_format(o, ",\"choices\":[{\"index\":%u,\"delta\":{", choice->index);
    if (!choice->begun)
        json_out_raw(o, "\"role\":\"assistant\",");
    choice->begun = true;
}

static void end_delta(struct choice *choice)
{
    struct json_out *o = &choice->c->out;
    json_out_raw(o, "}");
    write_chances(choice, o);
    json_out_raw(o, ",\"finish_reason\":null}]}\n\n");
}

static void write_thought(struct completion *c, struct span text, bool closed)
{
    struct json_out *o = &c->out;
    if (!c->mistral) {
        json_out_raw(o, "\"reasoning_content\":");
        json_out_span(o, text);
        return;
    }
    json_out_raw(o,
                 "\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":");
    json_out_span(o, text);
    json_out_format(o, "}],\"closed\":%s}]", closed ? "true" : "false");
}

static void write_call_begin(const struct answer_event *event, struct json_out *o)
{
    const struct answer_call *call = event->call;
    json_out_format(o, "{\"index\":%u,\"id\":\"%s\",\"type\":\"function\",\"function\":{\"name\":",
                    event->index, call->id);
    json_out_span(o, (struct span){call->name.data, call->name.len});
}

static void write_call(const struct answer_event *event, struct json_out *o)
{
    const struct buf *arguments = &event->call->arguments;
    write_call_begin(event, o);
    json_out_raw(o, ",\"arguments\":");
    json_out_span(o, (struct span){arguments->len ? arguments->data : "", arguments->len});
    json_out_raw(o, "}}");
}

/* Mistral's libraries refuse a piece of a call without a name, and take each for a whole call. */
static bool is_silent(const struct completion *c, enum answer_event_kind kind)
{
    if (c->mistral)
        return kind == ANSWER_CALL || kind == ANSWER_ARGUMENTS;
    return kind == ANSWER_CALL_END || kind == ANSWER_THOUGHT;
}

static void write_event(struct choice *choice, const struct answer_event *event)
{
    struct completion *c = choice->c;
    struct json_out *o = &c->out;
    if (is_silent(c, event->kind))
        return;
    begin_delta(choice);
    switch (event->kind) {
    case ANSWER_TEXT:
        json_out_raw(o, "\"content\":");
        json_out_span(o, event->text);
        break;
    case ANSWER_THINKING:
        write_thought(c, event->text, false);
        break;
    case ANSWER_THOUGHT:
        write_thought(c, SPAN(""), true);
        break;
    case ANSWER_CALL:
        json_out_raw(o, "\"tool_calls\":[");
        write_call_begin(event, o);
        json_out_raw(o, ",\"arguments\":\"\"}}]");
        break;
    case ANSWER_ARGUMENTS:
        json_out_format(o,
                        "\"tool_calls\":[{\"index\":%u,\"function\":{\"arguments\":", event->index);
        json_out_span(o, event->text);
        json_out_raw(o, "}}]");
        break;
    case ANSWER_CALL_END:
        json_out_raw(o, "\"tool_calls\":[");
        write_call(event, o);
        json_out_raw(o, "]");
        break;
    }
    end_delta(choice);
}

static void write_end(struct choice *choice)
{
    struct completion *c = choice->c;
    struct json_out *o = &c->out;
    begin_chunk(c);
    json_out_format(o, ",\"choices\":[{\"index\":%u,\"delta\":{%s}", choice->index,
                    choice->begun ? "" : "\"role\":\"assistant\",\"content\":\"\"");
    choice->begun = true;
    write_chances(choice, o);
    json_out_format(o, ",\"finish_reason\":\"%s\"}]", choice_finish(choice));
    if (c->n_left == 1) { /* the last of all */
        json_out_raw(o, ",");
        usage_write(c, o);
    }
    json_out_raw(o, "}\n\n");
}

static void write_finish(struct completion *c)
{
    if (c->sampling.include_usage) {
        begin_chunk(c);
        json_out_raw(&c->out, ",\"choices\":[],");
        usage_write(c, &c->out);
        json_out_raw(&c->out, "}\n\n");
    }
    json_out_raw(&c->out, "data: [DONE]\n\n");
}

static void write_failure(struct completion *c, const struct api_error *error)
{
    struct buf body;
    struct err err = {0};
    buf_init(&body, LIMIT_TEXT_BYTES);
    if (api_error_write(error, DIALECT_OPENAI, c->id, &body, &err)) {
        begin_chunk(c);
        json_out_raw(&c->out,
                     ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}],"
                     "\"error\":");
        json_out_bytes(&c->out, body.data, body.len);
        json_out_raw(&c->out, "}\n\ndata: [DONE]\n\n");
    }
    buf_free(&body);
}

/* --- in one piece ------------------------------------------------------------------------ */

static void write_content(const struct choice *choice, struct json_out *o)
{
    const struct answer *a = &choice->answer;
    struct span text = {a->text.len ? a->text.data : "", a->text.len};
    bool thought = a->has_thinking && !a->options.drops_thinking;
    struct span thinking = {a->thinking.len ? a->thinking.data : "", a->thinking.len};
    if (!thought || !choice->c->mistral) {
        json_out_raw(o, "\"content\":");
        json_out_span(o, text);
        if (thought) {
            json_out_raw(o, ",\"reasoning_content\":");
            json_out_span(o, thinking);
        }
        return;
    }
    json_out_raw(o,
                 "\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":");
    json_out_span(o, thinking);
    json_out_format(o, "}],\"closed\":%s}", a->thinks ? "false" : "true");
    if (text.n) {
        json_out_raw(o, ",{\"type\":\"text\",\"text\":");
        json_out_span(o, text);
        json_out_raw(o, "}");
    }
    json_out_raw(o, "]");
}

static void write_calls(const struct answer *a, struct json_out *o)
{
    uint32_t index = 0;
    if (!a->n_calls)
        return;
    json_out_raw(o, ",\"tool_calls\":[");
    for (const struct answer_call *call = a->calls; call; call = call->next, index++) {
        const struct answer_event event = {.call = call, .index = index};
        json_out_raw(o, index ? "," : "");
        write_call(&event, o);
    }
    json_out_raw(o, "]");
}

static void write_choice(struct choice *choice, struct json_out *o)
{
    json_out_format(o, "%s{\"index\":%u,\"message\":{\"role\":\"assistant\",",
                    choice->index ? "," : "", choice->index);
    write_content(choice, o);
    write_calls(&choice->answer, o);
    json_out_raw(o, "}");
    write_chances(choice, o);
    if (choice->c->sampling.with_ids) {
        json_out_raw(o, ",\"token_ids\":");
        tokens_write(&choice->ids, o);
    }
    json_out_format(o, ",\"finish_reason\":\"%s\"}", choice_finish(choice));
}

static void write_reply(struct completion *c)
{
    struct json_out *o = &c->out;
    json_out_format(o, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%lld,\"model\":",
                    c->id, (long long)c->created);
    json_out_text(o, c->model->name);
    json_out_raw(o, ",\"choices\":[");
    for (uint32_t i = 0; i < c->n_choices; i++)
        write_choice(&c->choices[i], o);
    json_out_raw(o, "],");
    if (c->sampling.with_ids) {
        json_out_raw(o, "\"prompt_token_ids\":");
        tokens_write(&c->prompts[0], o);
        json_out_raw(o, ",");
    }
    usage_write(c, o);
    json_out_raw(o, "}");
    call_reply(c->call, o);
}

const struct writer chat_writer = {
    .event = write_event,
    .end = write_end,
    .finish = write_finish,
    .reply = write_reply,
    .fail = write_failure,
    .token = add_chance,
};
