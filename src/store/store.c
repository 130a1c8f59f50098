/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/store_int.h"

enum { DEFAULT_BUSY_MS = 5000 };

bool store_make_folder(const char *folder, struct err *err)
{
    char path[PATH_MAX];
    size_t n = strlen(folder);
    if (n >= sizeof path) {
        errno = ENAMETOOLONG;
        return file_fail(folder, "make the folder", err);
    }
    memcpy(path, folder, n + 1);
    for (char *at = path; at;) {
        char *slash = strchr(at + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && !file_is_dir(path))
            return file_fail(path, "make the folder", err);
        if (slash)
            *slash = '/';
        at = slash;
    }
    return file_is_dir(path) ||
           err_set(err, ERR_ARG, "%s: is no folder; give another one for the store", folder);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Makes the address for messages: without what stands between ':' and '@' of the host part, and
 * without a query, which may have a password as well. */
static char *make_name(const char *url, struct err *err)
{
    struct buf name;
    char *copy = NULL;
    size_t n = strcspn(url, "?");
    const char *host = strstr(url, "://") + 3;
    size_t n_host = strcspn(host, "/?");
    const char *at = memchr(host, '@', n_host);
    size_t n_user = at ? strcspn(host, ":@") : 0;
    buf_init(&name, LIMIT_URL_BYTES);
    bool ok = buf_add(&name, url, (size_t)(host - url) + n_user, err);
    const char *rest = at ? at : host;
    if (ok && buf_add(&name, rest, n - (size_t)(rest - url), err))
        copy = mem_string(name.data, name.len, err);
    buf_free(&name);
    return copy;
}

/* Finds the folder of contents: what was asked for, else files/ beside the file at path, or in the
 * common folder where path is NULL. */
static char *make_folder_name(const char *asked, const char *path, struct err *err)
{
    struct buf folder;
    char *copy = NULL;
    bool ok = true;
    buf_init(&folder, PATH_MAX);
    if (asked) {
        ok = buf_add(&folder, asked, strlen(asked), err);
    } else {
        const char *slash = path ? strrchr(path, '/') : NULL;
        if (!path)
            ok = store_folder(&folder, err) && buf_add(&folder, "/", 1, err);
        else if (slash)
            ok = buf_add(&folder, path, (size_t)(slash - path) + 1, err);
        ok = ok && buf_add(&folder, "files", 5, err);
    }
    if (ok)
        copy = mem_string(folder.data, folder.len, err);
    buf_free(&folder);
    return copy;
}

/* Says whether there is at most one '@', before the first '/': others belong to a password that is
 * not written as it has to be, and what stands around them would be taken for the host. */
static bool is_plain(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t n_host = strcspn(host, "/?");
    const char *first = strchr(host, '@');
    return !first || (first < host + n_host && !strchr(first + 1, '@'));
}

/* Takes an address apart: engine, what it connects to, name, folder. */
static bool read_address(struct store *store, const char *url, const char *folder, struct err *err)
{
    const char *path = begins(url, "sqlite:") ? url + 7 : url;
    bool is_postgres = begins(url, "postgresql://") || begins(url, "postgres://");
    if (strlen(url) > LIMIT_URL_BYTES)
        return err_set(err, ERR_ARG, "the address of the store: expected %u bytes at most",
                       LIMIT_URL_BYTES);
    /* Not quoted: it may have a password. */
    if (!is_postgres && (!*path || strstr(path, "://")))
        return err_set(err, ERR_ARG,
                       "the address of the store: expected a path, sqlite:PATH or "
                       "postgresql://USER@HOST/DATABASE");
    if (is_postgres && !is_plain(url))
        return err_set(
            err, ERR_ARG,
            "the address of the store: expected postgresql://USER:PASSWORD@HOST/DATABASE "
            "with '@', '/', ':' and '%%' of a password as %%40, %%2F, %%3A and %%25");
    store->engine = is_postgres ? &engine_postgres : &engine_sqlite;
    store->url = mem_string(is_postgres ? url : path, strlen(is_postgres ? url : path), err);
    if (!store->url)
        return false;
    store->name = is_postgres ? make_name(url, err) : mem_string(path, strlen(path), err);
    store->folder = make_folder_name(folder, is_postgres ? NULL : path, err);
    return store->name && store->folder;
}

/* The folder of a new file. */
static bool make_parent(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    if (!slash || slash == path || file_exists(path))
        return true;
    size_t n = (size_t)(slash - path);
    if (n >= sizeof folder) {
        errno = ENAMETOOLONG;
        return file_fail(path, "make its folder", err);
    }
    memcpy(folder, path, n);
    folder[n] = '\0';
    return store_make_folder(folder, err);
}

/* Closes the connection; the next call makes a new one. */
static void disconnect(struct store *store)
{
    if (store->connection)
        store->engine->close(store);
    store->n_statements = 0;
    store->is_lost = false;
}

static bool connect_store(struct store *store, struct err *err)
{
    if (store->engine->open(store, err) && store_schema_apply(store, err))
        return true;
    disconnect(store);
    return false;
}

/* Before the file of SQLite is opened. */
static bool prepare_place(const struct store *store, bool must_exist, struct err *err)
{
    if (store->engine != &engine_sqlite)
        return true;
    if (must_exist && !file_exists(store->url))
        return err_set(err, ERR_NOT_FOUND,
                       "%s: no store is there; 'bise keys add' makes one, --store and BISE_STORE "
                       "name another",
                       store->url);
    return make_parent(store->url, err);
}

struct store *store_open(const struct store_options *options, struct err *err)
{
    struct buf place;
    struct store *store = mem_new(1, sizeof *store, err);
    buf_init(&place, LIMIT_URL_BYTES);
    bool ok = store && (options->url || store_place(&place, err)) &&
              read_address(store, options->url ? options->url : place.data, options->folder, err);
    buf_free(&place);
    if (ok) {
        store->busy_ms = options->busy_ms ? options->busy_ms : DEFAULT_BUSY_MS;
        store->lock = lock_open(err);
        ok = store->lock && prepare_place(store, options->must_exist, err) &&
             connect_store(store, err);
    }
    if (ok)
        return store;
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    disconnect(store);
    lock_close(store->lock);
    free(store->url);
    free(store->name);
    free(store->folder);
    free(store);
}

const char *store_name(const struct store *store)
{
    return store->name;
}

bool store_enter(struct store *store, enum store_use use, struct err *err)
{
    struct err first = {0};
    lock_take(store->lock);
    bool was_open = store->connection != NULL;
    bool ok =
        (was_open || connect_store(store, &first)) && store->engine->begin(store, use, &first);
    if (!ok && was_open && store->is_lost) {
        /* What broke while nobody looked is made anew: nothing was begun with it. */
        disconnect(store);
        ok = connect_store(store, err) && store->engine->begin(store, use, err);
    } else if (!ok) {
        *err = first;
    }
    if (ok)
        return true;
    if (store->is_lost)
        disconnect(store);
    lock_give(store->lock);
    return false;
}

bool store_leave_unsure(struct store *store, bool ok, bool *unsure, struct err *err)
{
    store->is_unsure = false;
    ok = ok && store->engine->commit(store, err);
    *unsure = store->is_unsure;
    if (!ok && !store->is_lost)
        store->engine->rollback(store);
    if (store->is_lost)
        disconnect(store);
    lock_give(store->lock);
    return ok;
}

bool store_leave(struct store *store, bool ok, struct err *err)
{
    bool unsure;
    return store_leave_unsure(store, ok, &unsure, err);
}

bool store_ping(struct store *store, struct err *err)
{
    struct query q;
    if (!store_enter(store, STORE_READS, err))
        return false;
    query_init(&q, store, "SELECT value FROM counters WHERE name = 'keys'");
    return store_leave(store, query_run(&q, NULL, err), err);
}

bool store_uploads(const struct store *store, struct buf *path, struct err *err)
{
    static const char below[] = "/uploads";
    return buf_add(path, store->folder, strlen(store->folder), err) &&
           buf_add(path, below, sizeof below - 1, err) && store_make_folder(path->data, err);
}
