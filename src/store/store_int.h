/* SPDX-License-Identifier: Apache-2.0 */
/* store_int.h - an open store, the engines below it, and units of work.
 *
 *     if (!store_enter(store, STORE_WRITES, err))
 *         return false;
 *     bool ok = ...queries...;
 *     return store_leave(store, ok, err);
 *
 * Between the two the calling thread has the store for itself, inside a transaction. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "base/lock.h"
#include "store/query_int.h"
#include "store/store.h"

enum store_use {
    STORE_READS, /* sees one state of the database throughout */
    STORE_WRITES,
};

/* What a database has to be able to do.  All but open are called with an open connection; what
 * fails for good sets store->is_lost, and the connection is then made anew. */
struct engine {
    const char *tables; /* a statement that yields the names of our tables */

    /* Connects; after a failure nothing is open. */
    bool (*open)(struct store *store, struct err *err);
    void (*close)(struct store *store);

    /* Runs statements that take and yield nothing. */
    bool (*script)(struct store *store, const char *sql, struct err *err);
    /* Begins what changes the tables themselves: one program at a time. */
    bool (*begin_change)(struct store *store, struct err *err);
    bool (*begin)(struct store *store, enum store_use use, struct err *err);
    bool (*commit)(struct store *store, struct err *err);
    /* Where this fails, the connection is lost. */
    void (*rollback)(struct store *store);

    /* Of query_int.h: makes the statement ready, starts it with its arguments and yields a row. */
    bool (*prepare)(struct query *query, struct err *err);
    bool (*start)(struct query *query, struct err *err);
    enum query_step (*step)(struct query *query, struct err *err);
    int64_t (*get_int)(const struct query *query, int column);
    struct span (*get_text)(const struct query *query, int column);
    void (*finish)(struct query *query);
};

extern const struct engine engine_sqlite, engine_postgres;

enum { STORE_STATEMENTS = 96 }; /* that the program has; a greater number is a mistake in it */

struct statement {
    const char *sql; /* static: it is the key */
    void *handle;    /* of the engine; NULL until prepared */
};

struct store {
    const struct engine *engine;
    struct lock *lock;
    void *connection; /* NULL when lost */
    bool is_lost;     /* the connection is of no use any more */
    bool is_unsure;   /* the last commit failed in a way that may have committed */
    int busy_ms;
    char *url;    /* with a password, if there is one: never for messages */
    char *name;   /* without */
    char *folder; /* of contents */
    struct statement statements[STORE_STATEMENTS];
    size_t n_statements;
};

/* Takes the store and begins, over a new connection where the last one is lost.
 * Errors: ERR_BUSY, ERR_IO, ERR_LIMIT, ERR_UNSUPPORTED; then the store is not taken. */
bool store_enter(struct store *store, enum store_use use, struct err *err) CHECKED;

/* Commits if ok, else takes all back, and gives the store.  Returns whether it is committed.
 * Errors: those of the database, unless ok is false: then err has its reason already. */
bool store_leave(struct store *store, bool ok, struct err *err) CHECKED;

/* The same; *unsure says whether a commit that failed may nevertheless have happened.
 * Errors: as store_leave(). */
bool store_leave_unsure(struct store *store, bool ok, bool *unsure, struct err *err) CHECKED;

/* Brings the tables of a new connection to what this program knows.
 * Errors: ERR_UNSUPPORTED, ERR_BUSY, ERR_IO. */
bool store_schema_apply(struct store *store, struct err *err) CHECKED;

/* Makes folder and those above it, mode 0700.  Errors: ERR_IO. */
bool store_make_folder(const char *folder, struct err *err) CHECKED;

#endif
