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
    struct hub_name name;     /* its want, if any, is made that of one GGUF file */
    struct buf store, folder; /* of the store, of the repository */
    struct arena arena;
    struct link *links; /* [n], of every snapshot */
    size_t n, n_places;
    char commit[41]; /* whose files go; "" when the revision never came whole */
    struct hub_begun_list begun;
    size_t n_foreign; /* contents that are incomplete and of no pull that goes */
    struct hub_removal *result;
};

/* Says whether a pull that was noted goes, too. */
static bool note_goes(const struct removal *r, const struct hub_begun *begun)
{
    return strcmp(begun->name.revision, r->name.revision) == 0 &&
           (!*r->name.want || strcmp(begun->name.want, r->name.want) == 0);
}

static size_t count_notes(const struct removal *r, bool goes)
{
    size_t n = 0;
    for (size_t i = 0; i < r->begun.n; i++)
        n += note_goes(r, &r->begun.items[i]) == goes;
    return n;
}

/* Says whether a content is one of a pull that goes, and of none that stays. */
static bool content_goes(const struct removal *r, const char *hash)
{
    bool found = false;
    for (size_t i = 0; i < r->begun.n; i++) {
        const struct hub_begun *begun = &r->begun.items[i];
        bool has = false;
        for (size_t k = 0; !has && k < begun->listing.n; k++)
            has = strcmp(begun->listing.files[k].hash, hash) == 0;
        if (has && !note_goes(r, begun))
            return false;
        found = found || has;
    }
    return found;
}

/* Chooses what goes of a commit's snapshot: of a model that is not whole, what there is of it. */
static void choose(const struct removal *r, const char *commit, struct hub_listing *listing)
{
    struct hub_choice choice;
    struct err why = {0};
    bool is_named = strcmp(commit, r->commit) == 0;
    if (is_named && *r->name.want && hub_choose(listing, r->name.want, &choice, &why))
        return;
    for (size_t i = 0; i < listing->n; i++)
        listing->files[i].chosen = is_named && !*r->name.want;
    for (size_t k = 0; k < r->begun.n; k++) {
        const struct hub_begun *begun = &r->begun.items[k];
        if (strcmp(commit, begun->listing.commit) != 0 || !note_goes(r, begun))
            continue;
        for (size_t i = 0; i < listing->n; i++)
            if (hub_listing_find(&begun->listing, listing->files[i].path))
                listing->files[i].chosen = true;
    }
}

/* Adds the links of a snapshot. */
static bool add_snapshot(struct removal *r, const char *commit, struct err *err)
{
    struct buf path;
    struct hub_listing listing = {0};
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "snapshots", commit, NULL}, err) &&
              hub_listing_of_folder(&listing, path.data, err);
    if (ok)
        choose(r, commit, &listing);
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
        link->goes = file->chosen;
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

/* Drops the contents that were begun of the pulls that go, and their notes. */
static bool drop_begun(struct removal *r, bool really, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < r->begun.n; i++) {
        const struct hub_begun *begun = &r->begun.items[i];
        if (!note_goes(r, begun))
            continue;
        for (size_t k = 0; ok && k < begun->listing.n; k++) {
            char name[HUB_HASH_TEXT + 16];
            const char *hash = begun->listing.files[k].hash;
            uint64_t before = r->result->n_bytes;
            if (!content_goes(r, hash))
                continue;
            snprintf(name, sizeof name, "%s.incomplete", hash);
            ok = drop_blob(r, name, really, err);
            r->result->n_files += r->result->n_bytes > before;
        }
        if (ok && really)
            hub_begun_drop(r->store.data, &begun->name);
    }
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
        r->n_foreign += !content_goes(r, hash);
        int fd = hub_lock(r->store.data, &r->name, hash, err);
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
static bool drop_refs(struct removal *r, const char *commit, struct err *err)
{
    struct buf path;
    struct hub_listing refs = {0};
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "refs", NULL}, err) &&
              (!file_is_dir(path.data) || hub_listing_of_folder(&refs, path.data, err));
    for (size_t i = 0; ok && i < refs.n; i++) {
        struct hub_name ref = r->name;
        struct err ignored = {0};
        char there[41];
        if (snprintf(ref.revision, sizeof ref.revision, "%s", refs.files[i].path) >=
                (int)sizeof ref.revision ||
            !hub_read_ref(r->store.data, &ref, there, &ignored) || strcmp(there, commit) != 0)
            continue;
        ok = hub_join(&path, (const char *[]){r->folder.data, "refs", ref.revision, NULL}, err) &&
             (unlink(path.data) == 0 || file_fail(path.data, "remove it", err));
    }
    hub_listing_free(&refs);
    buf_free(&path);
    return ok;
}

/* Says whether nothing of the repository stays.  What is incomplete and was not noted goes with a
 * revision, not with one GGUF file. */
static bool goes_whole(const struct removal *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!r->links[i].goes)
            return false;
    return !count_notes(r, false) && (!*r->name.want || !r->n_foreign);
}

/* Removes the snapshot of a commit when it is empty, and what it was called. */
static bool tidy_snapshot(struct removal *r, const char *commit, struct err *err)
{
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "snapshots", commit, NULL}, err) &&
              (!is_gone(path.data) || drop_refs(r, commit, err));
    buf_free(&path);
    return ok;
}

/* Removes what is left when nothing of it is of use. */
static bool tidy(struct removal *r, struct err *err)
{
    struct buf path;
    bool ok = true;
    if (!goes_whole(r)) {
        for (size_t i = 0; ok && i < r->begun.n; i++)
            if (note_goes(r, &r->begun.items[i]))
                ok = tidy_snapshot(r, r->begun.items[i].listing.commit, err);
        return ok && (!*r->commit || tidy_snapshot(r, r->commit, err));
    }
    buf_init(&path, PATH_MAX);
    ok = remove_tree(r->folder.data, err) &&
         hub_join(&path, (const char *[]){r->store.data, ".locks", r->name.folder, NULL}, err) &&
         remove_tree(path.data, err);
    buf_free(&path);
    return ok;
}

/* Makes a type the file that it means, of the snapshot or else of a pull that was noted. */
static bool find_file(struct removal *r, struct err *err)
{
    struct buf path;
    struct hub_listing listing = {0};
    struct hub_choice choice = {0};
    struct err why = {0};
    buf_init(&path, PATH_MAX);
    const char *file = NULL;
    bool ok = !*r->commit ||
              hub_join(&path, (const char *[]){r->folder.data, "snapshots", r->commit, NULL}, err);
    if (ok && *r->commit && hub_listing_of_folder(&listing, path.data, &why) &&
        hub_choose(&listing, r->name.want, &choice, &why)) {
        file = choice.gguf;
    } else if (ok && why.code != ERR_ARG) {
        const struct hub_begun *begun = hub_begun_of(&r->begun, &r->name);
        file = begun ? begun->name.want : NULL;
    }
    if (file)
        snprintf(r->name.want, sizeof r->name.want, "%s", file);
    else if (ok && *r->commit)
        ok = err_set(err, why.code, "%s: %s", r->name.repo, why.text);
    else if (ok && strcmp(r->name.revision, "main") == 0)
        ok = err_set(err, ERR_NOT_FOUND, "%s:%s: not in the model store; see 'bise list'",
                     r->name.repo, r->name.want);
    else if (ok)
        ok = err_set(err, ERR_NOT_FOUND, "%s@%s:%s: not in the model store; see 'bise list'",
                     r->name.repo, r->name.revision, r->name.want);
    hub_listing_free(&listing);
    buf_free(&path);
    return ok;
}

/* Finds the commit; a repository without any was begun and never finished. */
static bool find_commit(struct removal *r, struct err *err)
{
    struct err why = {0};
    if (!file_is_dir(r->folder.data))
        return err_set(err, ERR_NOT_FOUND, "%s: not in the model store; see 'bise list'",
                       r->name.repo);
    if (!hub_begun_read(&r->begun, r->store.data, &r->name, err))
        return false;
    bool found = hub_read_ref(r->store.data, &r->name, r->commit, &why);
    if (!found)
        r->commit[0] = '\0';
    if (*r->name.want && (found || why.code == ERR_NOT_FOUND))
        return find_file(r, err);
    if (found || count_notes(r, true) ||
        (why.code == ERR_NOT_FOUND && strcmp(r->name.revision, "main") == 0))
        return true;
    return err_set(err, why.code, "%s@%s: not in the model store; see 'bise list'", r->name.repo,
                   r->name.revision);
}

/* Without a finished model everything goes, unless another revision is there. */
static bool mark_all(struct removal *r, struct err *err)
{
    struct err ignored = {0};
    struct hub_listing refs = {0};
    struct buf path;
    const char *other = r->begun.n ? r->begun.items[0].name.revision : NULL;
    buf_init(&path, PATH_MAX);
    bool ok = hub_join(&path, (const char *[]){r->folder.data, "refs", NULL}, err);
    if (ok && hub_listing_of_folder(&refs, path.data, &ignored) && refs.n)
        other = refs.files[0].path;
    if (ok && other)
        ok = err_set(err, ERR_NOT_FOUND, "%s: only %s@%s is in the model store; name it",
                     r->name.repo, r->name.repo, other);
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
              add_snapshots(r, err) && (*r->commit || count_notes(r, true) || mark_all(r, err));
    for (size_t i = 0; ok && i < r->n; i++)
        if (r->links[i].goes)
            ok = drop_link(r, i, really, err);
    if (ok && goes_whole(r)) {
        r->result->n_files += begun.n_files;
        r->result->n_bytes += begun.n_bytes;
    } else if (ok) {
        ok = drop_begun(r, really, err);
    }
    return ok && (!really || tidy(r, err));
}

bool hub_store_remove(const struct hub_name *name, bool really, struct hub_removal *removal,
                      struct err *err)
{
    struct removal r = {.name = *name, .result = removal};
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
