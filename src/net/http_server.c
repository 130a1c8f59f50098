/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_server_int.h"

enum {
    EVENTS = 128,
    TICK_MS = 100,  /* at most: how late slowness may be noticed */
    STOP_MS = 2000, /* for connections to end when the server does */
    WAIT_MS = 20,
    END_TURNS = 4, /* of libmicrohttpd, from the last byte of a response to its end */
};

void http_limits_default(struct http_limits *limits)
{
    *limits = (struct http_limits){
        .target_bytes = 8 << 10,
        .header_bytes = 8 << 10,
        .headers_bytes = 32 << 10,
        .n_headers = 100,
        .memory_bytes = 32 << 20,
        .form_bytes = 512 << 20,
        .n_parts = 64,
        .field_bytes = 1 << 20,
        .n_connections = 4096,
        .n_per_address = 256,
        .headers_ms = 10000,
        .slow_ms = 10000,
        .min_rate = 1 << 10,
        .idle_ms = 75000,
        .stall_ms = 60000,
        .ping_ms = 15000,
        .n_requests = 10000,
        .queued_bytes = 1 << 20,
    };
}

/* --- the loop --- */

static void set_listening(struct http_server *server, bool on)
{
    if (server->is_listening == on)
        return;
    server->is_listening = on;
    for (int i = 0; i < server->n_listeners; i++) {
        struct http_listener *l = &server->listeners[i];
        if (on)
            http_watch_add(server, l->fd, EPOLLIN, &l->watch);
        else
            epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
    }
}

static void handle_event(struct http_server *server, const struct epoll_event *event)
{
    struct http_watch *watch = event->data.ptr;
    eventfd_t value;
    switch (watch->kind) {
    case WATCH_WAKE:
        eventfd_read(server->wake_fd, &value);
        break;
    case WATCH_LISTENER:
        http_conn_accept(server, (struct http_listener *)watch);
        break;
    case WATCH_CONN:
        ((struct http_conn *)watch)->is_hup = server->has_hup = true;
        break;
    case WATCH_LINGER:
        http_linger_read((struct http_linger *)watch);
        break;
    case WATCH_DAEMON:
        break; /* they all run anyway */
    }
}

/* Looks at an exchange in which something has changed. */
static void look(struct http_exchange *x)
{
    struct monitor *monitor = x->server->monitor;
    /* Not http_unref(): that would wake it again. */
    monitor_enter(monitor);
    x->is_woken = false;
    bool is_last = x->n_refs == 1;
    x->n_refs -= !is_last;
    monitor_leave(monitor);
    if (is_last)
        http_unref(x);
    else if (x->conn)
        http_conn_resume(x->conn);
}

static void stop_accepting(struct http_server *server)
{
    server->sees_stop = true;
    http_unlisten(server);
    for (struct http_conn *c = server->conns; c; c = c->next)
        if (c->phase == PHASE_FIRST || c->phase == PHASE_IDLE)
            http_conn_finish(c);
}

/* Takes a new certificate into use. */
static void take_daemon(struct http_server *server, struct http_daemon *d)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    struct http_daemon **list = d->is_tls ? &server->tls : &server->daemons;
    http_watch_add(server, info->epoll_fd, EPOLLIN, &d->watch);
    d->next = *list;
    *list = d;
}

/* Does what other threads want. */
static void take_orders(struct http_server *server)
{
    monitor_enter(server->monitor);
    struct http_exchange *woken = server->woken;
    struct http_daemon *tls = server->next_tls;
    bool draining = server->is_draining, stopping = server->is_stopping;
    server->woken = NULL;
    server->next_tls = NULL;
    monitor_leave(server->monitor);
    server->sees_end = stopping;
    if (tls)
        take_daemon(server, tls);
    if ((draining || stopping) && !server->sees_stop)
        stop_accepting(server);
    while (woken) {
        struct http_exchange *next = woken->next_woken;
        look(woken);
        woken = next;
    }
}

/* Runs libmicrohttpd.  Returns whether it has more to do at once. */
static bool run_daemons(struct http_server *server)
{
    bool more = http_daemon_run(server->daemons);
    struct http_daemon **at = &server->tls;
    for (struct http_daemon *d = *at; d; d = *at) {
        more |= http_daemon_run(d);
        if (d == server->tls || d->n_conns) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        http_daemon_close(d);
    }
    return more;
}

static void publish(struct http_server *server)
{
    monitor_enter(server->monitor);
    server->published = server->counts;
    server->is_drained = server->sees_stop;
    if (!server->counts.n_running)
        monitor_change(server->monitor);
    monitor_leave(server->monitor);
}

/* One round: waits for events, timeout_ms at most, and does what follows from them.  Returns
 * whether there is more to do at once. */
static bool run_round(struct http_server *server, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(server->epoll_fd, events, EVENTS, timeout_ms);
    server->now = clock_now();
    for (int i = 0; i < n; i++)
        handle_event(server, &events[i]);
    take_orders(server);
    if (server->now - server->ticked_at >= server->tick_ms / 1e3) {
        server->ticked_at = server->now;
        http_conns_tick(server);
    }
    set_listening(server, !server->sees_stop && server->now >= server->pause_until);
    bool more = run_daemons(server);
    /* A client that has its whole response may leave before libmicrohttpd has seen that it is
     * complete: that takes a turn or two. */
    for (int i = 0; i < END_TURNS && more && server->has_hup; i++)
        more = run_daemons(server);
    more |= server->has_hup && http_conns_hup(server);
    http_conns_reap(server);
    publish(server);
    return more;
}

static void end_all(struct http_server *server)
{
    double until = clock_now() + STOP_MS / 1e3;
    for (struct http_conn *c = server->conns; c; c = c->next)
        http_conn_abort(c);
    while (server->conns && clock_now() < until)
        run_round(server, 1);
    http_daemon_close(server->daemons);
    while (server->tls) {
        struct http_daemon *d = server->tls;
        server->tls = d->next;
        http_daemon_close(d);
    }
    http_conns_tick(server);
    http_conns_reap(server);
    take_orders(server);
    publish(server);
}

static void run(void *arg)
{
    struct http_server *server = arg;
    bool more = false;
    while (!server->sees_end) {
        bool idle = !server->conns && !server->lingers && server->pause_until < server->now;
        more = run_round(server, more ? 0 : idle ? -1 : server->tick_ms);
    }
    end_all(server);
}

/* --- from outside --- */

static bool copy_texts(struct http_server *server, const char **texts, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (texts[i] && !(texts[i] = arena_string(&server->arena, texts[i], strlen(texts[i]), err)))
            return false;
    return true;
}

static bool copy_options(struct http_server *server, const struct http_server_options *options,
                         struct err *err)
{
    struct http_server_options *o = &server->options;
    *o = *options;
    assert(o->route && o->limits.n_connections);
    if (!o->cert_file != !o->key_file)
        return err_set(err, ERR_ARG, "TLS needs a certificate and its key");
    /* What is full must still have its end. */
    if (o->hosts[HTTP_NAMES - 1] || o->origins[HTTP_NAMES - 1])
        return err_set(err, ERR_ARG, "at most %d hosts and origins", HTTP_NAMES - 1);
    const struct http_limits *l = &o->limits;
    uint32_t times[] = {l->headers_ms, l->slow_ms, l->idle_ms, l->stall_ms, l->ping_ms};
    server->tick_ms = TICK_MS;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if ((int)(times[i] / 8) < server->tick_ms)
            server->tick_ms = (int)(times[i] / 8) + 1;
    return copy_texts(server, o->addresses, HTTP_ADDRESSES, err) &&
           copy_texts(server, o->hosts, HTTP_NAMES, err) &&
           copy_texts(server, o->origins, HTTP_NAMES, err) &&
           copy_texts(server, &o->unix_path, 1, err) && copy_texts(server, &o->cert_file, 1, err) &&
           copy_texts(server, &o->key_file, 1, err) &&
           copy_texts(server, &o->upload_folder, 1, err);
}

static bool open_loop(struct http_server *server, struct err *err)
{
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->wake_watch.kind = WATCH_WAKE;
    if (server->epoll_fd < 0 || server->wake_fd < 0 ||
        !http_watch_add(server, server->wake_fd, EPOLLIN, &server->wake_watch))
        return err_set(err, ERR_LIMIT, "no descriptors are left for a server; see ulimit -n");
    struct http_daemon *d = http_daemon_open(server, false, err);
    if (!d)
        return false;
    take_daemon(server, d);
    if (!server->options.cert_file)
        return true;
    d = http_daemon_open(server, true, err);
    if (d)
        take_daemon(server, d);
    return d != NULL;
}

struct http_server *http_server_open(const struct http_server_options *options, struct err *err)
{
    struct http_server *server = mem_new(1, sizeof *server, err);
    if (!server)
        return NULL;
    server->epoll_fd = server->wake_fd = -1;
    server->n_refs = 1;
    server->now = clock_now();
    server->monitor = monitor_open(err);
    if (server->monitor && copy_options(server, options, err) && open_loop(server, err) &&
        http_listen(server, err)) {
        set_listening(server, true);
        server->thread = thread_open("http", run, server, err);
    }
    if (server->thread)
        return server;
    http_server_close(server);
    return NULL;
}

/* Has the loop look at its orders.  Inside the monitor. */
static void wake_loop(struct http_server *server)
{
    if (server->wake_fd >= 0)
        eventfd_write(server->wake_fd, 1);
}

void http_server_close(struct http_server *server)
{
    if (!server)
        return;
    if (server->thread) {
        monitor_enter(server->monitor);
        server->is_stopping = true;
        wake_loop(server);
        monitor_leave(server->monitor);
        thread_close(server->thread);
    } else {
        http_unlisten(server);
        http_daemon_close(server->daemons);
        http_daemon_close(server->tls);
    }
    http_daemon_close(server->next_tls);
    if (!server->monitor) {
        free(server);
        return;
    }
    monitor_enter(server->monitor);
    int wake_fd = server->wake_fd;
    server->wake_fd = -1;
    monitor_leave(server->monitor);
    if (wake_fd >= 0)
        close(wake_fd);
    if (server->epoll_fd >= 0)
        close(server->epoll_fd);
    http_server_unref(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

bool http_server_reload(struct http_server *server, struct err *err)
{
    if (!server->options.cert_file)
        return true;
    struct http_daemon *d = http_daemon_open(server, true, err);
    if (!d)
        return false;
    monitor_enter(server->monitor);
    struct http_daemon *unused = server->next_tls;
    server->next_tls = d;
    wake_loop(server);
    monitor_leave(server->monitor);
    http_daemon_close(unused);
    return true;
}

void http_server_drain(struct http_server *server)
{
    monitor_enter(server->monitor);
    server->is_draining = true;
    wake_loop(server);
    monitor_leave(server->monitor);
}

bool http_server_is_draining(const struct http_server *server)
{
    monitor_enter(server->monitor);
    bool draining = server->is_draining;
    monitor_leave(server->monitor);
    return draining;
}

bool http_server_wait(struct http_server *server, int timeout_ms)
{
    double until = clock_now() + timeout_ms / 1e3;
    monitor_enter(server->monitor);
    bool idle = false;
    for (;;) {
        idle = !server->published.n_running && server->is_drained == server->is_draining;
        if (idle || clock_now() >= until)
            break;
        monitor_wait(server->monitor, WAIT_MS);
    }
    monitor_leave(server->monitor);
    return idle;
}

struct http_counts http_server_counts(const struct http_server *server)
{
    monitor_enter(server->monitor);
    struct http_counts counts = server->published;
    monitor_leave(server->monitor);
    return counts;
}
