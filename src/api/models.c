/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "api/api_int.h"
#include "api/endpoints.h"
#include "api/models.h"
#include "base/limits.h"
#include "model/config.h"

const struct api_model *models_find(const struct api *api, struct span name)
{
    for (size_t i = 0; i < api->options.n_models; i++) {
        const struct api_model *model = &api->options.models[i];
        if (span_is(name, model->name))
            return model;
        for (size_t k = 0; k < model->n_aliases; k++)
            if (span_is(name, model->aliases[k]))
                return model;
    }
    return NULL;
}

bool model_thinks(const struct api_model *model)
{
    const struct prompt_format *f = model->format;
    return f && (f->ids[CONTROL_THINK] >= 0 || f->traits->has_think_tag);
}

bool model_fills_in(const struct api_model *model)
{
    const struct prompt_format *f = model->format;
    return f && f->ids[CONTROL_PREFIX] >= 0 && f->ids[CONTROL_SUFFIX] >= 0;
}

static void write_capabilities(struct json_out *o, const struct api_model *model)
{
    const struct prompt_format *f = model->format;
    const struct {
        const char *name;
        bool has;
    } all[] = {
        {"completion_chat", f != NULL},
        {"function_calling", f && f->ids[CONTROL_CALLS] >= 0},
        {"reasoning", model_thinks(model)},
        {"completion_fim", model_fills_in(model)},
        {"fine_tuning", false},
        {"vision", false},
        {"ocr", false},
        {"classification", false},
        {"moderation", false},
        {"audio", false},
        {"audio_transcription", false},
        {"audio_transcription_realtime", false},
        {"audio_speech", false},
        {"unified_resources", false},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_out_format(o, "%s\"%s\":%s", i ? "," : "{", all[i].name,
                        all[i].has ? "true" : "false");
    json_out_raw(o, "}");
}

static void write_card(struct json_out *o, const struct api_model *model)
{
    json_out_raw(o, "{\"id\":");
    json_out_text(o, model->name);
    json_out_format(o, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"mistralai\"",
                    (long long)model->created);
    json_out_raw(o, ",\"type\":\"base\",\"capabilities\":");
    write_capabilities(o, model);
    json_out_raw(o, ",\"name\":");
    json_out_text(o, model->name);
    json_out_raw(o, ",\"description\":");
    json_out_text(o, model->about);
    json_out_format(o, ",\"max_context_length\":%u,\"max_model_len\":%u,\"aliases\":[",
                    model->context, model->context);
    for (size_t i = 0; i < model->n_aliases; i++) {
        json_out_raw(o, i ? "," : "");
        json_out_text(o, model->aliases[i]);
    }
    json_out_raw(o, "]");
    if (model->temperature >= 0.0)
        json_out_format(o, ",\"default_model_temperature\":%g", model->temperature);
    json_out_format(o, ",\"meta\":{\"n_vocab\":%u,\"n_ctx_train\":%u,\"n_embd\":%u}}",
                    model->config->n_vocab, model->config->context, model->config->dim);
}

void models_answer(struct call *call)
{
    const struct api *api = call->api;
    struct buf out;
    struct json_out o = {.buf = &out};
    const char *only = http_query(call->x, "model");
    bool any = false;
    buf_init(&out, LIMIT_TEXT_BYTES);
    json_out_raw(&o, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < api->options.n_models; i++) {
        const struct api_model *model = &api->options.models[i];
        if (only && models_find(api, (struct span){only, strlen(only)}) != model)
            continue;
        json_out_raw(&o, any ? "," : "");
        write_card(&o, model);
        any = true;
    }
    json_out_raw(&o, "]}");
    call_reply(call, &o);
    buf_free(&out);
}

/* The model that the path names; replies when there is none. */
static const struct api_model *named_model(struct call *call)
{
    struct api_error error;
    const struct api_model *model =
        models_find(call->api, (struct span){call->rest, strlen(call->rest)});
    if (model)
        return model;
    api_error_set(&error, 404, "invalid_model", "1500", "Model '%.100s' does not exist",
                  call->rest);
    error.nested_type = "invalid_request_error";
    error.nested_code = "model_not_found";
    snprintf(error.param, sizeof error.param, "model");
    call_fail(call, &error);
    return NULL;
}

void model_answer(struct call *call)
{
    const struct api_model *model = named_model(call);
    if (!model)
        return;
    struct buf out;
    struct json_out o = {.buf = &out};
    buf_init(&out, LIMIT_TEXT_BYTES);
    write_card(&o, model);
    call_reply(call, &o);
    buf_free(&out);
}

void model_delete_answer(struct call *call)
{
    struct api_error error;
    if (!named_model(call))
        return;
    api_error_set(&error, 403, "permission_error", "forbidden",
                  "Model '%.100s' is a base model, which requests cannot delete", call->rest);
    call_fail(call, &error);
}
