/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs_fixture.h"

static const struct viewer ann = {.key_id = "ann"};

/* Reads the whole content of a file.  Owned: free(). */
static char *read_content(const struct database *db, const char *id)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", db->folder, id);
    return test_read(path, NULL);
}

static void finished(const struct database *db)
{
    enum { N = 700, N_BAD = 88 }; /* more than two pages */
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    struct file_info info;
    char worker[JOB_WORKER_BYTES], expected[N * 24] = "", line[32];
    static char texts[N][32];
    static struct job_line lines[N];
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", N);
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, ids.job);
    for (int i = N - 1; i >= 0; i--) {
        snprintf(texts[i], sizeof texts[i], "{\"line\": %d}", i);
        lines[i] = (struct job_line){
            .index = i, .text = {texts[i], strlen(texts[i])}, .message = i % 8 == 3 ? "bad" : NULL};
    }
    assert_true(jobs_journal(store, worker, ids.job, lines, N, &err));
    if (!jobs_finish(store, worker, ids.job, JOB_SUCCESS, NULL, &err))
        fail_msg("%s", err.text);
    assert_true(jobs_get(store, &ann, ids.job, &arena, &job, &err));
    assert_int_equal(job.status, JOB_SUCCESS);
    assert_true(job.completed_at >= job.started_at && job.started_at > 0);

    for (int i = 0; i < N; i++)
        if (i % 8 != 3) {
            snprintf(line, sizeof line, "{\"line\": %d}\n", i);
            strncat(expected, line, sizeof expected - strlen(expected) - 1);
        }
    char *output = read_content(db, job.output_file), *errors = read_content(db, job.error_file);
    assert_string_equal(output, expected);
    assert_memory_equal(errors, "{\"line\": 3}\n{\"line\": 11}\n{\"line\": 19}\n", 38);
    assert_true(files_get(store, &ann, job.error_file, &arena, &info, &err));
    assert_int_equal(info.n_lines, N_BAD);
    assert_int_equal(info.n_bytes, (int64_t)strlen(errors));
    assert_int_equal(info.sample_type, SAMPLE_BATCH_ERROR);
    assert_int_equal(info.source, SOURCE_MISTRAL);
    assert_true(files_get(store, &ann, job.output_file, &arena, &info, &err));
    assert_int_equal(info.n_lines, N - N_BAD);
    assert_int_equal(info.sample_type, SAMPLE_BATCH_RESULT);
    assert_string_equal(info.owner, "ann");
    free(output);
    free(errors);

    /* It is over: nothing of it can be done again. */
    assert_false(journal_line(store, worker, ids.job, 0, NULL, &err));
    assert_false(jobs_finish(store, worker, ids.job, JOB_FAILED, NULL, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    claim_job(store, worker, NULL);
    arena_free(&arena);
    store_close(store);
}

TEST(job_finish, writes_what_was_journalled)
{
    database_each(finished);
}

static void failed(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    char worker[JOB_WORKER_BYTES];
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", 3);
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, ids.job);
    assert_true(jobs_finish(store, worker, ids.job, JOB_FAILED, "the input is gone", &err));
    assert_true(jobs_get(store, &ann, ids.job, &arena, &job, &err));
    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.output_file, "");
    assert_string_equal(job.error_file, "");
    assert_int_equal(job.n_errors, 1);
    assert_string_equal(job.errors[0].message, "the input is gone");
    arena_free(&arena);
    store_close(store);
}

TEST(job_finish, says_why_a_job_failed)
{
    database_each(failed);
}

TEST(job_finish, can_be_tried_again_when_there_is_room)
{
    const struct database *db = database_sqlite("finish-room.db");
    struct err err = {0};
    char worker[JOB_WORKER_BYTES], text[60000];
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", 3);
    memset(text, 'x', sizeof text);
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, ids.job);
    for (int i = 0; i < 3; i++) {
        const struct job_line line = {.index = i, .text = {text, sizeof text}};
        assert_true(jobs_journal(store, worker, ids.job, &line, 1, &err));
    }
    store_close(store);
    pid_t pid = fork();
    if (!pid) {
        /* The database fits, the output does not. */
        struct rlimit limit = {150000, 150000};
        struct err why = {0};
        struct store *mine =
            store_open(&(struct store_options){.url = db->url, .folder = db->folder}, &why);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        bool ok = mine && !jobs_finish(mine, worker, ids.job, JOB_SUCCESS, NULL, &why) &&
                  why.code == ERR_IO;
        _exit(!ok);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    store = database_open(db);
    assert_string_equal(job_state(store, ids.job), "RUNNING 3+0/3");
    assert_true(jobs_finish(store, worker, ids.job, JOB_SUCCESS, NULL, &err));
    assert_string_equal(job_state(store, ids.job), "SUCCESS 3+0/3");
    store_close(store);
}
