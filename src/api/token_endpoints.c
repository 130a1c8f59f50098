/* SPDX-License-Identifier: Apache-2.0 */
/* token_endpoints.c - POST /tokenize and /detokenize, as vLLM and llama-server have them. */
#include "api/api_int.h"
#include "api/chat_prompt.h"
#include "api/endpoints.h"
#include "api/fields.h"
#include "api/tokens.h"
#include "base/limits.h"

/* Clients of llama-server name no model: the first is meant. */
static const struct api_model *find_model(struct call *call)
{
    if (field_find(call->body.root, "model"))
        return call_model(call);
    return &call->api->options.models[0];
}

static void write_pieces(const struct api_model *model, const struct token_ids *ids,
                         struct json_out *o)
{
    for (size_t i = 0; i < ids->n; i++) {
        struct buf piece;
        struct err err = {0};
        buf_init(&piece, LIMIT_TOKEN_BYTES);
        if (!token_text(model, ids->ids[i], &piece, &err))
            buf_clear(&piece);
        json_out_raw(o, i ? "," : "");
        json_out_span(o, (struct span){piece.len ? piece.data : "", piece.len});
        buf_free(&piece);
    }
}

static bool read_text(struct call *call, const struct api_model *model, const char *name, bool bos,
                      struct token_ids *ids, struct err *err)
{
    const struct json_node *body = call->body.root;
    const struct json_node *text = field_need(body, name, NODE_STRING, err);
    return text && field_bool(body, bos ? "add_special_tokens" : "add_special", &bos, err) &&
           tokens_encode(model, text->text, bos, ids, err);
}

static bool read_chat(struct call *call, const struct api_model *model, struct token_ids *ids,
                      struct api_error *error)
{
    struct err err = {0};
    struct prompt prompt = {0};
    struct span prefix;
    const struct chat_prompt_options options = {0};
    call->chat = arena_new(&call->arena, 1, sizeof *call->chat, &err);
    if (!model->format)
        err_set(&err, ERR_UNSUPPORTED, "model '%s' has no form for conversations", model->name);
    if (err.code || !chat_read_tree(call->chat, CHAT_OPENAI, &call->body, &err)) {
        api_error_of(error, &err);
        return false;
    }
    bool ok = chat_prompt(call->chat, model, &options, &prompt, &prefix, error);
    if (ok) {
        *ids = prompt.ids; /* taken over */
        prompt.ids = (struct token_ids){0};
    }
    prompt_free(&prompt);
    return ok;
}

void tokenize_answer(struct call *call)
{
    struct err err = {0};
    struct api_error error = {0};
    struct token_ids ids = {0};
    const struct json_node *body = call->body.root;
    const struct api_model *model = find_model(call);
    if (!model)
        return;
    bool is_llama = field_find(body, "content") != NULL, pieces = false, strings = false, ok;
    ok = field_bool(body, "with_pieces", &pieces, &err) &&
         field_bool(body, "return_token_strs", &strings, &err);
    if (ok && field_find(body, "messages"))
        ok = read_chat(call, model, &ids, &error);
    else if (ok)
        ok = read_text(call, model, is_llama ? "content" : "prompt", !is_llama, &ids, &err);
    if (!ok) {
        if (!error.status)
            api_error_of(&error, &err);
        call_fail(call, &error);
    } else {
        struct buf out;
        struct json_out o = {.buf = &out};
        buf_init(&out, LIMIT_TEXT_BYTES);
        json_out_raw(&o, "{\"tokens\":");
        if (pieces) {
            json_out_raw(&o, "[");
            for (size_t i = 0; i < ids.n; i++) {
                const struct token_ids one = {.ids = &ids.ids[i], .n = 1};
                json_out_format(&o, "%s{\"id\":%d,\"piece\":", i ? "," : "", ids.ids[i]);
                write_pieces(model, &one, &o);
                json_out_raw(&o, "}");
            }
            json_out_raw(&o, "]");
        } else {
            tokens_write(&ids, &o);
        }
        json_out_format(&o, ",\"count\":%zu,\"max_model_len\":%u", ids.n, model->context);
        if (strings) {
            json_out_raw(&o, ",\"token_strs\":[");
            write_pieces(model, &ids, &o);
            json_out_raw(&o, "]");
        }
        json_out_raw(&o, "}");
        call_reply(call, &o);
        buf_free(&out);
    }
    token_ids_free(&ids);
}

static bool decode(const struct api_model *model, const struct token_ids *ids, struct buf *text,
                   struct err *err)
{
    struct text_decoder decoder;
    text_decoder_init(&decoder, model->tok);
    for (size_t i = 0; i < ids->n; i++)
        if (!text_decoder_add(&decoder, ids->ids[i], text, err))
            return false;
    return text_decoder_end(&decoder, text, err);
}

void detokenize_answer(struct call *call)
{
    struct err err = {0};
    struct token_ids ids = {0};
    struct buf text, out;
    const struct api_model *model = find_model(call);
    if (!model)
        return;
    buf_init(&text, LIMIT_TEXT_BYTES);
    buf_init(&out, LIMIT_TEXT_BYTES);
    const struct json_node *list = field_need(call->body.root, "tokens", NODE_ARRAY, &err);
    if (!list || !tokens_read(list, model, &ids, &err) || !decode(model, &ids, &text, &err)) {
        call_fail_err(call, &err);
    } else {
        struct json_out o = {.buf = &out};
        struct span all = {text.len ? text.data : "", text.len};
        json_out_raw(&o, "{\"prompt\":");
        json_out_span(&o, all);
        json_out_raw(&o, ",\"content\":");
        json_out_span(&o, all);
        json_out_raw(&o, "}");
        call_reply(call, &o);
    }
    buf_free(&text);
    buf_free(&out);
    token_ids_free(&ids);
}
