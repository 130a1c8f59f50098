/* SPDX-License-Identifier: Apache-2.0 */
/* api_int.h - what the files of the interface share: the server, and one request. */
#ifndef API_API_INT_H
#define API_API_INT_H

#include "api/api.h"
#include "api/json_out.h"
#include "base/arena.h"
#include "data/json_tree.h"
#include "store/keys.h"

struct chat;
struct completion;
struct embed;
struct metrics;
struct monitor;
struct queue;
struct route;
struct stalls;
struct thread;

enum { API_WORKERS = 2 };

struct api {
    struct api_options options;
    struct http_server *server;
    struct queue *work; /* calls whose content has come */
    struct thread *workers[API_WORKERS];
    struct metrics *metrics;
    struct stalls *stalls;
    int64_t started; /* seconds since 1970 */
};

/* One request, from its route to its reply. */
struct call {
    struct api *api;
    struct http_exchange *x;
    const struct route *route;
    const char *rest; /* what a pattern that ends in '*' left of the path */
    struct key_grant grant;
    enum dialect dialect;          /* of replies */
    bool mounted;                  /* the path itself chose the dialect */
    struct json_tree body;         /* of requests with JSON */
    struct arena arena;            /* lives as long as the call */
    struct completion *completion; /* what engines answer, or NULL */
    struct chat *chat;             /* of the arena, freed with the call; or NULL */
    struct embed *embed;           /* what a request for embeddings keeps, or NULL */
    uint64_t space;                /* whose prompts may share pages: those of one key */
    /* For the log; of the answers of a completion together. */
    const char *model, *finish;
    uint32_t n_prompt, n_cached, n_answer;
    double first_s; /* until the first token */
};

/* call.c: parses the content.  Replies and returns false when that fails. */
bool call_parse(struct call *call);

/* Reply that it failed.  Errors: err is only read. */
void call_fail(struct call *call, const struct api_error *error);
void call_fail_err(struct call *call, const struct err *err);

/* Replies 200 with what o has written, or an error when that failed. */
void call_reply(struct call *call, struct json_out *o);

/* Finds the model that the body names.  Replies and returns NULL when there is none.
 * Borrowed: as the api. */
const struct api_model *call_model(struct call *call);

/* models.c: finds a model by its name or alias, or NULL.  Borrowed: as the api. */
const struct api_model *models_find(const struct api *api, struct span name);

/* Time of day, in seconds since 1970. */
int64_t api_now(void);

/* Writes 32 hex digits and a NUL behind prefix.  out: [size]. */
void api_new_id(const char *prefix, char *out, size_t size);

#endif
