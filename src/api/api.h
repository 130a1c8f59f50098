/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - the HTTP interface: Mistral's, OpenAI's and Anthropic's requests answered by engines.
 *
 *     struct api *api = api_open(&options, err);
 *     ... wait for a signal ...
 *     api_drain(api, 30); api_close(api);
 *
 * Thread: one, the opener's. */
#ifndef API_API_H
#define API_API_H

#include <stdint.h>

#include "api/error.h"
#include "base/err.h"
#include "net/http_server.h"
#include "text/prompt_format.h"

struct engine;
struct keyring;
struct model_config;
struct store;
struct token_trie;
struct tokenizer;

enum { API_ALIASES = 8, API_MODELS = 64 };

/* A model that is served; everything is borrowed while the api lives. */
struct api_model {
    const char *name; /* what clients call it */
    const char *aliases[API_ALIASES];
    size_t n_aliases;
    struct engine *engine;
    const struct tokenizer *tok;
    const struct token_trie *trie; /* of the tokenizer, for grammars */
    const struct model_config *config;
    const struct prompt_format *format; /* NULL: it continues text, and has no form for chats */
    uint32_t context;                   /* positions of a request with its answer */
    int64_t created;                    /* seconds since 1970 */
    const char *about;                  /* "Q4_K, 3.2 billion parameters" */
    double temperature;                 /* for requests that name none; negative: 0.7 */
};

struct api_options {
    struct http_server_options http; /* its callbacks are set by the api */
    const struct api_model *models;  /* [n_models] */
    size_t n_models;
    bool no_auth;            /* everybody may do everything */
    struct keyring *keyring; /* unless no_auth */
    struct store *store;     /* of files and batch jobs; NULL: there are none */
    bool mistral_thinking; /* thoughts as chunks also for clients that do not say what they want */
    bool any_model;        /* requests may leave the model out when there is one only */
    bool strict;           /* unknown fields of requests are refused */
    void (*log)(const char *line); /* takes a line of JSON about each request, or NULL */
    const char *version, *commit;
};

struct api;

/* Listens and answers from now on.  Owned: api_close().
 * Errors: as http_server_open(); ERR_LIMIT. */
struct api *api_open(const struct api_options *options, struct err *err) CHECKED;

/* Returns the port that it listens at. */
int api_port(const struct api *api);

/* Takes no more requests, and waits until those that run are answered, seconds at most.  Returns
 * whether all are. */
bool api_drain(struct api *api, int seconds);

/* Ends what still runs. */
void api_close(struct api *api);

#endif
