/* SPDX-License-Identifier: Apache-2.0 */
/* database.h - empty stores for tests, on every engine that is here.
 *
 * SQLite always is.  PostgreSQL is when its server is installed (Debian: postgresql): a cluster in
 * a folder of this run, reached by a Unix socket only, started by the first test that needs it and
 * ended with the program.  Where it cannot be had, that is said once, with the reason. */
#ifndef TEST_DATABASE_H
#define TEST_DATABASE_H

#include <stdbool.h>

#include "store/store.h"

struct database {
    const char *engine; /* "sqlite", "postgres" */
    const char *url;
    const char *folder; /* of contents */
};

/* Calls body with an empty store on each engine in turn. */
void database_each(void (*body)(const struct database *db));

/* Makes an empty SQLite store of that name.  Borrowed: until the next call. */
const struct database *database_sqlite(const char *name);

/* Makes the one PostgreSQL store empty; NULL, after saying why, when there is none.
 * Borrowed: static. */
const struct database *database_postgres(void);

/* Ends the server of PostgreSQL at once, as a crash does, and starts it again. */
void database_crash(void);
void database_restart(void);

/* Opens the store; the test fails when that does. */
struct store *database_open(const struct database *db);

/* Runs SQL in the database, beside the store: psql or SQLite's own interface. */
void database_sql(const struct database *db, const char *sql);

#endif
