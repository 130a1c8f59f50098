/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_form_int.h"
#include "net/http_server_int.h"

struct http_exchange *http_exchange_new(struct http_conn *conn, struct err *err)
{
    struct http_exchange *x = mem_new(1, sizeof *x, err);
    if (!x)
        return NULL;
    struct http_server *server = conn->server;
    *x = (struct http_exchange){
        .server = server,
        .conn = conn,
        .n_refs = 1,
        .is_attached = true,
        .file_fd = -1,
        .head = {.method_name = "",
                 .path = "/",
                 .content_type = "",

                 .is_tls = conn->is_tls,
                 .is_unix = conn->is_unix,
                 .is_loopback = conn->is_loopback},
    };
    memcpy(x->peer, conn->peer, sizeof x->peer);
    x->head.peer = x->peer;
    x->head.request_id = x->id;
    buf_init(&x->out, server->options.limits.queued_bytes);
    monitor_enter(server->monitor);
    server->n_refs++;
    monitor_leave(server->monitor);
    return x;
}

void http_server_unref(struct http_server *server)
{
    monitor_enter(server->monitor);
    bool last = --server->n_refs == 0;
    monitor_leave(server->monitor);
    if (!last)
        return;
    monitor_close(server->monitor);
    arena_free(&server->arena);
    free(server);
}

static void exchange_free(struct http_exchange *x)
{
    if (x->release)
        x->release(x->user);
    while (x->headers) {
        struct http_out_header *header = x->headers;
        x->headers = header->next;
        free(header);
    }
    if (x->file_fd >= 0)
        close(x->file_fd);
    http_form_close(x->form);
    buf_free(&x->content);
    buf_free(&x->out);
    arena_free(&x->arena);
    http_server_unref(x->server);
    free(x);
}

void http_wake(struct http_exchange *x)
{
    struct http_server *server = x->server;
    if (x->is_woken || !x->is_attached)
        return;
    bool first = !server->woken;
    x->is_woken = true;
    x->n_refs++;
    x->next_woken = server->woken;
    server->woken = x;
    if (first && server->wake_fd >= 0)
        eventfd_write(server->wake_fd, 1);
}

void http_ref(struct http_exchange *x)
{
    monitor_enter(x->server->monitor);
    x->n_refs++;
    monitor_leave(x->server->monitor);
}

void http_unref(struct http_exchange *x)
{
    if (!x)
        return;
    struct monitor *monitor = x->server->monitor;
    monitor_enter(monitor);
    int left = --x->n_refs;
    /* With nobody left who could reply, the loop does. */
    if (left == 1)
        http_wake(x);
    monitor_leave(monitor);
    if (!left)
        exchange_free(x);
}

void http_set_user(struct http_exchange *x, void *user, void (*release)(void *user))
{
    monitor_enter(x->server->monitor);
    void *old = x->user;
    void (*old_release)(void *user) = x->release;
    x->user = user;
    x->release = release;
    monitor_leave(x->server->monitor);
    if (old_release)
        old_release(old);
}

void *http_user(const struct http_exchange *x)
{
    monitor_enter(x->server->monitor);
    void *user = x->user;
    monitor_leave(x->server->monitor);
    return user;
}

const struct http_head *http_head(const struct http_exchange *x)
{
    return &x->head;
}

const char *http_request_header(const struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->n_pairs; i++)
        if (strcasecmp(x->pairs[i].name, name) == 0)
            return x->pairs[i].value;
    return NULL;
}

const char *http_query(const struct http_exchange *x, const char *name)
{
    return http_target_query(&x->target, name);
}

const char *http_content(const struct http_exchange *x, size_t *n)
{
    *n = x->content.len;
    return x->content.data ? x->content.data : "";
}

struct http_form *http_form(struct http_exchange *x)
{
    return x->form;
}

/* Says whether libmicrohttpd or HTTP itself decides about a header. */
static bool is_framing(const char *name)
{
    static const char *const names[] = {"Connection", "Content-Length", "Transfer-Encoding",
                                        "Date",       "Keep-Alive",     "Trailer",
                                        "Upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Replaces a header, or removes it where added is NULL.  Inside the monitor.  Returns what is to
 * be freed. */
static struct http_out_header *replace_header(struct http_exchange *x, const char *name,
                                              struct http_out_header *added)
{
    struct http_out_header *old = NULL;
    if (x->is_sent)
        return added;
    struct http_out_header **at = &x->headers;
    for (; *at; at = &(*at)->next)
        if (strcasecmp((*at)->name, name) == 0) {
            old = *at;
            *at = old->next;
            break;
        }
    if (added) {
        added->next = *at;
        *at = added;
    }
    return old;
}

/* Returns NULL without memory. */
static struct http_out_header *make_header(const char *name, const char *value)
{
    struct err err = {0};
    size_t n_name = strlen(name) + 1, n_value = strlen(value) + 1;
    struct http_out_header *header = mem_new(1, sizeof *header + n_name + n_value, &err);
    if (!header)
        return NULL;
    memcpy(header->name, name, n_name);
    header->value = header->name + n_name;
    memcpy(header->value, value, n_value);
    return header;
}

void http_set_header(struct http_exchange *x, const char *name, const char *value)
{
    if (!http_is_token(name) || is_framing(name) || (value && !http_is_value(value)))
        return;
    struct http_out_header *added = value ? make_header(name, value) : NULL;
    monitor_enter(x->server->monitor);
    x->is_failed |= value && !added;
    struct http_out_header *old = replace_header(x, name, added);
    monitor_leave(x->server->monitor);
    free(old);
}

/* Says whether the response can still be chosen.  Inside the monitor. */
static bool is_open(const struct http_exchange *x)
{
    bool unused = x->reply == REPLY_STREAM && !x->is_ended && !x->out.len;
    return !x->is_sent && !x->is_over && !x->is_gone && (x->reply == REPLY_NONE || unused);
}

/* What a reply takes with it. */
struct choice {
    enum http_reply_kind kind;
    int status, fd;
    uint64_t n_bytes; /* of the file */
    struct buf out;
    bool is_failed; /* for want of memory */
};

/* Chooses the response; frees what is not needed. */
static void choose(struct http_exchange *x, struct choice *choice, const char *content_type)
{
    static const char stream[] = "text/event-stream", name[] = "Content-Type";
    struct http_out_header *type = content_type ? make_header(name, content_type) : NULL;
    monitor_enter(x->server->monitor);
    bool open = is_open(x);
    if (open) {
        struct buf old = x->out;
        x->out = choice->out;
        choice->out = old;
        x->reply = choice->kind;
        x->status = choice->status;
        x->file_fd = choice->fd;
        x->file_bytes = choice->n_bytes;
        x->is_failed |= choice->is_failed || (content_type && !type);
        x->is_event_stream = choice->kind == REPLY_STREAM && content_type &&
                             strncmp(content_type, stream, sizeof stream - 1) == 0;
        x->wrote_at = clock_now();
        if (type)
            type = replace_header(x, name, type);
        /* The head of a stream waits for its first bytes. */
        if (choice->kind != REPLY_STREAM || x->is_failed)
            http_wake(x);
    }
    monitor_leave(x->server->monitor);
    free(type);
    buf_free(&choice->out);
    if (!open && choice->fd >= 0)
        close(choice->fd);
}

void http_reply(struct http_exchange *x, int status, const char *content_type, const void *bytes,
                size_t n)
{
    struct err err = {0};
    struct choice choice = {.kind = REPLY_BYTES, .status = status, .fd = -1};
    buf_init(&choice.out, n);
    choice.is_failed = !buf_add(&choice.out, bytes, n, &err);
    choose(x, &choice, content_type);
}

void http_reply_file(struct http_exchange *x, int status, const char *content_type, int fd,
                     uint64_t n_bytes)
{
    struct choice choice = {.kind = REPLY_FILE, .status = status, .fd = fd, .n_bytes = n_bytes};
    choose(x, &choice, content_type);
}

void http_stream_begin(struct http_exchange *x, int status, const char *content_type)
{
    struct choice choice = {.kind = REPLY_STREAM, .status = status, .fd = -1};
    buf_init(&choice.out, x->server->options.limits.queued_bytes);
    choose(x, &choice, content_type);
}

bool http_stream_write(struct http_exchange *x, const void *bytes, size_t n)
{
    struct err err = {0};
    monitor_enter(x->server->monitor);
    bool ok =
        x->reply == REPLY_STREAM && !x->is_ended && !x->is_gone && !x->is_over && !x->is_failed;
    if (ok && n) {
        if (x->n_taken) {
            buf_drop(&x->out, x->n_taken);
            x->n_taken = 0;
        }
        ok = buf_add(&x->out, bytes, n, &err);
        x->is_failed = !ok;
        x->wrote_at = clock_now();
        http_wake(x);
    }
    monitor_leave(x->server->monitor);
    return ok;
}

void http_stream_end(struct http_exchange *x)
{
    monitor_enter(x->server->monitor);
    if (x->reply == REPLY_STREAM) {
        x->is_ended = true;
        http_wake(x);
    }
    monitor_leave(x->server->monitor);
}

size_t http_stream_queued(const struct http_exchange *x)
{
    monitor_enter(x->server->monitor);
    size_t n = x->reply == REPLY_STREAM ? x->out.len - x->n_taken : 0;
    monitor_leave(x->server->monitor);
    return n;
}

bool http_on_room(struct http_exchange *x, size_t n_bytes, void (*room)(void *arg), void *arg)
{
    monitor_enter(x->server->monitor);
    bool waits = x->reply == REPLY_STREAM && !x->is_gone && !x->is_over && !x->is_failed &&
                 x->out.len - x->n_taken > n_bytes;
    if (waits) {
        x->room = room;
        x->room_arg = arg;
        x->room_bytes = n_bytes;
    }
    monitor_leave(x->server->monitor);
    return waits;
}

bool http_is_gone(const struct http_exchange *x)
{
    monitor_enter(x->server->monitor);
    bool gone = x->is_gone;
    monitor_leave(x->server->monitor);
    return gone;
}

bool http_on_gone(struct http_exchange *x, void (*gone)(void *arg), void *arg)
{
    monitor_enter(x->server->monitor);
    bool here = !x->is_gone;
    if (here) {
        x->gone = gone;
        x->gone_arg = arg;
    }
    monitor_leave(x->server->monitor);
    return here;
}

/* Replies where the options have no refuse(). */
static void refuse_plainly(struct http_exchange *x, int status, const char *code, const char *text)
{
    char body[512];
    int n =
        snprintf(body, sizeof body, "{\"error\":{\"message\":\"%s\",\"code\":\"%s\"}}", text, code);
    http_reply(x, status, "application/json", body, (size_t)n);
}

void http_refuse(struct http_exchange *x, int status, const char *code, const char *text)
{
    const struct http_server_options *o = &x->server->options;
    if (o->refuse)
        o->refuse(o->arg, x, status, code, text);
    monitor_enter(x->server->monitor);
    bool silent = is_open(x);
    monitor_leave(x->server->monitor);
    if (silent)
        refuse_plainly(x, status, code, text);
}

void http_refuse_err(struct http_exchange *x, const struct err *err)
{
    switch (err->code) {
    case ERR_LIMIT:
        http_refuse(x, 413, "request_too_large", err->text);
        break;
    case ERR_UNSUPPORTED:
        http_refuse(x, 415, "unsupported_content", err->text);
        break;
    case ERR_FORMAT:
        http_refuse(x, 400, "bad_content", err->text);
        break;
    default:
        /* Of the system, with paths in it: not for the client. */
        http_refuse(x, 500, "internal_error", "the server could not store the content");
    }
}
