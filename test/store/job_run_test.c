/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "jobs_fixture.h"

static void claimed(const struct database *db)
{
    struct err err = {0};
    char a[JOB_WORKER_BYTES], b[JOB_WORKER_BYTES];
    enum job_status status;
    struct store *store = database_open(db);
    assert_true(jobs_worker(a, &err) && jobs_worker(b, &err));
    claim_job(store, a, NULL);
    struct job_ids first = put_job(store, "ann", 2), second = put_job(store, "bob", 2);
    claim_job(store, a, first.job);
    claim_job(store, b, second.job);
    claim_job(store, b, NULL);
    assert_string_equal(job_state(store, first.job), "RUNNING 0+0/2");

    /* Only who has it works on it. */
    assert_false(journal_line(store, b, first.job, 0, NULL, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_false(jobs_renew(store, b, first.job, &status, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_false(jobs_finish(store, b, first.job, JOB_SUCCESS, NULL, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_false(jobs_release(store, b, first.job, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_true(jobs_renew(store, a, first.job, &status, &err));
    assert_int_equal(status, JOB_RUNNING);

    /* Given back, and taken by another. */
    assert_true(journal_line(store, a, first.job, 1, NULL, &err));
    assert_true(jobs_release(store, a, first.job, &err));
    assert_false(journal_line(store, a, first.job, 0, NULL, &err));
    claim_job(store, b, first.job);
    assert_string_equal(job_state(store, first.job), "RUNNING 1+0/2");
    store_close(store);
}

TEST(job_run, a_job_has_one_worker)
{
    database_each(claimed);
}

static void late(const struct database *db)
{
    struct err err = {0};
    char a[JOB_WORKER_BYTES], b[JOB_WORKER_BYTES];
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", 2);
    assert_true(jobs_worker(a, &err) && jobs_worker(b, &err));
    claim_job(store, a, ids.job);
    claim_job(store, b, NULL);
    database_sql(db, "UPDATE jobs SET lease_until = 1"); /* long ago */
    claim_job(store, b, ids.job);
    assert_false(journal_line(store, a, ids.job, 0, NULL, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_true(journal_line(store, b, ids.job, 0, NULL, &err));

    /* A cancellation that nobody has heard of finds a worker. */
    struct arena arena = {0};
    struct job job;
    bool found;
    enum job_status status;
    assert_true(jobs_cancel(store, &(struct viewer){.key_id = "ann"}, ids.job, &arena, &job, &err));
    assert_true(jobs_renew(store, b, ids.job, &status, &err));
    assert_int_equal(status, JOB_CANCELLATION_REQUESTED);
    database_sql(db, "UPDATE jobs SET lease_until = 1");
    assert_true(jobs_claim(store, a, &arena, &job, &found, &err));
    assert_true(found);
    assert_int_equal(job.status, JOB_CANCELLATION_REQUESTED);
    assert_true(jobs_finish(store, a, ids.job, JOB_CANCELLED, NULL, &err));
    assert_string_equal(job_state(store, ids.job), "CANCELLED 1+0/2");
    claim_job(store, a, NULL);

    ids = put_job(store, "ann", 1);
    claim_job(store, a, ids.job);
    database_sql(db, "UPDATE jobs SET deadline_at = 1");
    assert_true(jobs_renew(store, a, ids.job, &status, &err));
    assert_int_equal(status, JOB_TIMEOUT_EXCEEDED);
    arena_free(&arena);
    store_close(store);
}

TEST(job_run, is_taken_from_who_says_nothing)
{
    database_each(late);
}

static void journalled(const struct database *db)
{
    struct err err = {0};
    char worker[JOB_WORKER_BYTES];
    uint8_t done[2];
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", 10);
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, ids.job);
    assert_true(jobs_done(store, ids.job, done, 10, &err));
    assert_int_equal(done[0] | done[1], 0);
    static const struct {
        int line;
        const char *message;
    } lines[] = {{9, NULL},    {0, NULL},       {3, "too long"}, {0, NULL},
                 {0, "again"}, {8, "too long"}, {7, "no model"}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_true(journal_line(store, worker, ids.job, lines[i].line, lines[i].message, &err));
    assert_string_equal(job_state(store, ids.job), "RUNNING 2+3/10");
    assert_true(jobs_done(store, ids.job, done, 10, &err));
    assert_int_equal(done[0], 1 | 1 << 3 | 1 << 7);
    assert_int_equal(done[1], 3);
    assert_true(jobs_done(store, ids.job, done, 9, &err)); /* never behind the end */
    assert_int_equal(done[1], 1);
    assert_false(journal_line(store, worker, ids.job, 10, NULL, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_false(journal_line(store, worker, ids.job, -1, NULL, &err));

    struct arena arena = {0};
    struct job job;
    assert_true(jobs_get(store, &(struct viewer){.key_id = "ann"}, ids.job, &arena, &job, &err));
    assert_int_equal(job.n_errors, 2);
    assert_string_equal(job.errors[0].message, "too long");
    assert_int_equal(job.errors[0].count, 2);
    assert_string_equal(job.errors[1].message, "no model");
    arena_free(&arena);
    store_close(store);
}

TEST(job_run, journals_each_line_once)
{
    database_each(journalled);
}

static void many_errors(const struct database *db)
{
    enum { N = 100 };
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    char worker[JOB_WORKER_BYTES], message[N][32];
    struct job_line lines[N];
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", N);
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, ids.job);
    for (int i = 0; i < N; i++) {
        snprintf(message[i], sizeof message[i], "error %d", i);
        lines[i] = (struct job_line){.index = i,
                                     .custom_id = {"a\0\xff", 3},
                                     .text = SPAN("{}"),
                                     .http_status = 400,
                                     .message = message[i]};
    }
    if (!jobs_journal(store, worker, ids.job, lines, N, &err))
        fail_msg("%s", err.text);
    assert_true(jobs_get(store, &(struct viewer){.key_id = "ann"}, ids.job, &arena, &job, &err));
    assert_int_equal(job.n_errors, LIMIT_JOB_MESSAGES + 1);
    assert_string_equal(job.errors[0].message, "other errors");
    int64_t n = 0;
    for (size_t i = 0; i < job.n_errors; i++)
        n += job.errors[i].count;
    assert_int_equal(n, N);
    assert_string_equal(job_state(store, ids.job), "RUNNING 0+100/100");
    arena_free(&arena);
    store_close(store);
}

TEST(job_run, reports_so_many_different_errors)
{
    database_each(many_errors);
}

struct claimer {
    const struct database *db;
    int n_claimed;
};

static void *claim_all(void *arg)
{
    struct claimer *claimer = arg;
    struct err err = {0};
    char worker[JOB_WORKER_BYTES];
    bool found = jobs_worker(worker, &err);
    struct store *store = store_open(
        &(struct store_options){.url = claimer->db->url, .folder = claimer->db->folder}, &err);
    while (store && found) {
        struct arena arena = {0};
        struct job job;
        if (!jobs_claim(store, worker, &arena, &job, &found, &err))
            break;
        claimer->n_claimed += found;
        arena_free(&arena);
    }
    store_close(store);
    return NULL;
}

static void raced(const struct database *db)
{
    enum { N = 4, N_JOBS = 20 };
    pthread_t threads[N];
    struct claimer claimers[N];
    struct store *store = database_open(db);
    for (int i = 0; i < N_JOBS; i++)
        put_job(store, "ann", 1);
    for (int i = 0; i < N; i++) {
        claimers[i] = (struct claimer){.db = db};
        pthread_create(&threads[i], NULL, claim_all, &claimers[i]);
    }
    int n = 0;
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        n += claimers[i].n_claimed;
    }
    assert_int_equal(n, N_JOBS);
    store_close(store);
}

TEST(job_run, each_job_is_claimed_once)
{
    database_each(raced);
}
