/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_int.h - what asking about jobs and working on them share. */
#ifndef STORE_JOBS_INT_H
#define STORE_JOBS_INT_H

#include "store/jobs.h"
#include "store/store_int.h"

/* The columns of a row that job_read() takes, in its order. */
#define JOB_COLUMNS                                                                                \
    "id, owner, endpoint, model, agent_id, metadata, inputs, output_file, error_file, status,"     \
    " created_us, started_at, completed_at, deadline_at, n_requests, n_succeeded, n_failed"

/* Reads a row, without the errors, which job_read_errors() adds.  Errors: ERR_LIMIT. */
bool job_read(const struct query *q, struct arena *arena, struct job *job, struct err *err) CHECKED;
bool job_read_errors(struct store *store, struct arena *arena, struct job *job,
                     struct err *err) CHECKED;

/* Finds a job that a viewer may see.  For who has the store.
 * Errors: ERR_NOT_FOUND; those of the store; ERR_LIMIT. */
bool job_find(struct store *store, const struct viewer *viewer, const char *id, struct arena *arena,
              struct job *job, struct err *err) CHECKED;

/* Adds n lines that failed for that reason to what the job reports.  For who has the store.
 * Errors: those of the store. */
bool job_add_error(struct store *store, const char *id, const char *message, int64_t n,
                   struct err *err) CHECKED;

/* Says whether the process of a worker is known to have ended: it was on this machine and is not
 * there any more. */
bool job_worker_is_dead(const char *worker);

#endif
