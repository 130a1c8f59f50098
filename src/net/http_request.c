/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/http_form_int.h"
#include "net/http_id.h"
#include "net/http_origin.h"
#include "net/http_server_int.h"

void *http_on_line(void *server, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_conn *c = info->socket_context;
    struct err err = {0};
    struct http_exchange *x = http_exchange_new(c, &err);
    (void)server;
    if (!x)
        return NULL;
    c->x = x;
    c->in_bytes = c->discard_from = 0;
    if (c->phase != PHASE_FIRST)
        c->since = c->server->now;
    c->phase = PHASE_HEAD;
    /* What libmicrohttpd makes of it later is of no interest. */
    x->target_at = uri;
    x->raw_target = arena_string(&x->arena, uri, strlen(uri), &err);
    return x;
}

/* Refuses, and closes the connection: where this request ends is not known. */
static bool fault(struct http_exchange *x, int status, const char *code, const char *text)
{
    x->conn->must_close = true;
    http_refuse(x, status, code, text);
    return false;
}

static bool fault_err(struct http_exchange *x, const struct err *err)
{
    int status = err->code == ERR_LIMIT ? 431 : err->code == ERR_UNSUPPORTED ? 417 : 400;
    return fault(x, status, status == 431 ? "headers_too_large" : "bad_framing", err->text);
}

/* Reads the lines of the head as they lie in libmicrohttpd's buffer, from the method on. */
static bool read_lines(struct http_exchange *x, const char *method, const char *version)
{
    const struct http_limits *limits = &x->server->options.limits;
    struct err err = {0};
    size_t n_method = strlen(method) + 1, n_target = strlen(x->raw_target);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t n = info ? info->header_size : 0;
    size_t n_line = n_method + n_target + 1 + strlen("HTTP/1.1");
    if (n_target > limits->target_bytes)
        return fault(x, 414, "target_too_long", "the request target is too long");
    if (n > (size_t)limits->headers_bytes + limits->target_bytes)
        return fault(x, 431, "headers_too_large", "the headers are too large");
    /* One space each, nothing cut off by a NUL, a whole CR LF. */
    if (x->target_at != method + n_method || version != x->target_at + n_target + 1 ||
        n < n_line + 4 || method[n_line] || method[n_line + 1] || !http_is_token(method))
        return fault(x, 400, "bad_framing", "the request line is malformed");
    n -= n_line + 2;
    char *lines = arena_string(&x->arena, method + n_line + 2, n, &err);
    x->pairs = arena_new(&x->arena, limits->n_headers, sizeof *x->pairs, &err);
    x->head.method_name = arena_string(&x->arena, method, n_method - 1, &err);
    if (!lines || !x->pairs || !x->head.method_name)
        return fault(x, 503, "overloaded", "the server is short of memory");
    if (n > limits->headers_bytes)
        return fault(x, 431, "headers_too_large", "the headers are too large");
    if (!http_framing_lines(lines, n, limits->header_bytes, x->pairs, limits->n_headers,
                            &x->n_pairs, &err))
        return fault_err(x, &err);
    /* NULs in a line can make it look like two. */
    return MHD_get_connection_values(x->conn->mhd, MHD_HEADER_KIND, NULL, NULL) ==
               (int)x->n_pairs ||
           fault(x, 400, "bad_framing", "a header line has a NUL");
}

static enum http_method find_method(const char *name)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",     [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
        [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum http_method)i;
    return strcmp(name, "HEAD") == 0 ? HTTP_GET : HTTP_OTHER;
}

/* Fills in what the lines say. */
static bool read_head(struct http_exchange *x, const char *version)
{
    struct err err = {0};
    struct http_head *head = &x->head;
    const char *id = http_request_header(x, "X-Request-Id");
    const char *type = http_request_header(x, "Content-Type");
    if (id && http_id_is_sane(id))
        snprintf(x->id, sizeof x->id, "%s", id);
    head->method = find_method(head->method_name);
    head->is_head = strcmp(head->method_name, "HEAD") == 0;
    head->content_type = type ? type : "";
    if (!http_framing_check(&x->framing, x->pairs, x->n_pairs, version, &err))
        return fault_err(x, &err);
    /* To libmicrohttpd white space behind a value is part of it: it must see the same as we. */
    const char *encoding =
        MHD_lookup_connection_value(x->conn->mhd, MHD_HEADER_KIND, "Transfer-Encoding");
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        return fault(x, 400, "bad_framing", "Transfer-Encoding must be 'chunked', once");
    head->has_content = x->framing.is_chunked || x->framing.length > 0;
    if (!http_target_parse(&x->target, x->raw_target, strlen(x->raw_target), &x->arena, &err))
        return fault(x, 400, "bad_target", err.text);
    head->path = x->target.path;
    const char *host = x->framing.host;
    if (x->target.authority && host && strcasecmp(x->target.authority, host) != 0)
        return fault(x, 400, "bad_framing", "Host is not that of the request target");
    return true;
}

/* Answers a page that asks what it may do. */
static void answer_preflight(struct http_exchange *x, bool is_ours)
{
    if (!is_ours) {
        http_refuse(x, 403, "forbidden", "pages of this origin may not use the server");
        return;
    }
    const char *headers = http_request_header(x, "Access-Control-Request-Headers");
    http_set_header(x, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
    if (headers)
        http_set_header(x, "Access-Control-Allow-Headers", headers);
    http_set_header(x, "Access-Control-Max-Age", "600");
    if (http_request_header(x, "Access-Control-Request-Private-Network"))
        http_set_header(x, "Access-Control-Allow-Private-Network", "true");
    http_reply(x, 204, NULL, "", 0);
}

/* Keeps foreign names and pages out. */
static void check_origin(struct http_exchange *x)
{
    const struct http_server_options *o = &x->server->options;
    const struct http_head *head = &x->head;
    const char *host = x->framing.host, *origin = http_request_header(x, "Origin");
    if (x->conn->checks_host && host && !http_host_is_ours(host, o->hosts)) {
        http_refuse(x, 403, "forbidden", "the server does not answer to this host name");
        return;
    }
    bool is_ours = origin && http_origin_is_ours(origin, o->origins, head->is_tls, host);
    if (is_ours)
        x->origin = origin;
    bool is_options = strcmp(head->method_name, "OPTIONS") == 0;
    if (is_options && origin && http_request_header(x, "Access-Control-Request-Method")) {
        answer_preflight(x, is_ours);
    } else if (is_options) {
        http_set_header(x, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        http_reply(x, 204, NULL, "", 0);
    } else if (origin && !is_ours && head->method != HTTP_GET) {
        http_refuse(x, 403, "forbidden", "pages of this origin may not use the server");
    }
}

static bool has_reply(struct http_exchange *x)
{
    monitor_enter(x->server->monitor);
    bool has = x->reply != REPLY_NONE;
    monitor_leave(x->server->monitor);
    return has;
}

/* Refuses content while it arrives; some more is read, so that the client sees the reply. */
static void refuse_content(struct http_exchange *x)
{
    x->is_refused = true;
    x->conn->discard_from = x->conn->in_bytes;
}

static void refuse_size(struct http_exchange *x)
{
    char text[96];
    snprintf(text, sizeof text, "the content has more than %llu bytes",
             (unsigned long long)x->content_max);
    http_refuse(x, 413, "request_too_large", text);
    refuse_content(x);
}

/* Prepares for the content that the route wants. */
static void open_intake(struct http_exchange *x)
{
    const struct http_limits *limits = &x->server->options.limits;
    const struct http_intake *intake = &x->intake;
    struct err err = {0};
    bool is_form = intake->content == HTTP_CONTENT_FORM;
    uint64_t most = intake->content == HTTP_CONTENT_NONE ? HTTP_DISCARD
                    : is_form                            ? limits->form_bytes
                                                         : limits->memory_bytes;
    x->content_max = intake->max_bytes && intake->max_bytes < most ? intake->max_bytes : most;
    buf_init(&x->content, (size_t)x->content_max);
    if (x->framing.has_length && x->framing.length > x->content_max) {
        refuse_size(x);
    } else if (is_form) {
        const struct http_form_limits most_parts = {limits->n_parts, limits->field_bytes};
        const char *folder = x->server->options.upload_folder;
        if (folder)
            x->form = http_form_open(x->head.content_type, folder, &most_parts, &err);
        else
            err_set(&err, ERR_IO, "there is no folder for uploads");
        if (!x->form) {
            http_refuse_err(x, &err);
            refuse_content(x);
        }
    }
}

/* Routes a request whose head is in order. */
static void route(struct http_exchange *x)
{
    struct http_server_options *o = &x->server->options;
    check_origin(x);
    if (!has_reply(x))
        o->route(o->arg, x, &x->intake);
    if (!has_reply(x) && !x->intake.handle)
        http_refuse(x, 404, "not_found", "there is nothing here");
    if (has_reply(x))
        refuse_content(x);
    else
        open_intake(x);
}

/* Begins with the head; when the content is not worth waiting for, replies at once. */
static enum MHD_Result begin(struct http_conn *c, const char *method, const char *version)
{
    struct http_exchange *x = c->x;
    struct http_counts *counts = &c->server->counts;
    x->start = c->server->now = clock_now();
    http_id_fresh(x->id);
    x->has_head = true;
    counts->n_requests++;
    counts->n_running++;
    c->phase = PHASE_CONTENT;
    c->since = c->server->now;
    c->window_bytes = 0;
    if (!x->raw_target || !read_lines(x, method, version) || !read_head(x, version)) {
        counts->n_malformed++;
        return x->raw_target ? http_serve(c) : MHD_NO;
    }
    route(x);
    bool is_long = x->framing.is_chunked || x->framing.length > HTTP_DISCARD;
    if (!x->is_refused || !x->head.has_content || (!is_long && !x->framing.expects_continue))
        return MHD_YES;
    c->must_close = true;
    return http_serve(c);
}

/* Takes n bytes of content. */
static enum MHD_Result take(struct http_conn *c, const char *bytes, size_t n)
{
    struct http_exchange *x = c->x;
    struct err err = {0};
    c->in_bytes += n;
    if (!x->is_refused && c->in_bytes > x->content_max) {
        refuse_size(x);
    } else if (!x->is_refused && x->form && !http_form_add(x->form, bytes, n, &err)) {
        http_refuse_err(x, &err);
        refuse_content(x);
    } else if (!x->is_refused && x->intake.content == HTTP_CONTENT_MEMORY &&
               !buf_add(&x->content, bytes, n, &err)) {
        http_refuse(x, 503, "overloaded", "the server is short of memory");
        refuse_content(x);
    }
    if (!x->is_refused || c->in_bytes - c->discard_from <= HTTP_DISCARD)
        return MHD_YES;
    http_conn_last_words(c);
    return MHD_NO;
}

/* Hands a complete request to its handler. */
static enum MHD_Result finish(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    struct err err = {0};
    x->content_at = c->server->now = clock_now();
    if (!x->is_refused && x->form && !http_form_end(x->form, &err)) {
        http_refuse_err(x, &err);
        x->is_refused = true;
    }
    c->phase = PHASE_HANDLED;
    if (!x->is_refused)
        x->intake.handle(x->intake.arg, x);
    return http_serve(c);
}

enum MHD_Result http_on_request(void *server, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *size, void **context)
{
    (void)server, (void)mhd, (void)url;
    struct http_exchange *x = *context;
    if (!x)
        return MHD_NO;
    struct http_conn *c = x->conn;
    size_t n = *size;
    *size = 0;
    if (c->is_closing)
        return MHD_NO;
    if (c->phase == PHASE_HEAD)
        return begin(c, method, version);
    if (c->phase != PHASE_CONTENT)
        return http_serve(c);
    return n ? take(c, data, n) : finish(c);
}
