/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_fixture.h - batch jobs in a store of a test. */
#ifndef TEST_JOBS_FIXTURE_H
#define TEST_JOBS_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "files_fixture.h"
#include "store/jobs.h"

struct job_ids {
    char job[UUID_TEXT], input[UUID_TEXT];
};

/* Queues a job of n_lines requests for owner. */
static inline struct job_ids put_job(struct store *store, const char *owner, int n_lines)
{
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    struct job_ids ids;
    struct buf text;
    char line[64];
    buf_init(&text, 64 * (size_t)n_lines);
    for (int i = 0; i < n_lines; i++) {
        int n = snprintf(line, sizeof line, "{\"custom_id\":\"%d\",\"body\":{}}\n", i);
        assert_true(buf_add(&text, line, (size_t)n, &err));
    }
    memcpy(ids.input, put_file(store, owner, "in.jsonl", text.data).id, UUID_TEXT);
    buf_free(&text);
    const struct span input = {ids.input, UUID_TEXT - 1};
    const struct job_request request = {
        .endpoint = SPAN("/v1/chat/completions"), .inputs = &input, .n_inputs = 1};
    if (!jobs_create(store, &(struct viewer){.key_id = owner}, &request, &arena, &job, &err))
        fail_msg("%s", err.text);
    memcpy(ids.job, job.id, UUID_TEXT);
    arena_free(&arena);
    return ids;
}

/* Returns the status and the counts of a job as "RUNNING 3+1/10". */
static inline const char *job_state(struct store *store, const char *id)
{
    static char text[100];
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    const struct viewer all = {.key_id = "", .sees_all = true};
    if (!jobs_get(store, &all, id, &arena, &job, &err))
        fail_msg("%s", err.text);
    snprintf(text, sizeof text, "%s %d+%d/%d", job_status_name(job.status), (int)job.n_succeeded,
             (int)job.n_failed, (int)job.n_requests);
    arena_free(&arena);
    return text;
}

/* Claims a job, which must be that one; NULL: there must be none. */
static inline void claim_job(struct store *store, const char *worker, const char *id)
{
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    bool found;
    if (!jobs_claim(store, worker, &arena, &job, &found, &err))
        fail_msg("%s", err.text);
    assert_int_equal(found, id != NULL);
    if (id)
        assert_string_equal(job.id, id);
    arena_free(&arena);
}

/* Journals line i: it failed when message is not NULL. */
static inline bool journal_line(struct store *store, const char *worker, const char *id, int i,
                                const char *message, struct err *err)
{
    char text[64], custom_id[16];
    snprintf(text, sizeof text, "{\"line\": %d}", i);
    snprintf(custom_id, sizeof custom_id, "%d", i);
    const struct job_line line = {.index = i,
                                  .custom_id = {custom_id, strlen(custom_id)},
                                  .http_status = message ? 400 : 200,
                                  .text = {text, strlen(text)},
                                  .message = message};
    return jobs_journal(store, worker, id, &line, 1, err);
}

#endif
