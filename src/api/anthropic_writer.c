/* SPDX-License-Identifier: Apache-2.0 */
#include "api/anthropic_writer.h"

#include "api/answer_blocks.h"
#include "api/object_text.h"
#include "base/limits.h"

/* A thought is sent back to us with what signs it, which we have no need of; clients drop
 * thoughts without. */
#define SIGNATURE "\"bise\""

struct message {
    struct answer_blocks blocks;
    struct object_text input; /* of the call that is open */
};

static bool open_message(struct completion *c, struct err *err)
{
    c->more = arena_new(&c->call->arena, 1, sizeof(struct message), err);
    return c->more != NULL;
}

/* --- what both forms have ------------------------------------------------------------------- */

static const char *stop_reason(const struct choice *choice)
{
    const struct job_result *result = &choice->result;
    const struct answer *answer = &choice->answer;
    if (result->finish == FINISH_STOP)
        return answer->n_calls ? "tool_use" : answer->stopped ? "stop_sequence" : "end_turn";
    if (result->finish == FINISH_LENGTH && result->n_answer < choice->c->sampling.job.max_tokens)
        return "model_context_window_exceeded";
    return "max_tokens";
}

static void write_stop(const struct choice *choice, struct json_out *o)
{
    const char *reason = stop_reason(choice);
    struct span stop = answer_stop(&choice->answer);
    json_out_format(o, "\"stop_reason\":\"%s\",\"stop_sequence\":", reason);
    if (choice->answer.stopped && stop.s)
        json_out_span(o, stop);
    else
        json_out_raw(o, "null");
}

static void write_usage(uint32_t n_prompt, uint32_t n_cached, uint32_t n_answer, struct json_out *o)
{
    json_out_format(o,
                    "\"usage\":{\"input_tokens\":%u,\"cache_creation_input_tokens\":0,"
                    "\"cache_read_input_tokens\":%u,\"output_tokens\":%u}",
                    n_prompt - n_cached, n_cached, n_answer);
}

static void write_final_usage(const struct completion *c, struct json_out *o)
{
    struct usage usage = completion_usage(c);
    write_usage(usage.n_prompt, usage.n_cached, usage.n_answer, o);
}

static void write_head(const struct completion *c, struct json_out *o)
{
    json_out_format(o,
                    "{\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\",\"model\":", c->id);
    json_out_text(o, c->model->name);
    json_out_raw(o, ",\"content\":[");
}

/* A block up to where its content would come, and what comes behind that. */
static void begin_block(const struct answer_block *block, struct json_out *o)
{
    if (block->kind == BLOCK_TEXT) {
        json_out_raw(o, "{\"type\":\"text\",\"text\":");
    } else if (block->kind == BLOCK_THINKING) {
        json_out_raw(o, "{\"type\":\"thinking\",\"thinking\":");
    } else {
        json_out_format(o, "{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":", block->call->id);
        json_out_span(o, (struct span){block->call->name.data, block->call->name.len});
        json_out_raw(o, ",\"input\":");
    }
}

static void end_block(const struct answer_block *block, const char *signature, struct json_out *o)
{
    if (block->kind == BLOCK_THINKING)
        json_out_format(o, ",\"signature\":%s", signature);
    json_out_raw(o, "}");
}

/* --- streams ---------------------------------------------------------------------------------- */

static void start_message(struct choice *choice)
{
    struct completion *c = choice->c;
    struct json_out *o = &c->out;
    if (choice->begun)
        return;
    choice->begun = true;
    json_out_event(o, "message_start");
    json_out_raw(o, ",\"message\":");
    write_head(c, o);
    json_out_raw(o, "],\"stop_reason\":null,\"stop_sequence\":null,");
    /* What of it came from the cache is known at the end. */
    write_usage((uint32_t)c->prompts[0].n, 0, 0, o);
    json_out_raw(o, "}}\n\n");
}

static void begin_delta(const struct answer_block *block, const char *type, const char *name,
                        struct json_out *o)
{
    json_out_event(o, "content_block_delta");
    json_out_format(o, ",\"index\":%u,\"delta\":{\"type\":\"%s\",\"%s\":", block->index, type,
                    name);
}

static void start_block(const struct answer_block *block, struct json_out *o)
{
    json_out_event(o, "content_block_start");
    json_out_format(o, ",\"index\":%u,\"content_block\":", block->index);
    begin_block(block, o);
    json_out_raw(o, block->kind == BLOCK_CALL ? "{}" : "\"\"");
    end_block(block, "\"\"", o);
    json_out_raw(o, "}\n\n");
}

/* More of the arguments of the open call, and with is_end what makes them an object. */
static void add_input(struct message *message, const struct answer_block *block, struct span text,
                      bool is_end, struct json_out *o)
{
    struct buf piece;
    buf_init(&piece, LIMIT_TEXT_BYTES);
    bool ok = is_end ? object_text_end(&message->input, text, &piece, &o->err)
                     : object_text_add(&message->input, text, &piece, &o->err);
    if (ok && piece.len) {
        begin_delta(block, "input_json_delta", "partial_json", o);
        json_out_span(o, (struct span){piece.data, piece.len});
        json_out_raw(o, "}}\n\n");
    }
    buf_free(&piece);
}

static void stop_block(struct choice *choice, const struct answer_block *block)
{
    struct completion *c = choice->c;
    struct json_out *o = &c->out;
    if (block->kind == BLOCK_CALL)
        add_input(c->more, block, answer_block_text(block, &choice->answer), true, o);
    if (block->kind == BLOCK_THINKING) {
        begin_delta(block, "signature_delta", "signature", o);
        json_out_raw(o, SIGNATURE "}}\n\n");
    }
    json_out_event(o, "content_block_stop");
    json_out_format(o, ",\"index\":%u}\n\n", block->index);
}

static void write_event(struct choice *choice, const struct answer_event *event)
{
    struct completion *c = choice->c;
    struct message *message = c->more;
    struct json_out *o = &c->out;
    struct answer_step step;
    if (o->err.code ||
        !answer_blocks_add(&message->blocks, &choice->answer, event, &c->call->arena, &step,
                           &o->err) ||
        !c->streaming)
        return;
    start_message(choice);
    if (step.ended)
        stop_block(choice, step.ended);
    if (step.begun) {
        start_block(step.begun, o);
        message->input = (struct object_text){0};
    }
    if (!step.text.s)
        return;
    const struct answer_block *block = message->blocks.open;
    if (block->kind == BLOCK_CALL) {
        add_input(message, block, step.text, false, o);
        return;
    }
    bool is_text = block->kind == BLOCK_TEXT;
    begin_delta(block, is_text ? "text_delta" : "thinking_delta", is_text ? "text" : "thinking", o);
    json_out_span(o, step.text);
    json_out_raw(o, "}}\n\n");
}

static void write_end(struct choice *choice)
{
    struct message *message = choice->c->more;
    start_message(choice);
    const struct answer_block *block = answer_blocks_end(&message->blocks, &choice->answer, true);
    if (block)
        stop_block(choice, block);
}

static void write_finish(struct completion *c)
{
    struct json_out *o = &c->out;
    json_out_event(o, "message_delta");
    json_out_raw(o, ",\"delta\":{");
    write_stop(&c->choices[0], o);
    json_out_raw(o, "},");
    write_final_usage(c, o);
    json_out_raw(o, "}\n\n");
    json_out_event(o, "message_stop");
    json_out_raw(o, "}\n\n");
}

static void write_failure(struct completion *c, const struct api_error *error)
{
    struct buf body;
    struct err err = {0};
    buf_init(&body, LIMIT_TEXT_BYTES);
    if (api_error_write(error, DIALECT_ANTHROPIC, http_head(c->call->x)->request_id, &body, &err)) {
        json_out_raw(&c->out, "event: error\ndata: ");
        json_out_bytes(&c->out, body.data, body.len);
        json_out_raw(&c->out, "\n\n");
    }
    buf_free(&body);
}

/* --- in one piece ------------------------------------------------------------------------------
 */

static void write_input(struct span arguments, struct json_out *o)
{
    struct object_text input = {0};
    if (o->err.code || !object_text_add(&input, arguments, o->buf, &o->err) ||
        !object_text_end(&input, arguments, o->buf, &o->err))
        return; /* o remembers */
}

static void write_reply(struct completion *c)
{
    struct json_out *o = &c->out;
    struct message *message = c->more;
    const struct choice *choice = &c->choices[0];
    (void)answer_blocks_end(&message->blocks, &choice->answer, true);
    write_head(c, o);
    for (const struct answer_block *block = message->blocks.first; block; block = block->next) {
        struct span text = answer_block_text(block, &choice->answer);
        json_out_raw(o, block->index ? "," : "");
        begin_block(block, o);
        if (block->kind == BLOCK_CALL)
            write_input(text, o);
        else
            json_out_span(o, text);
        end_block(block, SIGNATURE, o);
    }
    json_out_raw(o, "],");
    write_stop(choice, o);
    json_out_raw(o, ",");
    write_final_usage(c, o);
    json_out_raw(o, "}");
    call_reply(c->call, o);
}

const struct writer anthropic_writer = {
    .hears_all = true,
    .omits_prefix = true,
    .open = open_message,
    .event = write_event,
    .end = write_end,
    .finish = write_finish,
    .reply = write_reply,
    .fail = write_failure,
};
