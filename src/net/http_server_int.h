/* SPDX-License-Identifier: Apache-2.0 */
/* http_server_int.h - the server inside.
 *
 * One thread, the loop, owns every socket and all of libmicrohttpd, which runs inside it (external
 * polling, epoll) and gets connections that the loop has accepted.  While a response waits for its
 * handler the connection is suspended: libmicrohttpd then looks at nothing, so the loop watches
 * every socket for a client that hangs up itself.
 *
 * Handlers' threads touch only what stands below "shared" in an exchange, inside the monitor, and
 * then wake the loop.  Freed connections are reclaimed at the end of a round of events, for a
 * later event of the round may mean them. */
#ifndef NET_HTTP_SERVER_INT_H
#define NET_HTTP_SERVER_INT_H

#include <microhttpd.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/monitor.h"
#include "base/thread.h"
#include "net/http_framing.h"
#include "net/http_server.h"
#include "net/http_target.h"

enum {
    HTTP_BUCKETS = 1024,    /* of connections by address */
    HTTP_DISCARD = 1 << 20, /* bytes of refused content that are read so that the client sees why */
    HTTP_STREAM_BLOCK = 16384, /* bytes that libmicrohttpd takes of a response at once */
    HTTP_LINGER_MS = 2000      /* that a closed connection's leavings are read */
};

/* What an event of the loop's epoll is about; the first member of each. */
struct http_watch {
    enum { WATCH_WAKE, WATCH_LISTENER, WATCH_DAEMON, WATCH_CONN, WATCH_LINGER } kind;
};

struct http_listener {
    struct http_watch watch;
    int fd;
    bool is_unix, is_loopback, is_tls;
};

/* libmicrohttpd with one certificate, or without. */
struct http_daemon {
    struct http_watch watch;
    struct MHD_Daemon *mhd;
    struct buf cert, key;
    char complaint[256]; /* of libmicrohttpd while it starts; later it only tells of clients */
    int n_conns;
    bool is_tls, is_starting;
    struct http_daemon *next; /* older; they end with their last connection */
};

/* A closed connection whose client may still be sending: closing for good would reset it before
 * the response was read. */
struct http_linger {
    struct http_watch watch;
    int fd;
    double until;
    struct http_linger *next;
};

enum http_phase {
    PHASE_FIRST,   /* nothing has come */
    PHASE_IDLE,    /* between two requests */
    PHASE_HEAD,    /* the request line is complete */
    PHASE_CONTENT, /* the head is */
    PHASE_HANDLED, /* the content is */
    PHASE_SENDING  /* libmicrohttpd has the response */
};

struct http_conn {
    struct http_watch watch;
    struct http_server *server;
    struct http_daemon *daemon;
    struct MHD_Connection *mhd;
    struct http_exchange *x; /* the one that runs, or NULL */
    int fd;
    bool is_unix, is_tls, is_loopback;
    bool checks_host;  /* it came in at an address of loopback */
    bool is_suspended; /* in libmicrohttpd */
    bool is_hup;       /* the client will send no more */
    bool is_closing;   /* given up; nothing more is sent */
    bool is_slow;      /* that is why */
    bool must_close;   /* after the response */
    char peer[HTTP_PEER_BYTES];
    uint8_t address[8]; /* what counts as one address; IPv6: its network */
    uint32_t n_requests;
    enum http_phase phase;
    double since;                    /* the phase began, or the window of a slow client */
    uint64_t in_bytes, window_bytes; /* of content: all, at the start of the window */
    uint64_t discard_from;           /* in_bytes when content was refused */
    uint64_t progress;               /* how far the client's side had confirmed ... */
    double progress_at, sampled_at;  /* ... and when that changed, when it was looked at */
    struct http_conn *next, *prev;   /* all, or those to be freed */
    struct http_conn *next_in_bucket;
};

struct http_out_header {
    struct http_out_header *next;
    char *value; /* behind name */
    char name[];
};

enum http_reply_kind { REPLY_NONE, REPLY_BYTES, REPLY_FILE, REPLY_STREAM };

struct http_exchange {
    /* Set before the handler runs, then constant. */
    struct http_server *server;
    struct http_head head;
    struct arena arena;
    char *raw_target;
    const char *target_at; /* where that stood; for comparing only */
    struct http_pair *pairs;
    size_t n_pairs;
    struct http_target target;
    struct http_framing framing;
    const char *origin; /* that may see the response, or NULL */
    struct http_intake intake;
    uint64_t content_max;
    struct buf content;
    struct http_form *form;
    char id[HTTP_ID_BYTES], peer[HTTP_PEER_BYTES];

    /* The loop's. */
    struct http_conn *conn; /* NULL when over */
    bool has_head;          /* it counts as running, and is logged */
    bool is_refused;        /* replied to before its handler's turn */
    double start, content_at, first_at;
    uint64_t out_bytes; /* of a stream or file, given to libmicrohttpd */

    /* Shared. */
    int n_refs;
    bool is_attached; /* one of the references is the connection's */
    bool is_woken;    /* one of them is the server's list of those to look at */
    bool is_gone, is_over, is_failed;
    bool is_sent; /* libmicrohttpd has the head; the headers are constant now */
    enum http_reply_kind reply;
    int status, file_fd;
    uint64_t file_bytes;
    struct http_out_header *headers;
    struct buf out;
    size_t n_taken; /* bytes of out that libmicrohttpd has */
    bool is_ended, is_event_stream;
    double wrote_at;
    void (*gone)(void *arg);
    void (*room)(void *arg);
    void *gone_arg, *room_arg, *user;
    size_t room_bytes; /* that may wait when room() is called */
    void (*release)(void *user);
    struct http_exchange *next_woken;
};

struct http_server {
    struct http_server_options options; /* its texts are the arena's */
    struct arena arena;
    struct http_listener listeners[HTTP_ADDRESSES + 1];
    int n_listeners, port;
    struct thread *thread;

    /* The loop's. */
    struct http_watch wake_watch;
    int epoll_fd;
    struct http_daemon *daemons; /* without TLS */
    struct http_daemon *tls;     /* the newest first */
    struct http_conn *accepting, *conns, *dead, *buckets[HTTP_BUCKETS];
    struct http_linger *lingers;
    int n_lingers, tick_ms;
    struct http_counts counts;
    double now, ticked_at, pause_until; /* pause_until: no accepting, for want of descriptors */
    bool is_listening, sees_stop, sees_end;
    bool has_hup; /* some client has hung up since http_conns_hup() */

    /* Shared. */
    struct monitor *monitor;
    int wake_fd; /* -1 when closed */
    int n_refs;  /* the opener and the exchanges */
    struct http_exchange *woken;
    struct http_daemon *next_tls;
    struct http_counts published;
    bool is_draining, is_drained, is_stopping;
};

/* --- http_exchange.c: from any thread --- */

/* Makes one with one reference, the connection's.  Owned: http_unref().  Errors: ERR_LIMIT. */
struct http_exchange *http_exchange_new(struct http_conn *conn, struct err *err) CHECKED;

/* Has the loop look at it.  Inside the monitor. */
void http_wake(struct http_exchange *x);

/* Refuses for the server itself. */
void http_refuse(struct http_exchange *x, int status, const char *code, const char *text);

/* The same with the status that fits an error of reading a request.  Errors: err is one. */
void http_refuse_err(struct http_exchange *x, const struct err *err);

/* Drops one reference of the server. */
void http_server_unref(struct http_server *server);

/* --- http_daemon.c --- */

/* Starts libmicrohttpd, with the certificate of the options where is_tls says so.
 * Owned: http_daemon_close().  Errors: those of http_server_open(). */
struct http_daemon *http_daemon_open(struct http_server *server, bool is_tls,
                                     struct err *err) CHECKED;
void http_daemon_close(struct http_daemon *daemon);

/* Does what there is to do.  Returns whether there is more at once. */
bool http_daemon_run(struct http_daemon *daemon);

/* --- http_listen.c --- */

/* Binds what the options say.  Errors: those of http_server_open(). */
bool http_listen(struct http_server *server, struct err *err) CHECKED;

/* Stops listening. */
void http_unlisten(struct http_server *server);

/* --- http_conn.c: the loop's connections --- */

/* Takes who waits at a listener; refuses who is too many. */
void http_conn_accept(struct http_server *server, struct http_listener *listener);

/* libmicrohttpd tells that a connection began or ended. */
void http_conn_notify(void *arg, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code);

/* Gives up: what runs ends as if the client had left. */
void http_conn_abort(struct http_conn *c);

/* Stops reading from an idle one, which libmicrohttpd then closes. */
void http_conn_finish(struct http_conn *c);

/* Gives up those whose clients have hung up before their response was complete.  Returns whether
 * there were any. */
bool http_conns_hup(struct http_server *server);

/* Lets libmicrohttpd look at it again. */
void http_conn_resume(struct http_conn *c);

/* Sends the reply past libmicrohttpd, which takes none in the middle of content; what follows is
 * http_conn_abort().  Not through TLS. */
void http_conn_last_words(struct http_conn *c);

/* Reads and forgets what a client still sends. */
void http_linger_read(struct http_linger *linger);

/* Looks who is slow, silent or to be forgotten. */
void http_conns_tick(struct http_server *server);

/* Frees what ended. */
void http_conns_reap(struct http_server *server);

/* Adds fd to what the loop waits for.  Returns false when the system refuses. */
bool http_watch_add(struct http_server *server, int fd, uint32_t events, struct http_watch *watch);

/* --- http_request.c, http_response.c: what libmicrohttpd calls --- */

/* The request line is complete.  Owned: by libmicrohttpd until http_on_end(). */
void *http_on_line(void *server, const char *uri, struct MHD_Connection *mhd);
/* The head is complete, then pieces of content, then all of it; then again after a suspension. */
enum MHD_Result http_on_request(void *server, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *size, void **context);
/* The request has ended, well or not. */
void http_on_end(void *server, struct MHD_Connection *mhd, void **context,
                 enum MHD_RequestTerminationCode code);

/* Sends the response, if there is one, or suspends the connection until there is.  From
 * http_on_request(), whose result it returns. */
enum MHD_Result http_serve(struct http_conn *c);

/* Tells who wants to know that the client has left. */
void http_tell_gone(struct http_exchange *x);

/* Calls add(arg, name, value) for every header of the response but those of framing. */
void http_each_header(const struct http_exchange *x,
                      void (*add)(void *arg, const char *name, const char *value), void *arg);

#endif
