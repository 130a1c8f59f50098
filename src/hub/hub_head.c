/* SPDX-License-Identifier: Apache-2.0 */
/* hub_head.c - size and hash of files of which a mirror's list says neither: what the hub answers
 * to HEAD.  A large file lies elsewhere, and the redirect to it names both; it is not followed. */
#include <string.h>

#include "hub/hub_fetch_int.h"

/* Reads a number of digits. */
static bool read_size(const char *text, uint64_t *n_bytes)
{
    *n_bytes = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || *n_bytes > LIMIT_HUB_FILE_BYTES)
            return false;
        *n_bytes = 10 * *n_bytes + (uint64_t)(*c - '0');
    }
    return *text && *n_bytes <= LIMIT_HUB_FILE_BYTES;
}

/* Reads an entity tag, which is a hash between quotes. */
static bool read_etag(const char *text, char *hash)
{
    if (strncmp(text, "W/", 2) == 0)
        text += 2;
    bool quoted = *text == '"';
    text += quoted;
    size_t n = strcspn(text, "\"");
    return strcmp(text + n, quoted ? "\"" : "") == 0 && hub_read_hash(text, n, hash);
}

/* Takes what the answer says of a file. */
static bool read_head(const struct hub_pull *pull, const struct http_get *get,
                      struct hub_file *file, struct err *err)
{
    const char *commit = get->notes[NOTE_COMMIT];
    bool linked = get->status >= 300 || *get->notes[NOTE_LINKED_ETAG];
    if (*commit && strcmp(commit, pull->listing->commit) != 0)
        return err_set(err, ERR_FORMAT,
                       "%s: the hub lists commit %s and answers for %s of another one; try again, "
                       "or from another mirror",
                       pull->name->repo, pull->listing->commit, file->path);
    if (read_size(get->notes[linked ? NOTE_LINKED_SIZE : NOTE_SIZE], &file->n_bytes) &&
        read_etag(get->notes[linked ? NOTE_LINKED_ETAG : NOTE_ETAG], file->hash))
        return true;
    return err_set(err, ERR_FORMAT,
                   "%s: the hub does not say size and hash of %s, so that it could not be checked; "
                   "set HF_ENDPOINT to another mirror",
                   pull->name->repo, file->path);
}

/* Says whether an address is the hub's own: a model that was renamed, not where files lie. */
static bool is_own(const struct hub_pull *pull, const struct buf *url)
{
    const struct buf *endpoint = &pull->options->settings->endpoint;
    return url->len > endpoint->len && strncmp(url->data, endpoint->data, endpoint->len) == 0 &&
           url->data[endpoint->len] == '/';
}

/* Asks for one.  urls: the address, and a place for where it leads. */
static bool ask_head(struct hub_pull *pull, struct hub_file *file, struct buf *urls,
                     struct err *err)
{
    if (!hub_url(&urls[0], pull, "", "/resolve/", pull->listing->commit, file->path, err))
        return false;
    for (unsigned i = 0; i <= LIMIT_REDIRECTS; i++) {
        struct buf *url = &urls[i % 2], *next = &urls[(i + 1) % 2];
        struct http_get get = {.url = url->data, .location = next};
        buf_clear(next);
        if (!hub_ask(pull, &get, file->path, err))
            return false;
        if (*get.notes[NOTE_LINKED_ETAG] || !is_own(pull, next))
            return read_head(pull, &get, file, err);
    }
    return err_set(err, ERR_IO,
                   "%s: %s leads from one address to the next without end; check "
                   "HF_ENDPOINT",
                   pull->name->repo, file->path);
}

bool hub_ask_heads(struct hub_pull *pull, struct hub_choice *choice, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < pull->listing->n; i++) {
        struct hub_file *file = &pull->listing->files[i];
        struct buf urls[2];
        if (!file->chosen || *file->hash)
            continue;
        buf_init(&urls[0], LIMIT_URL_BYTES);
        buf_init(&urls[1], LIMIT_URL_BYTES);
        ok = ask_head(pull, file, urls, err);
        choice->n_bytes += file->n_bytes;
        buf_free(&urls[0]);
        buf_free(&urls[1]);
    }
    return ok;
}
