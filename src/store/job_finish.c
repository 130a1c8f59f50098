/* SPDX-License-Identifier: Apache-2.0 */
/* job_finish.c - the end of a job: its journal becomes files.
 *
 * Contents are written first, a page of the journal at a time, and then, in one commit, their rows
 * and the end of the job appear and the journal goes. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/files_int.h"
#include "store/jobs_int.h"

/* A page has so many lines at most, and fewer where lines are long: an engine may have the whole
 * page in memory. */
enum { MOST_LINES = 256, FIRST_LINES = 8, PAGE_BYTES = 8 << 20 };
enum { RENEW_S = JOB_LEASE_S / 3, NAME_BYTES = 64 };

static bool gone(const char *id, struct err *err)
{
    return err_set(err, ERR_CANCELLED, "batch job %s is another worker's by now, or over", id);
}

/* How far the journal is written. */
struct progress {
    int64_t last, n_lines; /* the last line, and how many there were */
    int64_t page;          /* lines to ask for next */
    bool is_end;
};

/* Appends a page of lines to the content. */
static bool add_page(struct store *store, const char *id, bool failed, struct progress *progress,
                     struct content *content, struct err *err)
{
    struct query q;
    int64_t n = 0, n_bytes = content->n_bytes;
    bool ok = true;
    query_init(&q, store,
               "SELECT line, text FROM job_lines WHERE job_id = $1 AND failed = $2 AND line > $3"
               " ORDER BY line LIMIT $4");
    query_text(&q, id);
    query_int(&q, failed);
    query_int(&q, progress->last);
    query_int(&q, progress->page);
    for (; ok && query_next(&q, err); n++) {
        struct span text = query_get_span(&q, 1);
        progress->last = query_get_int(&q, 0);
        ok = content_add(content, text.s, text.n, err) && content_add(content, "\n", 1, err);
    }
    progress->is_end = n < progress->page;
    progress->n_lines += n;
    int64_t per_line = n ? (content->n_bytes - n_bytes) / n + 1 : 1;
    int64_t fit = PAGE_BYTES / per_line;
    progress->page = fit < 1 ? 1 : fit > MOST_LINES ? MOST_LINES : fit;
    return query_end(&q) && ok;
}

/* Writes one of the files of a job as a content.  The job is kept meanwhile. */
static bool write_content(struct store *store, const char *worker, const char *id, bool failed,
                          struct content *content, int64_t *n_lines, struct err *err)
{
    struct progress progress = {.last = -1, .page = FIRST_LINES};
    double renewed = clock_now();
    bool ok = content_begin(content, store, err);
    while (ok && !progress.is_end) {
        enum job_status ignored;
        ok = store_enter(store, STORE_READS, err) &&
             store_leave(store, add_page(store, id, failed, &progress, content, err), err);
        if (ok && clock_now() - renewed > RENEW_S) {
            ok = jobs_renew(store, worker, id, &ignored, err);
            renewed = clock_now();
        }
    }
    *n_lines = progress.n_lines;
    return ok && content_keep(content, err);
}

/* One of the files. */
struct result {
    struct content content;
    struct file_info info;
    char name[NAME_BYTES];
};

static bool write_result(struct store *store, const char *worker, const struct job *job,
                         bool failed, struct result *result, struct err *err)
{
    *result = (struct result){.content = {.fd = -1}};
    if (!(failed ? job->n_failed : job->n_succeeded))
        return true;
    if (!write_content(store, worker, job->id, failed, &result->content, &result->info.n_lines,
                       err))
        return false;
    snprintf(result->name, sizeof result->name, "%s_%s.jsonl", job->id,
             failed ? "errors" : "output");
    memcpy(result->info.id, result->content.id, UUID_TEXT);
    result->info.owner = job->owner;
    result->info.name = result->name;
    result->info.mime = "application/jsonl";
    result->info.sha256 = result->content.sha256;
    result->info.purpose = PURPOSE_BATCH;
    result->info.sample_type = failed ? SAMPLE_BATCH_ERROR : SAMPLE_BATCH_RESULT;
    result->info.source = SOURCE_MISTRAL;
    result->info.n_bytes = result->content.n_bytes;
    return true;
}

static bool end_job(struct store *store, const char *worker, const char *id, enum job_status status,
                    const struct result *results, struct err *err)
{
    struct query q;
    int64_t n_changed;
    query_init(&q, store,
               "UPDATE jobs SET status = $1, completed_at = $2, output_file = $3, error_file = $4,"
               " worker = '', lease_until = 0 WHERE id = $5 AND worker = $6"
               " AND status IN ('RUNNING', 'CANCELLATION_REQUESTED')");
    query_text(&q, job_status_name(status));
    query_int(&q, clock_unix_us() / 1000000);
    query_text(&q, results[0].info.id);
    query_text(&q, results[1].info.id);
    query_text(&q, id);
    query_text(&q, worker);
    if (!query_run(&q, &n_changed, err))
        return false;
    if (!n_changed)
        return gone(id, err);
    query_init(&q, store, "DELETE FROM job_lines WHERE job_id = $1");
    query_text(&q, id);
    return query_run(&q, NULL, err);
}

static bool commit_end(struct store *store, const char *worker, const char *id,
                       enum job_status status, const char *message, const struct result *results,
                       struct err *err)
{
    bool ok = end_job(store, worker, id, status, results, err) &&
              (!message || job_add_error(store, id, message, 1, err));
    for (int i = 0; ok && i < 2; i++)
        ok = !*results[i].info.id || file_insert(store, &results[i].info, err);
    return ok;
}

bool jobs_finish(struct store *store, const char *worker, const char *id, enum job_status status,
                 const char *message, struct err *err)
{
    const struct viewer everyone = {.key_id = "", .sees_all = true};
    struct arena arena = {0};
    struct job job;
    struct result results[2] = {{.content = {.fd = -1}}, {.content = {.fd = -1}}};
    enum job_status ignored;
    bool unsure = false;
    bool ok = jobs_renew(store, worker, id, &ignored, err) &&
              jobs_get(store, &everyone, id, &arena, &job, err) &&
              write_result(store, worker, &job, false, &results[0], err) &&
              write_result(store, worker, &job, true, &results[1], err) &&
              store_enter(store, STORE_WRITES, err);
    ok = ok &&
         store_leave_unsure(store, commit_end(store, worker, id, status, message, results, err),
                            &unsure, err);
    for (int i = 0; i < 2; i++)
        content_close(&results[i].content, ok || unsure);
    arena_free(&arena);
    return ok;
}
