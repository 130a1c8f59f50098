/* SPDX-License-Identifier: Apache-2.0 */
/* http_server.h - HTTP/1.1 for many clients at once: strict framing, limits, streams, TLS.
 *
 *     struct http_server_options o = {.addresses = {"127.0.0.1"}, .port = 8080, .route = find};
 *     http_limits_default(&o.limits);
 *     struct http_server *server = http_server_open(&o, err);
 *     ...
 *     http_server_drain(server);
 *     bool all_done = http_server_wait(server, 30000);
 *     http_server_close(server);
 *
 * One request and its response are an exchange.  When its headers are complete, route() chooses
 * who handles it and how much content it may have, or refuses it with http_reply().  When the
 * content is complete the handler runs.  Both run in the server's thread and must not wait; the
 * handler replies there, or keeps the exchange (http_ref()) and replies later from any thread.
 *
 * A client that leaves (end, reset, half-close) before its response is complete is noticed while
 * nothing is sent, too, and told to http_on_gone().  Its exchange stays valid for who holds it;
 * what is still written to it goes nowhere.
 *
 * The server itself answers what needs no knowledge of routes: malformed and oversized requests,
 * foreign hosts and origins, preflights, slow clients, too many connections.  Every response to
 * what has a readable head carries X-Request-Id.  HEAD is routed as GET and loses its content on
 * the way out. A half-closed client counts as gone: who wants an answer keeps its side open. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    HTTP_ADDRESSES = 8,  /* that one server listens at */
    HTTP_NAMES = 32,     /* allowed hosts, allowed origins */
    HTTP_ID_BYTES = 129, /* a request id with its NUL */
    HTTP_PEER_BYTES = 64 /* an address as text with its NUL */
};

struct http_server;
struct http_exchange;
struct http_form;

enum http_method {
    HTTP_GET, /* HEAD, too */
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OTHER, /* see method_name */
};

/* What was asked.  Lives as long as the exchange. */
struct http_head {
    enum http_method method;
    bool is_head;
    bool has_content; /* a Content-Length above 0, or chunks */
    bool is_loopback; /* the peer is this machine, by TCP */
    bool is_unix;     /* the peer came through the Unix socket */
    bool is_tls;
    const char *method_name; /* as sent */
    /* Decoded once; UTF-8; begins with '/'; no NUL or control byte, no "." or ".." between
     * slashes.  "//" stays. */
    const char *path;
    const char *request_id;   /* the client's, if it is sane, or a fresh one */
    const char *content_type; /* as sent, or "" */
    const char *peer;         /* "127.0.0.1", "::1", "unix" */
};

typedef void http_handle_fn(void *arg, struct http_exchange *x);

enum http_content {
    HTTP_CONTENT_NONE,   /* content is read and forgotten; 413 over 1 MiB */
    HTTP_CONTENT_MEMORY, /* http_content() has it */
    HTTP_CONTENT_FORM,   /* multipart/form-data: http_form() has the parts; 415 for other types */
};

/* What happens with a request; route() fills it in.  All zero before. */
struct http_intake {
    http_handle_fn *handle;
    void *arg;
    const char *route; /* the pattern that fitted, for the log; static */
    enum http_content content;
    uint64_t
        max_bytes; /* of content; 0: the server's limit for its kind, which is never exceeded */
};

/* Chooses.  Who calls http_reply() here has refused: handle is not called. */
typedef void http_route_fn(void *arg, struct http_exchange *x, struct http_intake *intake);

/* Replies, with http_reply(), for the server itself: what a client did wrong.  code is one word
 * ("bad_framing"), text one sentence without
 * quotes; both valid during the call.  Headers such as Allow are set already. */
typedef void http_refuse_fn(void *arg, struct http_exchange *x, int status, const char *code,
                            const char *text);

/* One line of the access log. */
struct http_access {
    const char *method, *route; /* route "" when none was chosen */
    const char *request_id, *peer;
    int status;                   /* 499: the client left before any was sent */
    bool complete;                /* the whole response went out */
    uint64_t in_bytes, out_bytes; /* of content */
    double start;                 /* clock_now() when the headers were complete */
    double content_s;             /* from there until the content was complete */
    double first_s;               /* until the first byte of the response was ready */
    double total_s;
};

/* Called in the server's thread when an exchange has ended, once for each that had a head. */
typedef void http_log_fn(void *arg, struct http_exchange *x, const struct http_access *access);

/* Times in milliseconds.  Zero is not "off": fill in the defaults first. */
struct http_limits {
    uint32_t target_bytes;  /* 8 KiB; else 414 */
    uint32_t header_bytes;  /* one line; 8 KiB; else 431 */
    uint32_t headers_bytes; /* all; 32 KiB; else 431 */
    uint32_t n_headers;     /* 100; else 431 */
    uint64_t memory_bytes;  /* content in memory; 32 MiB; else 413 */
    uint64_t form_bytes;    /* multipart content; 512 MiB; else 413 */
    uint32_t n_parts;       /* of a form; 64; else 413 */
    uint32_t field_bytes;   /* all parts of a form that are no files; 1 MiB; else 413 */
    uint32_t n_connections; /* 4096; else 503 */
    uint32_t n_per_address; /* 256; else 503 */
    uint32_t headers_ms;    /* to complete them; 10 s; else 408 */
    uint32_t slow_ms;       /* content may be slower than min_rate for so long; 10 s; else 408 */
    uint32_t min_rate;      /* bytes per second; 1 KiB */
    uint32_t idle_ms;       /* between requests; 75 s */
    uint32_t stall_ms;      /* with something to send that the client does not take; 60 s */
    uint32_t ping_ms;       /* silence of an event stream before ": ping"; 15 s */
    uint32_t n_requests;    /* on one connection; 10000 */
    uint32_t queued_bytes;  /* of a stream, not sent; 1 MiB; more ends it */
};

struct http_server_options {
    /* Numeric addresses, "localhost" or "*"; the first NULL ends them.  None is fine where there
     * is a Unix socket. */
    const char *addresses[HTTP_ADDRESSES];
    int port;                         /* 0: any free one, the same at every address */
    const char *unix_path;            /* or NULL; an old socket that nobody serves is replaced */
    unsigned unix_mode;               /* of that file, as 0660 */
    const char *cert_file, *key_file; /* PEM; both or neither; TLS 1.2 and later */
    const char *hosts[HTTP_NAMES];    /* names, without port, beside those of loopback */
    const char *origins[HTTP_NAMES];  /* "https://example.org", beside loopback and our own */
    const char *upload_folder;        /* for files of forms; NULL: no route takes forms */
    struct http_limits limits;
    http_route_fn *route;
    http_refuse_fn *refuse; /* NULL: a short JSON object of our own */
    http_log_fn *log;       /* or NULL */
    void *arg;              /* of the three */
};

/* Counters since the start and, where they say so, now. */
struct http_counts {
    uint64_t n_connections;       /* accepted */
    uint64_t n_open;              /* now */
    uint64_t n_refused;           /* connections over a limit */
    uint64_t n_requests;          /* with complete headers */
    uint64_t n_running;           /* now, from their headers to the end of their response */
    uint64_t n_streams;           /* now, begun and not ended */
    uint64_t n_gone;              /* clients that left before their response was complete */
    uint64_t n_slow;              /* connections ended for being slow: head, content, reading */
    uint64_t n_malformed;         /* requests refused for their form */
    uint64_t in_bytes, out_bytes; /* of content */
};

/* Fills in what the comments above say. */
void http_limits_default(struct http_limits *limits);

/* Listens, and starts the server's thread.  The texts of the options are copied.
 * Owned: http_server_close().
 * Errors: ERR_ARG, ERR_IO (an address, a certificate; says which), ERR_LIMIT. */
struct http_server *http_server_open(const struct http_server_options *options,
                                     struct err *err) CHECKED;

/* Returns the port that it listens at, 0 when there is only a Unix socket. */
int http_server_port(const struct http_server *server);

/* Reads certificate and key again, for connections from now on; those that are open keep the old
 * ones.  Errors: ERR_IO, ERR_FORMAT; the old ones then stay.  Thread: any. */
bool http_server_reload(struct http_server *server, struct err *err) CHECKED;

/* Stops listening and closes idle connections; what runs goes on, each response closes its
 * connection.  Thread: any. */
void http_server_drain(struct http_server *server);

/* Says whether http_server_drain() was called, for /health.  Thread: any. */
bool http_server_is_draining(const struct http_server *server);

/* Waits until no exchange runs, timeout_ms at most; returns whether that is so.  Thread: any but
 * the server's. */
bool http_server_wait(struct http_server *server, int timeout_ms);

/* Ends everything that still runs, as if its client had left, and the thread.  Exchanges that are
 * held stay valid.  NULL is fine.  Thread: the opener's. */
void http_server_close(struct http_server *server);

/* Thread: any. */
struct http_counts http_server_counts(const struct http_server *server);

/* --- an exchange -------------------------------------------------------------------------- */

/* One more, or one less, who holds it.  The server holds it until the response is complete or the
 * client gone.  Thread: any. */
void http_ref(struct http_exchange *x);
void http_unref(struct http_exchange *x);

/* Hangs the handler's own state on the exchange; release(user), unless NULL, is called when nobody
 * holds the exchange any more, by whoever let go last.  Replaces (and releases) what hung there. */
void http_set_user(struct http_exchange *x, void *user, void (*release)(void *user));

/* Borrowed: as long as the exchange is held. */
void *http_user(const struct http_exchange *x);

/* Borrowed: as long as the exchange is held.  Thread: any, as the next four. */
const struct http_head *http_head(const struct http_exchange *x);

/* Returns the value of a header, its name in any case, or NULL; of several the first.
 * Borrowed: as long as the exchange is held. */
const char *http_request_header(const struct http_exchange *x, const char *name);

/* Returns the decoded value of a query parameter, "" where it has none, or NULL.
 * Borrowed: as long as the exchange is held. */
const char *http_query(const struct http_exchange *x, const char *name);

/* Returns the content, *n bytes with a NUL behind them.  Valid from the handler's call on.
 * Borrowed: as long as the exchange is held. */
const char *http_content(const struct http_exchange *x, size_t *n);

/* Returns the form (http_form.h), or NULL for other content.  Valid from the handler's call on.
 * Borrowed: as long as the exchange is held; one thread at a time. */
struct http_form *http_form(struct http_exchange *x);

/* --- the response ------------------------------------------------------------------------- */

/* Sets a header of the response, before it is sent; a second value of the same name replaces the
 * first.  A NULL value removes it.  Ignored: what is no header, and those of framing.
 * Thread: any; one at a time for one exchange, as all that follows but http_stream_queued(). */
void http_set_header(struct http_exchange *x, const char *name, const char *value);

/* Replies with n bytes, which are copied.  Ignored when a response has been sent or is on its way.
 * After http_stream_begin(), and before a byte of the stream has left, it replaces the stream. */
void http_reply(struct http_exchange *x, int status, const char *content_type, const void *bytes,
                size_t n);

/* Replies with n_bytes of an open file from its start.  Owned: fd, by the exchange from now on. */
void http_reply_file(struct http_exchange *x, int status, const char *content_type, int fd,
                     uint64_t n_bytes);

/* Begins a response of unknown length.  Its head leaves with the first bytes, or, for
 * "text/event-stream", with the first ": ping", so that an early failure can still become
 * another reply. */
void http_stream_begin(struct http_exchange *x, int status, const char *content_type);

/* Appends n bytes, which leave at once.  Returns false when nobody will read them: the client is
 * gone, or so slow that limits.queued_bytes were reached, which ends the exchange. */
bool http_stream_write(struct http_exchange *x, const void *bytes, size_t n);

/* Ends the response well.  A stream whose holders let go without this is cut off, so that the
 * client sees that something is missing; an exchange without any reply then answers 500. */
void http_stream_end(struct http_exchange *x);

/* Returns how many bytes wait to be taken by the client's side of the connection (what the
 * system buffers is not counted).  Thread: any. */
size_t http_stream_queued(const struct http_exchange *x);

/* Has room(arg) called, once, in the server's thread, when the client has taken so much of a stream
 * that at most n_bytes wait.  Returns false, and never calls, when that is so already or the
 * client has left; one who leaves later is told of by http_on_gone() only. */
bool http_on_room(struct http_exchange *x, size_t n_bytes, void (*room)(void *arg), void *arg);

/* Says whether the client has left.  Thread: any. */
bool http_is_gone(const struct http_exchange *x);

/* Has gone(arg) called, once, in the server's thread, should the client leave before the response
 * is complete; it is not called after that, and never within http_on_gone().  The caller sees to
 * it that arg lives as long as the exchange (http_set_user()).  Returns false, and never calls,
 * when the client has left already. */
bool http_on_gone(struct http_exchange *x, void (*gone)(void *arg), void *arg);

#endif
