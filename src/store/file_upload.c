/* SPDX-License-Identifier: Apache-2.0 */
/* file_upload.c - a file as it comes from a client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "data/jsonl.h"
#include "store/files_int.h"

struct file_upload {
    struct store *store;
    struct content content;
    struct jsonl lines; /* of a .jsonl file */
    bool has_lines, has_guessed, has_failed;
    struct file_info info;
    char owner[64], name[LIMIT_FILE_NAME + 1], mime[LIMIT_MIME_BYTES + 1];
};

/* Guesses from the first line what the lines are. */
static bool look_at_line(void *arg, uint64_t index, const struct json_node *object,
                         struct span text, struct err *err)
{
    struct file_upload *upload = arg;
    (void)text;
    (void)err;
    if (index > 0)
        return true;
    bool is_request = json_member(object, "body") != NULL;
    bool is_text = json_member(object, "text") && !json_member(object, "messages");
    upload->info.sample_type = is_request ? SAMPLE_BATCH_REQUEST
                               : is_text  ? SAMPLE_PRETRAIN
                                          : SAMPLE_INSTRUCT;
    return true;
}

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n >= m && strcasecmp(name + n - m, ending) == 0;
}

struct file_upload *file_upload_begin(struct store *store, const struct file_upload_about *about,
                                      struct err *err)
{
    struct file_upload *upload = mem_new(1, sizeof *upload, err);
    if (!upload)
        return NULL;
    upload->store = store;
    jsonl_init(&upload->lines, look_at_line, upload);
    snprintf(upload->owner, sizeof upload->owner, "%s", about->owner);
    file_clean_name(about->name, upload->name);
    file_clean_mime(about->mime, upload->mime);
    upload->has_lines = ends_in(upload->name, ".jsonl");
    upload->info = (struct file_info){
        .purpose = about->purpose,
        .visibility = about->visibility,
        .source = about->source,
        .expires_at = about->expires_at,
        .sample_type = about->purpose == PURPOSE_BATCH ? SAMPLE_BATCH_REQUEST : SAMPLE_INSTRUCT,
    };
    if (content_begin(&upload->content, store, err))
        return upload;
    file_upload_close(upload);
    return NULL;
}

bool file_upload_add(struct file_upload *upload, const void *bytes, size_t n, struct err *err)
{
    if (upload->has_failed)
        return err_set(err, ERR_ARG, "%s: goes on after a failure", upload->name);
    bool ok = n <= LIMIT_FILE_BYTES - (size_t)upload->content.n_bytes ||
              err_set(err, ERR_LIMIT, "more than %u bytes", LIMIT_FILE_BYTES);
    ok = ok && content_add(&upload->content, bytes, n, err) &&
         (!upload->has_lines || jsonl_add(&upload->lines, bytes, n, err));
    upload->has_failed = !ok;
    return ok || err_add(err, "%s", upload->name);
}

/* Copies the texts of info to the arena. */
static bool keep_texts(const struct file_upload *upload, struct arena *arena,
                       struct file_info *info, struct err *err)
{
    *info = upload->info;
    memcpy(info->id, upload->content.id, sizeof info->id);
    info->n_bytes = upload->content.n_bytes;
    info->n_lines = upload->has_lines ? (int64_t)upload->lines.n_lines : -1;
    info->created_at = clock_unix_us() / 1000000;
    return (info->owner = arena_string(arena, upload->owner, strlen(upload->owner), err)) &&
           (info->name = arena_string(arena, upload->name, strlen(upload->name), err)) &&
           (info->mime = arena_string(arena, upload->mime, strlen(upload->mime), err)) &&
           (info->sha256 = arena_string(arena, upload->content.sha256, SHA256_TEXT - 1, err));
}

bool file_upload_finish(struct file_upload *upload, struct arena *arena, struct file_info *info,
                        struct err *err)
{
    bool unsure = false;
    if (upload->has_failed)
        return err_set(err, ERR_ARG, "%s: ends after a failure", upload->name);
    upload->has_failed = true; /* it can only be closed from here on */
    if (upload->has_lines && !jsonl_end(&upload->lines, err))
        return err_add(err, "%s", upload->name);
    bool ok = content_keep(&upload->content, err) && keep_texts(upload, arena, info, err) &&
              store_enter(upload->store, STORE_WRITES, err);
    ok = ok &&
         store_leave_unsure(upload->store, file_insert(upload->store, info, err), &unsure, err);
    /* Without a row the content goes; when nobody knows, files_sweep() finds out. */
    content_close(&upload->content, ok || unsure);
    return ok;
}

void file_upload_close(struct file_upload *upload)
{
    if (!upload)
        return;
    content_close(&upload->content, false);
    jsonl_free(&upload->lines);
    free(upload);
}
