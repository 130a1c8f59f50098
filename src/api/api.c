/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - from the server's callbacks to the endpoints. */
#include "api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/access_log.h"
#include "api/api_int.h"
#include "api/completion.h"
#include "api/embed.h"
#include "api/metrics.h"
#include "api/routes.h"
#include "api/stalls.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/thread.h"
#include "text/chat.h"

enum { WORK_PLACES = 1024 };

_Static_assert(KEY_ID_CHARS == sizeof(uint64_t), "a key's id is the number of its space");

static void free_call(void *arg)
{
    struct call *call = arg;
    completion_free(call->completion);
    embed_free(call->embed);
    if (call->chat)
        chat_free(call->chat);
    json_tree_free(&call->body);
    arena_free(&call->arena);
    free(call);
}

static void refuse(void *arg, struct http_exchange *x, int status, const char *code,
                   const char *text)
{
    (void)arg;
    struct api_error error;
    api_error_set(&error, status, "invalid_request_error", code, "%s", text);
    api_error_reply(&error, DIALECT_OPENAI, x);
}

/* What a request presents: "Authorization: Bearer KEY" or "x-api-key: KEY"; NULL for neither. */
static const char *presented_key(const struct http_exchange *x)
{
    const char *value = http_request_header(x, "authorization");
    if (value && strncasecmp(value, "bearer ", 7) == 0)
        return value + 7 + strspn(value + 7, " ");
    return http_request_header(x, "x-api-key");
}

/* Says whether the caller may use the route; else it is refused. */
static bool may(struct call *call, enum http_method method)
{
    struct api_error error;
    const struct api_options *o = &call->api->options;
    const char *key = presented_key(call->x);
    call->grant.roles = o->no_auth ? ROLE_ALL : 0;
    (void)method;
    if (!call->route->roles)
        return true;
    if (!o->no_auth && key)
        (void)keyring_check(o->keyring, key, strlen(key), &call->grant);
    if (!call->grant.roles) {
        api_error_set(&error, 401, "authentication_error", "invalid_api_key",
                      key ? "this API key is not known here; 'bise keys add' makes one"
                          : "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY");
        call_fail(call, &error);
        return false;
    }
    memcpy(&call->space, call->grant.key_id, sizeof call->space);
    if (call->grant.roles & call->route->roles)
        return true;
    api_error_set(&error, 403, "permission_error", "forbidden",
                  "this API key does not have the role for that");
    call_fail(call, &error);
    return false;
}

static void run_call(struct call *call)
{
    if (call->route->body == BODY_JSON && !call_parse(call))
        return;
    call->route->answer(call);
}

static void handle(void *arg, struct http_exchange *x)
{
    (void)arg;
    struct call *call = http_user(x);
    struct err err = {0};
    if (call->route->body == BODY_NONE) {
        call->route->answer(call);
        return;
    }
    http_ref(x);
    if (queue_push(call->api->work, call, &err))
        return;
    call_fail_err(call, &err);
    http_unref(x);
}

static void not_found(struct call *call, const char *path, const struct route_match *match)
{
    struct api_error error;
    bool doubled = strncmp(path, "/v1/v1/", 7) == 0;
    if (match->allow[0]) {
        http_set_header(call->x, "Allow", match->allow);
        api_error_set(&error, 405, "invalid_request_error", "method_not_allowed",
                      "this path takes %s", match->allow);
    } else {
        api_error_set(&error, 404, "invalid_request_error", "not_found", "%s",
                      doubled ? "/v1 is doubled: leave it out of the client's base URL"
                              : "there is nothing at this path");
    }
    call_fail(call, &error);
}

static void route(void *arg, struct http_exchange *x, struct http_intake *intake)
{
    struct api *api = arg;
    struct err err = {0};
    const struct http_head *head = http_head(x);
    struct route_match match = routes_find(head->method, head->path);
    struct call *call = mem_new(1, sizeof *call, &err);
    if (!call) {
        struct api_error error;
        api_error_of(&error, &err);
        api_error_reply(&error, match.dialect, x);
        return;
    }
    *call = (struct call){.api = api,
                          .x = x,
                          .route = match.route,
                          .rest = match.rest,
                          .dialect = match.dialect,
                          .mounted = match.mounted};
    http_set_user(x, call, free_call);
    if (!match.route) {
        not_found(call, head->path, &match);
        return;
    }
    if (!may(call, head->method))
        return;
    static const enum http_content contents[] = {[BODY_NONE] = HTTP_CONTENT_NONE,
                                                 [BODY_STORE] = HTTP_CONTENT_NONE,
                                                 [BODY_JSON] = HTTP_CONTENT_MEMORY,
                                                 [BODY_FORM] = HTTP_CONTENT_FORM};
    *intake = (struct http_intake){.handle = handle,
                                   .arg = api,
                                   .route = match.route->path,
                                   .content = contents[match.route->body]};
}

static void work(void *arg)
{
    struct api *api = arg;
    for (struct call *call; (call = queue_pop(api->work));) {
        struct http_exchange *x = call->x;
        run_call(call);
        http_unref(x);
    }
}

static void log_access(void *arg, struct http_exchange *x, const struct http_access *access)
{
    struct api *api = arg;
    metrics_count_request(api->metrics, access);
    if (api->options.log)
        access_log_write(api, http_user(x), access);
}

static bool open_parts(struct api *api, struct err *err)
{
    api->metrics = metrics_open(err);
    if (!api->metrics)
        return false;
    api->stalls = stalls_open(err);
    if (!api->stalls)
        return false;
    api->work = queue_open(WORK_PLACES, err);
    if (!api->work)
        return false;
    for (int i = 0; i < API_WORKERS; i++) {
        api->workers[i] = thread_open("api", work, api, err);
        if (!api->workers[i])
            return false;
    }
    struct http_server_options http = api->options.http;
    http.route = route;
    http.refuse = refuse;
    http.log = log_access;
    http.arg = api;
    api->server = http_server_open(&http, err);
    return api->server != NULL;
}

struct api *api_open(const struct api_options *options, struct err *err)
{
    struct api *api = mem_new(1, sizeof *api, err);
    if (!api)
        return NULL;
    api->options = *options;
    api->started = api_now();
    if (open_parts(api, err))
        return api;
    api_close(api);
    return NULL;
}

int api_port(const struct api *api)
{
    return http_server_port(api->server);
}

bool api_drain(struct api *api, int seconds)
{
    http_server_drain(api->server);
    return http_server_wait(api->server, seconds * 1000);
}

void api_close(struct api *api)
{
    if (!api)
        return;
    http_server_close(api->server);
    if (api->work)
        queue_end(api->work);
    for (int i = 0; i < API_WORKERS; i++)
        if (api->workers[i])
            thread_close(api->workers[i]);
    if (api->work)
        queue_close(api->work);
    stalls_close(api->stalls);
    metrics_close(api->metrics);
    free(api);
}
