/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jobs.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/files_int.h"
#include "store/jobs_int.h"

enum { DEFAULT_PAGE = 100, DEFAULT_HOURS = 24, MAX_HOURS = 168, WORD_SET_BYTES = 256 };

/* What a metadata object may be at most as JSON, each character as an escape. */
#define METADATA_BYTES ((size_t)LIMIT_METADATA * 2 * (6 * LIMIT_METADATA_TEXT + 8))

static int64_t now_s(void)
{
    return clock_unix_us() / 1000000;
}

/* Takes the ids apart that a row has with spaces between them. */
static bool read_inputs(struct span ids, struct arena *arena, struct job *job, struct err *err)
{
    size_t n = ids.n ? 1 : 0;
    for (size_t i = 0; i < ids.n; i++)
        n += ids.s[i] == ' ';
    job->inputs = arena_new(arena, n, sizeof *job->inputs, err);
    if (!job->inputs)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *end = memchr(ids.s, ' ', ids.n);
        size_t n_id = end ? (size_t)(end - ids.s) : ids.n;
        if (!(job->inputs[job->n_inputs++] = arena_string(arena, ids.s, n_id, err)))
            return false;
        if (end)
            ids = (struct span){end + 1, ids.n - n_id - 1};
    }
    return true;
}

bool job_read(const struct query *q, struct arena *arena, struct job *job, struct err *err)
{
    struct span id = query_get_span(q, 0);
    *job = (struct job){
        .created_at = query_get_int(q, 10) / 1000000,
        .started_at = query_get_int(q, 11),
        .completed_at = query_get_int(q, 12),
        .deadline_at = query_get_int(q, 13),
        .n_requests = query_get_int(q, 14),
        .n_succeeded = query_get_int(q, 15),
        .n_failed = query_get_int(q, 16),
    };
    snprintf(job->id, sizeof job->id, "%.*s", (int)id.n, id.s);
    if (!job_status_find(query_get_span(q, 9), &job->status))
        return err_set(err, ERR_IO, "%s: job %s has no known status; restore a backup",
                       q->store->name, job->id);
    return read_inputs(query_get_span(q, 6), arena, job, err) &&
           (job->owner = query_get_text(q, 1, arena, err)) &&
           (job->endpoint = query_get_text(q, 2, arena, err)) &&
           (job->model = query_get_text(q, 3, arena, err)) &&
           (job->agent_id = query_get_text(q, 4, arena, err)) &&
           (job->metadata = query_get_text(q, 5, arena, err)) &&
           (job->output_file = query_get_text(q, 7, arena, err)) &&
           (job->error_file = query_get_text(q, 8, arena, err));
}

bool job_read_errors(struct store *store, struct arena *arena, struct job *job, struct err *err)
{
    struct query q;
    if (!job->n_failed && job->status != JOB_FAILED)
        return true;
    job->errors = arena_new(arena, LIMIT_JOB_MESSAGES + 1, sizeof *job->errors, err);
    if (!job->errors)
        return false;
    query_init(&q, store,
               "SELECT message, count FROM job_errors WHERE job_id = $1"
               " ORDER BY count DESC, message LIMIT $2");
    query_text(&q, job->id);
    query_int(&q, LIMIT_JOB_MESSAGES + 1);
    bool ok = true;
    while (ok && query_next(&q, err)) {
        struct job_error *error = &job->errors[job->n_errors++];
        error->count = query_get_int(&q, 1);
        ok = (error->message = query_get_text(&q, 0, arena, err)) != NULL;
    }
    return query_end(&q) && ok;
}

static bool not_found(const char *id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no batch job has the id '%.64s'", id);
}

bool job_find(struct store *store, const struct viewer *viewer, const char *id, struct arena *arena,
              struct job *job, struct err *err)
{
    struct query q;
    query_init(&q, store,
               "SELECT " JOB_COLUMNS " FROM jobs WHERE id = $1 AND (owner = $2 OR $3 <> 0)");
    query_text(&q, id);
    query_text(&q, viewer->key_id);
    query_int(&q, viewer->sees_all);
    bool found = query_next(&q, err);
    bool ok = !found || job_read(&q, arena, job, err);
    return query_end(&q) && ok && (found || not_found(id, err)) &&
           job_read_errors(store, arena, job, err);
}

/* Counts the characters of UTF-8. */
static size_t count_characters(struct span text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.s[i] & 0xc0) != 0x80;
    return n;
}

/* Writes a metadata object as the store keeps it. */
static bool write_metadata(const struct json_node *metadata, struct buf *out, struct err *err)
{
    if (!metadata)
        return buf_add(out, "{}", 2, err);
    if (metadata->kind != NODE_OBJECT)
        return json_node_fail(metadata, err, "expected an object");
    if (metadata->n > LIMIT_METADATA)
        return json_node_fail(metadata, err, "expected at most %u entries", LIMIT_METADATA);
    for (const struct json_node *node = metadata->first; node; node = node->next) {
        size_t n = node->kind == NODE_STRING ? count_characters(node->text) : 0;
        if (n < 1 || n > LIMIT_METADATA_TEXT || count_characters(node->key) > LIMIT_METADATA_TEXT)
            return json_node_fail(node, err, "expected a text of 1 to %u characters",
                                  LIMIT_METADATA_TEXT);
    }
    return json_write(metadata, out, err);
}

/* Adds up the lines of the inputs and joins their ids with spaces. */
static bool take_inputs(struct store *store, const struct viewer *viewer,
                        const struct job_request *request, struct buf *ids, int64_t *n_lines,
                        struct err *err)
{
    struct arena arena = {0};
    bool ok = true;
    *n_lines = 0;
    for (size_t i = 0; ok && i < request->n_inputs; i++) {
        struct file_info info;
        char id[2 * UUID_TEXT]; /* one that is too long stays so */
        size_t n_id = request->inputs[i].n < sizeof id ? request->inputs[i].n : sizeof id - 1;
        snprintf(id, sizeof id, "%.*s", (int)n_id, request->inputs[i].s);
        ok = file_find(store, viewer, id, &arena, &info, err);
        if (ok && info.n_lines < 0)
            ok = err_set(err, ERR_ARG, "input_files[%zu]: '%s' is no .jsonl file", i, info.name);
        *n_lines += ok ? info.n_lines : 0;
        ok = ok && (!i || buf_add(ids, " ", 1, err)) && buf_add(ids, id, strlen(id), err);
        arena_reset(&arena);
    }
    arena_free(&arena);
    if (ok && *n_lines > LIMIT_JOB_LINES)
        ok = err_set(err, ERR_LIMIT, "input_files: %lld requests; at most %u are taken",
                     (long long)*n_lines, LIMIT_JOB_LINES);
    if (ok && !*n_lines)
        ok = err_set(err, ERR_ARG, "input_files: no requests in them");
    return ok;
}

static bool insert(struct store *store, const struct viewer *viewer,
                   const struct job_request *request, const char *metadata, const char *id,
                   struct err *err)
{
    struct query q;
    struct buf inputs;
    int64_t n_lines, now = clock_unix_us();
    uint32_t hours = request->timeout_hours ? request->timeout_hours : DEFAULT_HOURS;
    buf_init(&inputs, (size_t)LIMIT_JOB_INPUTS * UUID_TEXT);
    bool ok = take_inputs(store, viewer, request, &inputs, &n_lines, err);
    if (ok) {
        query_init(&q, store,
                   "INSERT INTO jobs (" JOB_COLUMNS ", worker, lease_until) VALUES ($1, $2, $3, $4,"
                   " $5, $6, $7, '', '', $8, $9, 0, 0, $10, $11, 0, 0, '', 0)");
        query_text(&q, id);
        query_text(&q, viewer->key_id);
        query_span(&q, request->endpoint);
        query_span(&q, request->model);
        query_span(&q, request->agent_id);
        query_text(&q, metadata);
        query_text(&q, inputs.data);
        query_text(&q, job_status_name(JOB_QUEUED));
        query_int(&q, now);
        query_int(&q, now / 1000000 + 3600 * (int64_t)hours);
        query_int(&q, n_lines);
        ok = query_run(&q, NULL, err);
    }
    buf_free(&inputs);
    return ok;
}

bool jobs_create(struct store *store, const struct viewer *viewer,
                 const struct job_request *request, struct arena *arena, struct job *job,
                 struct err *err)
{
    struct buf metadata;
    char id[UUID_TEXT];
    if (!request->n_inputs || request->n_inputs > LIMIT_JOB_INPUTS)
        return err_set(err, ERR_ARG, "input_files: expected 1 to %u ids", LIMIT_JOB_INPUTS);
    if (request->timeout_hours > MAX_HOURS)
        return err_set(err, ERR_ARG, "timeout_hours: expected 1 to %d", MAX_HOURS);
    buf_init(&metadata, METADATA_BYTES);
    bool ok = write_metadata(request->metadata, &metadata, err) && uuid_new(id, err) &&
              store_enter(store, STORE_WRITES, err);
    ok = ok && store_leave(store,
                           insert(store, viewer, request, metadata.data, id, err) &&
                               job_find(store, viewer, id, arena, job, err),
                           err);
    buf_free(&metadata);
    return ok;
}

bool jobs_get(struct store *store, const struct viewer *viewer, const char *id, struct arena *arena,
              struct job *job, struct err *err)
{
    if (!uuid_is(id))
        return not_found(id, err);
    return store_enter(store, STORE_READS, err) &&
           store_leave(store, job_find(store, viewer, id, arena, job, err), err);
}

/* Changes the status of a job that has one to another. */
static bool change(struct store *store, const char *id, enum job_status from, enum job_status to,
                   int64_t completed_at, struct err *err)
{
    struct query q;
    query_init(&q, store,
               "UPDATE jobs SET status = $1, completed_at = $2 WHERE id = $3 AND status = $4");
    query_text(&q, job_status_name(to));
    query_int(&q, completed_at);
    query_text(&q, id);
    query_text(&q, job_status_name(from));
    return query_run(&q, NULL, err);
}

bool jobs_cancel(struct store *store, const struct viewer *viewer, const char *id,
                 struct arena *arena, struct job *job, struct err *err)
{
    if (!uuid_is(id))
        return not_found(id, err);
    if (!store_enter(store, STORE_WRITES, err))
        return false;
    /* Asked for first, so that nothing of another's is changed. */
    bool ok = job_find(store, viewer, id, arena, job, err) &&
              change(store, id, JOB_QUEUED, JOB_CANCELLED, now_s(), err) &&
              change(store, id, JOB_RUNNING, JOB_CANCELLATION_REQUESTED, 0, err) &&
              job_find(store, viewer, id, arena, job, err);
    return store_leave(store, ok, err);
}

static bool delete_one(struct store *store, const struct viewer *viewer, const char *id,
                       struct err *err)
{
    struct arena arena = {0};
    struct job job;
    struct query q;
    int64_t n_found = 0;
    bool ok = job_find(store, viewer, id, &arena, &job, err);
    if (ok) {
        query_init(&q, store,
                   "DELETE FROM jobs WHERE id = $1"
                   " AND status NOT IN ('QUEUED', 'RUNNING', 'CANCELLATION_REQUESTED')");
        query_text(&q, id);
        ok = query_run(&q, &n_found, err);
    }
    if (ok && !n_found)
        ok = err_set(err, ERR_ARG, "batch job %s is not over; cancel it first", id);
    arena_free(&arena);
    return ok;
}

bool jobs_delete(struct store *store, const struct viewer *viewer, const char *id, struct err *err)
{
    if (!uuid_is(id))
        return not_found(id, err);
    return store_enter(store, STORE_WRITES, err) &&
           store_leave(store, delete_one(store, viewer, id, err), err);
}

static const char *status_word(unsigned i)
{
    return job_status_name((enum job_status)i);
}

/* SQLite takes no longer pattern than 50000 bytes. */
enum { METADATA_PATTERNS = 4, PATTERN_BYTES = 40000 };

/* What of a filter must live as long as its query. */
struct filter_texts {
    char statuses[WORD_SET_BYTES];
    struct buf patterns[METADATA_PATTERNS];
};

/* A member as json_write() writes it, with what separates it from the one before: within a text of
 * JSON no '"' stands bare, so that it is found as a member only. */
static bool make_pattern(const struct json_node *member, struct buf *pattern, struct err *err)
{
    struct buf text;
    buf_init(&text, PATTERN_BYTES);
    bool ok = buf_add(&text, ", ", 2, err) && json_write_text(member->key, &text, err) &&
              buf_add(&text, ": ", 2, err) && json_write(member, &text, err) &&
              store_pattern((struct span){text.data, text.len}, pattern, err);
    buf_free(&text);
    return ok;
}

static bool make_texts(const struct job_filter *filter, struct filter_texts *texts, struct err *err)
{
    const struct json_node *metadata = filter->metadata;
    store_word_set(filter->statuses, N_JOB_STATUSES, status_word, texts->statuses, WORD_SET_BYTES);
    for (int i = 0; i < METADATA_PATTERNS; i++)
        buf_init(&texts->patterns[i], PATTERN_BYTES);
    if (metadata && (metadata->kind != NODE_OBJECT || metadata->n > METADATA_PATTERNS))
        return json_node_fail(metadata, err, "expected an object of at most %d entries",
                              METADATA_PATTERNS);
    const struct json_node *member = metadata ? metadata->first : NULL;
    bool ok = true;
    for (int i = 0; ok && i < METADATA_PATTERNS; i++) {
        if (member && member->kind != NODE_STRING)
            return json_node_fail(member, err, "expected a text");
        ok = member ? make_pattern(member, &texts->patterns[i], err)
                    : buf_add(&texts->patterns[i], "%", 1, err);
        member = member ? member->next : NULL;
    }
    return ok;
}

/* The condition that all queries of a list have, and its arguments. */
#define MATCHES                                                                                    \
    " FROM jobs WHERE (owner = $1 OR $2 <> 0) AND ($3 = '' OR $3 LIKE '%,' || status || ',%')"     \
    " AND ($4 = 0 OR model = $5) AND ($6 = 0 OR agent_id = $7) AND created_us > $8"                \
    " AND ', ' || substr(metadata, 2) LIKE $9 ESCAPE '!'"                                          \
    " AND ', ' || substr(metadata, 2) LIKE $10 ESCAPE '!'"                                         \
    " AND ', ' || substr(metadata, 2) LIKE $11 ESCAPE '!'"                                         \
    " AND ', ' || substr(metadata, 2) LIKE $12 ESCAPE '!'"

static void give_filter(struct query *q, const struct viewer *viewer,
                        const struct job_filter *filter, const struct filter_texts *texts)
{
    query_text(q, viewer->key_id);
    query_int(q, viewer->sees_all && !filter->mine);
    query_text(q, texts->statuses);
    query_int(q, filter->model.s != NULL);
    query_span(q, filter->model);
    query_int(q, filter->agent_id.s != NULL);
    query_span(q, filter->agent_id);
    /* Behind the whole second. */
    query_int(q, filter->created_after ? filter->created_after * 1000000 + 999999 : -1);
    for (int i = 0; i < METADATA_PATTERNS; i++)
        query_text(q, texts->patterns[i].data);
}

static bool list(struct store *store, const struct viewer *viewer, const struct job_filter *filter,
                 const struct filter_texts *texts, struct arena *arena, struct job_list *out,
                 struct err *err)
{
    struct query q;
    uint32_t page_size = filter->page_size ? filter->page_size : DEFAULT_PAGE;
    query_init(&q, store, "SELECT count(*)" MATCHES);
    give_filter(&q, viewer, filter, texts);
    if (query_next(&q, err))
        out->total = query_get_int(&q, 0);
    if (!query_end(&q))
        return false;
    out->items = arena_new(arena, page_size, sizeof *out->items, err);
    if (!out->items)
        return false;
    query_init(&q, store,
               filter->oldest_first ? "SELECT " JOB_COLUMNS MATCHES
                                      " ORDER BY created_us, id LIMIT $13 OFFSET $14"
                                    : "SELECT " JOB_COLUMNS MATCHES
                                      " ORDER BY created_us DESC, id LIMIT $13 OFFSET $14");
    give_filter(&q, viewer, filter, texts);
    query_int(&q, page_size);
    query_int(&q, (int64_t)filter->page * page_size);
    bool ok = true;
    while (ok && out->n < page_size && query_next(&q, err))
        ok = job_read(&q, arena, &out->items[out->n++], err);
    ok = query_end(&q) && ok;
    for (size_t i = 0; ok && i < out->n; i++)
        ok = job_read_errors(store, arena, &out->items[i], err);
    return ok;
}

bool jobs_list(struct store *store, const struct viewer *viewer, const struct job_filter *filter,
               struct arena *arena, struct job_list *out, struct err *err)
{
    struct filter_texts texts;
    *out = (struct job_list){0};
    if (filter->page_size > LIMIT_PAGE_SIZE)
        return err_set(err, ERR_ARG, "page_size: expected at most %u", LIMIT_PAGE_SIZE);
    if (filter->created_after < 0 || filter->created_after > INT64_MAX / 2000000)
        return err_set(err, ERR_ARG, "created_after: expected seconds since 1970");
    bool ok = make_texts(filter, &texts, err) && store_enter(store, STORE_READS, err);
    ok = ok && store_leave(store, list(store, viewer, filter, &texts, arena, out, err), err);
    for (int i = 0; i < METADATA_PATTERNS; i++)
        buf_free(&texts.patterns[i]);
    return ok;
}
