/* SPDX-License-Identifier: Apache-2.0 */
/* hub_fetch_int.h - what hub_pull.c has done by hub_answer.c, hub_head.c and hub_fetch.c. */
#ifndef HUB_HUB_FETCH_INT_H
#define HUB_HUB_FETCH_INT_H

#include "hub/hub_pull.h"
#include "net/http_client.h"

/* Headers in which the hub says more than by the status, in this order in the notes of a request.
 */
enum hub_note {
    NOTE_ERROR,       /* X-Error-Code */
    NOTE_COMMIT,      /* X-Repo-Commit */
    NOTE_LINKED_SIZE, /* X-Linked-Size, of a file that lies elsewhere */
    NOTE_LINKED_ETAG, /* X-Linked-Etag */
    NOTE_SIZE,        /* Content-Length */
    NOTE_ETAG,        /* ETag */
};

struct hub_pull {
    const struct hub_pull_options *options;
    const struct hub_name *name;
    struct hub_listing *listing;
    struct buf store; /* its folder */
    struct http_client *client;
    struct hub_progress progress;
};

/* Appends ENDPOINT and the path of a request: kind is "api/models" or "", action "revision" or
 * "resolve"; then revision, and file unless it is NULL.  Errors: ERR_LIMIT. */
bool hub_url(struct buf *url, const struct hub_pull *pull, const char *prefix, const char *action,
             const char *revision, const char *file, struct err *err) CHECKED;

/* Begins a request of the hub, with its token.  Errors: as http_start(). */
bool hub_request(struct hub_pull *pull, struct http_get *get, struct err *err) CHECKED;

/* Records why the hub has refused.  what: a file, or NULL for the model.  Returns false.
 * Errors: ERR_NOT_FOUND, ERR_ARG, or those of get. */
bool hub_refused(const struct hub_pull *pull, const struct http_get *get, const char *what,
                 struct err *err);

/* Asks the hub and waits for the answer, progress told; a failure ends all other requests, too.
 * what: as above.  Errors: as hub_request(), http_step(), hub_refused() and hub_tick(). */
bool hub_ask(struct hub_pull *pull, struct http_get *get, const char *what,
             struct err *err) CHECKED;

/* Asks for size and hash of every chosen file of which the listing has none, and adds the sizes
 * to the choice.  Errors: ERR_FORMAT when the hub does not say them, as hub_ask(). */
bool hub_ask_heads(struct hub_pull *pull, struct hub_choice *choice, struct err *err) CHECKED;

/* Calls the progress function.  Errors: ERR_CANCELLED. */
bool hub_tick(struct hub_pull *pull, struct err *err) CHECKED;

/* Brings the chosen files of the listing into the store.
 * Errors: as hub_pull(). */
bool hub_fetch(struct hub_pull *pull, struct err *err) CHECKED;

#endif
