/* SPDX-License-Identifier: Apache-2.0 */
/* http_fixture.h - a real server on a free port with a few routes, and raw sockets to talk to it.
 *
 *     GET /hello              "hello\n"; HEAD, too; other methods 405
 *     GET /query?q=TEXT       TEXT
 *     POST /echo              the content
 *     POST /small             the content, 100 bytes at most
 *     POST /form              "NAME=VALUE\n" or "NAME:FILE:TYPE:BYTES\n" for each part
 *     GET /big?n=BYTES        so many bytes
 *     ANY /hold               the exchange waits in held, for the test to reply
 *     ANY /forgotten          no reply
 *     ANY /secret             401 by the route itself
 *     GET /starve?n=N         "", and of the server's next allocations the Nth fails */
#ifndef TEST_HTTP_FIXTURE_H
#define TEST_HTTP_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "net/http_form.h"
#include "net/http_server.h"
#include "test.h"

enum { HELD_MAX = 512 };

struct fixture {
    struct http_server_options o;
    struct http_server *server;
    struct monitor *monitor;
    struct http_exchange *held[HELD_MAX];
    int n_held, n_gone, n_released, n_logged;
    double gone_at;
    struct http_access last; /* its texts: */
    char last_method[32], last_route[32], last_id[HTTP_ID_BYTES];
};

static inline void fixture_hello(void *arg, struct http_exchange *x)
{
    (void)arg;
    http_reply(x, 200, "text/plain", "hello\n", 6);
}

static inline void fixture_query(void *arg, struct http_exchange *x)
{
    (void)arg;
    const char *q = http_query(x, "q");
    http_reply(x, 200, "text/plain", q ? q : "(none)", strlen(q ? q : "(none)"));
}

static inline void fixture_echo(void *arg, struct http_exchange *x)
{
    (void)arg;
    size_t n;
    const char *content = http_content(x, &n);
    http_reply(x, 200, "application/octet-stream", content, n);
}

static inline void fixture_big(void *arg, struct http_exchange *x)
{
    (void)arg;
    size_t n = strtoul(http_query(x, "n"), NULL, 10);
    char *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)('a' + i % 26);
    http_reply(x, 200, "text/plain", bytes, n);
    free(bytes);
}

static inline void fixture_form(void *arg, struct http_exchange *x)
{
    (void)arg;
    char text[4096];
    size_t used = 0;
    struct http_form *form = http_form(x);
    for (size_t i = 0; i < http_form_n(form); i++) {
        const struct http_part *p = http_form_part(form, i);
        size_t n = 0;
        char *bytes = p->path ? test_read(p->path, &n) : NULL;
        if (bytes)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s:%s:%s:%.*s\n", p->name,
                                     p->file_name, p->content_type, (int)(n < 99 ? n : 99), bytes);
        else
            used += (size_t)snprintf(text + used, sizeof text - used, "%s=%s\n", p->name, p->value);
        free(bytes);
    }
    http_reply(x, 200, "text/plain", text, used);
}

static inline void fixture_gone(void *arg)
{
    struct fixture *f = arg;
    monitor_enter(f->monitor);
    f->n_gone++;
    f->gone_at = clock_now();
    monitor_change(f->monitor);
    monitor_leave(f->monitor);
}

static inline void fixture_released(void *arg)
{
    struct fixture *f = arg;
    monitor_enter(f->monitor);
    f->n_released++;
    monitor_change(f->monitor);
    monitor_leave(f->monitor);
}

static inline void fixture_hold(void *arg, struct http_exchange *x)
{
    struct fixture *f = arg;
    http_ref(x);
    http_set_user(x, f, fixture_released);
    if (!http_on_gone(x, fixture_gone, f))
        fixture_gone(f);
    monitor_enter(f->monitor);
    f->held[f->n_held++] = x;
    monitor_change(f->monitor);
    monitor_leave(f->monitor);
}

static inline void fixture_starve(void *arg, struct http_exchange *x)
{
    (void)arg;
    http_reply(x, 200, "text/plain", "", 0);
    mem_fail_once(strtoul(http_query(x, "n"), NULL, 10));
}

static inline void fixture_forget(void *arg, struct http_exchange *x)
{
    (void)arg, (void)x;
}

static inline void fixture_route(void *arg, struct http_exchange *x, struct http_intake *intake)
{
    static const struct {
        const char *path, *allow;
        http_handle_fn *handle;
        enum http_content content;
        uint64_t max_bytes;
    } routes[] = {
        {"/hello", "GET, HEAD", fixture_hello, HTTP_CONTENT_NONE, 0},
        {"/query", NULL, fixture_query, HTTP_CONTENT_NONE, 0},
        {"/echo", NULL, fixture_echo, HTTP_CONTENT_MEMORY, 0},
        {"/small", NULL, fixture_echo, HTTP_CONTENT_MEMORY, 100},
        {"/form", NULL, fixture_form, HTTP_CONTENT_FORM, 0},
        {"/big", NULL, fixture_big, HTTP_CONTENT_NONE, 0},
        {"/hold", NULL, fixture_hold, HTTP_CONTENT_MEMORY, 0},
        {"/forgotten", NULL, fixture_forget, HTTP_CONTENT_MEMORY, 0},
        {"/starve", NULL, fixture_starve, HTTP_CONTENT_NONE, 0},
    };
    const struct http_head *head = http_head(x);
    if (strcmp(head->path, "/secret") == 0) {
        http_set_header(x, "WWW-Authenticate", "Bearer");
        http_reply(x, 401, "text/plain", "no\n", 3);
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(head->path, routes[i].path) != 0)
            continue;
        intake->route = routes[i].path;
        intake->content = routes[i].content;
        intake->max_bytes = routes[i].max_bytes;
        intake->handle = routes[i].handle;
        intake->arg = arg;
        if (!routes[i].allow || head->method == HTTP_GET)
            return;
        http_set_header(x, "Allow", routes[i].allow);
        http_reply(x, 405, "text/plain", "", 0);
    }
}

static inline void fixture_log(void *arg, struct http_exchange *x, const struct http_access *a)
{
    struct fixture *f = arg;
    (void)x;
    monitor_enter(f->monitor);
    f->n_logged++;
    f->last = *a;
    snprintf(f->last_method, sizeof f->last_method, "%s", a->method);
    snprintf(f->last_route, sizeof f->last_route, "%s", a->route);
    snprintf(f->last_id, sizeof f->last_id, "%s", a->request_id);
    monitor_change(f->monitor);
    monitor_leave(f->monitor);
}

/* The options of a server on a free port of 127.0.0.1, to be changed before fixture_open(). */
static inline void fixture_init(struct fixture *f)
{
    *f = (struct fixture){.o = {.addresses = {"127.0.0.1"}, .route = fixture_route}};
    f->o.log = fixture_log;
    f->o.arg = f;
    http_limits_default(&f->o.limits);
    f->o.limits.n_per_address = 2000;
}

static inline void fixture_open(struct fixture *f)
{
    struct err err = {0};
    f->monitor = monitor_open(&err);
    f->server = http_server_open(&f->o, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f->server);
}

static inline void fixture_close(struct fixture *f)
{
    http_server_close(f->server);
    for (int i = 0; i < f->n_held; i++)
        http_unref(f->held[i]);
    monitor_close(f->monitor);
}

/* Waits, five seconds at most, until *counter is n. */
static inline void fixture_wait(struct fixture *f, const int *counter, int n)
{
    double until = clock_now() + 5;
    monitor_enter(f->monitor);
    while (*counter < n && clock_now() < until)
        monitor_wait(f->monitor, 100);
    int got = *counter;
    monitor_leave(f->monitor);
    assert_int_equal(got, n);
}

/* The counters, which follow what is told by a round of the loop. */
static inline struct http_counts fixture_counts(const struct fixture *f)
{
    usleep(50000);
    return http_server_counts(f->server);
}

static inline int peer_connect(const struct fixture *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((uint16_t)http_server_port(f->server));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Sends all of it; false when the server does not take it. */
static inline bool peer_send(int fd, const void *bytes, size_t n)
{
    for (size_t sent = 0; sent < n;) {
        ssize_t k = send(fd, (const char *)bytes + sent, n - sent, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        sent += (size_t)k;
    }
    return true;
}

static inline void peer_say(int fd, const char *text)
{
    (void)!peer_send(fd, text, strlen(text));
}

/* Reads some bytes; returns 0 at the end, -1 for a reset, -2 when none come in five seconds. */
static inline ssize_t peer_read(int fd, void *bytes, size_t n)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 5000) != 1)
        return -2;
    return recv(fd, bytes, n, 0);
}

/* One response. */
struct answer {
    int status;
    char head[8192];
    char *body; /* decoded, with a NUL */
    size_t n;
    bool complete; /* its framing says so */
};

static inline void answer_free(struct answer *a)
{
    free(a->body);
    *a = (struct answer){0};
}

/* Returns a header's value, up to eight of which stay valid, or NULL. */
static inline const char *answer_header(const struct answer *a, const char *name)
{
    static char values[8][512];
    static int next;
    size_t n = strlen(name);
    for (const char *p = strstr(a->head, "\r\n"); p && p[2]; p = strstr(p + 2, "\r\n"))
        if (strncasecmp(p + 2, name, n) == 0 && p[2 + n] == ':') {
            char *value = values[next++ % 8];
            snprintf(value, sizeof values[0], "%.*s", (int)strcspn(p + n + 4, "\r"), p + n + 4);
            return value;
        }
    return NULL;
}

/* Reads one byte after the other until the text ends with end. */
static inline bool peer_line(int fd, char *text, size_t size, const char *end)
{
    size_t n = 0, n_end = strlen(end);
    while (n + 1 < size && peer_read(fd, text + n, 1) == 1) {
        text[++n] = '\0';
        if (n >= n_end && strcmp(text + n - n_end, end) == 0)
            return true;
    }
    text[n] = '\0';
    return false;
}

static inline bool peer_body(int fd, struct answer *a, size_t n)
{
    a->body = realloc(a->body, a->n + n + 1);
    size_t end = a->n + n;
    while (a->n < end) {
        ssize_t k = peer_read(fd, a->body + a->n, end - a->n);
        if (k <= 0)
            break;
        a->n += (size_t)k;
    }
    a->body[a->n] = '\0';
    return a->n == end;
}

/* Reads a response; status 0 when the connection ends before one. */
static inline struct answer peer_answer(int fd, bool is_head)
{
    struct answer a = {.body = calloc(1, 1)};
    char line[64];
    do {
        if (!peer_line(fd, a.head, sizeof a.head, "\r\n\r\n"))
            return a;
        sscanf(a.head, "HTTP/1.1 %d", &a.status);
    } while (a.status == 100);
    const char *length = answer_header(&a, "Content-Length");
    const char *encoding = answer_header(&a, "Transfer-Encoding");
    if (is_head || a.status == 204) {
        a.complete = true;
    } else if (length) {
        a.complete = peer_body(fd, &a, strtoul(length, NULL, 10));
    } else if (encoding) {
        size_t n = 1;
        while (n && peer_line(fd, line, sizeof line, "\r\n")) {
            n = strtoul(line, NULL, 16);
            if ((n && !peer_body(fd, &a, n)) || !peer_line(fd, line, sizeof line, "\r\n"))
                return a;
        }
        a.complete = n == 0;
    }
    return a;
}

/* Says whether the server has closed its side, after anything that it still sent. */
static inline bool peer_is_closed(int fd)
{
    char bytes[4096];
    ssize_t n;
    while ((n = peer_read(fd, bytes, sizeof bytes)) > 0)
        continue;
    return n == 0 || n == -1;
}

/* Asks on a connection of its own. */
static inline struct answer fixture_ask(const struct fixture *f, const char *request)
{
    int fd = peer_connect(f);
    peer_say(fd, request);
    struct answer a = peer_answer(fd, strncmp(request, "HEAD", 4) == 0);
    close(fd);
    return a;
}

/* Expects a status, and the end of the connection where closes says so. */
static inline void fixture_expect_n(const struct fixture *f, const char *request, size_t n,
                                    int status, bool closes)
{
    int fd = peer_connect(f);
    (void)!peer_send(fd, request, n);
    struct answer a = peer_answer(fd, false);
    if (a.status != status)
        print_error("%.200s\n", request);
    assert_int_equal(a.status, status);
    if (closes)
        assert_true(peer_is_closed(fd));
    answer_free(&a);
    close(fd);
}

static inline void fixture_expect(const struct fixture *f, const char *request, int status,
                                  bool closes)
{
    fixture_expect_n(f, request, strlen(request), status, closes);
}

#endif
