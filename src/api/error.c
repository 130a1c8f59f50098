/* SPDX-License-Identifier: Apache-2.0 */
#include "api/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/json_out.h"
#include "net/http_server.h"

enum { BODY_BYTES = 16384 };

void api_error_set(struct api_error *error, int status, const char *type, const char *code,
                   const char *fmt, ...)
{
    va_list args;
    *error = (struct api_error){.status = status, .type = type, .code = code};
    va_start(args, fmt);
    vsnprintf(error->text, sizeof error->text, fmt, args);
    va_end(args);
}

/* The place that a message about a request begins with: "request: a.b[2]: ...". */
static void find_param(struct api_error *error)
{
    static const char begin[] = "request: ";
    if (strncmp(error->text, begin, sizeof begin - 1) != 0)
        return;
    char *from = error->text + sizeof begin - 1, *colon = strstr(from, ": ");
    if (!colon || (size_t)(colon - from) >= sizeof error->param)
        return;
    memcpy(error->param, from, (size_t)(colon - from));
    memmove(error->text, from, strlen(from) + 1);
}

void api_error_of(struct api_error *error, const struct err *err)
{
    static const struct {
        int status;
        const char *type, *code, *nested_code;
    } meanings[] = {
        [ERR_NONE] = {500, "server_error", "internal_error", NULL},
        [ERR_ARG] = {422, "invalid_request_error", NULL, NULL},
        [ERR_NOT_FOUND] = {404, "invalid_request_error", "not_found", NULL},
        [ERR_LIMIT] = {413, "invalid_request_error", "request_too_large", NULL},
        [ERR_BUSY] = {429, "rate_limited", "1300", "rate_limit_exceeded"},
        [ERR_FORMAT] = {400, "invalid_request_error", "invalid_json", NULL},
        [ERR_UNSUPPORTED] = {400, "invalid_request_error", "unsupported_content", NULL},
        [ERR_IO] = {500, "server_error", "internal_error", NULL},
        [ERR_CANCELLED] = {503, "server_error", "shutting_down", NULL},
    };
    enum err_code code = err->code;
    *error = (struct api_error){.status = meanings[code].status,
                                .type = meanings[code].type,
                                .code = meanings[code].code,
                                .nested_code = meanings[code].nested_code};
    snprintf(error->text, sizeof error->text, "%s", err->text);
    if (code == ERR_LIMIT && strstr(err->text, "maximum context length")) {
        error->status = 400;
        error->code = "context_length_exceeded";
    }
    if (code == ERR_BUSY)
        error->nested_type = "rate_limit_error";
    find_param(error);
}

static const char *anthropic_type(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 503:
        return "overloaded_error";
    default:
        return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

/* Anthropic has no 422, and a status of its own for a server that takes nothing now. */
static int status_of(const struct api_error *error, enum dialect dialect)
{
    if (dialect != DIALECT_ANTHROPIC)
        return error->status;
    return error->status == 422 ? 400 : error->status == 503 ? 529 : error->status;
}

static void write_anthropic(const struct api_error *error, const char *request_id,
                            struct json_out *o)
{
    json_out_raw(o, "{\"type\":\"error\",\"error\":{\"type\":");
    json_out_text(o, anthropic_type(error->status));
    json_out_raw(o, ",\"message\":");
    json_out_text(o, error->text);
    json_out_raw(o, "},\"request_id\":");
    json_out_text(o, request_id);
    json_out_raw(o, "}");
}

/* "messages[0].content" as ["body","messages",0,"content"]. */
static void write_place(const char *param, struct json_out *o)
{
    json_out_raw(o, "[\"body\"");
    while (*param) {
        size_t n = strcspn(param, ".[]");
        bool is_index = n && strspn(param, "0123456789") == n;
        if (n) {
            json_out_raw(o, ",");
            if (is_index)
                json_out_bytes(o, param, n);
            else
                json_out_span(o, (struct span){param, n});
        }
        param += n;
        param += strspn(param, ".[]");
    }
    json_out_raw(o, "]");
}

static void write_or_null(const char *text, struct json_out *o)
{
    if (text && *text)
        json_out_text(o, text);
    else
        json_out_raw(o, "null");
}

static void write_body(const struct api_error *e, struct json_out *o)
{
    json_out_raw(o, "{\"object\":\"error\",\"message\":");
    json_out_text(o, e->text);
    json_out_raw(o, ",\"type\":");
    json_out_text(o, e->type);
    json_out_raw(o, ",\"param\":");
    write_or_null(e->param, o);
    json_out_raw(o, ",\"code\":");
    write_or_null(e->code, o);
    json_out_format(o, ",\"raw_status_code\":%d", e->status);
    if (e->status == 422) {
        json_out_raw(o, ",\"detail\":[{\"type\":\"value_error\",\"loc\":");
        write_place(e->param, o);
        json_out_raw(o, ",\"msg\":");
        json_out_text(o, e->text);
        json_out_raw(o, ",\"input\":null}]");
    }
    json_out_raw(o, ",\"error\":{\"message\":");
    json_out_text(o, e->text);
    json_out_raw(o, ",\"type\":");
    json_out_text(o, e->nested_type ? e->nested_type : e->type);
    json_out_raw(o, ",\"param\":");
    write_or_null(e->param, o);
    json_out_raw(o, ",\"code\":");
    write_or_null(e->nested_code ? e->nested_code : e->code, o);
    json_out_raw(o, "}}");
}

bool api_error_write(const struct api_error *error, enum dialect dialect, const char *request_id,
                     struct buf *out, struct err *err)
{
    struct json_out o = {.buf = out};
    if (dialect == DIALECT_ANTHROPIC)
        write_anthropic(error, request_id, &o);
    else
        write_body(error, &o);
    return json_out_done(&o, err);
}

void api_error_reply(const struct api_error *error, enum dialect dialect, struct http_exchange *x)
{
    struct err err = {0};
    struct buf body;
    buf_init(&body, BODY_BYTES);
    if (error->status == 429 || error->status == 503)
        http_set_header(x, "Retry-After", "1");
    if (error->status == 401)
        http_set_header(x, "WWW-Authenticate", "Bearer");
    if (api_error_write(error, dialect, http_head(x)->request_id, &body, &err))
        http_reply(x, status_of(error, dialect), "application/json", body.data, body.len);
    else
        http_reply(x, 500, "text/plain", "out of memory\n", 14);
    buf_free(&body);
}
