/* SPDX-License-Identifier: Apache-2.0 */
/* file_sweep.c - removes files that have expired and contents that nobody names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/files_int.h"

enum { BATCH = 64, ORPHAN_AGE_S = 24 * 3600 };

struct id {
    char text[UUID_TEXT];
};

static bool read_expired(struct store *store, int64_t now, struct id *ids, size_t *n,
                         struct err *err)
{
    struct query q;
    query_init(&q, store,
               "SELECT id FROM files WHERE expires_at > 0 AND expires_at <= $1 LIMIT $2");
    query_int(&q, now);
    query_int(&q, BATCH);
    for (*n = 0; *n < BATCH && query_next(&q, err); ++*n) {
        struct span id = query_get_span(&q, 0);
        size_t n_id = id.n < UUID_TEXT ? id.n : UUID_TEXT - 1;
        memcpy(ids[*n].text, id.s, n_id);
        ids[*n].text[n_id] = '\0';
    }
    return query_end(&q);
}

static bool delete_expired(struct store *store, int64_t now, struct id *ids, size_t *n,
                           struct err *err)
{
    bool ok = read_expired(store, now, ids, n, err);
    for (size_t i = 0; ok && i < *n; i++) {
        struct query q;
        query_init(&q, store, "DELETE FROM files WHERE id = $1");
        query_text(&q, ids[i].text);
        ok = query_run(&q, NULL, err);
    }
    return ok;
}

static bool sweep_expired(struct store *store, int64_t now, size_t *n_removed, struct err *err)
{
    struct id ids[BATCH];
    size_t n = BATCH;
    while (n == BATCH) {
        if (!store_enter(store, STORE_WRITES, err) ||
            !store_leave(store, delete_expired(store, now, ids, &n, err), err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (uuid_is(ids[i].text))
                content_remove(store, ids[i].text);
        *n_removed += n;
    }
    return true;
}

/* Finds out whether a row names the content. */
static bool has_row(struct store *store, const char *id, bool *found, struct err *err)
{
    struct query q;
    if (!store_enter(store, STORE_READS, err))
        return false;
    query_init(&q, store, "SELECT 1 FROM files WHERE id = $1");
    query_text(&q, id);
    *found = query_next(&q, err);
    return store_leave(store, query_end(&q), err);
}

/* Removes an entry of the folder that is ours, old and not named.  Younger ones may be just about
 * to get their row. */
static bool sweep_entry(struct store *store, int dir, const char *name, int64_t now,
                        size_t *n_removed, struct err *err)
{
    char id[UUID_TEXT];
    struct stat st;
    bool found = false;
    size_t n = strlen(name);
    bool is_part = n == UUID_TEXT - 1 + 5 && strcmp(name + UUID_TEXT - 1, ".part") == 0;
    if (!is_part && n != UUID_TEXT - 1)
        return true;
    memcpy(id, name, UUID_TEXT - 1);
    id[UUID_TEXT - 1] = '\0';
    if (!uuid_is(id) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        now - st.st_mtime < ORPHAN_AGE_S)
        return true;
    if (!is_part && !has_row(store, id, &found, err))
        return false;
    if (!found && unlinkat(dir, name, 0) == 0)
        ++*n_removed;
    return true;
}

bool files_sweep(struct store *store, size_t *n_removed, struct err *err)
{
    int64_t now = clock_unix_us() / 1000000;
    *n_removed = 0;
    if (!sweep_expired(store, now, n_removed, err))
        return false;
    DIR *dir = opendir(store->folder);
    if (!dir)
        return errno == ENOENT || file_fail(store->folder, "look there", err);
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(dir));)
        ok = sweep_entry(store, dirfd(dir), entry->d_name, now, n_removed, err);
    closedir(dir);
    return ok;
}
