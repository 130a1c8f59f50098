/* SPDX-License-Identifier: Apache-2.0 */
#include "api/responses_writer.h"

#include <string.h>

#include "api/answer_blocks.h"
#include "api/chat_writer.h"
#include "api/fields.h"
#include "api/responses_request.h"
#include "base/limits.h"

struct response {
    struct answer_blocks blocks; /* marks: where the log-probabilities of a text lie in chances */
    struct buf chances;          /* JSON items of what was told, those of a block with commas */
    bool has_chances;
    uint32_t n_events;
};

static bool open_response(struct completion *c, struct err *err)
{
    struct response *response = arena_new(&c->call->arena, 1, sizeof *response, err);
    if (!response)
        return false;
    buf_init(&response->chances, LIMIT_TEXT_BYTES);
    response->has_chances = responses_wants_chances(c->call->body.root);
    c->more = response;
    return true;
}

static void free_response(struct completion *c)
{
    struct response *response = c->more;
    if (response)
        buf_free(&response->chances);
}

/* --- what both forms have ------------------------------------------------------------------- */

static struct span bytes_of(const struct buf *buf)
{
    return buf->len ? (struct span){buf->data, buf->len} : SPAN("");
}

static void write_part(const struct response *r, const struct answer_block *block, struct span text,
                       struct json_out *o)
{
    bool is_text = block->kind == BLOCK_TEXT;
    json_out_format(o, "{\"type\":\"%s\",\"text\":", is_text ? "output_text" : "reasoning_text");
    json_out_span(o, text);
    if (is_text)
        json_out_raw(o, ",\"annotations\":[]");
    if (is_text && r->has_chances) {
        json_out_raw(o, ",\"logprobs\":[");
        if (text.n && block->n_mark)
            json_out_bytes(o, r->chances.data + block->mark, block->n_mark);
        json_out_raw(o, "]");
    }
    json_out_raw(o, "}");
}

/* text: of a block that has begun, s NULL. */
static void write_item(const struct response *r, const struct answer_block *block, struct span text,
                       struct json_out *o)
{
    static const char *const types[] = {"message", "reasoning", "function_call"};
    const char *status = !text.s ? "in_progress" : block->ended ? "completed" : "incomplete";
    json_out_format(o, "{\"type\":\"%s\",\"id\":\"%s\",\"status\":\"%s\"", types[block->kind],
                    block->id, status);
    if (block->kind == BLOCK_CALL) {
        json_out_format(o, ",\"call_id\":\"%s\",\"name\":", block->call->id);
        json_out_span(o, bytes_of(&block->call->name));
        json_out_raw(o, ",\"arguments\":");
        json_out_span(o, text.s ? text : SPAN(""));
    } else {
        json_out_raw(o, block->kind == BLOCK_TEXT ? ",\"role\":\"assistant\"" : ",\"summary\":[]");
        json_out_raw(o, ",\"content\":[");
        if (text.s)
            write_part(r, block, text, o);
        json_out_raw(o, "]");
    }
    json_out_raw(o, "}");
}

/* A field of the request as it was sent, or what stands for it. */
static void echo(struct completion *c, const char *name, const char *otherwise)
{
    struct json_out *o = &c->out;
    const struct json_node *node = field_find(c->call->body.root, name);
    json_out_format(o, ",\"%s\":", name);
    if (node)
        json_out_node(o, node);
    else
        json_out_raw(o, otherwise);
}

static void write_usage(const struct completion *c, struct json_out *o)
{
    struct usage u = completion_usage(c);
    json_out_format(o,
                    "{\"input_tokens\":%u,\"input_tokens_details\":{\"cached_tokens\":%u},"
                    "\"output_tokens\":%u,\"output_tokens_details\":{\"reasoning_tokens\":%u},"
                    "\"total_tokens\":%u}",
                    u.n_prompt, u.n_cached, u.n_answer, u.n_thinking, u.n_prompt + u.n_answer);
}

static void write_output(const struct completion *c, struct json_out *o)
{
    const struct response *r = c->more;
    for (const struct answer_block *block = r->blocks.first; block; block = block->next) {
        json_out_raw(o, block->index ? "," : "");
        write_item(r, block, answer_block_text(block, &c->choices[0].answer), o);
    }
}

/* What the request asked for, as far as it was. */
static void write_settings(struct completion *c, struct json_out *o)
{
    const struct sampler_params *sampler = &c->sampling.job.sampler;
    echo(c, "instructions", "null");
    echo(c, "max_output_tokens", "null");
    echo(c, "metadata", "{}");
    json_out_raw(o, ",\"model\":");
    json_out_text(o, c->model->name);
    echo(c, "parallel_tool_calls", "true");
    json_out_raw(o, ",\"previous_response_id\":null");
    echo(c, "reasoning", "{\"effort\":null,\"summary\":null}");
    json_out_raw(o, ",\"store\":false,\"temperature\":");
    json_out_number(o, (double)sampler->temperature);
    echo(c, "text", "{\"format\":{\"type\":\"text\"}}");
    echo(c, "tool_choice", "\"auto\"");
    echo(c, "tools", "[]");
    json_out_format(o, ",\"top_logprobs\":%u,\"top_p\":", c->sampling.job.n_top);
    json_out_number(o, (double)sampler->top_p);
    json_out_raw(o, ",\"truncation\":\"disabled\",\"background\":false");
    echo(c, "user", "null");
}

static void write_response(struct completion *c, const char *status, const struct api_error *error)
{
    struct json_out *o = &c->out;
    bool runs = strcmp(status, "in_progress") == 0;
    json_out_format(o, "{\"id\":\"%s\",\"object\":\"response\",\"created_at\":%lld", c->id,
                    (long long)c->created);
    json_out_format(o, ",\"status\":\"%s\",\"error\":", status);
    if (error) {
        json_out_raw(o, "{\"code\":\"server_error\",\"message\":");
        json_out_text(o, error->text);
        json_out_raw(o, "}");
    } else {
        json_out_raw(o, "null");
    }
    json_out_format(o, ",\"incomplete_details\":%s",
                    strcmp(status, "incomplete") == 0 ? "{\"reason\":\"max_output_tokens\"}"
                                                      : "null");
    write_settings(c, o);
    json_out_raw(o, ",\"output\":[");
    if (!runs)
        write_output(c, o);
    json_out_raw(o, "],\"usage\":");
    if (runs || error)
        json_out_raw(o, "null");
    else
        write_usage(c, o);
    json_out_raw(o, "}");
}

static bool is_complete(const struct choice *choice)
{
    return choice->result.finish == FINISH_STOP;
}

/* --- streams ---------------------------------------------------------------------------------- */

static void begin_event(struct completion *c, const char *name)
{
    struct response *r = c->more;
    json_out_event(&c->out, name);
    json_out_format(&c->out, ",\"sequence_number\":%u", r->n_events++);
}

static void write_state(struct completion *c, const char *name, const char *status,
                        const struct api_error *error)
{
    begin_event(c, name);
    json_out_raw(&c->out, ",\"response\":");
    write_response(c, status, error);
    json_out_raw(&c->out, "}\n\n");
}

static void start_response(struct choice *choice)
{
    if (choice->begun)
        return;
    choice->begun = true;
    write_state(choice->c, "response.created", "in_progress", NULL);
    write_state(choice->c, "response.in_progress", "in_progress", NULL);
}

static void write_item_event(struct completion *c, const char *name,
                             const struct answer_block *block, struct span text)
{
    begin_event(c, name);
    json_out_format(&c->out, ",\"output_index\":%u,\"item\":", block->index);
    write_item(c->more, block, text, &c->out);
    json_out_raw(&c->out, "}\n\n");
}

/* Up to where the event's own members come. */
static void begin_block_event(struct completion *c, const char *name,
                              const struct answer_block *block)
{
    begin_event(c, name);
    json_out_format(&c->out, ",\"item_id\":\"%s\",\"output_index\":%u", block->id, block->index);
    if (block->kind != BLOCK_CALL)
        json_out_raw(&c->out, ",\"content_index\":0");
}

static void write_part_event(struct completion *c, const char *name,
                             const struct answer_block *block, struct span text)
{
    begin_block_event(c, name, block);
    json_out_raw(&c->out, ",\"part\":");
    write_part(c->more, block, text, &c->out);
    json_out_raw(&c->out, "}\n\n");
}

static void start_block(struct completion *c, const struct answer_block *block)
{
    write_item_event(c, "response.output_item.added", block, (struct span){0});
    if (block->kind != BLOCK_CALL)
        write_part_event(c, "response.content_part.added", block, SPAN(""));
}

static void write_delta(struct completion *c, const struct answer_block *block, struct span text,
                        struct span chances)
{
    static const char *const names[] = {"response.output_text.delta",
                                        "response.reasoning_text.delta",
                                        "response.function_call_arguments.delta"};
    begin_block_event(c, names[block->kind], block);
    json_out_raw(&c->out, ",\"delta\":");
    json_out_span(&c->out, text);
    if (block->kind == BLOCK_TEXT) {
        json_out_raw(&c->out, ",\"logprobs\":[");
        json_out_bytes(&c->out, chances.s, chances.n);
        json_out_raw(&c->out, "]");
    }
    json_out_raw(&c->out, "}\n\n");
}

static void stop_block(struct choice *choice, const struct answer_block *block)
{
    struct completion *c = choice->c;
    struct json_out *o = &c->out;
    const struct response *r = c->more;
    struct span text = answer_block_text(block, &choice->answer);
    if (block->kind == BLOCK_CALL) {
        begin_block_event(c, "response.function_call_arguments.done", block);
        json_out_raw(o, ",\"name\":");
        json_out_span(o, bytes_of(&block->call->name));
        json_out_raw(o, ",\"arguments\":");
        json_out_span(o, text);
        json_out_raw(o, "}\n\n");
    } else {
        bool is_text = block->kind == BLOCK_TEXT;
        begin_block_event(c, is_text ? "response.output_text.done" : "response.reasoning_text.done",
                          block);
        json_out_raw(o, ",\"text\":");
        json_out_span(o, text);
        if (is_text) {
            json_out_raw(o, ",\"logprobs\":[");
            if (block->n_mark)
                json_out_bytes(o, r->chances.data + block->mark, block->n_mark);
            json_out_raw(o, "]");
        }
        json_out_raw(o, "}\n\n");
        write_part_event(c, "response.content_part.done", block, text);
    }
    write_item_event(c, "response.output_item.done", block, text);
}

/* --- what is heard ------------------------------------------------------------------------------
 */

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

/* Keeps the chances of the tokens that made this piece of a text; those of others are of no
 * interest.  Returns them as long as nothing is heard. */
static struct span take_chances(struct choice *choice, struct answer_block *block)
{
    struct completion *c = choice->c;
    struct response *r = c->more;
    struct span taken = SPAN("");
    if (block && block->kind == BLOCK_TEXT && choice->n_chances) {
        struct json_out kept = {.buf = &r->chances};
        if (!block->n_mark)
            block->mark = r->chances.len;
        else
            json_out_raw(&kept, ",");
        size_t at = r->chances.len;
        json_out_bytes(&kept, choice->chances.data, choice->chances.len);
        block->n_mark = r->chances.len - block->mark;
        if (kept.err.code)
            c->out.err = kept.err;
        else
            taken = (struct span){r->chances.data + at, r->chances.len - at};
    }
    buf_clear(&choice->chances);
    choice->n_chances = 0;
    return taken;
}

static void name_block(struct answer_block *block)
{
    static const char *const prefixes[] = {"msg_", "rs_", "fc_"};
    api_new_id(prefixes[block->kind], block->id, sizeof block->id);
}

static void write_event(struct choice *choice, const struct answer_event *event)
{
    struct completion *c = choice->c;
    struct response *r = c->more;
    struct answer_step step;
    if (c->out.err.code ||
        !answer_blocks_add(&r->blocks, &choice->answer, event, &c->call->arena, &step, &c->out.err))
        return;
    if (step.begun)
        name_block(step.begun);
    struct span chances = take_chances(choice, r->blocks.open);
    if (!c->streaming)
        return;
    start_response(choice);
    if (step.ended)
        stop_block(choice, step.ended);
    if (step.begun)
        start_block(c, step.begun);
    if (step.text.s)
        write_delta(c, r->blocks.open, step.text, chances);
}

static void write_end(struct choice *choice)
{
    struct response *r = choice->c->more;
    start_response(choice);
    const struct answer_block *block =
        answer_blocks_end(&r->blocks, &choice->answer, is_complete(choice));
    if (block)
        stop_block(choice, block);
}

static void write_finish(struct completion *c)
{
    if (is_complete(&c->choices[0]))
        write_state(c, "response.completed", "completed", NULL);
    else
        write_state(c, "response.incomplete", "incomplete", NULL);
}

static void write_failure(struct completion *c, const struct api_error *error)
{
    struct response *r = c->more;
    (void)answer_blocks_end(&r->blocks, &c->choices[0].answer, false);
    write_state(c, "response.failed", "failed", error);
}

static void write_reply(struct completion *c)
{
    struct response *r = c->more;
    const struct choice *choice = &c->choices[0];
    (void)answer_blocks_end(&r->blocks, &choice->answer, is_complete(choice));
    write_response(c, is_complete(choice) ? "completed" : "incomplete", NULL);
    call_reply(c->call, &c->out);
}

const struct writer responses_writer = {
    .hears_all = true,
    .open = open_response,
    .event = write_event,
    .end = write_end,
    .finish = write_finish,
    .reply = write_reply,
    .fail = write_failure,
    .token = add_chance,
    .free = free_response,
};
