/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_begun.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/json_tree.h"
#include "hub/hub_blob.h"
#include "hub/hub_cache.h"
#include "hub/hub_settings.h"

#define INCOMPLETE ".incomplete"

/* Makes the path of a note, whose name is what stands behind '@' in that of the model. */
static bool make_path(struct buf *path, const char *store, const struct hub_name *name,
                      struct err *err)
{
    char note[sizeof name->revision + sizeof name->want];
    snprintf(note, sizeof note, "%s%s%s", name->revision, *name->want ? ":" : "", name->want);
    buf_init(path, PATH_MAX);
    return hub_join(path, (const char *[]){store, name->folder, "begun", note, NULL}, err);
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
    if (make_path(&path, store, name, &ignored)) {
        size_t n_repo = strlen(store) + strlen(name->folder) + 1;
        unlink(path.data);
        /* Nor the folders, unless there is something else in them. */
        for (char *slash; (slash = strrchr(path.data, '/')) > path.data + n_repo;) {
            *slash = '\0';
            if (rmdir(path.data) != 0 && errno != ENOENT)
                break;
        }
    }
    buf_free(&path);
}

/* Adds up what the store has of the chosen files. */
static bool count_there(struct hub_begun *begun, const char *store, struct err *err)
{
    begun->n_there = 0;
    begun->n_all = begun->choice.n_bytes;
    for (size_t i = 0; i < begun->listing.n; i++) {
        uint64_t n_bytes;
        bool complete;
        if (!begun->listing.files[i].chosen)
            continue;
        if (!hub_blob_have(store, &begun->name, &begun->listing.files[i], &n_bytes, &complete, err))
            return false;
        begun->n_there += n_bytes;
    }
    return true;
}

/* Reads the note of that path below begun.  Returns false when it is none. */
static bool read_note(struct hub_begun *begun, const char *store, const char *repo,
                      const char *note)
{
    struct buf path, text;
    struct err ignored = {0};
    char model[sizeof begun->name];
    *begun = (struct hub_begun){0};
    buf_init(&text, LIMIT_HUB_LISTING);
    buf_init(&path, PATH_MAX);
    bool ok = (size_t)snprintf(model, sizeof model, "%s@%s", repo, note) < sizeof model &&
              hub_name_parse(&begun->name, model, &ignored) &&
              hub_join(&path, (const char *[]){store, begun->name.folder, "begun", note, NULL},
                       &ignored) &&
              file_read(&text, path.data, &ignored) &&
              hub_listing_parse(&begun->listing, repo, text.data, text.len, &ignored) &&
              hub_choose(&begun->listing, begun->name.want, &begun->choice, &ignored) &&
              count_there(begun, store, &ignored);
    if (!ok)
        hub_listing_free(&begun->listing);
    buf_free(&text);
    buf_free(&path);
    return ok;
}

bool hub_begun_read(struct hub_begun_list *list, const char *store, const struct hub_name *name,
                    struct err *err)
{
    struct buf path;
    struct hub_listing notes = {0};
    struct err why = {0};
    *list = (struct hub_begun_list){0};
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){store, name->folder, "begun", NULL}, err);
    if (ok && !hub_listing_of_folder(&notes, path.data, &why))
        ok = why.code == ERR_NOT_FOUND || err_set(err, why.code, "%s", why.text);
    if (ok && notes.n)
        ok = (list->items = mem_new(notes.n, sizeof *list->items, err)) != NULL;
    for (size_t i = 0; ok && i < notes.n; i++)
        list->n += read_note(&list->items[list->n], store, name->repo, notes.files[i].path);
    hub_listing_free(&notes);
    buf_free(&path);
    return ok;
}

void hub_begun_free(struct hub_begun_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        hub_listing_free(&list->items[i].listing);
    free(list->items);
    *list = (struct hub_begun_list){0};
}

const struct hub_begun *hub_begun_of(const struct hub_begun_list *list, const struct hub_name *name)
{
    for (size_t i = 0; i < list->n; i++) {
        struct hub_begun *begun = &list->items[i];
        struct hub_choice choice;
        struct err ignored = {0};
        if (strcmp(begun->name.revision, name->revision) == 0 &&
            (!*name->want ||
             (*begun->name.want && hub_choose(&begun->listing, name->want, &choice, &ignored))))
            return begun;
    }
    return NULL;
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

bool hub_begun_find(const struct hub_name *name, uint64_t *n_there, uint64_t *n_all)
{
    struct hub_begun_list list = {0};
    struct buf store;
    struct err ignored = {0};
    char commit[41];
    buf_init(&store, PATH_MAX);
    bool any =
        hub_store_folder(&store, &ignored) && hub_begun_read(&list, store.data, name, &ignored);
    const struct hub_begun *begun = any ? hub_begun_of(&list, name) : NULL;
    if (begun) {
        *n_there = begun->n_there;
        *n_all = begun->n_all;
    } else if (any) {
        *n_all = 0;
        /* Where the revision is there, or pulls are noted, what is incomplete is another's. */
        any = !list.n && !hub_read_ref(store.data, name, commit, &ignored) &&
              hub_begun_any(store.data, name, n_there);
    }
    hub_begun_free(&list);
    buf_free(&store);
    return any;
}
