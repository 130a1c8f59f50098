/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/api_int.h"
#include "api/fields.h"
#include "base/limits.h"
#include "base/random.h"

int64_t api_now(void)
{
    return (int64_t)time(NULL);
}

void api_new_id(const char *prefix, char *out, size_t size)
{
    char digits[33];
    struct err err = {0};
    if (!random_text(digits, 32, "0123456789abcdef", 16, &err))
        snprintf(digits, sizeof digits, "%032llx", (unsigned long long)api_now());
    snprintf(out, size, "%s%s", prefix, digits);
}

bool call_parse(struct call *call)
{
    struct err err = {0};
    size_t n;
    const char *bytes = http_content(call->x, &n);
    if (!json_tree_parse(&call->body, "request", bytes, n, &err)) {
        struct api_error error;
        api_error_of(&error, &err);
        error.status = 400;
        error.code = "invalid_json";
        call_fail(call, &error);
        return false;
    }
    if (call->body.root->kind == NODE_OBJECT)
        return true;
    struct api_error error;
    api_error_set(&error, 422, "invalid_request_error", NULL,
                  "the request has to be a JSON object");
    call_fail(call, &error);
    return false;
}

void call_fail(struct call *call, const struct api_error *error)
{
    api_error_reply(error, call->dialect, call->x);
}

void call_fail_err(struct call *call, const struct err *err)
{
    struct api_error error;
    api_error_of(&error, err);
    call_fail(call, &error);
}

void call_reply(struct call *call, struct json_out *o)
{
    struct err err = {0};
    if (json_out_done(o, &err))
        http_reply(call->x, 200, "application/json", o->buf->data, o->buf->len);
    else
        call_fail_err(call, &err);
}

/* Appends the names of the models for a message. */
static void name_models(const struct api *api, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < api->options.n_models && n < size; i++)
        n +=
            (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", api->options.models[i].name);
}

const struct api_model *call_model(struct call *call)
{
    const struct api *api = call->api;
    struct err err = {0};
    struct api_error error;
    struct span name = {0};
    if (!field_text(call->body.root, "model", &name, &err)) {
        call_fail_err(call, &err);
        return NULL;
    }
    if (!name.s) {
        if (api->options.any_model && api->options.n_models == 1)
            return api->options.models;
        err_set(&err, ERR_ARG,
                "request: model: missing; name one of those that GET /v1/models lists");
        call_fail_err(call, &err);
        return NULL;
    }
    const struct api_model *model = models_find(api, name);
    if (model)
        return model;
    char names[400];
    name_models(api, names, sizeof names);
    api_error_set(&error, 404, "invalid_model", "1500",
                  "Model '%.*s' does not exist; the models here: %s",
                  name.n > 100 ? 100 : (int)name.n, name.s, names);
    error.nested_type = "invalid_request_error";
    error.nested_code = "model_not_found";
    snprintf(error.param, sizeof error.param, "model");
    call_fail(call, &error);
    return NULL;
}
