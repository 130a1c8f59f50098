/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_engine.c - a file of SQLite.
 *
 * The log is written ahead and every commit waits for the disk, so that a power cut loses nothing
 * that was answered.  SQLite's own lock is not needed: a connection is used by one thread at a
 * time. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/store_int.h"

/* The log goes back to this size when it was longer once. */
#define SETTINGS                                                                                   \
    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"            \
    "PRAGMA case_sensitive_like = ON; PRAGMA cell_size_check = ON;"                                \
    "PRAGMA journal_size_limit = 67108864"

/* What the system said about the file, or SQLite itself.  SQLite keeps the former of some calls
 * only; those below set errno to 0 before. */
static int system_error(sqlite3 *db)
{
    int number = errno;
    int kept = db ? sqlite3_system_errno(db) : 0;
    return kept ? kept : number;
}

static const char *reason(sqlite3 *db, int code)
{
    int number = system_error(db);
    return number ? strerror(number) : sqlite3_errstr(code);
}

static bool no_room(const struct store *store, struct err *err)
{
    return err_set(err, ERR_IO, "%s: no room left to write the store; free some space",
                   store->name);
}

/* The file cannot be read or written. */
static bool fail_file(struct store *store, int code, struct err *err)
{
    int number = system_error(store->connection);
    store->is_lost = true;
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return no_room(store, err);
    return err_set(err, ERR_IO, "%s: cannot read or write the store: %s; check the disk",
                   store->name, reason(store->connection, code));
}

/* Records what code means for the store.  Returns false. */
static bool fail(struct store *store, int code, struct err *err)
{
    sqlite3 *db = store->connection;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY, "%s: another program is writing to the store; try again",
                       store->name);
    case SQLITE_FULL:
        return no_room(store, err);
    case SQLITE_NOMEM:
        return err_set(err, ERR_LIMIT, "%s: not enough memory for the store; see ulimit -v",
                       store->name);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        store->is_lost = true;
        return err_set(err, ERR_IO, "%s: the store is damaged, or no database; restore a backup",
                       store->name);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        store->is_lost = true;
        return err_set(err, ERR_IO,
                       "%s: no permission to write the store, or no such folder: %s; see ls -l of "
                       "the file and its folder",
                       store->name, reason(db, code));
    case SQLITE_IOERR:
        if (code == SQLITE_IOERR_NOMEM)
            return fail(store, SQLITE_NOMEM, err);
        return fail_file(store, code, err);
    default:
        return err_set(err, ERR_IO, "%s: the store: %s", store->name,
                       db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    }
}

static bool script(struct store *store, const char *sql, struct err *err)
{
    errno = 0;
    int code = sqlite3_exec(store->connection, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || fail(store, code, err);
}

/* Makes the file, which nobody else may read.  SQLite gives its log the same mode.  One that is
 * there is not opened here: closing it would release the locks of this process on it. */
static bool prepare_file(struct store *store, struct err *err)
{
    struct stat st;
    int fd = open(store->url, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (errno != EEXIST)
        return file_fail(store->name, "make the store", err);
    if (stat(store->url, &st) != 0)
        return file_fail(store->name, "look at it", err);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_ARG, "%s: is no file; give the path of one for the store",
                       store->name);
    if ((st.st_mode & 077) && chmod(store->url, 0600) != 0)
        return file_fail(store->name, "keep others from reading it", err);
    return true;
}

/* Asks for the log to be written ahead.  Two programs that make the same store at once disturb each
 * other here in a way for which SQLite does not wait. */
static bool write_ahead(struct store *store, struct err *err)
{
    double end = clock_now() + 1e-3 * store->busy_ms;
    const struct timespec moment = {.tv_nsec = 5000000};
    for (;;) {
        sqlite3_stmt *stmt = NULL;
        sqlite3 *db = store->connection;
        int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
        if (code == SQLITE_OK)
            code = sqlite3_step(stmt);
        const unsigned char *mode = code == SQLITE_ROW ? sqlite3_column_text(stmt, 0) : NULL;
        bool done = mode && memcmp(mode, "wal", 4) == 0;
        sqlite3_finalize(stmt);
        if (done)
            return true;
        if (code == SQLITE_ROW)
            return err_set(err, ERR_IO, "%s: the store cannot have a log here; choose a local disk",
                           store->name);
        if ((code & 0xff) != SQLITE_BUSY || clock_now() >= end)
            return fail(store, code, err);
        nanosleep(&moment, NULL);
    }
}

static void shut(struct store *store)
{
    for (size_t i = 0; i < store->n_statements; i++)
        sqlite3_finalize(store->statements[i].handle);
    sqlite3_close_v2(store->connection);
    store->connection = NULL;
}

static bool connect_to(struct store *store, struct err *err)
{
    sqlite3 *db = NULL;
    if (!prepare_file(store, err))
        return false;
    errno = 0;
    int code = sqlite3_open_v2(store->url, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    store->connection = db;
    if (!db)
        code = SQLITE_NOMEM;
    bool ok = code == SQLITE_OK || fail(store, code, err);
    if (ok) {
        sqlite3_extended_result_codes(db, 1);
        sqlite3_busy_timeout(db, store->busy_ms);
        ok = script(store, SETTINGS, err) && write_ahead(store, err);
    }
    if (ok && sqlite3_db_readonly(db, "main") != 0)
        ok = fail(store, SQLITE_READONLY, err);
    if (!ok)
        shut(store);
    return ok;
}

static void rollback(struct store *store)
{
    /* Some failures have done so already; and this may fail, too, without memory. */
    if (!sqlite3_get_autocommit(store->connection))
        sqlite3_exec(store->connection, "ROLLBACK", NULL, NULL, NULL);
    if (!sqlite3_get_autocommit(store->connection))
        store->is_lost = true;
}

static bool begin(struct store *store, enum store_use use, struct err *err)
{
    if (script(store, use == STORE_WRITES ? "BEGIN IMMEDIATE" : "BEGIN", err))
        return true;
    rollback(store); /* without memory it may have begun all the same */
    return false;
}

static bool begin_change(struct store *store, struct err *err)
{
    return begin(store, STORE_WRITES, err);
}

static bool commit(struct store *store, struct err *err)
{
    errno = 0;
    int code = sqlite3_exec(store->connection, "COMMIT", NULL, NULL, NULL);
    /* The log may be on the disk although the disk did not say so. */
    store->is_unsure = code == SQLITE_IOERR_FSYNC;
    return code == SQLITE_OK || fail(store, code, err);
}

static bool prepare(struct query *query, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v3(query->store->connection, query->statement->sql, -1,
                                  SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    query->statement->handle = stmt;
    return code == SQLITE_OK || fail(query->store, code, err);
}

static bool start(struct query *query, struct err *err)
{
    sqlite3_stmt *stmt = query->statement->handle;
    for (int i = 0; i < query->n_args; i++) {
        const struct query_arg *arg = &query->args[i];
        int code = arg->text.s ? sqlite3_bind_text64(stmt, i + 1, arg->text.s, arg->text.n,
                                                     SQLITE_STATIC, SQLITE_UTF8)
                               : sqlite3_bind_int64(stmt, i + 1, arg->number);
        if (code != SQLITE_OK)
            return fail(query->store, code, err);
    }
    return true;
}

static enum query_step step(struct query *query, struct err *err)
{
    errno = 0;
    int code = sqlite3_step(query->statement->handle);
    if (code == SQLITE_ROW)
        return STEP_ROW;
    if (code == SQLITE_DONE) {
        query->n_changed = sqlite3_changes64(query->store->connection);
        return STEP_END;
    }
    fail(query->store, code, err);
    return STEP_FAILED;
}

static int64_t get_int(const struct query *query, int column)
{
    return sqlite3_column_int64(query->statement->handle, column);
}

static struct span get_text(const struct query *query, int column)
{
    /* As bytes: as text they may need memory for a NUL, and there is no answer without it. */
    const char *text = sqlite3_column_blob(query->statement->handle, column);
    size_t n = (size_t)sqlite3_column_bytes(query->statement->handle, column);
    return text ? (struct span){text, n} : SPAN("");
}

static void finish(struct query *query)
{
    if (query->statement->handle) {
        sqlite3_reset(query->statement->handle);
        sqlite3_clear_bindings(query->statement->handle); /* they are borrowed */
    }
}

const struct engine engine_sqlite = {
    .tables = "SELECT name FROM sqlite_schema WHERE type = 'table'",
    .open = connect_to,
    .close = shut,
    .script = script,
    .begin_change = begin_change,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .prepare = prepare,
    .start = start,
    .step = step,
    .get_int = get_int,
    .get_text = get_text,
    .finish = finish,
};
