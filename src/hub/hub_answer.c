/* SPDX-License-Identifier: Apache-2.0 */
/* hub_answer.c - what is asked of a hub, and what its refusals mean. */
#include <stdio.h>
#include <string.h>

#include "hub/hub_fetch_int.h"

/* Appends text, with what has a meaning in addresses escaped. */
static bool add_escaped(struct buf *url, const char *text, struct err *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~/";
    char code[4];
    bool ok = true;
    for (; ok && *text; text++) {
        snprintf(code, sizeof code, strchr(plain, *text) ? "%c" : "%%%02X", (unsigned char)*text);
        ok = buf_add(url, code, strlen(code), err);
    }
    return ok;
}

/* Appends a revision, of which a slash is a part. */
static bool add_revision(struct buf *url, const char *text, struct err *err)
{
    bool ok = true;
    for (size_t n; ok && *text; text += n) {
        char part[LIMIT_HUB_REVISION + 1];
        n = strcspn(text, "/");
        memcpy(part, text, n);
        part[n] = '\0';
        ok = add_escaped(url, part, err) && (!text[n] || buf_add(url, "%2F", 3, err));
        n += text[n] != '\0';
    }
    return ok;
}

bool hub_url(struct buf *url, const struct hub_pull *pull, const char *prefix, const char *action,
             const char *revision, const char *file, struct err *err)
{
    const struct buf *endpoint = &pull->options->settings->endpoint;
    return buf_add(url, endpoint->data, endpoint->len, err) && add_escaped(url, prefix, err) &&
           buf_add(url, "/", 1, err) && add_escaped(url, pull->name->repo, err) &&
           add_escaped(url, action, err) && add_revision(url, revision, err) &&
           (!file || (buf_add(url, "/", 1, err) && add_escaped(url, file, err)));
}

bool hub_request(struct hub_pull *pull, struct http_get *get, struct err *err)
{
    static const char *const names[HTTP_NOTES + 1] = {
        [NOTE_ERROR] = "X-Error-Code",        [NOTE_COMMIT] = "X-Repo-Commit",
        [NOTE_LINKED_SIZE] = "X-Linked-Size", [NOTE_LINKED_ETAG] = "X-Linked-Etag",
        [NOTE_SIZE] = "Content-Length",       [NOTE_ETAG] = "ETag",
    };
    const struct buf *token = &pull->options->settings->token;
    get->token = token->len ? token->data : NULL;
    get->note_names = names;
    return http_start(pull->client, get, err);
}

bool hub_tick(struct hub_pull *pull, struct err *err)
{
    bool go_on = pull->options->progress(pull->options->arg, &pull->progress);
    pull->progress.finished = pull->progress.damaged = NULL;
    return go_on || err_set(err, ERR_CANCELLED, "%s: interrupted", pull->name->repo);
}

/* Not logged in, or not allowed: the hub answers the same for a model that does not exist. */
static bool no_access(const struct hub_pull *pull, const struct http_get *get, struct err *err)
{
    const char *endpoint = pull->options->settings->endpoint.data, *repo = pull->name->repo;
    bool gated = strcmp(get->notes[NOTE_ERROR], "GatedRepo") == 0 || get->status == 403;
    if (gated)
        return err_set(err, ERR_ARG,
                       "%s: its terms must be accepted first; do so on %s/%s and set HF_TOKEN to a "
                       "token of that account",
                       repo, endpoint, repo);
    if (get->token)
        return err_set(err, ERR_ARG,
                       "%s: no such model, or the token may not read it; check the name and "
                       "HF_TOKEN",
                       repo);
    return err_set(err, ERR_ARG,
                   "%s: no such model, or it is not public; check the name, or set HF_TOKEN to a "
                   "token of %s/settings/tokens",
                   repo, endpoint);
}

bool hub_refused(const struct hub_pull *pull, const struct http_get *get, const char *what,
                 struct err *err)
{
    const struct hub_name *name = pull->name;
    const char *endpoint = pull->options->settings->endpoint.data;
    if (get->status == 401 || get->status == 403)
        return no_access(pull, get, err);
    if (get->status == 404 && what)
        return err_set(err, ERR_NOT_FOUND,
                       "%s: the hub lists the file %s but does not have it; "
                       "try again later",
                       name->repo, what);
    if (get->status == 404 && strcmp(get->notes[NOTE_ERROR], "RevisionNotFound") == 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no revision '%s'; check what stands behind '@'",
                       name->repo, name->revision);
    if (get->status == 404 && !*get->notes[NOTE_ERROR] && strcmp(name->revision, "main") != 0)
        return err_set(err, ERR_NOT_FOUND,
                       "%s@%s: no such model or revision at %s; check the name and what stands "
                       "behind '@'",
                       name->repo, name->revision, endpoint);
    if (get->status == 404)
        return err_set(err, ERR_NOT_FOUND, "%s: no such model at %s; check the name", name->repo,
                       endpoint);
    *err = get->err;
    return err_remedy(err, ERR_IO, "check the network and HF_ENDPOINT, and try again");
}

bool hub_ask(struct hub_pull *pull, struct http_get *get, const char *what, struct err *err)
{
    struct http_get *done = NULL;
    bool ok = hub_request(pull, get, err);
    while (ok && !done)
        ok = http_step(pull->client, &done, err) && hub_tick(pull, err);
    if (ok && !get->ok)
        ok = hub_refused(pull, get, what, err);
    if (!ok) { /* what it writes to goes */
        http_close(pull->client);
        pull->client = NULL;
    }
    return ok;
}
