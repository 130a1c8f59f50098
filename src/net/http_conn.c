/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_server_int.h"

enum {
    ACCEPT_MAX = 64,          /* at once, so that others have their turn */
    PAUSE_MS = 100,           /* without accepting, when descriptors are short */
    LINGER_MAX = 1024,        /* connections */
    UNSENT_BYTES = 64 << 10,  /* that the system keeps of a connection beside what is on its way */
    DISCARD_BLOCK = 64 << 10, /* bytes */
    CLOSING_MS = 1000,        /* after which a connection that should end is cut */
};

bool http_watch_add(struct http_server *server, int fd, uint32_t events, struct http_watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* --- who it is --- */

static void set_peer(struct http_conn *c, const struct sockaddr_storage *from)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
    if (from->ss_family == AF_INET) {
        uint32_t address = ntohl(v4->sin_addr.s_addr);
        inet_ntop(AF_INET, &v4->sin_addr, c->peer, sizeof c->peer);
        memcpy(c->address, &address, sizeof address);
        c->is_loopback = address >> 24 == 127;
    } else if (from->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, c->peer, sizeof c->peer);
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        /* Who has one address of a network of 64 bits has them all. */
        memcpy(c->address, v6->sin6_addr.s6_addr + (is_v4 ? 8 : 0), sizeof c->address);
        c->is_loopback =
            IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) || (is_v4 && v6->sin6_addr.s6_addr[12] == 127);
        if (is_v4)
            inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, c->peer, sizeof c->peer);
    } else {
        snprintf(c->peer, sizeof c->peer, "unix");
    }
}

static struct http_conn **bucket(struct http_server *server, const struct http_conn *c)
{
    uint64_t key;
    memcpy(&key, c->address, sizeof key);
    return &server->buckets[key * 0x9e3779b97f4a7c15ull >> 54];
}

static bool is_too_many(struct http_server *server, const struct http_conn *c)
{
    const struct http_limits *limits = &server->options.limits;
    uint32_t n = 0;
    if (server->counts.n_open >= limits->n_connections)
        return true;
    if (c->is_unix)
        return false;
    for (const struct http_conn *o = *bucket(server, c); o; o = o->next_in_bucket)
        n += !o->is_unix && memcmp(o->address, c->address, sizeof c->address) == 0;
    return n >= limits->n_per_address;
}

/* --- the end of a connection --- */

static void linger(struct http_server *server, int fd)
{
    struct err err = {0};
    struct http_linger *l = server->n_lingers < LINGER_MAX ? mem_new(1, sizeof *l, &err) : NULL;
    if (!l) {
        close(fd);
        return;
    }
    *l = (struct http_linger){.watch.kind = WATCH_LINGER, .fd = fd, .next = server->lingers};
    l->until = server->now + HTTP_LINGER_MS / 1e3;
    server->lingers = l;
    server->n_lingers++;
    if (!http_watch_add(server, fd, EPOLLIN | EPOLLRDHUP, &l->watch))
        l->until = 0;
}

void http_linger_read(struct http_linger *l)
{
    /* TCP throws it away unread; a Unix socket fills the block. */
    char block[DISCARD_BLOCK];
    for (int i = 0; i < 16; i++) {
        ssize_t n = recv(l->fd, block, sizeof block, MSG_DONTWAIT | MSG_TRUNC);
        if (n > 0)
            continue;
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            l->until = 0;
        return;
    }
}

static void linger_tick(struct http_server *server)
{
    struct http_linger **at = &server->lingers;
    while (*at) {
        struct http_linger *l = *at;
        if (l->until > server->now && !server->sees_end) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
        close(l->fd);
        free(l);
        server->n_lingers--;
    }
}

/* Keeps a closing connection's other half, unless its client has closed it. */
static void keep_reading(struct http_conn *c)
{
    char byte;
    ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return;
    int fd = dup(c->fd);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    linger(c->server, fd);
}

static void unlink_conn(struct http_conn *c)
{
    struct http_server *server = c->server;
    struct http_conn **at = bucket(server, c);
    while (*at != c)
        at = &(*at)->next_in_bucket;
    *at = c->next_in_bucket;
    *(c->prev ? &c->prev->next : &server->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    server->counts.n_open--;
    c->next = server->dead;
    server->dead = c;
}

void http_conn_notify(void *arg, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        server->accepting->mhd = mhd;
        *context = server->accepting;
        return;
    }
    struct http_conn *c = *context;
    epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    if (!c->is_closing || c->is_slow)
        keep_reading(c);
    c->daemon->n_conns--;
    c->fd = -1;
    unlink_conn(c);
}

void http_conns_reap(struct http_server *server)
{
    while (server->dead) {
        struct http_conn *c = server->dead;
        server->dead = c->next;
        free(c);
    }
}

void http_conn_resume(struct http_conn *c)
{
    if (c->is_suspended)
        MHD_resume_connection(c->mhd);
    c->is_suspended = false;
}

void http_conn_abort(struct http_conn *c)
{
    c->is_closing = true;
    c->since = c->server->now;
    if (c->x)
        http_tell_gone(c->x);
    http_conn_resume(c);
    shutdown(c->fd, SHUT_RDWR);
}

void http_conn_finish(struct http_conn *c)
{
    shutdown(c->fd, SHUT_RD);
}

bool http_conns_hup(struct http_server *server)
{
    bool any = false;
    server->has_hup = false;
    for (struct http_conn *c = server->conns; c; c = c->next) {
        /* While a request arrives libmicrohttpd reads, and sees it by itself. */
        if (!c->is_hup || !c->x || c->phase < PHASE_HANDLED || c->is_closing)
            continue;
        http_conn_abort(c);
        any = true;
    }
    return any;
}

/* --- the beginning --- */

static void send_plainly(int fd, const char *bytes, size_t n)
{
    /* What does not fit into an empty socket is not worth more. */
    ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent;
}

static void refuse(struct http_server *server, struct http_conn *c)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\n"
                               "Content-Type: application/json\r\nContent-Length: 79\r\n"
                               "Retry-After: 1\r\nConnection: close\r\n\r\n"
                               "{\"error\":{\"message\":\"the server has too many connections\","
                               "\"code\":\"overloaded\"}}";
    server->counts.n_refused++;
    if (!c->is_tls)
        send_plainly(c->fd, text, sizeof text - 1);
    shutdown(c->fd, SHUT_WR);
    if (c->is_tls)
        close(c->fd);
    else
        linger(server, c->fd);
    free(c);
}

static void set_options(struct http_server *server, int fd)
{
    /* The system gives up later than we do: it would not tell why. */
    int on = 1, idle = 60, interval = 15, stall = 2 * (int)server->options.limits.stall_ms;
    int unsent = UNSENT_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall, sizeof stall);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

/* Hands a connection to libmicrohttpd. */
static void begin(struct http_server *server, struct http_conn *c,
                  const struct sockaddr_storage *from, socklen_t n_from)
{
    c->daemon = c->is_tls ? server->tls : server->daemons;
    c->since = server->now;
    c->next = server->conns;
    if (c->next)
        c->next->prev = c;
    server->conns = c;
    struct http_conn **at = bucket(server, c);
    c->next_in_bucket = *at;
    *at = c;
    server->counts.n_connections++;
    server->counts.n_open++;
    c->daemon->n_conns++;
    server->accepting = c;
    bool watched = http_watch_add(server, c->fd, EPOLLRDHUP | EPOLLET, &c->watch);
    if (MHD_add_connection(c->daemon->mhd, c->fd, (const struct sockaddr *)from, n_from) ==
        MHD_YES) {
        if (!watched)
            http_conn_abort(c);
        return;
    }
    /* libmicrohttpd has closed it, and if it had told of it, also of that. */
    if (c->fd >= 0) {
        c->daemon->n_conns--;
        c->fd = -1;
        unlink_conn(c);
    }
}

static void take(struct http_server *server, struct http_listener *listener, int fd,
                 const struct sockaddr_storage *from, socklen_t n_from)
{
    struct err err = {0};
    struct http_conn *c = mem_new(1, sizeof *c, &err);
    if (!c) {
        close(fd);
        return;
    }
    *c = (struct http_conn){
        .watch.kind = WATCH_CONN,
        .server = server,
        .fd = fd,
        .is_unix = listener->is_unix,
        .is_tls = listener->is_tls,
        .checks_host = listener->is_loopback,
    };
    set_peer(c, from);
    if (is_too_many(server, c)) {
        refuse(server, c);
        return;
    }
    if (!c->is_unix)
        set_options(server, fd);
    begin(server, c, from, n_from);
}

void http_conn_accept(struct http_server *server, struct http_listener *listener)
{
    for (int i = 0; i < ACCEPT_MAX; i++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(listener->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(server, listener, fd, &from, n);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            server->pause_until = server->now + PAUSE_MS / 1e3;
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

/* --- slow clients --- */

static void add_line(void *arg, const char *name, const char *value)
{
    struct buf *text = arg;
    struct err err = {0};
    bool ok = buf_add(text, name, strlen(name), &err) && buf_add(text, ": ", 2, &err) &&
              buf_add(text, value, strlen(value), &err) && buf_add(text, "\r\n", 2, &err);
    (void)ok; /* what is missing is missing: the client is about to be cut off */
}

void http_conn_last_words(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    struct err err = {0};
    struct buf text;
    char line[160];
    if (c->is_tls || x->reply != REPLY_BYTES)
        return;
    buf_init(&text, 64 << 10);
    int n = snprintf(line, sizeof line, "HTTP/1.1 %d Refused\r\nConnection: close\r\n", x->status);
    bool ok = buf_add(&text, line, (size_t)n, &err);
    http_each_header(x, add_line, &text);
    n = snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n", x->out.len);
    ok = ok && buf_add(&text, line, (size_t)n, &err) &&
         (x->head.is_head || buf_add(&text, x->out.data, x->out.len, &err));
    if (ok) {
        send_plainly(c->fd, text.data, text.len);
        x->first_at = c->server->now;
    }
    buf_free(&text);
}

/* Ends a connection whose client is too slow in sending. */
static void end_slow(struct http_conn *c)
{
    static const char text[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    c->server->counts.n_slow++;
    if (c->phase == PHASE_CONTENT) {
        http_refuse(c->x, 408, "request_timeout", "the content came too slowly");
        http_conn_last_words(c);
    } else if (!c->is_tls) {
        send_plainly(c->fd, text, sizeof text - 1);
    }
    /* libmicrohttpd reads the end, closes, and what still comes is read and forgotten. */
    c->is_closing = c->is_slow = true;
    c->since = c->server->now;
    http_conn_finish(c);
}

/* Looks whether the client's side has taken something since the last time. */
static void sample(struct http_conn *c)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    int queued = 0;
    uint64_t progress = 0;
    if (!c->is_unix && getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0)
        progress = info.tcpi_bytes_acked;
    else if (ioctl(c->fd, SIOCOUTQ, &queued) == 0)
        progress = (uint64_t)queued;
    if (progress != c->progress)
        c->progress_at = c->server->now;
    c->progress = progress;
    c->sampled_at = c->server->now;
}

static void check_sending(struct http_conn *c)
{
    double now = c->server->now, stall = c->server->options.limits.stall_ms / 1e3;
    if (c->is_suspended) {
        c->progress_at = now; /* everything has been taken */
        return;
    }
    if (now - c->sampled_at > stall / 8)
        sample(c);
    if (now - c->progress_at <= stall)
        return;
    c->server->counts.n_slow++;
    http_conn_abort(c);
}

/* Breaks the silence of an event stream that has nothing to send. */
static void ping(struct http_exchange *x)
{
    static const char comment[] = ": ping\n\n";
    struct http_server *server = x->server;
    struct err err = {0};
    double silence = server->options.limits.ping_ms / 1e3;
    monitor_enter(server->monitor);
    if (x->is_event_stream && !x->is_ended && !x->is_failed && !x->out.len &&
        server->now - x->wrote_at >= silence) {
        x->is_failed = !buf_add(&x->out, comment, sizeof comment - 1, &err);
        x->wrote_at = server->now;
        http_wake(x);
    }
    monitor_leave(server->monitor);
}

/* Takes the measure of content once per window, so that none is made up for by haste before. */
static void check_content(struct http_conn *c)
{
    const struct http_limits *limits = &c->server->options.limits;
    double now = c->server->now;
    if (now - c->since < limits->slow_ms / 1e3)
        return;
    if (c->in_bytes - c->window_bytes < (uint64_t)limits->min_rate * limits->slow_ms / 1000) {
        end_slow(c);
        return;
    }
    c->since = now;
    c->window_bytes = c->in_bytes;
}

static void check(struct http_conn *c)
{
    const struct http_limits *limits = &c->server->options.limits;
    double age = c->server->now - c->since;
    switch (c->phase) {
    case PHASE_FIRST:
    case PHASE_HEAD:
        if (age > limits->headers_ms / 1e3)
            end_slow(c);
        break;
    case PHASE_IDLE:
        if (age > limits->idle_ms / 1e3)
            http_conn_finish(c);
        break;
    case PHASE_CONTENT:
        check_content(c);
        break;
    case PHASE_HANDLED:
        ping(c->x);
        break;
    case PHASE_SENDING:
        ping(c->x);
        check_sending(c);
    }
}

void http_conns_tick(struct http_server *server)
{
    for (struct http_conn *c = server->conns; c; c = c->next)
        if (!c->is_closing)
            check(c);
        else if (server->now - c->since > CLOSING_MS / 1e3)
            shutdown(c->fd, SHUT_RDWR);
    linger_tick(server);
}
