/* SPDX-License-Identifier: Apache-2.0 */
/* embeddings.c - POST /v1/embeddings: texts as vectors of unit length. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "api/base64.h"
#include "api/embed.h"
#include "api/endpoints.h"
#include "api/fields.h"
#include "api/metrics.h"
#include "api/tokens.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "engine/engine.h"
#include "model/config.h"

enum { MOST_INPUTS = 2048 };

enum embed_type { TYPE_FLOAT, TYPE_INT8, TYPE_UINT8, TYPE_BINARY, TYPE_UBINARY, N_TYPES };

static const char *const type_names[N_TYPES] = {"float", "int8", "uint8", "binary", "ubinary"};

struct input {
    struct embed *e;
    struct token_ids ids;
    float *vector; /* [dim] */
    uint64_t job;
};

struct embed {
    struct call *call;
    const struct api_model *model;
    struct monitor *monitor; /* of what follows */
    struct input *inputs;    /* [n] */
    size_t n, n_left;
    uint64_t n_tokens;
    enum embed_type type;
    enum embedding pooling;
    bool base64, truncate, failed;
    uint32_t dim; /* of what is returned */
};

void embed_free(struct embed *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n; i++) {
        token_ids_free(&e->inputs[i].ids);
        free(e->inputs[i].vector);
    }
    free(e->inputs);
    monitor_close(e->monitor);
    free(e);
}

/* --- the reply ---------------------------------------------------------------------------- */

/* Writes the vector as numbers of its type, or their bytes: [n], at most 4 * dim. */
static size_t pack(const struct embed *e, const float *v, unsigned char *bytes)
{
    if (e->type == TYPE_FLOAT) {
        memcpy(bytes, v, e->dim * sizeof *v);
        return e->dim * sizeof *v;
    }
    if (e->type == TYPE_INT8 || e->type == TYPE_UINT8) {
        for (uint32_t i = 0; i < e->dim; i++) {
            int x = (int)lrintf(v[i] * 127.0f);
            bytes[i] = (unsigned char)(e->type == TYPE_INT8 ? x : x + 128);
        }
        return e->dim;
    }
    size_t n = (e->dim + 7) / 8;
    memset(bytes, 0, n);
    for (uint32_t i = 0; i < e->dim; i++)
        if (v[i] > 0.0f)
            bytes[i / 8] |= (unsigned char)(0x80u >> i % 8);
    for (size_t i = 0; e->type == TYPE_BINARY && i < n; i++)
        bytes[i] = (unsigned char)(bytes[i] - 128); /* as signed numbers around zero */
    return n;
}

static void write_vector(const struct embed *e, const float *v, struct json_out *o)
{
    struct err err = {0};
    unsigned char *bytes = mem_new(e->dim, sizeof(float), &err);
    if (!bytes) {
        o->err = err;
        return;
    }
    size_t n = pack(e, v, bytes);
    if (e->base64) {
        json_out_raw(o, "\"");
        base64_write(bytes, n, o);
        json_out_raw(o, "\"");
    } else {
        json_out_raw(o, "[");
        for (size_t i = 0; i < (e->type == TYPE_FLOAT ? e->dim : n); i++) {
            json_out_raw(o, i ? "," : "");
            if (e->type == TYPE_FLOAT)
                json_out_number(o, (double)v[i]);
            else if (e->type == TYPE_INT8 || e->type == TYPE_BINARY)
                json_out_format(o, "%d", (signed char)bytes[i]);
            else
                json_out_format(o, "%d", bytes[i]);
        }
        json_out_raw(o, "]");
    }
    free(bytes);
}

static void reply(struct embed *e)
{
    struct buf out;
    struct json_out o = {.buf = &out};
    char id[64];
    buf_init(&out, LIMIT_TEXT_BYTES);
    api_new_id("embd-", id, sizeof id);
    json_out_format(&o, "{\"id\":\"%s\",\"object\":\"list\",\"model\":", id);
    json_out_text(&o, e->model->name);
    json_out_raw(&o, ",\"data\":[");
    for (size_t i = 0; i < e->n; i++) {
        json_out_format(
            &o, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        write_vector(e, e->inputs[i].vector, &o);
        json_out_raw(&o, "}");
    }
    json_out_format(&o,
                    "],\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu,"
                    "\"completion_tokens\":0}}",
                    (unsigned long long)e->n_tokens, (unsigned long long)e->n_tokens);
    e->call->n_prompt = (uint32_t)e->n_tokens;
    call_reply(e->call, &o);
    buf_free(&out);
}

/* --- the engine's side ---------------------------------------------------------------------- */

/* The first dim numbers, of unit length together. */
static void take_vector(struct input *input, const float *v)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < input->e->dim; i++)
        sum += (double)v[i] * (double)v[i];
    double scale = sum > 0.0 ? 1.0 / sqrt(sum) : 0.0;
    for (uint32_t i = 0; i < input->e->dim; i++)
        input->vector[i] = (float)((double)v[i] * scale);
}

static void cancel(void *arg)
{
    struct embed *e = arg;
    monitor_enter(e->monitor);
    for (size_t i = 0; i < e->n; i++)
        if (e->inputs[i].job)
            engine_cancel(e->model->engine, e->inputs[i].job);
    monitor_leave(e->monitor);
}

static void fail(struct embed *e, const struct err *err)
{
    if (!e->failed)
        call_fail_err(e->call, err);
    e->failed = true;
}

static void take_end(void *arg, const struct job_result *result)
{
    struct input *input = arg;
    struct embed *e = input->e;
    struct http_exchange *x = e->call->x;
    struct err err = {0};
    monitor_enter(e->monitor);
    input->job = 0;
    metrics_count_answer(e->call->api->metrics, result);
    if (result->embedding && result->finish == FINISH_LENGTH)
        take_vector(input, result->embedding);
    else if (result->err)
        fail(e, result->err);
    else {
        err_set(&err, ERR_CANCELLED, "the server stops, or the client has left");
        fail(e, &err);
    }
    if (!--e->n_left && !e->failed)
        reply(e);
    monitor_leave(e->monitor);
    http_unref(x);
}

static enum job_go take_token(void *arg, const struct job_token *token)
{
    (void)arg, (void)token;
    return JOB_STOP;
}

static bool submit(struct input *input, struct err *err)
{
    struct embed *e = input->e;
    const struct job_params params = {.ids = input->ids.ids,
                                      .n = input->ids.n,
                                      .sampler = SAMPLER_DEFAULT,
                                      .prompt_only = true,
                                      .embedding = e->pooling,
                                      .space = e->call->space,
                                      .owner = e->call->space};
    const struct job_sink sink = {.token = take_token, .end = take_end, .arg = input};
    http_ref(e->call->x);
    if (engine_submit(e->model->engine, &params, &sink, &input->job, err))
        return true;
    http_unref(e->call->x);
    return false;
}

static void start(struct embed *e)
{
    struct err err = {0};
    monitor_enter(e->monitor);
    e->n_left = e->n;
    for (size_t i = 0; i < e->n && !e->failed; i++)
        if (!submit(&e->inputs[i], &err)) {
            e->n_left -= e->n - i;
            fail(e, &err);
        }
    bool waits = http_on_gone(e->call->x, cancel, e);
    monitor_leave(e->monitor);
    if (!waits)
        cancel(e);
}

/* --- the request ---------------------------------------------------------------------------- */

static bool add_input(struct embed *e, const struct json_node *node, struct err *err)
{
    struct input *input = &e->inputs[e->n++];
    *input = (struct input){.e = e};
    input->vector = mem_new(e->dim, sizeof *input->vector, err);
    if (!input->vector)
        return false;
    bool ok = node->kind == NODE_STRING
                  ? tokens_encode(e->model, node->text, true, &input->ids, err)
              : node->kind == NODE_ARRAY && node->n
                  ? tokens_read(node, e->model, &input->ids, err)
                  : json_node_fail(node, err, "expected a text or a list of ids");
    if (!ok)
        return false;
    if (e->truncate && input->ids.n > e->model->context)
        input->ids.n = e->model->context;
    e->n_tokens += input->ids.n;
    return input->ids.n || json_node_fail(node, err, "expected a text that is not empty");
}

static bool read_inputs(struct embed *e, const struct json_node *body, struct err *err)
{
    const struct json_node *input = field_find(body, "input");
    if (!input)
        return err_set(err, ERR_ARG, "request: input: missing; expected a text or a list of texts");
    bool several = input->kind == NODE_ARRAY && (!input->n || input->first->kind != NODE_NUMBER);
    size_t n = several ? input->n : 1;
    if (!n || n > MOST_INPUTS)
        return json_node_fail(input, err, "expected 1 to %d texts", MOST_INPUTS);
    e->inputs = mem_new(n, sizeof *e->inputs, err);
    if (!e->inputs || !several)
        return e->inputs && add_input(e, input, err);
    for (const struct json_node *item = input->first; item; item = item->next)
        if (!add_input(e, item, err))
            return false;
    return true;
}

static bool read_type(struct embed *e, const struct json_node *body, struct err *err)
{
    struct span type = SPAN("float"), format = SPAN("float"), pooling = SPAN("last");
    if (!field_text(body, "output_dtype", &type, err) ||
        !field_text(body, "encoding_format", &format, err) ||
        !field_text(body, "pooling", &pooling, err))
        return false;
    e->type = N_TYPES;
    for (int i = 0; i < N_TYPES; i++)
        if (span_is(type, type_names[i]))
            e->type = (enum embed_type)i;
    if (e->type == N_TYPES)
        return json_node_fail(field_find(body, "output_dtype"), err,
                              "expected float, int8, uint8, binary or ubinary");
    if (!span_is(format, "float") && !span_is(format, "base64"))
        return json_node_fail(field_find(body, "encoding_format"), err, "expected float or base64");
    if (!span_is(pooling, "last") && !span_is(pooling, "mean"))
        return json_node_fail(field_find(body, "pooling"), err, "expected last or mean");
    e->base64 = span_is(format, "base64");
    e->pooling = span_is(pooling, "mean") ? EMBED_MEAN : EMBED_LAST;
    return true;
}

static bool read_request(struct embed *e, const struct json_node *body, struct err *err)
{
    int64_t dim = e->model->config->dim;
    if (!field_int(body, "dimensions", 1, e->model->config->dim, &dim, err) ||
        !field_int(body, "output_dimension", 1, e->model->config->dim, &dim, err) ||
        !field_bool(body, "truncate", &e->truncate, err))
        return false;
    e->dim = (uint32_t)dim;
    return read_type(e, body, err) && read_inputs(e, body, err);
}

void embeddings_answer(struct call *call)
{
    struct err err = {0};
    const struct api_model *model = call_model(call);
    if (!model)
        return;
    struct embed *e = call->embed = mem_new(1, sizeof *e, &err);
    if (e) {
        *e = (struct embed){.call = call, .model = model};
        call->model = model->name;
        e->monitor = monitor_open(&err);
    }
    if (e && e->monitor && read_request(e, call->body.root, &err))
        start(e);
    else
        call_fail_err(call, &err);
}
