/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/endpoints.h"
#include "api/page.h"
#include "store/keys.h"

const struct route routes[] = {
    {HTTP_GET, "/", 0, BODY_NONE, page_answer, "the chat page, and its files"},
    {HTTP_GET, "/health", 0, BODY_NONE, health_answer, "whether the server is up"},
    {HTTP_GET, "/healthz", 0, BODY_NONE, health_answer, "the same"},
    {HTTP_GET, "/ready", 0, BODY_NONE, health_answer, "the same: models are loaded by then"},
    {HTTP_GET, "/v1/health", 0, BODY_NONE, health_answer, "the same"},
    {HTTP_GET, "/version", 0, BODY_NONE, version_answer, "version and commit"},
    {HTTP_GET, "/metrics", ROLE_ADMIN, BODY_NONE, metrics_answer, "counters for Prometheus"},
    {HTTP_GET, "/v1/models", ROLE_INFER, BODY_NONE, models_answer, "the models"},
    {HTTP_GET, "/v1/models/*", ROLE_INFER, BODY_NONE, model_answer, "one model"},
    {HTTP_DELETE, "/v1/models/*", ROLE_INFER, BODY_NONE, model_delete_answer,
     "refuses to delete a base model"},
    {HTTP_POST, "/v1/chat/completions", ROLE_INFER, BODY_JSON, chat_answer,
     "answers a conversation"},
    {HTTP_POST, "/v1/fim/completions", ROLE_INFER, BODY_JSON, fim_answer,
     "fills in the middle of a text"},
    {HTTP_POST, "/v1/completions", ROLE_INFER, BODY_JSON, completions_answer, "continues texts"},
    {HTTP_POST, "/v1/embeddings", ROLE_INFER, BODY_JSON, embeddings_answer, "texts as vectors"},
    {HTTP_POST, "/v1/files", ROLE_FILES, BODY_FORM, file_upload_answer, "stores a file"},
    {HTTP_GET, "/v1/files", ROLE_FILES, BODY_STORE, files_answer, "lists files"},
    {HTTP_GET, "/v1/files/*", ROLE_FILES, BODY_STORE, file_answer, "a file, or /content of it"},
    {HTTP_DELETE, "/v1/files/*", ROLE_FILES, BODY_STORE, file_delete_answer, "removes a file"},
    {HTTP_POST, "/tokenize", ROLE_INFER, BODY_JSON, tokenize_answer, "a text or chat as ids"},
    {HTTP_POST, "/detokenize", ROLE_INFER, BODY_JSON, detokenize_answer, "ids as text"},
    {HTTP_POST, "/v1/messages", ROLE_INFER, BODY_JSON, messages_answer,
     "answers a conversation, as Anthropic does"},
    {HTTP_POST, "/v1/messages/count_tokens", ROLE_INFER, BODY_JSON, count_tokens_answer,
     "the size of its prompt"},
    {HTTP_POST, "/v1/responses", ROLE_INFER, BODY_JSON, responses_answer,
     "answers a conversation, as OpenAI's Responses do"},
    {HTTP_POST, "/v1/responses/input_tokens", ROLE_INFER, BODY_JSON, input_tokens_answer,
     "the size of its prompt"},
};
const size_t n_routes = sizeof routes / sizeof *routes;

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {"GET, HEAD", "POST", "PUT", "PATCH", "DELETE", ""};
    return names[method];
}

/* Says whether path fits the pattern; *rest is what its '*' stands for. */
static bool fits(const char *pattern, const char *path, const char **rest)
{
    size_t n = strlen(pattern);
    *rest = "";
    if (pattern[n - 1] != '*') {
        size_t m = strlen(path);
        return strncmp(pattern, path, n) == 0 && (m == n || (m == n + 1 && path[n] == '/'));
    }
    *rest = path + n - 1;
    return strncmp(pattern, path, n - 1) == 0 && **rest;
}

/* Takes a mount point off a path: what it chooses stays in *match. */
static const char *unmount(const char *path, struct route_match *match)
{
    static const struct {
        const char *prefix;
        enum dialect dialect;
    } mounts[] = {
        {"/mistral", DIALECT_MISTRAL},
        {"/openai", DIALECT_OPENAI},
        {"/anthropic", DIALECT_ANTHROPIC},
    };
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        size_t n = strlen(mounts[i].prefix);
        if (strncmp(path, mounts[i].prefix, n) == 0 && strncmp(path + n, "/v1/", 4) == 0) {
            match->mounted = true;
            match->dialect = mounts[i].dialect;
            return path + n;
        }
    }
    if (strncmp(path, "/v1/messages", 12) == 0)
        match->dialect = DIALECT_ANTHROPIC;
    return path;
}

struct route_match routes_find(enum http_method method, const char *path)
{
    struct route_match match = {0};
    path = page_find(path) ? "/" : unmount(path, &match);
    for (size_t i = 0; i < n_routes && !match.route; i++) {
        if (!fits(routes[i].path, path, &match.rest))
            continue;
        if (routes[i].method == method) {
            match.route = &routes[i];
            break;
        }
        size_t n = strlen(match.allow);
        snprintf(match.allow + n, sizeof match.allow - n, "%s%s", n ? ", " : "",
                 method_name(routes[i].method));
    }
    return match;
}
