/* SPDX-License-Identifier: Apache-2.0 */
/* bise_chat.c - the public face of prompts and replies, as bise.c of the rest. */
#include <bise.h>

#include <stdlib.h>

#include "base/mem.h"
#include "lib/bise_int.h"
#include "text/prompt_request.h"
#include "text/reply.h"

struct bise_reply {
    struct prompt_format format;
    struct reply *reply;
};

static bool open_format(const struct bise_model *model, int version, struct prompt_format *format,
                        struct err *err)
{
    if (!lib_given(model, 1, "model", err) || !runtime_has_tokenizer(&model->rt, err))
        return false;
    return prompt_format_init(format, model->rt.tok, version, err) ||
           err_remedy(err, ERR_UNSUPPORTED, "choose a version");
}

static bool read_request(const struct bise_model *model, const char *request, size_t n,
                         const struct bise_render_options *options, struct prompt_request *out,
                         struct err *err)
{
    static const struct bise_render_options unset;
    const struct bise_render_options *o = options ? options : &unset;
    const struct prompt_request_options wanted = {
        .spelling = o->openai ? CHAT_OPENAI : CHAT_MISTRAL, .max_tokens = o->max_tokens};
    struct prompt_format format;
    return open_format(model, o->version, &format, err) && lib_given(request, n, "request", err) &&
           prompt_request_read(out, &format, &wanted, "request", request, n, err);
}

int64_t bise_render(const struct bise_model *model, const char *request, size_t n_request,
                    const struct bise_render_options *options, int32_t *ids, size_t max,
                    struct bise_error *error)
{
    struct prompt_request prompt = {0};
    struct err err = {0};
    int64_t n = -1;
    if (lib_given(ids, max, "ids", &err) &&
        read_request(model, request, n_request, options, &prompt, &err))
        n = lib_copy_ids(&prompt.prompt.ids, ids, max);
    else
        lib_report(&err, error);
    prompt_request_free(&prompt);
    return n;
}

/* Slots without what belongs there would be answered all the same, with nonsense. */
static bool is_text(const struct prompt_request *request, struct err *err)
{
    return (!request->prompt.n_slots && !request->is_streaming) ||
           err_set(err, ERR_UNSUPPORTED,
                   "this version answers no requests with pictures or sound; ask with text");
}

struct bise_answer *bise_answer_from_request(struct bise_model *model, const char *request,
                                             size_t n_request,
                                             const struct bise_render_options *render,
                                             const struct bise_answer_options *options,
                                             struct bise_error *error)
{
    struct prompt_request prompt = {0};
    const struct token_ids *ids = &prompt.prompt.ids;
    struct bise_answer *answer = NULL;
    struct err err = {0};
    if (read_request(model, request, n_request, render, &prompt, &err) && is_text(&prompt, &err))
        answer = lib_answer_open(model, ids->ids, ids->n, options, prompt.prompt.n_prefix, &err);
    if (!answer)
        lib_report(&err, error);
    prompt_request_free(&prompt);
    return answer;
}

struct bise_reply *bise_reply_open(const struct bise_model *model, int version,
                                   struct bise_error *error)
{
    struct err err = {0};
    struct bise_reply *reply = mem_new(1, sizeof *reply, &err);
    if (!reply || !open_format(model, version, &reply->format, &err))
        goto fail;
    const struct reply_options options = {.think_tags = reply->format.traits->has_think_tag};
    reply->reply = reply_open(&reply->format, &options, &err);
    if (!reply->reply)
        goto fail;
    return reply;
fail:
    lib_report(&err, error);
    free(reply);
    return NULL;
}

void bise_reply_close(struct bise_reply *reply)
{
    if (reply)
        reply_close(reply->reply);
    free(reply);
}

enum bise_code bise_reply_add(struct bise_reply *reply, int32_t id, struct bise_error *error)
{
    struct err err = {0};
    if (!lib_given(reply, 1, "reply", &err) || !reply_add(reply->reply, id, &err))
        return lib_report(&err, error);
    return BISE_OK;
}

enum bise_code bise_reply_end(struct bise_reply *reply, int stopped, struct bise_error *error)
{
    struct err err = {0};
    if (!lib_given(reply, 1, "reply", &err) || !reply_end(reply->reply, stopped != 0, &err))
        return lib_report(&err, error);
    return BISE_OK;
}

/* Says whether the caller is told of such events, and how they are called there. */
static bool public_kind(enum reply_event_kind kind, enum bise_event_kind *out)
{
    static const enum bise_event_kind kinds[] = {
        [REPLY_TEXT] = BISE_EVENT_TEXT,         [REPLY_THINKING_BEGIN] = BISE_EVENT_THINKING_BEGIN,
        [REPLY_THINKING] = BISE_EVENT_THINKING, [REPLY_THINKING_END] = BISE_EVENT_THINKING_END,
        [REPLY_CALL] = BISE_EVENT_CALL,         [REPLY_ARGUMENTS] = BISE_EVENT_ARGUMENTS,
        [REPLY_CALL_END] = BISE_EVENT_CALL_END, [REPLY_ERROR] = BISE_EVENT_ERROR,
        [REPLY_END] = BISE_EVENT_END,
    };
    *out = kinds[kind];
    return kind != REPLY_SYNTAX;
}

int bise_reply_next(struct bise_reply *reply, struct bise_event *event)
{
    struct reply_event e;
    enum bise_event_kind kind;
    *event = (struct bise_event){.kind = BISE_EVENT_END};
    do {
        if (!reply_next(reply->reply, &e))
            return 0;
    } while (!public_kind(e.kind, &kind));
    *event = (struct bise_event){.kind = kind,
                                 .stopped = e.stopped,
                                 .call = e.index,
                                 .text = e.text.s,
                                 .name = e.name.s,
                                 .id = e.id.s,
                                 .n_text = e.text.n,
                                 .n_name = e.name.n,
                                 .n_id = e.id.n};
    return 1;
}
