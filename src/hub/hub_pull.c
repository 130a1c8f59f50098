/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_pull.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/units.h"
#include "hub/hub_begun.h"
#include "hub/hub_blob.h"
#include "hub/hub_cache.h"
#include "hub/hub_fetch_int.h"

#define SPARE_BYTES (16u << 20) /* of the disk that stay free: links, folders, logs of others */

static bool add_text(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

static bool clear_text(void *arg, struct err *err)
{
    (void)err;
    buf_clear(arg);
    return true;
}

/* Asks the hub which files a revision has. */
static bool get_listing(struct hub_pull *pull, struct err *err)
{
    struct buf url, text;
    struct http_get get = {
        .write = add_text, .restart = clear_text, .arg = &text, .n_bytes = LIMIT_HUB_LISTING};
    buf_init(&url, LIMIT_URL_BYTES);
    buf_init(&text, LIMIT_HUB_LISTING);
    bool ok = hub_url(&url, pull, "/api/models", "/revision/", pull->name->revision, NULL, err) &&
              buf_add(&url, "?blobs=true", 11, err);
    get.url = url.data;
    ok = ok && hub_ask(pull, &get, NULL, err);
    if (ok && !hub_listing_parse(pull->listing, pull->name->repo, text.data, text.len, err))
        ok = err_remedy(err, ERR_FORMAT, "the answer is not a hub's; check HF_ENDPOINT");
    buf_free(&url);
    buf_free(&text);
    return ok;
}

/* Counts the bytes that are missing.  *any: whether a file is, which may be empty. */
static bool count_missing(struct hub_pull *pull, uint64_t *missing, bool *any, struct err *err)
{
    *missing = 0;
    *any = false;
    for (size_t i = 0; i < pull->listing->n; i++) {
        const struct hub_file *file = &pull->listing->files[i];
        uint64_t n_bytes;
        bool complete;
        if (!file->chosen)
            continue;
        if (!hub_blob_have(pull->store.data, pull->name, file, &n_bytes, &complete, err))
            return false;
        *missing += file->n_bytes - n_bytes;
        *any = *any || !complete;
    }
    return true;
}

/* Compares what is missing with what is free. */
static bool check_space(struct hub_pull *pull, uint64_t missing, struct err *err)
{
    struct statvfs disk;
    if (statvfs(pull->store.data, &disk) != 0)
        return file_fail(pull->store.data, "look how much is free", err);
    uint64_t available = (uint64_t)disk.f_bavail * disk.f_frsize;
    char lacks[UNITS_TEXT], there[UNITS_TEXT];
    return !missing || missing + SPARE_BYTES <= available ||
           err_set(err, ERR_LIMIT,
                   "%s: %s are missing and %s are free in %s; make room, or set HF_HUB_CACHE to "
                   "another disk",
                   pull->name->repo, units_bytes(lacks, missing), units_bytes(there, available),
                   pull->store.data);
}

static bool make_store(struct hub_pull *pull, struct err *err)
{
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool ok = hub_store_folder(&pull->store, err) &&
              hub_join(&path, (const char *[]){pull->store.data, "x", NULL}, err) &&
              hub_make_parents(path.data, err);
    buf_free(&path);
    return ok;
}

/* Chooses, brings, and notes what the revision means now. */
static bool pull_files(struct hub_pull *pull, struct hub_choice *choice, struct err *err)
{
    const char *store = pull->store.data;
    if (!hub_choose(pull->listing, pull->name->want, choice, err))
        return err_add(err, "%s", pull->name->repo);
    if (!choice->has_tokenizer)
        return err_set(err, ERR_NOT_FOUND,
                       "%s: no tokenizer, neither tekken.json nor tokenizer.model nor "
                       "tokenizer.json; the model is not whole",
                       pull->name->repo);
    if (!hub_ask_heads(pull, choice, err))
        return false;
    pull->progress.n_files = choice->n_files;
    pull->progress.n_bytes = choice->n_bytes;
    struct hub_name noted = *pull->name; /* other files of the repository may come meanwhile */
    uint64_t missing;
    bool any;
    snprintf(noted.want, sizeof noted.want, "%s", choice->gguf ? choice->gguf : "");
    if (!count_missing(pull, &missing, &any, err) || !check_space(pull, missing, err) ||
        (any && !hub_begun_write(store, &noted, pull->listing, err)) || !hub_fetch(pull, err) ||
        !hub_write_ref(store, pull->name, pull->listing->commit, err))
        return false;
    hub_begun_drop(store, &noted);
    return true;
}

bool hub_pull(const struct hub_pull_options *options, const struct hub_name *name,
              struct hub_listing *listing, struct hub_choice *choice, struct buf *path,
              struct err *err)
{
    const struct http_options http = {.agent = options->agent,
                                      .ca_file = options->settings->ca_file,
                                      .stall_s = options->settings->stall_s,
                                      .n_tries = options->n_tries};
    struct hub_pull pull = {.options = options, .name = name, .listing = listing};
    pull.progress.repo = name->repo;
    buf_init(&pull.store, PATH_MAX);
    bool ok = make_store(&pull, err);
    pull.client = ok ? http_open(&http, err) : NULL;
    ok = pull.client && get_listing(&pull, err) && pull_files(&pull, choice, err) &&
         hub_join(path,
                  (const char *[]){pull.store.data, name->folder, "snapshots", listing->commit,
                                   choice->gguf, NULL},
                  err);
    http_close(pull.client);
    buf_free(&pull.store);
    return ok;
}
