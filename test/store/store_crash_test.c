/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are killed while they write: what was answered is there, and all is whole. */
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jobs_fixture.h"
#include "store/keys.h"

static const struct viewer ann = {.key_id = "ann"};

static void pause_us(long us)
{
    const struct timespec moment = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&moment, NULL);
}

/* Uploads and deletes without an end, and tells of each upload that was answered. */
static int write_files(const struct database *db, const char *job, int out)
{
    struct err err = {0};
    (void)job;
    struct store *store =
        store_open(&(struct store_options){.url = db->url, .folder = db->folder}, &err);
    if (!store)
        return 1;
    for (;;) {
        struct file_info kept = put_file(store, "ann", "kept.jsonl", "{\"a\":1}\n");
        if (write(out, kept.id, UUID_TEXT) != UUID_TEXT)
            return 1;
        struct file_info gone = put_file(store, "bob", "gone.jsonl", "{}");
        if (!files_delete(store, &(struct viewer){.key_id = "bob"}, gone.id, &err))
            return 1;
    }
}

/* Claims the job and journals what is missing of it; tells of each line. */
static int run_job(const struct database *db, const char *job, int out)
{
    enum { N = 400 };
    struct err err = {0};
    struct arena arena = {0};
    struct job claimed;
    char worker[JOB_WORKER_BYTES];
    uint8_t done[N / 8];
    bool found;
    struct store *store =
        store_open(&(struct store_options){.url = db->url, .folder = db->folder}, &err);
    if (!store || !jobs_worker(worker, &err) ||
        !jobs_claim(store, worker, &arena, &claimed, &found, &err) || !found ||
        !jobs_done(store, job, done, N, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int i = 0; i < N; i++) {
        if (done[i / 8] & 1 << i % 8)
            continue;
        if (!journal_line(store, worker, job, i, i % 10 ? NULL : "bad", &err) ||
            write(out, &i, sizeof i) != sizeof i)
            return 1;
    }
    pause();
    return 0;
}

/* Starts a writer and kills it after a random time.  Returns what it had told: out[n]. */
static size_t run_and_kill(int (*body)(const struct database *, const char *, int),
                           const struct database *db, const char *job, long us, void *told,
                           size_t size)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        close(fds[0]);
        _exit(body(db, job, fds[1]));
    }
    close(fds[1]);
    pause_us(us);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    size_t n = 0;
    for (ssize_t got; (got = read(fds[0], (char *)told + n, size - n)) > 0;)
        n += (size_t)got;
    close(fds[0]);
    return n;
}

static void check_integrity(const struct database *db)
{
    sqlite3 *file;
    sqlite3_stmt *stmt;
    if (strcmp(db->engine, "sqlite") != 0)
        return;
    assert_int_equal(sqlite3_open(db->url, &file), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(file, "PRAGMA integrity_check", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_close(file);
}

/* Every row has its whole content. */
static void check_contents(struct store *store, const char *owner)
{
    struct err err = {0};
    struct arena arena = {0};
    struct file_list list;
    struct file_info info;
    const struct viewer viewer = {.key_id = owner};
    const struct file_filter filter = {.page_size = 1000};
    assert_true(files_list(store, &viewer, &filter, &arena, &list, &err));
    for (size_t i = 0; i < list.n; i++) {
        int fd = files_open(store, &viewer, list.items[i].id, &arena, &info, &err);
        if (fd < 0)
            fail_msg("%s", err.text);
        close(fd);
    }
    arena_free(&arena);
}

static void files_survive(const struct database *db)
{
    enum { ROUNDS = 30, MOST_ROUNDS = 300, FILES = 20 };
    static char ids[1 << 20];
    uint64_t random = 7;
    size_t n_told = 0;
    store_close(database_open(db));
    for (int i = 0; i < ROUNDS || n_told < FILES; i++) {
        assert_true(i < MOST_ROUNDS);
        struct err err = {0};
        struct arena arena = {0};
        struct file_info info;
        size_t n = run_and_kill(write_files, db, NULL, 10000 + test_random(&random) % 90000, ids,
                                sizeof ids);
        check_integrity(db);
        struct store *store = database_open(db);
        for (size_t at = 0; at + UUID_TEXT <= n; at += UUID_TEXT, n_told++)
            if (!files_get(store, &ann, ids + at, &arena, &info, &err))
                fail_msg("%s", err.text);
        check_contents(store, "ann");
        check_contents(store, "bob");
        arena_free(&arena);
        store_close(store);
    }
}

TEST(store_crash, a_file_that_was_answered_is_there)
{
    database_each(files_survive);
}

static void jobs_survive(const struct database *db)
{
    static int lines[1000];
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    char worker[JOB_WORKER_BYTES], told[400] = "", path[700];
    uint64_t random = 11;
    uint8_t done[50];
    int n_told = 0;
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", 400);
    for (int i = 0; n_told < 400; i++) {
        assert_true(i < 400);
        size_t n = run_and_kill(run_job, db, ids.job, 10000 + test_random(&random) % 100000, lines,
                                sizeof lines) /
                   sizeof lines[0];
        check_integrity(db);
        assert_true(jobs_done(store, ids.job, done, 400, &err));
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(told[lines[k]], 0); /* nothing is done twice that was answered */
            told[lines[k]] = 1;
            n_told++;
        }
        for (int k = 0; k < 400; k++) { /* at most the line in flight was not told */
            bool is_done = done[k / 8] & 1 << k % 8;
            assert_true(is_done || !told[k]);
            n_told += is_done && !told[k];
            told[k] = (char)(told[k] || is_done);
        }
    }
    assert_string_equal(job_state(store, ids.job), "RUNNING 360+40/400");
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, ids.job);
    assert_true(jobs_finish(store, worker, ids.job, JOB_SUCCESS, NULL, &err));
    assert_true(jobs_get(store, &ann, ids.job, &arena, &job, &err));
    snprintf(path, sizeof path, "%s/%s", db->folder, job.output_file);
    char *output = test_read(path, NULL);
    int n_lines = 0;
    for (const char *at = output; (at = strchr(at, '\n')); at++)
        n_lines++;
    assert_int_equal(n_lines, 360);
    free(output);
    arena_free(&arena);
    store_close(store);
}

TEST(store_crash, a_job_goes_on_where_its_journal_ends)
{
    database_each(jobs_survive);
}
