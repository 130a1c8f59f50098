/* SPDX-License-Identifier: Apache-2.0 */
/* hub_fetch.c - several files at a time, each to its place. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "hub/hub_blob.h"
#include "hub/hub_cache.h"
#include "hub/hub_fetch_int.h"

#define LOCK_AGAIN_S 0.5 /* between attempts to take the lock of another program's file */

/* Files of up to so many bytes are checked whenever they are there. */
enum { CHECKED_BYTES = 1 << 20 };

enum job_state { JOB_WAITS, JOB_READS, JOB_RUNS, JOB_DONE };

struct job {
    struct hub_pull *pull;
    const struct hub_file *file;
    struct hub_blob blob;
    struct http_get get;
    struct buf url;
    enum job_state state;
    uint64_t counted; /* of the file, in the progress */
    double next_try;  /* when its lock was taken */
    bool again;       /* what came first had the wrong hash */
};

static void count(struct job *job, uint64_t n_bytes)
{
    struct hub_progress *p = &job->pull->progress;
    p->n_done_bytes += n_bytes - job->counted; /* may go back */
    job->counted = n_bytes;
}

static bool on_write(void *arg, const void *bytes, size_t n, struct err *err)
{
    struct job *job = arg;
    if (!hub_blob_write(&job->blob, bytes, n, err))
        return false;
    job->pull->progress.n_received += n;
    count(job, job->blob.n_bytes);
    return true;
}

static bool on_restart(void *arg, struct err *err)
{
    struct job *job = arg;
    count(job, 0);
    return hub_blob_restart(&job->blob, err);
}

static void close_job(struct job *job)
{
    hub_blob_close(&job->blob);
    buf_free(&job->url);
}

/* Makes the link to a content that is whole. */
static bool end_job(struct job *job, struct err *err)
{
    struct hub_pull *pull = job->pull;
    bool was_there = job->blob.in_place;
    close_job(job);
    count(job, job->file->n_bytes);
    job->state = JOB_DONE;
    if (!hub_link(pull->store.data, pull->name, pull->listing->commit, job->file->path,
                  job->file->hash, err))
        return false;
    pull->progress.n_done++;
    pull->progress.n_found += was_there;
    pull->progress.finished = was_there ? NULL : job->file;
    return hub_tick(pull, err);
}

/* Checks what was received; once, a wrong one is asked for again. */
static bool check_job(struct job *job, struct err *err)
{
    struct err why = {0};
    bool was_there = job->blob.in_place;
    if (hub_blob_finish(&job->blob, &why))
        return end_job(job, err);
    close_job(job);
    if (why.code != ERR_FORMAT || job->again)
        return err_set(err, why.code, "%s", why.text);
    count(job, 0);
    job->again = !was_there;
    job->state = JOB_WAITS;
    if (was_there)
        job->pull->progress.damaged = job->file;
    return hub_tick(job->pull, err);
}

static bool request_job(struct job *job, struct err *err)
{
    struct hub_pull *pull = job->pull;
    job->state = JOB_RUNS;
    job->get = (struct http_get){.write = on_write,
                                 .restart = on_restart,
                                 .arg = job,
                                 .offset = job->blob.n_bytes,
                                 .n_bytes = job->file->n_bytes,
                                 .exact = true};
    if (!hub_url(&job->url, pull, "", "/resolve/", pull->listing->commit, job->file->path, err))
        return false;
    job->get.url = job->url.data;
    return hub_request(pull, &job->get, err);
}

/* Reads some of what is there, and when that was all, asks for the rest. */
static bool read_job(struct job *job, struct err *err)
{
    bool ended;
    if (!hub_blob_read(&job->blob, &ended, err))
        return false;
    count(job, job->blob.n_bytes);
    if (!ended)
        return true;
    bool whole = job->blob.in_place || job->blob.n_bytes == job->file->n_bytes;
    return whole ? check_job(job, err) : request_job(job, err);
}

/* Begins a file if no other program writes it. */
static bool start_job(struct job *job, struct err *err)
{
    struct hub_pull *pull = job->pull;
    struct err why = {0};
    buf_init(&job->url, LIMIT_URL_BYTES);
    if (!hub_blob_open(&job->blob, pull->store.data, pull->name, job->file, &why)) {
        close_job(job);
        job->next_try = clock_now() + LOCK_AGAIN_S;
        pull->progress.waits_for = job->file->path;
        return why.code == ERR_BUSY || err_set(err, why.code, "%s", why.text);
    }
    pull->progress.waits_for = NULL;
    if (job->blob.in_place && !pull->options->verify && job->file->n_bytes > CHECKED_BYTES)
        return end_job(job, err);
    job->state = JOB_READS;
    return read_job(job, err);
}

static int count_state(const struct job *jobs, size_t n, enum job_state state)
{
    int n_in_it = 0;
    for (size_t i = 0; i < n; i++)
        n_in_it += jobs[i].state == state;
    return n_in_it;
}

/* Fills the places that are free, and goes on with what is read. */
static bool start_jobs(struct hub_pull *pull, struct job *jobs, size_t n, struct err *err)
{
    int n_free = pull->options->n_parallel - count_state(jobs, n, JOB_RUNS) -
                 count_state(jobs, n, JOB_READS);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        if (jobs[i].state == JOB_READS) {
            ok = read_job(&jobs[i], err);
        } else if (n_free > 0 && jobs[i].state == JOB_WAITS && clock_now() >= jobs[i].next_try) {
            ok = start_job(&jobs[i], err);
            n_free -= jobs[i].state == JOB_READS || jobs[i].state == JOB_RUNS;
        }
    }
    return ok;
}

static bool run_jobs(struct hub_pull *pull, struct job *jobs, size_t n, struct err *err)
{
    while (count_state(jobs, n, JOB_DONE) < (int)n) {
        struct http_get *done = NULL;
        if (!start_jobs(pull, jobs, n, err) || !http_step(pull->client, &done, err) ||
            !hub_tick(pull, err))
            return false;
        struct job *job = done ? done->arg : NULL;
        if (job && !done->ok)
            return hub_refused(pull, done, job->file->path, err);
        if (job && !check_job(job, err))
            return false;
    }
    return true;
}

bool hub_fetch(struct hub_pull *pull, struct err *err)
{
    size_t n = 0;
    struct job *jobs = mem_new(pull->progress.n_files, sizeof *jobs, err);
    if (!jobs)
        return false;
    for (size_t i = 0; i < pull->listing->n; i++)
        if (pull->listing->files[i].chosen)
            jobs[n++] = (struct job){
                .pull = pull, .file = &pull->listing->files[i], .blob = {.fd = -1, .lock = -1}};
    bool ok = run_jobs(pull, jobs, n, err);
    http_close(pull->client); /* before what it writes to */
    pull->client = NULL;
    for (size_t i = 0; i < n; i++)
        close_job(&jobs[i]);
    free(jobs);
    return ok;
}
