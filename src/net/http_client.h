/* SPDX-License-Identifier: Apache-2.0 */
/* http_client.h - GET and HEAD over HTTP and HTTPS: several at once, tried again, resumed.
 *
 *     struct http_get get = {.url = url, .write = add, .restart = forget, .arg = &file,
 *                            .n_bytes = size, .exact = true};
 *     if (!http_start(client, &get, err)) ...
 *     while (!done && http_step(client, &done, err)) ...
 *
 * What was received counts: an attempt goes on where the last one ended, by Range and If-Range,
 * and where the server has another content by then, restart() is called and it begins again.
 * Redirects are followed LIMIT_REDIRECTS times, never from HTTPS to HTTP; a token goes to the
 * host of the first address only.  A certificate that is not trusted ends a transfer at once.
 * Proxies and their exceptions come from the usual variables (https_proxy, no_proxy, ...).
 * Thread: one, which also runs the callbacks. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { HTTP_ETAG_BYTES = 160, HTTP_NOTE_BYTES = 128, HTTP_NOTES = 6 };

struct http_options {
    const char *agent;   /* of the User-Agent header; borrowed while the client lives */
    const char *ca_file; /* PEM, who may sign certificates beside the folder of the system; as
                            agent; NULL: the system's file */
    int stall_s;         /* seconds that connecting may take, and less than 1 kB/s last */
    int n_tries;         /* in a row that bring no progress, 1 or more */
};

struct http_get {
    const char *url;   /* borrowed, as the texts below, until it is done */
    const char *token; /* of an Authorization header, or NULL */
    /* Headers of the response that are kept in notes: [HTTP_NOTES] at most, then NULL; or NULL. */
    const char *const *note_names;
    /* Not NULL: HEAD, of which no redirect is followed, is asked, and what is appended here is
     * the address to which it leads. */
    struct buf *location;
    /* Takes n bytes of the content.  Errors: any; they end the transfer. */
    bool (*write)(void *arg, const void *bytes, size_t n, struct err *err);
    /* Forgets what was taken.  Errors: any. */
    bool (*restart)(void *arg, struct err *err);
    void *arg;
    uint64_t offset;  /* bytes that the caller has already; grows */
    uint64_t n_bytes; /* the whole content has at most */
    bool exact;       /* it has as many, not fewer */

    /* Valid when http_step() has returned it. */
    bool ok;     /* the content is complete */
    long status; /* of the last response, 0 for none */
    char notes[HTTP_NOTES][HTTP_NOTE_BYTES];
    struct err err; /* unless ok */

    /* Private. */
    void *easy, *headers; /* of the library */
    char etag[HTTP_ETAG_BYTES], if_range[HTTP_ETAG_BYTES + 16], problem[512];
    uint64_t farthest; /* offset when failures were last forgiven */
    double retry_at;   /* 0: running */
    int n_failed;
    bool seen, again, refused; /* the head was seen; it asks to begin again; a callback failed */
    struct http_get *next;
};

struct http_client;

/* Owned: http_close(), which also ends what still runs.  Errors: ERR_LIMIT. */
struct http_client *http_open(const struct http_options *options, struct err *err) CHECKED;
void http_close(struct http_client *client);

/* Begins a transfer; get stays where it is until it is done.
 * Errors: ERR_ARG for an address that is none, ERR_LIMIT. */
bool http_start(struct http_client *client, struct http_get *get, struct err *err) CHECKED;

/* Works for a tenth of a second at most, less when a signal comes.  *done is a transfer that
 * has ended, well or not, or NULL.  Errors: ERR_IO, ERR_LIMIT of the client itself. */
bool http_step(struct http_client *client, struct http_get **done, struct err *err) CHECKED;

#endif
