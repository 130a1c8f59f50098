/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "jobs_fixture.h"

static const struct viewer ann = {.key_id = "ann"}, bob = {.key_id = "bob"},
                           admin = {.key_id = "root", .sees_all = true};

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static void made(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct json_tree tree = {0};
    struct job job, got;
    struct store *store = database_open(db);
    struct file_info a = put_file(store, "ann", "a.jsonl", "{\"body\":1}\n{\"body\":2}\n");
    struct file_info b = put_file(store, "ann", "b.jsonl", "{\"body\":3}");
    static const char metadata[] = "{\"team\": \"x\\u0000\\\"\", \"n\": \"1\"}";
    assert_true(json_tree_parse(&tree, "m", metadata, sizeof metadata - 1, &err));
    const struct span inputs[] = {span_of(a.id), span_of(b.id)};
    const struct job_request request = {.endpoint = SPAN("/v1/embeddings"),
                                        .model = SPAN("m\xc3\xa9"),
                                        .metadata = tree.root,
                                        .inputs = inputs,
                                        .n_inputs = 2,
                                        .timeout_hours = 2};
    if (!jobs_create(store, &ann, &request, &arena, &job, &err))
        fail_msg("%s", err.text);
    assert_true(jobs_get(store, &ann, job.id, &arena, &got, &err));
    assert_string_equal(got.id, job.id);
    assert_string_equal(got.owner, "ann");
    assert_string_equal(got.endpoint, "/v1/embeddings");
    assert_string_equal(got.model, "m\xc3\xa9");
    assert_string_equal(got.agent_id, "");
    assert_string_equal(got.metadata, metadata);
    assert_int_equal(got.n_inputs, 2);
    assert_string_equal(got.inputs[0], a.id);
    assert_string_equal(got.inputs[1], b.id);
    assert_string_equal(got.output_file, "");
    assert_string_equal(got.error_file, "");
    assert_int_equal(got.n_errors, 0);
    assert_int_equal(got.status, JOB_QUEUED);
    assert_int_equal(got.n_requests, 3);
    assert_int_equal(got.deadline_at, got.created_at + 7200);
    assert_int_equal(got.started_at + got.completed_at, 0);
    json_tree_free(&tree);
    arena_free(&arena);
    store_close(store);
}

TEST(jobs, are_kept)
{
    database_each(made);
}

/* Checks that a job of that input and metadata is refused. */
static void check_refused(struct store *store, struct span input, const char *metadata,
                          enum err_code code, const char *message)
{
    struct err err = {0};
    struct arena arena = {0};
    struct json_tree tree = {0};
    struct job job;
    if (metadata)
        assert_true(json_tree_parse(&tree, "metadata", metadata, strlen(metadata), &err));
    const struct job_request request = {.endpoint = SPAN("/v1/ocr"),
                                        .metadata = tree.root,
                                        .inputs = &input,
                                        .n_inputs = input.s != NULL};
    assert_false(jobs_create(store, &ann, &request, &arena, &job, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, message))
        fail_msg("got '%s', want '%s'", err.text, message);
    json_tree_free(&tree);
    arena_free(&arena);
}

static void refused(const struct database *db)
{
    struct store *store = database_open(db);
    struct file_info good = put_file(store, "ann", "a.jsonl", "{}");
    struct file_info foreign = put_file(store, "bob", "a.jsonl", "{}");
    struct file_info picture = put_file(store, "ann", "a.png", "{}");
    struct file_info empty = put_file(store, "ann", "a.jsonl", "");
    char longer[100];
    snprintf(longer, sizeof longer, "%s%s", good.id, good.id);
    check_refused(store, (struct span){NULL, 0}, NULL, ERR_ARG, "expected 1 to 64 ids");
    check_refused(store, span_of(foreign.id), NULL, ERR_NOT_FOUND, foreign.id);
    check_refused(store, span_of("x' OR 1=1"), NULL, ERR_NOT_FOUND, "no file has the id");
    check_refused(store, span_of(longer), NULL, ERR_NOT_FOUND, "no file has the id");
    check_refused(store, span_of(picture.id), NULL, ERR_ARG, "'a.png' is no .jsonl file");
    check_refused(store, span_of(empty.id), NULL, ERR_ARG, "no requests");
    check_refused(store, span_of(good.id), "[]", ERR_ARG, "expected an object");
    check_refused(store, span_of(good.id), "{\"a\":1}", ERR_ARG, "metadata: a: expected a text");
    check_refused(store, span_of(good.id), "{\"a\":\"\"}", ERR_ARG, "1 to 512 characters");
    store_close(store);
}

TEST(jobs, need_requests_that_are_there)
{
    database_each(refused);
}

static void separated(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    struct job_list list;
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", 1);
    assert_false(jobs_get(store, &bob, ids.job, &arena, &job, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(jobs_cancel(store, &bob, ids.job, &arena, &job, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(jobs_delete(store, &bob, ids.job, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_true(jobs_list(store, &bob, &(struct job_filter){0}, &arena, &list, &err));
    assert_int_equal(list.total, 0);
    assert_true(jobs_list(store, &admin, &(struct job_filter){0}, &arena, &list, &err));
    assert_int_equal(list.n, 1);
    assert_true(jobs_list(store, &admin, &(struct job_filter){.mine = true}, &arena, &list, &err));
    assert_int_equal(list.n, 0);
    assert_string_equal(job_state(store, ids.job), "QUEUED 0+0/1");
    arena_free(&arena);
    store_close(store);
}

TEST(jobs, are_their_owners)
{
    database_each(separated);
}

static void cancelled(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct job job;
    char worker[JOB_WORKER_BYTES];
    struct store *store = database_open(db);
    struct job_ids waits = put_job(store, "ann", 1);
    assert_false(jobs_delete(store, &ann, waits.job, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_non_null(strstr(err.text, "cancel it first"));
    assert_true(jobs_cancel(store, &ann, waits.job, &arena, &job, &err));
    assert_int_equal(job.status, JOB_CANCELLED);
    assert_true(job.completed_at > 0);
    assert_true(jobs_cancel(store, &ann, waits.job, &arena, &job, &err)); /* it stays so */
    assert_int_equal(job.status, JOB_CANCELLED);

    struct job_ids runs = put_job(store, "ann", 1);
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, runs.job);
    assert_true(jobs_cancel(store, &ann, runs.job, &arena, &job, &err));
    assert_int_equal(job.status, JOB_CANCELLATION_REQUESTED);
    assert_int_equal(job.completed_at, 0);
    assert_false(jobs_delete(store, &ann, runs.job, &err));
    assert_true(jobs_finish(store, worker, runs.job, JOB_CANCELLED, NULL, &err));
    assert_true(jobs_delete(store, &ann, runs.job, &err));
    assert_false(jobs_get(store, &ann, runs.job, &arena, &job, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    arena_free(&arena);
    store_close(store);
}

TEST(jobs, are_cancelled_and_removed)
{
    database_each(cancelled);
}

static void make(struct store *store, const char *model, const char *metadata)
{
    struct err err = {0};
    struct arena arena = {0};
    struct json_tree tree = {0};
    struct job job;
    struct file_info file = put_file(store, "ann", "a.jsonl", "{}");
    const struct span input = span_of(file.id);
    assert_true(json_tree_parse(&tree, "metadata", metadata, strlen(metadata), &err));
    const struct job_request request = {.endpoint = SPAN("/v1/ocr"),
                                        .model = span_of(model),
                                        .agent_id = SPAN("ag_1"),
                                        .metadata = tree.root,
                                        .inputs = &input,
                                        .n_inputs = 1};
    if (!jobs_create(store, &ann, &request, &arena, &job, &err))
        fail_msg("%s", err.text);
    json_tree_free(&tree);
    arena_free(&arena);
}

/* Checks the models of the jobs that a filter with that metadata finds. */
static void check(struct store *store, struct job_filter filter, const char *metadata,
                  const char *expected)
{
    struct err err = {0};
    struct arena arena = {0};
    struct json_tree tree = {0};
    struct job_list list;
    char models[100] = "";
    if (metadata)
        assert_true(json_tree_parse(&tree, "metadata", metadata, strlen(metadata), &err));
    filter.metadata = tree.root;
    if (!jobs_list(store, &ann, &filter, &arena, &list, &err))
        fail_msg("%s", err.text);
    assert_int_equal(list.n, list.total);
    for (size_t i = 0; i < list.n; i++)
        strncat(models, list.items[i].model, 10);
    if (strcmp(models, expected) != 0)
        fail_msg("%s: got %s, want %s", metadata ? metadata : "-", models, expected);
    json_tree_free(&tree);
    arena_free(&arena);
}

static void filtered(const struct database *db)
{
    struct store *store = database_open(db);
    make(store, "1", "{\"team\":\"red\",\"run\":\"7\"}");
    make(store, "2", "{\"team\":\"re\",\"x\\\"team\":\"red\"}");
    make(store, "3", "{\"run\":\"\\\"team\\\": \\\"red\\\"\"}");
    make(store, "4", "{}");
    make(store, "5", "{\"p\":\"100%_!\"}");
    check(store, (struct job_filter){0}, NULL, "54321");
    check(store, (struct job_filter){.oldest_first = true}, NULL, "12345");
    check(store, (struct job_filter){.model = SPAN("3")}, NULL, "3");
    check(store, (struct job_filter){.model = SPAN("")}, NULL, "");
    check(store, (struct job_filter){.agent_id = SPAN("ag_1")}, NULL, "54321");
    check(store, (struct job_filter){.agent_id = SPAN("ag")}, NULL, "");
    check(store, (struct job_filter){.statuses = 1u << JOB_QUEUED | 1u << JOB_FAILED}, NULL,
          "54321");
    check(store, (struct job_filter){.statuses = 1u << JOB_RUNNING}, NULL, "");
    check(store, (struct job_filter){.created_after = time(NULL) + 10}, NULL, "");
    check(store, (struct job_filter){.created_after = time(NULL) - 100}, NULL, "54321");
    check(store, (struct job_filter){0}, "{}", "54321");
    check(store, (struct job_filter){0}, "{\"team\":\"red\"}", "1");
    check(store, (struct job_filter){0}, "{\"team\":\"re\"}", "2");
    check(store, (struct job_filter){0}, "{\"x\\\"team\":\"red\"}", "2");
    check(store, (struct job_filter){0}, "{\"run\":\"7\",\"team\":\"red\"}", "1");
    check(store, (struct job_filter){0}, "{\"run\":\"8\",\"team\":\"red\"}", "");
    check(store, (struct job_filter){0}, "{\"team\":\"r_d\"}", "");
    check(store, (struct job_filter){0}, "{\"team\":\"%\"}", "");
    check(store, (struct job_filter){0}, "{\"p\":\"100%_!\"}", "5");
    check(store, (struct job_filter){0}, "{\"TEAM\":\"red\"}", "");
    store_close(store);
}

TEST(jobs, are_filtered)
{
    database_each(filtered);
}

TEST(jobs, survive_every_failing_allocation)
{
    const struct database *db = database_sqlite("jobs-memory.db");
    struct store *store = database_open(db);
    struct job_ids ids = put_job(store, "ann", 3);
    char worker[JOB_WORKER_BYTES];
    struct err err = {0};
    assert_true(jobs_worker(worker, &err));
    claim_job(store, worker, ids.job);
    assert_true(journal_line(store, worker, ids.job, 0, "broken", &err));
    assert_true(journal_line(store, worker, ids.job, 1, NULL, &err));
    for (size_t n = 0;; n++) {
        struct arena arena = {0};
        struct job_list list;
        err = (struct err){0};
        mem_fail_after(n);
        bool ok = jobs_list(store, &ann, &(struct job_filter){0}, &arena, &list, &err) &&
                  jobs_finish(store, worker, ids.job, JOB_SUCCESS, NULL, &err);
        mem_fail_never();
        arena_free(&arena);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_string_equal(job_state(store, ids.job), "RUNNING 1+1/3");
        assert_true(n < 100);
    }
    assert_string_equal(job_state(store, ids.job), "SUCCESS 1+1/3");
    store_close(store);
}
