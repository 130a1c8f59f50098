/* SPDX-License-Identifier: Apache-2.0 */
/* completions.c - POST /v1/completions: texts or tokens that go on, without a form for chats; and
 * how probable given texts are, as evaluations ask. */
#include <stdio.h>

#include "api/chat_writer.h"
#include "api/endpoints.h"
#include "api/fields.h"
#include "api/models.h"
#include "api/tokens.h"
#include "base/limits.h"
#include "base/mem.h"
#include "text/prompt.h"

enum { DEFAULT_TOKENS = 16, MOST_PROMPTS = 64, MOST_LOGPROBS = 5 };

/* The lists of one choice's logprobs, each a JSON array without its brackets. */
struct lists {
    struct buf tokens, chances, tops, offsets;
    size_t n, offset; /* items; characters of text so far */
};

/* What this dialect has besides. */
struct more {
    struct lists *lists; /* [n_choices] */
    struct span suffix;
    bool echo, wants_chances;
    size_t n;
};

static void add_to(struct buf *buf, struct choice *choice, const char *text)
{
    struct json_out o = {.buf = buf};
    json_out_raw(&o, text);
    if (o.err.code)
        choice->answer.err = o.err;
}

/* The text of a token: nothing for a control token, which has no place in the text. */
static void write_piece(const struct api_model *model, int32_t id, struct json_out *o, size_t *n)
{
    struct buf piece;
    struct err err = {0};
    buf_init(&piece, LIMIT_TOKEN_BYTES);
    if (tokenizer_is_control(model->tok, id) || !token_text(model, id, &piece, &err))
        buf_clear(&piece);
    json_out_span(o, (struct span){piece.len ? piece.data : "", piece.len});
    *n = 0;
    for (size_t i = 0; i < piece.len; i++)
        *n += (piece.data[i] & 0xc0) != 0x80;
    buf_free(&piece);
}

/* {"token": chance, ...}: the most probable ones. */
static void write_top(const struct choice *choice, const struct job_token *token,
                      struct json_out *o)
{
    size_t n;
    json_out_raw(o, "{");
    for (size_t i = 1; i < token->n_chances; i++) {
        json_out_raw(o, i > 1 ? "," : "");
        write_piece(choice->model, token->chances[i].id, o, &n);
        json_out_format(o, ":%.7g", (double)token->chances[i].logprob);
    }
    json_out_raw(o, "}");
}

static void add_token(struct choice *choice, const struct job_token *token, bool is_prompt)
{
    struct more *more = choice->c->more;
    if (is_prompt && !more->echo)
        return;
    struct lists *l = &more->lists[choice->index];
    struct json_out tokens = {.buf = &l->tokens}, chances = {.buf = &l->chances},
                    tops = {.buf = &l->tops}, offsets = {.buf = &l->offsets};
    size_t n;
    if (l->n++) {
        add_to(&l->tokens, choice, ",");
        add_to(&l->chances, choice, ",");
        add_to(&l->tops, choice, ",");
        add_to(&l->offsets, choice, ",");
    }
    write_piece(choice->model, token->id, &tokens, &n);
    json_out_format(&offsets, "%zu", l->offset);
    l->offset += n;
    if (token->n_chances) {
        json_out_format(&chances, "%.7g", (double)token->chances[0].logprob);
        write_top(choice, token, &tops);
    } else { /* the first token of all has nothing before it */
        json_out_raw(&chances, "null");
        json_out_raw(&tops, "null");
    }
    if (tokens.err.code || chances.err.code || tops.err.code || offsets.err.code)
        choice->answer.err = tokens.err.code ? tokens.err : tops.err;
}

static void write_list(struct json_out *o, const char *name, struct buf *list)
{
    json_out_format(o, "\"%s\":[", name);
    json_out_bytes(o, list->len ? list->data : "", list->len);
    json_out_raw(o, "]");
    buf_clear(list);
}

/* ,"logprobs":{...} since the last piece, or null. */
static void write_chances(struct choice *choice, struct json_out *o)
{
    struct more *more = choice->c->more;
    struct lists *l = &more->lists[choice->index];
    if (!more->wants_chances) {
        json_out_raw(o, ",\"logprobs\":null");
        return;
    }
    json_out_raw(o, ",\"logprobs\":{");
    write_list(o, "tokens", &l->tokens);
    json_out_raw(o, ",");
    write_list(o, "token_logprobs", &l->chances);
    json_out_raw(o, ",");
    write_list(o, "top_logprobs", &l->tops);
    json_out_raw(o, ",");
    write_list(o, "text_offset", &l->offsets);
    json_out_raw(o, "}");
    l->n = 0;
}

static void begin(struct completion *c)
{
    json_out_format(&c->out, "{\"id\":\"%s\",\"object\":\"text_completion\",\"created\":%lld",
                    c->id, (long long)c->created);
    json_out_raw(&c->out, ",\"model\":");
    json_out_text(&c->out, c->model->name);
}

static void write_choice(struct choice *choice, struct span text, const char *finish,
                         struct json_out *o)
{
    json_out_format(o, "{\"index\":%u,\"text\":", choice->index);
    json_out_span(o, text);
    write_chances(choice, o);
    json_out_raw(o, ",\"finish_reason\":");
    if (finish)
        json_out_text(o, finish);
    else
        json_out_raw(o, "null");
    json_out_raw(o, "}");
}

static void write_chunk(struct choice *choice, struct span text, const char *finish)
{
    struct completion *c = choice->c;
    json_out_raw(&c->out, "data: ");
    begin(c);
    json_out_raw(&c->out, ",\"choices\":[");
    write_choice(choice, text, finish, &c->out);
    json_out_raw(&c->out, "]");
    if (finish && c->n_left == 1) {
        json_out_raw(&c->out, ",");
        usage_write(c, &c->out);
    }
    json_out_raw(&c->out, "}\n\n");
    choice->begun = true;
}

static void write_event(struct choice *choice, const struct answer_event *event)
{
    if (event->kind == ANSWER_TEXT)
        write_chunk(choice, event->text, NULL);
}

static void write_end(struct choice *choice)
{
    write_chunk(choice, SPAN(""), choice_finish(choice));
}

static void write_finish(struct completion *c)
{
    if (c->sampling.include_usage) {
        json_out_raw(&c->out, "data: ");
        begin(c);
        json_out_raw(&c->out, ",\"choices\":[],");
        usage_write(c, &c->out);
        json_out_raw(&c->out, "}\n\n");
    }
    json_out_raw(&c->out, "data: [DONE]\n\n");
}

static void write_failure(struct completion *c, const struct api_error *error)
{
    struct err err = {0};
    json_out_raw(&c->out, "data: ");
    if (api_error_write(error, DIALECT_OPENAI, c->id, &c->buf, &err))
        json_out_raw(&c->out, "\n\ndata: [DONE]\n\n");
}

static void write_reply(struct completion *c)
{
    begin(c);
    json_out_raw(&c->out, ",\"choices\":[");
    for (uint32_t i = 0; i < c->n_choices; i++) {
        const struct buf *text = &c->choices[i].answer.text;
        json_out_raw(&c->out, i ? "," : "");
        write_choice(&c->choices[i], (struct span){text->len ? text->data : "", text->len},
                     choice_finish(&c->choices[i]), &c->out);
    }
    json_out_raw(&c->out, "],");
    usage_write(c, &c->out);
    json_out_raw(&c->out, "}");
    call_reply(c->call, &c->out);
}

static void free_more(struct completion *c)
{
    struct more *more = c->more;
    for (size_t i = 0; more && i < more->n; i++) {
        buf_free(&more->lists[i].tokens);
        buf_free(&more->lists[i].chances);
        buf_free(&more->lists[i].tops);
        buf_free(&more->lists[i].offsets);
    }
}

static const struct writer text_writer = {
    .event = write_event,
    .end = write_end,
    .finish = write_finish,
    .reply = write_reply,
    .fail = write_failure,
    .token = add_token,
    .free = free_more,
};

/* What is to stand between two texts. */
static bool fill_in(struct completion *c, struct span before, struct span after,
                    struct token_ids *ids, struct err *err)
{
    struct prompt prompt = {0};
    if (!model_fills_in(c->model))
        return err_set(err, ERR_UNSUPPORTED, "model '%s' has no tokens for filling in the middle",
                       c->model->name);
    bool ok = prompt_fim(c->model->format, before, after, &prompt, err);
    if (ok) {
        *ids = prompt.ids; /* taken over */
        prompt.ids = (struct token_ids){0};
    }
    prompt_free(&prompt);
    return ok;
}

/* One prompt: a text, or a list of ids. */
static bool add_prompt(struct completion *c, const struct json_node *prompt, struct err *err)
{
    struct token_ids *ids = &c->prompts[c->n_prompts++];
    struct more *more = c->more;
    if (prompt->kind == NODE_STRING && more->suffix.n)
        return fill_in(c, prompt->text, more->suffix, ids, err);
    if (prompt->kind == NODE_STRING)
        return tokens_encode(c->model, prompt->text, true, ids, err);
    if (prompt->kind == NODE_ARRAY && prompt->n)
        return tokens_read(prompt, c->model, ids, err);
    return json_node_fail(prompt, err, "expected a text or a list of ids");
}

static bool read_prompts(struct completion *c, const struct json_node *body, struct err *err)
{
    const struct json_node *prompt = field_find(body, "prompt");
    if (!prompt)
        return err_set(err, ERR_ARG, "request: prompt: missing; expected a text");
    bool several = prompt->kind == NODE_ARRAY && prompt->n && prompt->first->kind != NODE_NUMBER;
    size_t n = several ? prompt->n : 1;
    if (n > MOST_PROMPTS)
        return json_node_fail(prompt, err, "at most %d prompts are taken", MOST_PROMPTS);
    c->prompts = mem_new(n, sizeof *c->prompts, err);
    if (!c->prompts || !several)
        return c->prompts && add_prompt(c, prompt, err);
    for (const struct json_node *item = prompt->first; item; item = item->next)
        if (!add_prompt(c, item, err))
            return false;
    return true;
}

/* The text of a prompt. */
static bool decode(struct completion *c, const struct token_ids *ids, struct span *out,
                   struct err *err)
{
    struct buf text;
    struct text_decoder decoder;
    buf_init(&text, LIMIT_TEXT_BYTES);
    text_decoder_init(&decoder, c->model->tok);
    bool ok = true;
    for (size_t i = 0; ok && i < ids->n; i++)
        ok = text_decoder_add(&decoder, ids->ids[i], &text, err);
    ok = ok && text_decoder_end(&decoder, &text, err);
    char *copy =
        ok ? arena_string(&c->call->arena, text.len ? text.data : "", text.len, err) : NULL;
    *out = (struct span){copy, text.len};
    buf_free(&text);
    return copy != NULL;
}

/* Lets each answer begin with its prompt. */
static bool read_echo(struct completion *c, const struct json_node *body, struct more *more,
                      struct err *err)
{
    if (!field_bool(body, "echo", &more->echo, err) || !more->echo)
        return !err->code;
    struct span *prefixes = arena_new(&c->call->arena, c->n_prompts, sizeof *prefixes, err);
    c->prefixes = prefixes;
    for (size_t i = 0; prefixes && i < c->n_prompts; i++)
        if (!decode(c, &c->prompts[i], &prefixes[i], err))
            return false;
    return prefixes != NULL;
}

static bool read_more(struct completion *c, const struct json_node *body, struct err *err)
{
    int64_t n_top = -1;
    struct job_params *job = &c->sampling.job;
    struct more *more = c->more;
    if (!field_int(body, "logprobs", 0, MOST_LOGPROBS, &n_top, err) ||
        !read_echo(c, body, more, err))
        return false;
    size_t n = c->n_prompts * c->sampling.n;
    more->lists = arena_new(&c->call->arena, n, sizeof *more->lists, err);
    if (!more->lists)
        return false;
    for (more->n = 0; more->n < n; more->n++) {
        struct lists *l = &more->lists[more->n];
        buf_init(&l->tokens, LIMIT_TEXT_BYTES);
        buf_init(&l->chances, LIMIT_TEXT_BYTES);
        buf_init(&l->tops, LIMIT_TEXT_BYTES);
        buf_init(&l->offsets, LIMIT_TEXT_BYTES);
    }
    more->wants_chances = job->with_chances = n_top >= 0;
    job->n_top = n_top > 0 ? (uint32_t)n_top : 0;
    job->prompt_chances = more->echo && more->wants_chances;
    return true;
}

void completions_answer(struct call *call)
{
    struct err err = {0};
    const struct json_node *body = call->body.root;
    const struct api_model *model = call_model(call);
    if (!model)
        return;
    struct completion *c = completion_new(call, model, &text_writer, &err);
    struct more *more = c ? arena_new(&call->arena, 1, sizeof *more, &err) : NULL;
    if (more)
        c->more = more;
    if (!more || !sampling_read(body, model, &call->arena, &c->sampling, &err) ||
        !field_text(body, "suffix", &more->suffix, &err) || !read_prompts(c, body, &err) ||
        !read_more(c, body, &err)) {
        call_fail_err(call, &err);
        return;
    }
    if (!c->sampling.has_max_tokens)
        c->sampling.job.max_tokens = DEFAULT_TOKENS;
    c->sampling.has_max_tokens = true;
    api_new_id("cmpl-", c->id, sizeof c->id);
    completion_start(c);
}
