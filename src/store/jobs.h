/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h - batch jobs: requests that lie in files and are answered when there is time.
 *
 *     if (!jobs_claim(store, worker, &arena, &job, &found, err)) ...
 *     while (found, there are lines that jobs_done() does not name) {
 *         answer one;  jobs_journal(store, worker, job.id, &line, 1, err);
 *         now and then: jobs_renew(store, worker, job.id, &status, err);
 *     }
 *     jobs_finish(store, worker, job.id, JOB_SUCCESS, NULL, err);
 *
 * What has been answered is journalled, line by line, so that a server that was killed goes on
 * where its journal ends: it loses the lines in flight.  A job belongs to the worker that claimed
 * it for JOB_LEASE_S seconds from its last call about it.  When the process that had it is known to
 * be dead, on the same machine, it can be claimed at once.  A worker that lost a job in this way
 * gets ERR_CANCELLED from each call about it and journals nothing.
 *
 *     QUEUED -> RUNNING -> SUCCESS | FAILED | TIMEOUT_EXCEEDED
 *     QUEUED -> CANCELLED;  RUNNING -> CANCELLATION_REQUESTED -> CANCELLED
 *
 * Thread: any; all wait for the store or the disk. */
#ifndef STORE_JOBS_H
#define STORE_JOBS_H

#include "base/arena.h"
#include "base/span.h"
#include "base/uuid.h"
#include "data/json_tree.h"
#include "store/store.h"

enum job_status {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_SUCCESS,
    JOB_FAILED,
    JOB_TIMEOUT_EXCEEDED,
    JOB_CANCELLATION_REQUESTED,
    JOB_CANCELLED,
    N_JOB_STATUSES,
};

enum { JOB_LEASE_S = 30, JOB_WORKER_BYTES = 160 };

/* The words of the API.  Find returns false for any other.  Borrowed: static. */
const char *job_status_name(enum job_status status);
bool job_status_find(struct span word, enum job_status *status);

struct job_error {
    const char *message;
    int64_t count; /* of lines */
};

struct job {
    char id[UUID_TEXT];
    const char *owner;        /* id of a key */
    const char *endpoint;     /* "/v1/chat/completions" */
    const char *model;        /* "" for none, as the next two */
    const char *agent_id;     /* */
    const char *metadata;     /* JSON object, as json_write() writes it */
    const char **inputs;      /* [n_inputs] ids of files */
    const char *output_file;  /* ids, or "" */
    const char *error_file;   /* */
    struct job_error *errors; /* [n_errors], the most frequent first */
    size_t n_inputs, n_errors;
    enum job_status status;
    int64_t created_at, started_at, completed_at; /* seconds since 1970; 0: not yet */
    int64_t deadline_at;
    int64_t n_requests, n_succeeded, n_failed; /* completed are those two together */
};

struct job_list {
    struct job *items; /* [n]; of the arena, with their texts */
    size_t n;
    int64_t total; /* that match, on all pages */
};

/* All zero lists everything, newest first: page 0 of 100. */
struct job_filter {
    uint32_t page, page_size;         /* page_size 0: 100; at most LIMIT_PAGE_SIZE */
    uint32_t statuses;                /* bits 1 << enum job_status; 0: any */
    struct span model, agent_id;      /* exactly; s NULL: any */
    const struct json_node *metadata; /* object of texts that a job must have; NULL: any */
    int64_t created_after;            /* seconds since 1970 */
    bool mine;                        /* also for a viewer that sees all */
    bool oldest_first;
};

/* What a client asks for.  All is borrowed until jobs_create() returns. */
struct job_request {
    struct span endpoint, model, agent_id;
    const struct json_node *metadata; /* object of texts of 1 to 512 characters; or NULL */
    const struct span *inputs;        /* [n_inputs] ids of files */
    size_t n_inputs;
    uint32_t timeout_hours; /* 1 to 168; 0: 24 */
};

/* Queues a job.  Its files must be the viewer's, .jsonl, and have a million lines at most together.
 * Errors: ERR_NOT_FOUND naming a file; ERR_ARG; ERR_LIMIT for too many lines; those of the store.
 */
bool jobs_create(struct store *store, const struct viewer *viewer,
                 const struct job_request *request, struct arena *arena, struct job *job,
                 struct err *err) CHECKED;

/* Lists jobs.  Errors: ERR_ARG; those of the store; ERR_LIMIT. */
bool jobs_list(struct store *store, const struct viewer *viewer, const struct job_filter *filter,
               struct arena *arena, struct job_list *list, struct err *err) CHECKED;

/* Finds a job.  Errors: ERR_NOT_FOUND; those of the store; ERR_LIMIT. */
bool jobs_get(struct store *store, const struct viewer *viewer, const char *id, struct arena *arena,
              struct job *job, struct err *err) CHECKED;

/* Asks for the end of a job, which is over at once when nobody has begun it; one that is over stays
 * as it is.  Errors: ERR_NOT_FOUND; those of the store; ERR_LIMIT. */
bool jobs_cancel(struct store *store, const struct viewer *viewer, const char *id,
                 struct arena *arena, struct job *job, struct err *err) CHECKED;

/* Removes a job that is over; its files stay.
 * Errors: ERR_NOT_FOUND; ERR_ARG when it is not over; those of the store. */
bool jobs_delete(struct store *store, const struct viewer *viewer, const char *id,
                 struct err *err) CHECKED;

/* Writes the name of this process and a new worker in it to worker: [JOB_WORKER_BYTES].
 * Errors: ERR_IO. */
bool jobs_worker(char *worker, struct err *err) CHECKED;

/* Takes the oldest job that waits or that nobody has any more, one whose cancellation was requested
 * among them: job->status says so.  *found is false when there is none.
 * Errors: those of the store; ERR_LIMIT. */
bool jobs_claim(struct store *store, const char *worker, struct arena *arena, struct job *job,
                bool *found, struct err *err) CHECKED;

/* Sets the bit of each line, counted from 0 over all inputs, that the journal has; done: [n_bits]
 * bits, least first, zeroed before.  Errors: those of the store; ERR_LIMIT. */
bool jobs_done(struct store *store, const char *id, uint8_t *done, size_t n_bits,
               struct err *err) CHECKED;

/* One answered line.  All is borrowed. */
struct job_line {
    int64_t index; /* from 0, over all inputs */
    struct span custom_id;
    int http_status;
    struct span text; /* the JSON line for the output file, or for the error file, without '\n' */
    const char *message; /* why it failed, short and without what is particular to the line; NULL:
                            it succeeded */
};

/* Journals lines: [n], in one commit; one that is there already stays as it is.
 * Errors: ERR_CANCELLED when the job is another's; ERR_ARG for an index outside the job; ERR_LIMIT
 * for a text of more than LIMIT_JSONL_LINE bytes; those of the store. */
bool jobs_journal(struct store *store, const char *worker, const char *id,
                  const struct job_line *lines, size_t n, struct err *err) CHECKED;

/* Keeps the job for another JOB_LEASE_S seconds, and tells whether its cancellation was requested,
 * or its deadline is over: *status is JOB_RUNNING, JOB_CANCELLATION_REQUESTED or
 * JOB_TIMEOUT_EXCEEDED.  Errors: ERR_CANCELLED when the job is another's; those of the store. */
bool jobs_renew(struct store *store, const char *worker, const char *id, enum job_status *status,
                struct err *err) CHECKED;

/* Ends the job: writes its output and error files, when there are lines for them, in the order of
 * the lines, and forgets the journal.  status is JOB_SUCCESS, JOB_FAILED, JOB_TIMEOUT_EXCEEDED or
 * JOB_CANCELLED; message, why a job failed as a whole, or NULL.
 * Errors: ERR_CANCELLED when the job is another's; ERR_IO, as for a full disk, and then it can be
 * tried again; those of the store; ERR_LIMIT. */
bool jobs_finish(struct store *store, const char *worker, const char *id, enum job_status status,
                 const char *message, struct err *err) CHECKED;

/* Gives a job back that cannot be ended now, as when the server stops: it waits for the next
 * worker.  Errors: ERR_CANCELLED when the job is another's; those of the store. */
bool jobs_release(struct store *store, const char *worker, const char *id, struct err *err) CHECKED;

#endif
