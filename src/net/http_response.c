/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_server_int.h"

void http_each_header(const struct http_exchange *x,
                      void (*add)(void *arg, const char *name, const char *value), void *arg)
{
    for (const struct http_out_header *h = x->headers; h; h = h->next)
        add(arg, h->name, h->value);
    if (*x->id)
        add(arg, "X-Request-Id", x->id);
    add(arg, "X-Content-Type-Options", "nosniff");
    if (x->is_event_stream) {
        add(arg, "Cache-Control", "no-cache");
        add(arg, "X-Accel-Buffering", "no");
    }
    if (x->origin) {
        add(arg, "Access-Control-Allow-Origin", x->origin);
        add(arg, "Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
        add(arg, "Vary", "Origin");
    }
}

/* Gives libmicrohttpd the next bytes of a stream. */
static ssize_t read_stream(void *arg, uint64_t pos, char *bytes, size_t max)
{
    struct http_exchange *x = arg;
    struct http_conn *c = x->conn;
    (void)pos;
    void (*room)(void *arg) = NULL;
    monitor_enter(x->server->monitor);
    size_t n = x->out.len - x->n_taken;
    ssize_t result = 0;
    /* The last: nobody is left who will end it. */
    if (x->is_gone || x->is_failed || c->is_closing || (!n && !x->is_ended && x->n_refs == 1)) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (n) {
        n = n < max ? n : max;
        memcpy(bytes, x->out.data + x->n_taken, n);
        x->n_taken += n;
        if (x->n_taken == x->out.len) {
            buf_clear(&x->out);
            x->n_taken = 0;
        }
        result = (ssize_t)n;
        if (x->out.len - x->n_taken <= x->room_bytes) {
            room = x->room;
            x->room = NULL;
        }
    } else if (x->is_ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    }
    monitor_leave(x->server->monitor);
    if (room)
        room(x->room_arg);
    if (result > 0) {
        x->out_bytes += (uint64_t)result;
        c->progress_at = x->server->now;
    } else if (!result) {
        MHD_suspend_connection(c->mhd);
        c->is_suspended = true;
    }
    return result;
}

/* The same of a file, which is on a disk of ours. */
static ssize_t read_file(void *arg, uint64_t pos, char *bytes, size_t max)
{
    struct http_exchange *x = arg;
    if (x->conn->is_closing)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    ssize_t n = pread(x->file_fd, bytes, max, (off_t)pos);
    if (n <= 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    x->out_bytes += (uint64_t)n;
    x->conn->progress_at = x->server->now;
    return n;
}

static void add_to_response(void *arg, const char *name, const char *value)
{
    MHD_add_response_header(arg, name, value);
}

static struct MHD_Response *make_response(struct http_exchange *x)
{
    switch (x->reply) {
    case REPLY_STREAM:
        /* libmicrohttpd 0.9.75 sends the last chunk of a stream to HEAD, too. */
        if (x->head.is_head)
            return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_STREAM_BLOCK, read_stream,
                                                 x, NULL);
    case REPLY_FILE:
        if (x->file_bytes)
            return MHD_create_response_from_callback(x->file_bytes, HTTP_STREAM_BLOCK, read_file, x,
                                                     NULL);
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    default:
        return MHD_create_response_from_buffer(x->out.len, x->out.data, MHD_RESPMEM_PERSISTENT);
    }
}

static enum MHD_Result queue(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    struct http_server *server = c->server;
    struct MHD_Response *response = make_response(x);
    if (!response)
        return MHD_NO;
    http_each_header(x, add_to_response, response);
    bool is_last = c->n_requests + 1 >= server->options.limits.n_requests;
    if (c->must_close || is_last || server->sees_stop)
        MHD_add_response_header(response, "Connection", "close");
    c->phase = PHASE_SENDING;
    c->progress_at = c->sampled_at = x->first_at = server->now = clock_now();
    if (x->reply == REPLY_STREAM)
        server->counts.n_streams++;
    enum MHD_Result result = MHD_queue_response(c->mhd, (unsigned)x->status, response);
    MHD_destroy_response(response);
    return result;
}

enum verdict { SERVE_WAIT, SERVE_SEND, SERVE_CUT, SERVE_FAIL };

/* Says what to do with an exchange whose content is complete; marks it as sent. */
static enum verdict judge(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    enum verdict verdict = SERVE_WAIT;
    monitor_enter(x->server->monitor);
    bool is_ready = x->reply == REPLY_BYTES || x->reply == REPLY_FILE ||
                    (x->reply == REPLY_STREAM && (x->out.len || x->is_ended));
    if (x->is_failed || x->is_gone || c->is_closing)
        verdict = SERVE_CUT;
    else if (is_ready)
        verdict = SERVE_SEND;
    else if (x->n_refs == 1)
        verdict = SERVE_FAIL; /* nobody is left who could reply */
    if (verdict == SERVE_SEND)
        x->is_sent = true;
    monitor_leave(x->server->monitor);
    return verdict;
}

enum MHD_Result http_serve(struct http_conn *c)
{
    enum verdict verdict = judge(c);
    if (verdict == SERVE_FAIL) {
        http_refuse(c->x, 500, "internal_error", "the request was dropped without an answer");
        verdict = judge(c);
    }
    if (verdict == SERVE_SEND)
        return queue(c);
    if (verdict == SERVE_CUT)
        return MHD_NO;
    if (c->is_hup) {
        http_tell_gone(c->x);
        return MHD_NO;
    }
    MHD_suspend_connection(c->mhd);
    c->is_suspended = true;
    return MHD_YES;
}

void http_tell_gone(struct http_exchange *x)
{
    monitor_enter(x->server->monitor);
    void (*gone)(void *arg) = x->gone;
    void *arg = x->gone_arg;
    x->is_gone = true;
    x->gone = NULL;
    monitor_leave(x->server->monitor);
    if (gone)
        gone(arg);
}

static void write_log(struct http_exchange *x, bool is_complete)
{
    const struct http_server_options *o = &x->server->options;
    struct http_conn *c = x->conn;
    double now = clock_now();
    struct http_access access = {
        .method = x->head.method_name,
        .route = x->intake.route ? x->intake.route : "",
        .request_id = x->id,
        .peer = x->peer,
        .status = x->first_at > 0 ? x->status : 499,
        .complete = is_complete,
        .in_bytes = c->in_bytes,
        .out_bytes = x->out_bytes,
        .start = x->start,
        .content_s = x->content_at > 0 ? x->content_at - x->start : 0,
        .first_s = x->first_at > 0 ? x->first_at - x->start : 0,
        .total_s = now - x->start,
    };
    if (o->log)
        o->log(o->arg, x, &access);
}

/* Ends the exchange of a connection, whatever became of it. */
static void end(struct http_conn *c, bool is_complete)
{
    struct http_exchange *x = c->x;
    struct http_counts *counts = &c->server->counts;
    if (is_complete && x->reply == REPLY_BYTES && !x->head.is_head)
        x->out_bytes = x->out.len;
    monitor_enter(x->server->monitor);
    x->is_over = true;
    if (is_complete)
        x->gone = NULL;
    bool was_gone = !is_complete && !x->is_failed;
    monitor_leave(x->server->monitor);
    if (!is_complete)
        http_tell_gone(x);
    if (x->has_head) {
        counts->n_running--;
        counts->n_gone += was_gone;
        counts->in_bytes += c->in_bytes;
        counts->out_bytes += x->out_bytes;
        if (x->reply == REPLY_STREAM && x->first_at > 0)
            counts->n_streams--;
        write_log(x, is_complete);
    }
    c->x = NULL;
    monitor_enter(x->server->monitor);
    x->conn = NULL;
    x->is_attached = false;
    monitor_leave(x->server->monitor);
    http_unref(x);
}

void http_on_end(void *server, struct MHD_Connection *mhd, void **context,
                 enum MHD_RequestTerminationCode code)
{
    (void)server, (void)mhd;
    struct http_exchange *x = *context;
    if (!x)
        return;
    struct http_conn *c = x->conn;
    *context = NULL;
    bool words = c->phase == PHASE_CONTENT && x->first_at > 0; /* past libmicrohttpd */
    if (!x->has_head && !c->is_closing && code == MHD_REQUEST_TERMINATED_WITH_ERROR)
        c->server->counts.n_malformed++; /* libmicrohttpd itself has answered */
    bool sent = c->phase == PHASE_SENDING && code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    end(c, sent || words);
    c->phase = PHASE_IDLE;
    c->since = c->server->now;
    c->n_requests++;
    c->in_bytes = 0;
    if (c->server->sees_stop)
        http_conn_finish(c);
}
