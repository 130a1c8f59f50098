/* SPDX-License-Identifier: Apache-2.0 */
/* job_run.c - working on jobs: claimed, journalled, kept, given back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "data/utf8.h"
#include "store/jobs_int.h"

enum { CANDIDATES = 64, CUSTOM_ID_BYTES = 512 };

static int64_t now_s(void)
{
    return clock_unix_us() / 1000000;
}

static bool gone(const char *id, struct err *err)
{
    return err_set(err, ERR_CANCELLED, "batch job %s is another worker's by now, or over", id);
}

struct candidate {
    char id[UUID_TEXT], worker[JOB_WORKER_BYTES];
    bool is_free;
};

/* Reads jobs that are not over, the oldest first. */
static bool read_candidates(struct store *store, struct candidate *found, size_t *n, int64_t offset,
                            struct err *err)
{
    struct query q;
    int64_t now = now_s();
    query_init(&q, store,
               "SELECT id, worker, lease_until FROM jobs"
               " WHERE status IN ('QUEUED', 'RUNNING', 'CANCELLATION_REQUESTED')"
               " ORDER BY created_us, id LIMIT $1 OFFSET $2");
    query_int(&q, CANDIDATES);
    query_int(&q, offset);
    for (*n = 0; *n < CANDIDATES && query_next(&q, err); ++*n) {
        struct candidate *c = &found[*n];
        struct span id = query_get_span(&q, 0), worker = query_get_span(&q, 1);
        snprintf(c->id, sizeof c->id, "%.*s", (int)id.n, id.s);
        snprintf(c->worker, sizeof c->worker, "%.*s", (int)worker.n, worker.s);
        c->is_free = !*c->worker || query_get_int(&q, 2) <= now || job_worker_is_dead(c->worker);
    }
    return query_end(&q);
}

/* Takes a job unless another worker did so in the meantime. */
static bool take(struct store *store, const char *worker, const struct candidate *c, bool *taken,
                 struct err *err)
{
    struct query q;
    int64_t n_changed;
    query_init(&q, store,
               "UPDATE jobs SET worker = $1, lease_until = $2,"
               " status = CASE WHEN status = 'QUEUED' THEN 'RUNNING' ELSE status END,"
               " started_at = CASE WHEN started_at = 0 THEN $3 ELSE started_at END"
               " WHERE id = $4 AND worker = $5"
               " AND status IN ('QUEUED', 'RUNNING', 'CANCELLATION_REQUESTED')");
    query_text(&q, worker);
    query_int(&q, now_s() + JOB_LEASE_S);
    query_int(&q, now_s());
    query_text(&q, c->id);
    query_text(&q, c->worker);
    bool ok = query_run(&q, &n_changed, err);
    *taken = ok && n_changed;
    return ok;
}

static bool claim(struct store *store, const char *worker, struct arena *arena, struct job *job,
                  bool *found, struct err *err)
{
    struct candidate *candidates = mem_new(CANDIDATES, sizeof *candidates, err);
    const struct viewer everyone = {.key_id = "", .sees_all = true};
    size_t n = CANDIDATES;
    bool ok = candidates != NULL;
    for (int64_t offset = 0; ok && !*found && n == CANDIDATES; offset += CANDIDATES) {
        ok = read_candidates(store, candidates, &n, offset, err);
        for (size_t i = 0; ok && !*found && i < n; i++) {
            if (candidates[i].is_free)
                ok = take(store, worker, &candidates[i], found, err);
            if (ok && *found)
                ok = job_find(store, &everyone, candidates[i].id, arena, job, err);
        }
    }
    free(candidates);
    return ok;
}

bool jobs_claim(struct store *store, const char *worker, struct arena *arena, struct job *job,
                bool *found, struct err *err)
{
    *found = false;
    if (!store_enter(store, STORE_WRITES, err))
        return false;
    bool ok = store_leave(store, claim(store, worker, arena, job, found, err), err);
    *found = *found && ok;
    return ok;
}

static bool read_done(struct store *store, const char *id, uint8_t *done, size_t n_bits,
                      struct err *err)
{
    enum { PAGE = 4096 };
    int64_t last = -1;
    for (int n = PAGE; n == PAGE;) {
        struct query q;
        query_init(&q, store,
                   "SELECT line FROM job_lines WHERE job_id = $1 AND line > $2"
                   " ORDER BY line LIMIT $3");
        query_text(&q, id);
        query_int(&q, last);
        query_int(&q, PAGE);
        for (n = 0; query_next(&q, err); n++) {
            last = query_get_int(&q, 0);
            if (last >= 0 && (uint64_t)last < n_bits)
                done[last / 8] = (uint8_t)(done[last / 8] | 1u << last % 8);
        }
        if (!query_end(&q))
            return false;
    }
    return true;
}

bool jobs_done(struct store *store, const char *id, uint8_t *done, size_t n_bits, struct err *err)
{
    memset(done, 0, n_bits / 8 + (n_bits % 8 != 0));
    return store_enter(store, STORE_READS, err) &&
           store_leave(store, read_done(store, id, done, n_bits, err), err);
}

bool job_add_error(struct store *store, const char *id, const char *message, int64_t n,
                   struct err *err)
{
    struct query q;
    int64_t n_found;
    query_init(&q, store,
               "UPDATE job_errors SET count = count + $1 WHERE job_id = $2 AND message = $3");
    query_int(&q, n);
    query_text(&q, id);
    query_text(&q, message);
    if (!query_run(&q, &n_found, err) || n_found)
        return n_found > 0;
    query_init(&q, store,
               "INSERT INTO job_errors (job_id, message, count)"
               " SELECT $1, CASE WHEN count(*) < $2 THEN $3 ELSE 'other errors' END, $4"
               " FROM job_errors WHERE job_id = $1"
               " ON CONFLICT (job_id, message)"
               " DO UPDATE SET count = job_errors.count + excluded.count");
    query_text(&q, id);
    query_int(&q, LIMIT_JOB_MESSAGES);
    query_text(&q, message);
    query_int(&q, n);
    return query_run(&q, NULL, err);
}

/* Writes what of a client's id may be stored to text: [CUSTOM_ID_BYTES].  It is for people who look
 * into the store: the line itself has it whole. */
static void clean_custom_id(struct span id, char *text)
{
    size_t n = 0;
    for (size_t i = 0; i < id.n && n + UTF8_MAX < CUSTOM_ID_BYTES;) {
        uint32_t code;
        size_t len;
        bool ok = utf8_decode(id.s + i, id.n - i, &code, &len) == UTF8_OK && code;
        n += utf8_encode(ok ? code : UTF8_REPLACEMENT, text + n);
        i += len;
    }
    text[n] = '\0';
}

/* Adds a line unless it is there. */
static bool add_line(struct store *store, const char *id, const struct job_line *line, bool *added,
                     struct err *err)
{
    struct query q;
    char custom_id[CUSTOM_ID_BYTES];
    int64_t n_changed;
    clean_custom_id(line->custom_id, custom_id);
    query_init(&q, store,
               "INSERT INTO job_lines (job_id, line, custom_id, http_status, failed, text)"
               " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (job_id, line) DO NOTHING");
    query_text(&q, id);
    query_int(&q, line->index);
    query_text(&q, custom_id);
    query_int(&q, line->http_status);
    query_int(&q, line->message != NULL);
    query_span(&q, line->text);
    bool ok = query_run(&q, &n_changed, err);
    *added = ok && n_changed;
    return ok && (!*added || !line->message || job_add_error(store, id, line->message, 1, err));
}

static bool check_claim(struct store *store, const char *worker, const char *id,
                        int64_t *n_requests, struct err *err)
{
    struct query q;
    query_init(&q, store,
               "SELECT n_requests FROM jobs WHERE id = $1 AND worker = $2"
               " AND status IN ('RUNNING', 'CANCELLATION_REQUESTED')");
    query_text(&q, id);
    query_text(&q, worker);
    bool found = query_next(&q, err);
    if (found)
        *n_requests = query_get_int(&q, 0);
    return query_end(&q) && (found || gone(id, err));
}

static bool count_lines(struct store *store, const char *worker, const char *id,
                        int64_t n_succeeded, int64_t n_failed, struct err *err)
{
    struct query q;
    int64_t n_changed;
    query_init(&q, store,
               "UPDATE jobs SET n_succeeded = n_succeeded + $1, n_failed = n_failed + $2,"
               " lease_until = $3 WHERE id = $4 AND worker = $5"
               " AND status IN ('RUNNING', 'CANCELLATION_REQUESTED')");
    query_int(&q, n_succeeded);
    query_int(&q, n_failed);
    query_int(&q, now_s() + JOB_LEASE_S);
    query_text(&q, id);
    query_text(&q, worker);
    return query_run(&q, &n_changed, err) && (n_changed || gone(id, err));
}

static bool journal(struct store *store, const char *worker, const char *id,
                    const struct job_line *lines, size_t n, struct err *err)
{
    int64_t n_requests = 0, n_succeeded = 0, n_failed = 0;
    bool ok = check_claim(store, worker, id, &n_requests, err);
    for (size_t i = 0; ok && i < n; i++) {
        bool added;
        if (lines[i].index < 0 || lines[i].index >= n_requests)
            return err_set(err, ERR_ARG, "batch job %s has no line %lld", id,
                           (long long)lines[i].index);
        if (lines[i].text.n > LIMIT_JSONL_LINE)
            return err_set(err, ERR_LIMIT,
                           "batch job %s: line %lld: the answer has %zu bytes; at "
                           "most %u are kept",
                           id, (long long)lines[i].index, lines[i].text.n, LIMIT_JSONL_LINE);
        ok = add_line(store, id, &lines[i], &added, err);
        n_succeeded += ok && added && !lines[i].message;
        n_failed += ok && added && lines[i].message;
    }
    return ok && count_lines(store, worker, id, n_succeeded, n_failed, err);
}

bool jobs_journal(struct store *store, const char *worker, const char *id,
                  const struct job_line *lines, size_t n, struct err *err)
{
    return store_enter(store, STORE_WRITES, err) &&
           store_leave(store, journal(store, worker, id, lines, n, err), err);
}

static bool renew(struct store *store, const char *worker, const char *id, enum job_status *status,
                  struct err *err)
{
    struct query q;
    if (!count_lines(store, worker, id, 0, 0, err))
        return false;
    query_init(&q, store, "SELECT status, deadline_at FROM jobs WHERE id = $1");
    query_text(&q, id);
    if (query_next(&q, err)) {
        bool is_cancelled = span_is(query_get_span(&q, 0), "CANCELLATION_REQUESTED");
        bool is_late = query_get_int(&q, 1) <= now_s();
        *status = is_cancelled ? JOB_CANCELLATION_REQUESTED
                  : is_late    ? JOB_TIMEOUT_EXCEEDED
                               : JOB_RUNNING;
    }
    return query_end(&q);
}

bool jobs_renew(struct store *store, const char *worker, const char *id, enum job_status *status,
                struct err *err)
{
    return store_enter(store, STORE_WRITES, err) &&
           store_leave(store, renew(store, worker, id, status, err), err);
}

static bool release(struct store *store, const char *worker, const char *id, struct err *err)
{
    struct query q;
    int64_t n_changed;
    query_init(&q, store,
               "UPDATE jobs SET worker = '', lease_until = 0 WHERE id = $1 AND worker = $2"
               " AND status IN ('RUNNING', 'CANCELLATION_REQUESTED')");
    query_text(&q, id);
    query_text(&q, worker);
    return query_run(&q, &n_changed, err) && (n_changed || gone(id, err));
}

bool jobs_release(struct store *store, const char *worker, const char *id, struct err *err)
{
    return store_enter(store, STORE_WRITES, err) &&
           store_leave(store, release(store, worker, id, err), err);
}
