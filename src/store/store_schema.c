/* SPDX-License-Identifier: Apache-2.0 */
/* store_schema.c - the tables, step by step from an empty database.
 *
 * A step that a release has had is never changed again: a new one is added behind it.  The store
 * remembers name and digest of each step that was taken.  Times are seconds since 1970, or
 * microseconds where the order counts; 0 and "" stand for nothing. */
#include <string.h>

#include "base/clock.h"
#include "store/sha256_int.h"
#include "store/store_int.h"

struct schema_step {
    const char *name, *sql;
};

static const struct schema_step steps[] = {
    {"keys", "CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL);"
             "INSERT INTO counters (name, value) VALUES ('keys', 0);"
             "CREATE TABLE keys (id TEXT PRIMARY KEY, digest TEXT NOT NULL, name TEXT NOT NULL,"
             " roles BIGINT NOT NULL, requests_per_minute BIGINT NOT NULL,"
             " tokens_per_minute BIGINT NOT NULL, max_concurrent BIGINT NOT NULL,"
             " created_us BIGINT NOT NULL, used_at BIGINT NOT NULL, revoked_at BIGINT NOT NULL);"},
    {"files", "CREATE TABLE files (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,"
              " mime TEXT NOT NULL, sha256 TEXT NOT NULL, purpose TEXT NOT NULL,"
              " sample_type TEXT NOT NULL, source TEXT NOT NULL, visibility TEXT NOT NULL,"
              " n_bytes BIGINT NOT NULL, n_lines BIGINT NOT NULL, created_us BIGINT NOT NULL,"
              " expires_at BIGINT NOT NULL);"
              "CREATE INDEX files_by_owner ON files (owner, created_us);"
              "CREATE INDEX files_by_time ON files (created_us);"
              "CREATE INDEX files_by_expiry ON files (expires_at);"},
    {"jobs", "CREATE TABLE jobs (id TEXT PRIMARY KEY, owner TEXT NOT NULL, endpoint TEXT NOT NULL,"
             " model TEXT NOT NULL, agent_id TEXT NOT NULL, metadata TEXT NOT NULL,"
             " inputs TEXT NOT NULL, output_file TEXT NOT NULL, error_file TEXT NOT NULL,"
             " status TEXT NOT NULL, created_us BIGINT NOT NULL, started_at BIGINT NOT NULL,"
             " completed_at BIGINT NOT NULL, deadline_at BIGINT NOT NULL,"
             " n_requests BIGINT NOT NULL, n_succeeded BIGINT NOT NULL, n_failed BIGINT NOT NULL,"
             " worker TEXT NOT NULL, lease_until BIGINT NOT NULL);"
             "CREATE INDEX jobs_by_owner ON jobs (owner, created_us);"
             "CREATE INDEX jobs_by_status ON jobs (status, created_us);"
             "CREATE TABLE job_lines (job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,"
             " line BIGINT NOT NULL, custom_id TEXT NOT NULL, http_status BIGINT NOT NULL,"
             " failed BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (job_id, line));"
             "CREATE TABLE job_errors (job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,"
             " message TEXT NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (job_id, message));"},
};

enum { N_STEPS = sizeof steps / sizeof steps[0] };

static const char bookkeeping[] =
    "CREATE TABLE schema_steps (step BIGINT PRIMARY KEY, name TEXT NOT NULL,"
    " digest TEXT NOT NULL, applied_at BIGINT NOT NULL);";

/* Counts our tables, and tells whether that of the steps is among them. */
static bool find_tables(struct store *store, size_t *n_tables, bool *has_steps, struct err *err)
{
    struct query q;
    *n_tables = 0;
    *has_steps = false;
    query_init(&q, store, store->engine->tables);
    for (; query_next(&q, err); ++*n_tables)
        *has_steps = *has_steps || span_is(query_get_span(&q, 0), "schema_steps");
    return query_end(&q);
}

static bool make_digest(const struct schema_step *step, char *text, struct err *err)
{
    uint8_t digest[SHA256_BYTES];
    if (!sha256_of(step->sql, strlen(step->sql), digest, err))
        return false;
    sha256_write(digest, text);
    return true;
}

/* Compares a step that the store remembers with ours. */
static bool check_step(struct store *store, const struct query *q, int64_t expected,
                       struct err *err)
{
    char digest[SHA256_TEXT];
    int64_t number = query_get_int(q, 0);
    struct span name = query_get_span(q, 1);
    if (number > N_STEPS)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: was written by a newer bise, with a step %d '%.*s' of which this one "
                       "knows nothing; use that one",
                       store->name, (int)number, (int)name.n, name.s);
    if (number == expected) {
        if (!make_digest(&steps[number - 1], digest, err))
            return false;
        if (span_is(name, steps[number - 1].name) && span_is(query_get_span(q, 2), digest))
            return true;
    }
    return err_set(err, ERR_UNSUPPORTED,
                   "%s: its step %d, '%.*s', is not that of this bise; use the one that wrote it",
                   store->name, (int)number, (int)name.n, name.s);
}

/* Finds how many of our steps the store has taken. */
static bool count_steps(struct store *store, int64_t *n_taken, struct err *err)
{
    struct query q;
    size_t n_tables;
    bool has_steps, ok = true;
    *n_taken = 0;
    if (!find_tables(store, &n_tables, &has_steps, err))
        return false;
    if (!has_steps)
        return !n_tables ||
               err_set(err, ERR_UNSUPPORTED,
                       "%s: is a database of another program; give another one", store->name);
    query_init(&q, store, "SELECT step, name, digest FROM schema_steps ORDER BY step");
    while (ok && query_next(&q, err))
        ok = check_step(store, &q, ++*n_taken, err);
    return query_end(&q) && ok;
}

static bool take_step(struct store *store, int64_t number, struct err *err)
{
    struct query q;
    char digest[SHA256_TEXT];
    const struct schema_step *step = &steps[number - 1];
    if (!make_digest(step, digest, err) || !store->engine->script(store, step->sql, err))
        return false;
    query_init(&q, store,
               "INSERT INTO schema_steps (step, name, digest, applied_at)"
               " VALUES ($1, $2, $3, $4)");
    query_int(&q, number);
    query_text(&q, step->name);
    query_text(&q, digest);
    query_int(&q, clock_unix_us() / 1000000);
    return query_run(&q, NULL, err);
}

/* Takes the steps that are missing, all or none. */
static bool take_steps(struct store *store, struct err *err)
{
    int64_t n_taken = 0;
    bool ok = store->engine->begin_change(store, err) && count_steps(store, &n_taken, err) &&
              (n_taken || store->engine->script(store, bookkeeping, err));
    while (ok && n_taken < N_STEPS)
        ok = take_step(store, ++n_taken, err);
    ok = ok && store->engine->commit(store, err);
    if (!ok)
        store->engine->rollback(store);
    return ok;
}

bool store_schema_apply(struct store *store, struct err *err)
{
    int64_t n_taken;
    if (!store->engine->begin(store, STORE_READS, err))
        return false;
    bool ok = count_steps(store, &n_taken, err);
    store->engine->rollback(store);
    if (ok && store->is_lost)
        return err_set(err, ERR_LIMIT, "%s: not enough memory for the store; see ulimit -v",
                       store->name);
    return ok && (n_taken == N_STEPS || take_steps(store, err));
}
