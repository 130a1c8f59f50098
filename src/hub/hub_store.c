/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_store.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "hub/hub_begun.h"
#include "hub/hub_cache.h"
#include "hub/hub_settings.h"

enum { MODEL_NAME_BYTES = sizeof(struct hub_name) };

bool hub_store_find(const struct hub_name *name, struct buf *path, struct err *err)
{
    struct buf store, folder;
    struct hub_listing listing = {0};
    struct hub_choice choice;
    char commit[41];
    buf_init(&store, PATH_MAX);
    buf_init(&folder, PATH_MAX);
    bool ok =
        hub_store_folder(&store, err) && hub_read_ref(store.data, name, commit, err) &&
        hub_join(&folder, (const char *[]){store.data, name->folder, "snapshots", commit, NULL},
                 err) &&
        hub_listing_of_folder(&listing, folder.data, err);
    if (!ok && err->code == ERR_NOT_FOUND)
        err_set(err, ERR_NOT_FOUND, "%s: no such file or folder, and not in the model store",
                name->repo);
    else if (ok && !hub_choose(&listing, name->want, &choice, err))
        ok = err_add(err, "%s in the model store", name->repo);
    else if (ok)
        ok = hub_join(path, (const char *[]){folder.data, choice.gguf, NULL}, err);
    hub_listing_free(&listing);
    buf_free(&folder);
    buf_free(&store);
    return ok;
}

void hub_models_free(struct hub_models *models)
{
    free(models->items);
    arena_free(&models->arena);
    *models = (struct hub_models){0};
}

/* A repository of the store while it is listed. */
struct repo {
    struct hub_models *models;
    const char *store;
    struct hub_name name;
    struct hub_listing refs;     /* its branches and tags */
    struct hub_begun_list begun; /* its pulls that have not ended */
    bool any_incomplete;         /* of its contents, and nothing noted that explains it */
    uint64_t n_there;            /* bytes of them all */
    struct err *err;
};

static struct hub_model *add_model(struct repo *repo, const char *name, const char *path)
{
    struct hub_models *all = repo->models;
    if (all->n == all->n_places) {
        size_t n_places = all->n_places ? 2 * all->n_places : 16;
        struct hub_model *items = mem_resize(all->items, n_places, sizeof *items, repo->err);
        if (!items)
            return NULL;
        all->items = items;
        all->n_places = n_places;
    }
    struct hub_model *model = &all->items[all->n];
    *model = (struct hub_model){0};
    model->name = arena_string(&all->arena, name, strlen(name), repo->err);
    model->path = arena_string(&all->arena, path, strlen(path), repo->err);
    if (!model->name || !model->path)
        return NULL;
    all->n++;
    return model;
}

static void set_begun(struct hub_model *model, uint64_t n_there, uint64_t n_all)
{
    model->lacks = "unfinished";
    model->is_begun = true;
    model->n_there = n_there;
    model->n_bytes = n_all;
}

/* Says whether a pull has begun of what want means at the commit. */
static bool is_noted(const struct repo *repo, const char *commit, const char *want)
{
    for (size_t i = 0; i < repo->begun.n; i++) {
        const struct hub_begun *begun = &repo->begun.items[i];
        if (strcmp(begun->listing.commit, commit) == 0 &&
            (!*want || strcmp(begun->name.want, want) == 0))
            return true;
    }
    return false;
}

/* Adds the model that want means in the snapshot of a commit, which is the last part of folder. */
static bool add_choice(struct repo *repo, const char *prefix, const char *folder,
                       struct hub_listing *listing, const char *want)
{
    struct hub_choice choice;
    struct err why = {0};
    char name[MODEL_NAME_BYTES];
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool whole = hub_choose(listing, want, &choice, &why);
    if (!whole && is_noted(repo, strrchr(folder, '/') + 1, want))
        return true; /* listed with what is to come */
    snprintf(name, sizeof name, "%s%s%s", prefix, *want ? ":" : "", want);
    struct hub_model *model = NULL;
    if (hub_join(&path, (const char *[]){folder, *want ? want : NULL, NULL}, repo->err))
        model = add_model(repo, name, path.data);
    if (model && !whole && repo->any_incomplete)
        set_begun(model, repo->n_there, 0);
    if (model && !whole && !repo->any_incomplete) {
        model->lacks = arena_string(&repo->models->arena, why.text, strlen(why.text), repo->err);
        model = model->lacks ? model : NULL;
    }
    for (size_t i = 0; model && i < listing->n; i++) {
        const struct hub_file *file = &listing->files[i];
        struct stat st;
        if (file->chosen &&
            hub_join(&path, (const char *[]){folder, file->path, NULL}, repo->err) &&
            stat(path.data, &st) == 0 && st.st_mtime > model->time)
            model->time = st.st_mtime;
    }
    if (model && !model->is_begun) {
        model->layout = choice.layout;
        model->n_bytes = choice.n_bytes;
    }
    buf_free(&path);
    return model != NULL;
}

/* Writes how a snapshot is called. */
static bool name_snapshot(struct repo *repo, const char *commit, char *name, size_t size)
{
    const char *found = NULL;
    bool any_main = false;
    for (size_t i = 0; i < repo->refs.n; i++) {
        struct hub_name ref = repo->name;
        struct err ignored = {0};
        char there[41];
        const char *revision = repo->refs.files[i].path;
        bool is_main = strcmp(revision, "main") == 0;
        if (strlen(revision) > LIMIT_HUB_REVISION)
            continue;
        snprintf(ref.revision, sizeof ref.revision, "%s", revision);
        any_main = any_main || is_main;
        if (hub_read_ref(repo->store, &ref, there, &ignored) && strcmp(there, commit) == 0 &&
            (!found || is_main))
            found = revision;
    }
    bool plain = found && strcmp(found, "main") == 0;
    snprintf(name, size, "%s%s%s", repo->name.repo, plain ? "" : "@",
             plain   ? ""
             : found ? found
                     : commit);
    return any_main || found;
}

static bool list_snapshot(struct repo *repo, const char *commit)
{
    struct buf folder;
    struct hub_listing listing = {0};
    struct hub_choice choice;
    struct err ignored = {0};
    char prefix[MODEL_NAME_BYTES];
    bool any_gguf = false;
    buf_init(&folder, PATH_MAX);
    bool ok = hub_join(&folder,
                       (const char *[]){repo->store, repo->name.folder, "snapshots", commit, NULL},
                       repo->err) &&
              hub_listing_of_folder(&listing, folder.data, repo->err);
    bool known = name_snapshot(repo, commit, prefix, sizeof prefix);
    bool whole = ok && hub_choose(&listing, "", &choice, &ignored) && choice.layout != HUB_GGUF;
    if (!known && !whole)
        snprintf(prefix, sizeof prefix, "%s", repo->name.repo); /* its first pull was cut off */
    for (size_t i = 0; ok && i < listing.n; i++) {
        const char *path = listing.files[i].path;
        if (!hub_is_gguf(path))
            continue;
        any_gguf = true;
        ok = add_choice(repo, prefix, folder.data, &listing, path);
    }
    if (ok && (whole || !any_gguf))
        ok = add_choice(repo, prefix, folder.data, &listing, "");
    hub_listing_free(&listing);
    buf_free(&folder);
    return ok;
}

/* Adds the model of a pull that has not ended. */
static bool add_begun(struct repo *repo, const struct hub_begun *begun)
{
    const struct hub_name *name = &begun->name;
    const char *file = *name->want ? name->want : NULL;
    struct buf path;
    struct hub_model *model = NULL;
    char text[MODEL_NAME_BYTES];
    bool is_main = strcmp(name->revision, "main") == 0;
    buf_init(&path, PATH_MAX);
    snprintf(text, sizeof text, "%s%s%s%s%s", name->repo, is_main ? "" : "@",
             is_main ? "" : name->revision, file ? ":" : "", name->want);
    if (hub_join(&path,
                 (const char *[]){repo->store, name->folder, "snapshots", begun->listing.commit,
                                  file, NULL},
                 repo->err))
        model = add_model(repo, text, path.data);
    if (model) {
        model->layout = begun->choice.layout;
        set_begun(model, begun->n_there, begun->n_all);
    }
    buf_free(&path);
    return model != NULL;
}

/* Lists the branches and tags of the repository, which may be absent. */
static bool list_refs(struct repo *repo)
{
    struct buf path;
    struct err why = {0};
    buf_init(&path, PATH_MAX);
    bool ok =
        hub_join(&path, (const char *[]){repo->store, repo->name.folder, "refs", NULL}, repo->err);
    if (ok && !hub_listing_of_folder(&repo->refs, path.data, &why))
        ok = why.code == ERR_NOT_FOUND || err_set(repo->err, why.code, "%s", why.text);
    buf_free(&path);
    return ok;
}

static bool list_repo(struct repo *repo)
{
    struct buf path;
    buf_init(&path, PATH_MAX);
    size_t n_before = repo->models->n;
    const char *store = repo->store, *folder = repo->name.folder;
    bool ok = list_refs(repo) && hub_begun_read(&repo->begun, store, &repo->name, repo->err);
    repo->any_incomplete = hub_begun_any(store, &repo->name, &repo->n_there) && !repo->begun.n;
    ok = ok && hub_join(&path, (const char *[]){store, folder, "snapshots", NULL}, repo->err);
    DIR *dir = ok ? opendir(path.data) : NULL;
    for (struct dirent *entry; ok && dir && (entry = readdir(dir));)
        if (hub_is_commit(entry->d_name))
            ok = list_snapshot(repo, entry->d_name);
    if (dir)
        closedir(dir);
    for (size_t i = 0; ok && i < repo->begun.n; i++)
        ok = add_begun(repo, &repo->begun.items[i]);
    if (ok && repo->models->n == n_before) {
        struct hub_model *model = add_model(repo, repo->name.repo, path.data);
        ok = model != NULL;
        if (ok)
            set_begun(model, repo->n_there, 0);
    }
    hub_listing_free(&repo->refs);
    hub_begun_free(&repo->begun);
    buf_free(&path);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct hub_model *)a)->name, ((const struct hub_model *)b)->name);
}

bool hub_store_list(struct hub_models *models, struct err *err)
{
    struct buf store;
    buf_init(&store, PATH_MAX);
    bool ok = hub_store_folder(&store, err);
    DIR *dir = ok ? opendir(store.data) : NULL;
    if (ok && !dir && file_is_dir(store.data))
        ok = file_fail(store.data, "list the folder", err);
    for (struct dirent *entry; ok && dir && (entry = readdir(dir));) {
        struct repo repo = {.models = models, .store = store.data, .err = err};
        if (hub_name_from_folder(&repo.name, entry->d_name))
            ok = list_repo(&repo);
    }
    if (dir)
        closedir(dir);
    if (models->n)
        qsort(models->items, models->n, sizeof *models->items, by_name);
    buf_free(&store);
    return ok;
}
