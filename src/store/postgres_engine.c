/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_engine.c - a server of PostgreSQL, by libpq.
 *
 * Our tables lie in a schema of their own, so that the database may have other things in it.
 * Arguments and answers go as text, except that texts are sent with their length. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_int.h"

enum { TYPE_INT8 = 20, TYPE_TEXT = 25 }; /* of the server's catalogue; they never change */

#define SETTINGS                                                                                   \
    "SET search_path = bise; SET statement_timeout = '60s';"                                       \
    "SET idle_in_transaction_session_timeout = '60s'; SET default_transaction_read_only = off;"

/* Copies the first line of what the server or the library said. */
static const char *first_line(const char *message, char *line, size_t size)
{
    size_t n = strcspn(message, "\n");
    snprintf(line, size, "%.*s", (int)n, *message ? message : "no reason given");
    return line;
}

static bool no_memory(const struct store *store, struct err *err)
{
    return err_set(err, ERR_LIMIT, "%s: not enough memory for the store; see ulimit -v",
                   store->name);
}

static bool lost(struct store *store, const char *message, struct err *err)
{
    char line[300];
    store->is_lost = true;
    return err_set(err, ERR_IO,
                   "%s: no connection to the store: %s; start the server, or correct the address",
                   store->name, first_line(message, line, sizeof line));
}

/* Says whether state is one of those named, five letters each or their beginning. */
static bool is_state(const char *state, const char *const *names)
{
    for (; *names; names++)
        if (strncmp(state, *names, strlen(*names)) == 0)
            return true;
    return false;
}

/* Records what result, which may be NULL, says.  Returns false. */
static bool fail(struct store *store, const PGresult *result, struct err *err)
{
    /* deadlock, serialisation, lock and statement timeouts, too many connections, starting */
    static const char *const busy[] = {"40", "55P03", "57014", "53300", "57P03", NULL};
    static const char *const gone[] = {"08", "57P01", "57P02", "57P04", "57P05", "25P03", NULL};
    static const char *const bad_text[] = {"22", NULL};
    PGconn *conn = store->connection;
    const char *field = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *state = field ? field : "", *said = primary ? primary : PQerrorMessage(conn);
    char line[300];
    /* What has no state comes from the library: no memory, or nobody at the other end. */
    if (!*state && strstr(said, "out of memory"))
        return no_memory(store, err);
    if (!*state || PQstatus(conn) != CONNECTION_OK || is_state(state, gone))
        return lost(store, said, err);
    first_line(said, line, sizeof line);
    if (is_state(state, busy))
        return err_set(err, ERR_BUSY, "%s: the store is busy: %s; try again", store->name, line);
    if (is_state(state, bad_text))
        return err_set(err, ERR_ARG, "%s: the store: %s", store->name, line);
    return err_set(err, ERR_IO, "%s: the store: %s; see the server's log", store->name, line);
}

/* Checks a result of statements without rows, and frees it. */
static bool check(struct store *store, PGresult *result, struct err *err)
{
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || fail(store, result, err);
    PQclear(result);
    return ok;
}

static bool script(struct store *store, const char *sql, struct err *err)
{
    return check(store, PQexec(store->connection, sql), err);
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static void shut(struct store *store)
{
    PQfinish(store->connection);
    store->connection = NULL;
}

/* The library quotes what it does not understand, which may be a part of a password. */
static bool check_address(const struct store *store, struct err *err)
{
    PQconninfoOption *parts = PQconninfoParse(store->url, NULL);
    bool ok = parts != NULL;
    PQconninfoFree(parts);
    return ok ||
           err_set(err, ERR_ARG,
                   "%s: is no address; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
                   store->name);
}

static bool connect_to(struct store *store, struct err *err)
{
    /* What stands before the address are defaults: it may have its own. */
    static const char *const names[] = {
        "connect_timeout",  "keepalives_idle",  "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "fallback_application_name",
        "dbname",           "client_encoding",  NULL};
    const char *const values[] = {"5", "30", "10", "3", "30000", "bise", store->url, "UTF8", NULL};
    char timeout[64];
    if (!check_address(store, err))
        return false;
    PGconn *conn = PQconnectdbParams(names, values, 1);
    store->connection = conn;
    if (!conn)
        return no_memory(store, err);
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    snprintf(timeout, sizeof timeout, "SET lock_timeout = %d", store->busy_ms);
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    bool ok = true;
    if (PQstatus(conn) != CONNECTION_OK)
        ok = lost(store, PQerrorMessage(conn), err);
    else if (!encoding || strcmp(encoding, "UTF8") != 0)
        ok =
            err_set(err, ERR_UNSUPPORTED,
                    "%s: the database is not in UTF-8; make one with ENCODING 'UTF8'", store->name);
    ok = ok && script(store, SETTINGS, err) && script(store, timeout, err);
    if (!ok)
        shut(store);
    return ok;
}

static bool begin(struct store *store, enum store_use use, struct err *err)
{
    return script(store,
                  use == STORE_WRITES ? "BEGIN READ WRITE"
                                      : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                  err);
}

/* A schema that somebody has made for us needs no right to make one. */
static bool make_schema(struct store *store, struct err *err)
{
    PGresult *result =
        PQexec(store->connection, "SELECT 1 FROM pg_namespace WHERE nspname = 'bise'");
    bool exists = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    return check(store, result, err) && (exists || script(store, "CREATE SCHEMA bise", err));
}

static bool begin_change(struct store *store, struct err *err)
{
    /* The number is ours alone: "bise" in ASCII. */
    return begin(store, STORE_WRITES, err) &&
           script(store, "SELECT pg_advisory_xact_lock(1651077989)", err) &&
           make_schema(store, err);
}

static bool commit(struct store *store, struct err *err)
{
    PGresult *result = PQexec(store->connection, "COMMIT");
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!ok) {
        fail(store, result, err);
        /* The server may have heard us before the connection broke. */
        store->is_unsure = store->is_lost;
    } else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        ok = err_set(err, ERR_IO, "%s: the store took a change back; try again", store->name);
    }
    PQclear(result);
    return ok;
}

static void rollback(struct store *store)
{
    if (PQstatus(store->connection) == CONNECTION_OK &&
        PQtransactionStatus(store->connection) != PQTRANS_IDLE)
        PQclear(PQexec(store->connection, "ROLLBACK"));
    if (PQtransactionStatus(store->connection) != PQTRANS_IDLE)
        store->is_lost = true;
}

/* The name of a prepared statement is its place. */
static void name_statement(const struct query *query, char *name, size_t size)
{
    snprintf(name, size, "s%td", query->statement - query->store->statements);
}

static bool prepare(struct query *query, struct err *err)
{
    char name[24];
    Oid types[QUERY_ARGS];
    for (int i = 0; i < query->n_args; i++)
        types[i] = query->args[i].text.s ? TYPE_TEXT : TYPE_INT8;
    name_statement(query, name, sizeof name);
    if (!check(
            query->store,
            PQprepare(query->store->connection, name, query->statement->sql, query->n_args, types),
            err))
        return false;
    query->statement->handle = query->statement;
    return true;
}

static bool start(struct query *query, struct err *err)
{
    char name[24];
    const char *values[QUERY_ARGS];
    int lengths[QUERY_ARGS], formats[QUERY_ARGS];
    for (int i = 0; i < query->n_args; i++) {
        const struct query_arg *arg = &query->args[i];
        values[i] = arg->text.s ? arg->text.s : arg->digits;
        lengths[i] = (int)arg->text.n;
        formats[i] = arg->text.s != NULL;
    }
    name_statement(query, name, sizeof name);
    PGresult *rows =
        PQexecPrepared(query->store->connection, name, query->n_args, values, lengths, formats, 0);
    query->rows = rows;
    ExecStatusType status = PQresultStatus(rows);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return fail(query->store, rows, err);
    query->n_changed = strtoll(PQcmdTuples(rows), NULL, 10);
    return true;
}

static enum query_step step(struct query *query, struct err *err)
{
    (void)err;
    return ++query->row < PQntuples(query->rows) ? STEP_ROW : STEP_END;
}

static int64_t get_int(const struct query *query, int column)
{
    return strtoll(PQgetvalue(query->rows, query->row, column), NULL, 10);
}

static struct span get_text(const struct query *query, int column)
{
    return (struct span){PQgetvalue(query->rows, query->row, column),
                         (size_t)PQgetlength(query->rows, query->row, column)};
}

static void finish(struct query *query)
{
    PQclear(query->rows);
    query->rows = NULL;
}

const struct engine engine_postgres = {
    .tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'bise'",
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
