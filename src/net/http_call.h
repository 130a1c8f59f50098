/* SPDX-License-Identifier: Apache-2.0 */
/* http_call.h - requests by the thousand in one thread, whose answers are taken as they come.
 *
 *     struct http_call call = {.url = url, .body = json, .write = take, .arg = &answer};
 *     if (!http_call_begin(caller, &call, err)) ...
 *     while (http_caller_wait(caller, until, err))
 *         while ((done = http_caller_done(caller))) ...
 *     http_call_free(caller, &call);
 *
 * Unlike http_client.h, which wants contents, this wants to know what a server does: nothing is
 * tried again, no redirect is followed, an answer of any status goes to write(), and each failure
 * says of which kind it is.  Connections are kept and used again.  What waits costs nothing: of
 * many sockets only those are looked at that have something (epoll).  HTTP/1.1 only, since a
 * connection of HTTP/2 is shared, and a stream would wait for its neighbours.
 * Thread: one, which also runs the callbacks. */
#ifndef NET_HTTP_CALL_H
#define NET_HTTP_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum { HTTP_TYPE_BYTES = 80 };

struct http_caller_options {
    const char *agent;     /* of the User-Agent header; borrowed while the caller lives */
    const char *ca_file;   /* PEM, who may sign certificates; as agent; NULL: the system's */
    const char *unix_path; /* a socket that all calls go to, whatever their addresses say; as
                              agent; or NULL */
    int connect_s;         /* seconds that connecting may take */
    int most_s;            /* that a whole call may take; 0: any number */
    uint32_t n_most;       /* calls at a time */
};

/* How a call ended. */
enum http_end {
    HTTP_WHOLE,   /* the answer is there, whatever its status */
    HTTP_NONE,    /* no connection came about: refused, no such host, no TLS */
    HTTP_CUT,     /* the connection broke before the end of the answer */
    HTTP_LATE,    /* it took too long */
    HTTP_REFUSED, /* write() wanted no more */
};

struct http_call {
    const char *url;   /* borrowed, as the texts below, until it is done */
    const char *token; /* of an Authorization header, or NULL */
    struct span body;  /* JSON to POST; s NULL: GET */
    /* Takes n bytes of the answer.  Errors: any; they end the call. */
    bool (*write)(void *arg, const void *bytes, size_t n, struct err *err);
    void *arg;

    /* Valid in write(), and when the call is done. */
    long status;                /* 0: nothing came */
    char type[HTTP_TYPE_BYTES]; /* Content-Type, or "" */
    /* Valid when it is done. */
    enum http_end end;
    struct err err; /* unless HTTP_WHOLE */

    /* Private. */
    void *easy; /* of the library */
    bool seen;  /* the head of the answer */
};

struct http_caller;

/* Owned: http_caller_close(), after all calls are freed.
 * Errors: ERR_LIMIT, also where the process may not open so many files, ERR_IO. */
struct http_caller *http_caller_open(const struct http_caller_options *options,
                                     struct err *err) CHECKED;
void http_caller_close(struct http_caller *caller);

/* Begins a call; it stays where it is until it is done, and may then be begun again, with
 * another body.  Errors: ERR_ARG for an address that is none, ERR_LIMIT. */
bool http_call_begin(struct http_caller *caller, struct http_call *call, struct err *err) CHECKED;

/* Ends a call that runs, if it does: it is not returned then.  What is all zero may be freed. */
void http_call_free(struct http_caller *caller, struct http_call *call);

/* Works until something has happened, clock_now() is until, or a signal comes.
 * Errors: ERR_IO, ERR_LIMIT of the caller itself. */
bool http_caller_wait(struct http_caller *caller, double until, struct err *err) CHECKED;

/* Returns a call that has ended, well or not.  Borrowed: it is the caller's; NULL for none. */
struct http_call *http_caller_done(struct http_caller *caller);

#endif
