/* SPDX-License-Identifier: Apache-2.0 */
/* hub_remove.c - what goes when a model is removed, and what stays because others need it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "hub/hub_begun.h"
#include "hub/hub_cache.h"
#include "hub/hub_settings.h"
#include "hub/hub_store.h"

struct link {
    const char *path; /* absolute */
    const char *hash; /* of the content; NULL when it is no link */
    bool goes;
};

struct removal {
    const struct hub_name *name;
    struct buf store, folder; /* of the store, of the repository */
    struct arena arena;
    struct link *links; /* [n], of every snapshot */
    size_t n, n_places;
    char commit[41]; /* whose files go; "" for what was begun and never finished */
    bool is_begun;   /* the one model that goes has not come whole: */
    struct hub_begun begun;
    struct hub_removal *result;
};

/* Chooses what goes of the snapshot; of a model that is not whole, what there is of it. */
static bool choose(const struct removal *r, struct hub_listing *listing, struct err *err)
{
    struct hub_choice choice;
    if (!r->is_begun)
        return hub_choose(listing, r->name->want, &choice, err) ||
               err_add(err, "%s", r->name->repo);
    for (size_t i = 0; i < listing->n; i++) {
        const struct hub_file *file = hub_listing_find(&r->begun.listing, listing->files[i].path);
        listing->files[i].chosen = file && file->chosen;
    }
    return true;
}

/* Adds the links of a snapshot.  Those go that want means; "" all of this commit. */
static bool add_snapshot(struct removal *r, const char *commit, struct err *err)
{
    struct buf path;
    struct hub_listing listing = {0};
    bool goes = strcmp(commit, r->commit) == 0, all = !*r->name->want;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "snapshots", commit, NULL}, err) &&
              hub_listing_of_folder(&listing, path.data, err);
    if (ok && goes && !all)
        ok = choose(r, &listing, err);
    size_t n_folder = path.len;
    for (size_t i = 0; ok && i < listing.n; i++) {
        const struct hub_file *file = &listing.files[i];
        char target[PATH_MAX];
        path.len = n_folder;
        ok = r->n < r->n_places ||
             err_set(err, ERR_LIMIT, "%s: more than %zu files", r->folder.data, r->n_places);
        ok = ok && buf_add(&path, "/", 1, err) &&
             buf_add(&path, file->path, strlen(file->path), err);
        if (!ok)
            break;
        struct link *link = &r->links[r->n++];
        ssize_t n = readlink(path.data, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        const char *slash = strrchr(target, '/');
        link->goes = goes && (all || file->chosen);
        link->path = arena_string(&r->arena, path.data, path.len, err);
        link->hash = slash ? arena_string(&r->arena, slash + 1, strlen(slash + 1), err) : NULL;
        ok = link->path && (!slash || link->hash);
    }
    hub_listing_free(&listing);
    buf_free(&path);
    return ok;
}

static bool add_snapshots(struct removal *r, struct err *err)
{
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "snapshots", NULL}, err);
    DIR *dir = ok ? opendir(path.data) : NULL;
    for (struct dirent *entry; ok && dir && (entry = readdir(dir));)
        if (hub_is_commit(entry->d_name))
            ok = add_snapshot(r, entry->d_name, err);
    if (dir)
        closedir(dir);
    buf_free(&path);
    return ok;
}

/* Says whether the content of link i is needed still, or was counted with an earlier link. */
static bool is_needed(const struct removal *r, size_t i)
{
    for (size_t k = 0; k < r->n; k++)
        if (r->links[k].hash && strcmp(r->links[k].hash, r->links[i].hash) == 0 &&
            (!r->links[k].goes || k < i))
            return true;
    return false;
}

/* Counts a content, and removes it unless a program writes it. */
static bool drop_blob(struct removal *r, const char *hash, bool really, struct err *err)
{
    struct buf path;
    struct stat st;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "blobs", hash, NULL}, err);
    if (ok && lstat(path.data, &st) == 0 && S_ISREG(st.st_mode)) {
        r->result->n_bytes += (uint64_t)st.st_size;
        if (really && unlink(path.data) != 0)
            ok = file_fail(path.data, "remove it", err);
    }
    buf_free(&path);
    return ok;
}

static bool drop_link(struct removal *r, size_t i, bool really, struct err *err)
{
    const struct link *link = &r->links[i];
    r->result->n_files++;
    if (link->hash && !is_needed(r, i) && !drop_blob(r, link->hash, really, err))
        return false;
    return !really || unlink(link->path) == 0 || file_fail(link->path, "remove it", err);
}

/* Drops the contents that were begun of the one model that goes. */
static bool drop_begun(struct removal *r, bool really, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < r->begun.listing.n; i++) {
        char name[HUB_HASH_TEXT + 16];
        uint64_t before = r->result->n_bytes;
        if (!r->begun.listing.files[i].chosen)
            continue;
        snprintf(name, sizeof name, "%s.incomplete", r->begun.listing.files[i].hash);
        ok = drop_blob(r, name, really, err);
        r->result->n_files += r->result->n_bytes > before;
    }
    if (ok && really)
        hub_begun_drop(r->store.data, r->name);
    return ok;
}

/* Counts what was begun of the repository.  Fails while a program downloads a file of it. */
static bool count_begun(struct removal *r, struct hub_removal *begun, struct err *err)
{
    static const char ending[] = ".incomplete";
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "blobs", NULL}, err);
    DIR *dir = ok ? opendir(path.data) : NULL;
    for (struct dirent *entry; ok && dir && (entry = readdir(dir));) {
        char hash[HUB_HASH_TEXT];
        size_t n = strcspn(entry->d_name, ".");
        if (n >= sizeof hash || strcmp(entry->d_name + n, ending) != 0)
            continue;
        memcpy(hash, entry->d_name, n);
        hash[n] = '\0';
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            begun->n_files++;
            begun->n_bytes += (uint64_t)st.st_size;
        }
        int fd = hub_lock(r->store.data, r->name, hash, err);
        ok = fd >= 0;
        if (ok)
            close(fd);
    }
    if (dir)
        closedir(dir);
    buf_free(&path);
    return ok;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

static bool remove_tree(const char *path, struct err *err)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT ||
           file_fail(path, "remove it", err);
}

/* Removes the folders of a snapshot that are empty now.  Returns whether all of it is gone. */
static bool is_gone(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char below[PATH_MAX];
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
            (size_t)snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < sizeof below)
            rmdir(below);
    }
    if (dir)
        closedir(dir);
    return rmdir(path) == 0 || errno == ENOENT;
}

/* Removes the notes of branches and tags that mean the commit. */
static bool drop_refs(struct removal *r, struct err *err)
{
    struct buf path;
    struct hub_listing refs = {0};
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "refs", NULL}, err) &&
              hub_listing_of_folder(&refs, path.data, err);
    for (size_t i = 0; ok && i < refs.n; i++) {
        struct hub_name ref = *r->name;
        struct err ignored = {0};
        char commit[41];
        if (snprintf(ref.revision, sizeof ref.revision, "%s", refs.files[i].path) >=
                (int)sizeof ref.revision ||
            !hub_read_ref(r->store.data, &ref, commit, &ignored) || strcmp(commit, r->commit) != 0)
            continue;
        ok = hub_join(&path, (const char *[]){r->folder.data, "refs", ref.revision, NULL}, err) &&
             (unlink(path.data) == 0 || file_fail(path.data, "remove it", err));
    }
    hub_listing_free(&refs);
    buf_free(&path);
    return ok;
}

static bool goes_whole(const struct removal *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!r->links[i].goes)
            return false;
    return true;
}

/* Removes what is left when nothing of it is of use. */
static bool tidy(struct removal *r, struct err *err)
{
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "snapshots", r->commit, NULL}, err);
    if (ok && goes_whole(r)) {
        ok = remove_tree(r->folder.data, err) &&
             hub_join(&path, (const char *[]){r->store.data, ".locks", r->name->folder, NULL},
                      err) &&
             remove_tree(path.data, err);
    } else if (ok && is_gone(path.data)) {
        hub_begun_drop(r->store.data, r->name);
        ok = drop_refs(r, err);
    }
    buf_free(&path);
    return ok;
}

/* Finds the commit; a repository without any was begun and never finished. */
static bool find_commit(struct removal *r, struct err *err)
{
    struct err why = {0};
    if (!file_is_dir(r->folder.data))
        return err_set(err, ERR_NOT_FOUND, "%s: not in the model store; see 'bise list'",
                       r->name->repo);
    r->is_begun = *r->name->want && hub_begun_read(&r->begun, r->store.data, r->name);
    if (r->is_begun) {
        memcpy(r->commit, r->begun.listing.commit, sizeof r->commit);
        return true;
    }
    if (hub_read_ref(r->store.data, r->name, r->commit, &why))
        return true;
    if (why.code == ERR_NOT_FOUND && strcmp(r->name->revision, "main") == 0 && !*r->name->want) {
        r->commit[0] = '\0';
        return true;
    }
    return err_set(err, why.code, "%s@%s: not in the model store; see 'bise list'", r->name->repo,
                   r->name->revision);
}

/* Without a finished model everything goes, unless another revision is there. */
static bool mark_begun(struct removal *r, struct err *err)
{
    struct err ignored = {0};
    struct hub_listing refs = {0};
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "refs", NULL}, err);
    if (ok && hub_listing_of_folder(&refs, path.data, &ignored) && refs.n)
        ok = err_set(err, ERR_NOT_FOUND, "%s: only %s@%s is in the model store; name it",
                     r->name->repo, r->name->repo, refs.files[0].path);
    for (size_t i = 0; i < r->n; i++)
        r->links[i].goes = true;
    hub_listing_free(&refs);
    buf_free(&path);
    return ok;
}

static bool remove_model(struct removal *r, bool really, struct err *err)
{
    struct hub_removal begun = {0};
    r->links = arena_new(&r->arena, LIMIT_HUB_FILES, sizeof *r->links, err);
    r->n_places = LIMIT_HUB_FILES;
    bool ok = r->links && find_commit(r, err) && count_begun(r, &begun, err) &&
              add_snapshots(r, err) && (*r->commit || mark_begun(r, err));
    for (size_t i = 0; ok && i < r->n; i++)
        if (r->links[i].goes)
            ok = drop_link(r, i, really, err);
    if (ok && goes_whole(r)) {
        r->result->n_files += begun.n_files;
        r->result->n_bytes += begun.n_bytes;
    } else if (ok && r->is_begun) {
        ok = drop_begun(r, really, err);
    }
    return ok && (!really || tidy(r, err));
}

bool hub_store_remove(const struct hub_name *name, bool really, struct hub_removal *removal,
                      struct err *err)
{
    struct removal r = {.name = name, .result = removal};
    *removal = (struct hub_removal){0};
    buf_init(&r.store, PATH_MAX);
    buf_init(&r.folder, PATH_MAX);
    bool ok = hub_store_folder(&r.store, err) &&
              hub_join(&r.folder, (const char *[]){r.store.data, name->folder, NULL}, err) &&
              remove_model(&r, really, err);
    hub_begun_free(&r.begun);
    arena_free(&r.arena);
    buf_free(&r.folder);
    buf_free(&r.store);
    return ok;
}
