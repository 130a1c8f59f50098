/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_begun.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/json_tree.h"
#include "hub/hub_blob.h"
#include "hub/hub_cache.h"
#include "hub/hub_settings.h"

#define INCOMPLETE ".incomplete"

static bool make_path(struct buf *path, const char *store, const struct hub_name *name,
                      struct err *err)
{
    buf_init(path, PATH_MAX);
    return hub_join(path, (const char *[]){store, name->folder, "begun", name->revision, NULL},
                    err);
}

static bool add(struct buf *out, const char *text, struct err *err)
{
    return buf_add(out, text, strlen(text), err);
}

/* Appends a file as the hub's answer has it. */
static bool add_file(struct buf *out, const struct hub_file *file, struct err *err)
{
    char rest[160];
    bool is_large = strlen(file->hash) == 64;
    snprintf(rest, sizeof rest, ",%s\"size\":%" PRIu64 ",\"%s\":\"%s\"}%s",
             is_large ? "\"lfs\":{" : "", file->n_bytes, is_large ? "sha256" : "blobId", file->hash,
             is_large ? "}" : "");
    return add(out, "{\"rfilename\":", err) &&
           json_write_text((struct span){file->path, strlen(file->path)}, out, err) &&
           add(out, rest, err);
}

static bool add_listing(struct buf *out, const struct hub_listing *listing, struct err *err)
{
    bool is_first = true;
    bool ok = add(out, "{\"sha\":\"", err) && add(out, listing->commit, err) &&
              add(out, "\",\"siblings\":[", err);
    for (size_t i = 0; ok && i < listing->n; i++) {
        if (!listing->files[i].chosen)
            continue;
        ok = (is_first || add(out, ",\n", err)) && add_file(out, &listing->files[i], err);
        is_first = false;
    }
    return ok && add(out, "]}\n", err);
}

bool hub_begun_write(const char *store, const struct hub_name *name,
                     const struct hub_listing *listing, struct err *err)
{
    struct buf path, text;
    buf_init(&text, LIMIT_HUB_LISTING);
    bool ok = make_path(&path, store, name, err) && add_listing(&text, listing, err) &&
              hub_write_whole(path.data, text.data, err);
    buf_free(&text);
    buf_free(&path);
    return ok;
}

void hub_begun_drop(const char *store, const struct hub_name *name)
{
    struct buf path;
    struct err ignored = {0};
    if (make_path(&path, store, name, &ignored))
        unlink(path.data);
    /* Nor the folder, unless there is something else in it. */
    if (path.len && hub_join(&path, (const char *[]){store, name->folder, "begun", NULL}, &ignored))
        rmdir(path.data);
    buf_free(&path);
}

void hub_begun_free(struct hub_begun *begun)
{
    hub_listing_free(&begun->listing);
}

/* Adds up what the store has of the chosen files. */
static bool count_there(struct hub_begun *begun, const char *store, const struct hub_name *name,
                        struct err *err)
{
    begun->n_there = 0;
    begun->n_all = begun->choice.n_bytes;
    for (size_t i = 0; i < begun->listing.n; i++) {
        uint64_t n_bytes;
        bool complete;
        if (!begun->listing.files[i].chosen)
            continue;
        if (!hub_blob_have(store, name, &begun->listing.files[i], &n_bytes, &complete, err))
            return false;
        begun->n_there += n_bytes;
    }
    return true;
}

bool hub_begun_read(struct hub_begun *begun, const char *store, const struct hub_name *name)
{
    struct buf path, text;
    struct err ignored = {0};
    *begun = (struct hub_begun){0};
    buf_init(&text, LIMIT_HUB_LISTING);
    bool ok = make_path(&path, store, name, &ignored) && file_exists(path.data) &&
              file_read(&text, path.data, &ignored) &&
              hub_listing_parse(&begun->listing, name->repo, text.data, text.len, &ignored) &&
              hub_choose(&begun->listing, name->want, &begun->choice, &ignored) &&
              count_there(begun, store, name, &ignored);
    buf_free(&text);
    buf_free(&path);
    return ok;
}

bool hub_begun_any(const char *store, const struct hub_name *name, uint64_t *n_there)
{
    struct buf path;
    struct err ignored = {0};
    bool any = false;
    *n_there = 0;
    buf_init(&path, PATH_MAX);
    DIR *dir = hub_join(&path, (const char *[]){store, name->folder, "blobs", NULL}, &ignored)
                   ? opendir(path.data)
                   : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name), m = strlen(INCOMPLETE);
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        any = any || (n > m && strcmp(entry->d_name + n - m, INCOMPLETE) == 0);
        *n_there += (uint64_t)st.st_size;
    }
    if (dir)
        closedir(dir);
    buf_free(&path);
    return any;
}

static bool is_noted(const char *store, const struct hub_name *name)
{
    struct buf path;
    struct err ignored = {0};
    bool yes = make_path(&path, store, name, &ignored) && file_exists(path.data);
    buf_free(&path);
    return yes;
}

bool hub_begun_find(const struct hub_name *name, uint64_t *n_there, uint64_t *n_all)
{
    struct hub_begun begun;
    struct buf store;
    struct err ignored = {0};
    char commit[41];
    buf_init(&store, PATH_MAX);
    bool any = hub_store_folder(&store, &ignored);
    if (any && hub_begun_read(&begun, store.data, name)) {
        *n_there = begun.n_there;
        *n_all = begun.n_all;
        hub_begun_free(&begun);
    } else if (any) {
        hub_begun_free(&begun);
        *n_all = 0;
        /* Of a revision that is there or noted, what is incomplete is something else. */
        any = !is_noted(store.data, name) && !hub_read_ref(store.data, name, commit, &ignored) &&
              hub_begun_any(store.data, name, n_there);
    }
    buf_free(&store);
    return any;
}
