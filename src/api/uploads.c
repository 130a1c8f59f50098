/* SPDX-License-Identifier: Apache-2.0 */
/* uploads.c - /v1/files: what clients upload, list, read and remove. */
#include "store/files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/api_int.h"
#include "api/endpoints.h"
#include "base/limits.h"
#include "net/http_form.h"

enum { READ_BYTES = 1 << 16, HOUR_S = 3600, MOST_HOURS = 24 * 365, PAGE_SIZE = 100 };

/* Files belong to the key that brought them; who has the role sees all. */
static struct viewer viewer_of(const struct call *call)
{
    return (struct viewer){.key_id = call->grant.key_id,
                           .sees_all = (call->grant.roles & ROLE_ADMIN) != 0};
}

/* Says whether there is a store; else the request is refused. */
static bool has_store(struct call *call)
{
    struct api_error error;
    if (call->api->options.store)
        return true;
    api_error_set(&error, 400, "invalid_request_error", "unsupported_content",
                  "this server keeps no files: it has no store");
    call_fail(call, &error);
    return false;
}

static void write_file(struct json_out *o, const struct file_info *f, bool with_deleted)
{
    json_out_format(o, "{\"id\":\"%s\",\"object\":\"file\",\"bytes\":%lld,\"created_at\":%lld",
                    f->id, (long long)f->n_bytes, (long long)f->created_at);
    json_out_raw(o, ",\"filename\":");
    json_out_text(o, f->name);
    json_out_format(o, ",\"purpose\":\"%s\",\"sample_type\":\"%s\",\"source\":\"%s\"",
                    file_purpose_name(f->purpose), sample_type_name(f->sample_type),
                    file_source_name(f->source));
    json_out_format(o, ",\"visibility\":\"%s\"", file_visibility_name(f->visibility));
    if (f->n_lines >= 0)
        json_out_format(o, ",\"num_lines\":%lld", (long long)f->n_lines);
    if (f->mime && f->mime[0]) {
        json_out_raw(o, ",\"mimetype\":");
        json_out_text(o, f->mime);
    }
    if (f->expires_at)
        json_out_format(o, ",\"expires_at\":%lld", (long long)f->expires_at);
    json_out_raw(o, with_deleted ? ",\"deleted\":false}" : "}");
}

static void reply_file(struct call *call, const struct file_info *f, bool with_deleted)
{
    struct buf out;
    struct json_out o = {.buf = &out};
    buf_init(&out, LIMIT_TEXT_BYTES);
    write_file(&o, f, with_deleted);
    call_reply(call, &o);
    buf_free(&out);
}

/* --- upload -------------------------------------------------------------------------------- */

static bool read_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    const struct json_node node = {.kind = NODE_NUMBER, .text = {text, strlen(text)}};
    return json_node_int(&node, min, max, out);
}

/* Reads the fields of the form besides the file. */
static bool read_about(struct call *call, const struct http_form *form,
                       struct file_upload_about *about, struct err *err)
{
    const struct http_part *purpose = http_form_find(form, "purpose");
    const struct http_part *expiry = http_form_find(form, "expiry");
    const struct http_part *visibility = http_form_find(form, "visibility");
    int64_t hours = 0;
    about->owner = call->grant.key_id;
    about->purpose = PURPOSE_BATCH;
    about->source = SOURCE_UPLOAD;
    if (purpose && (!purpose->value ||
                    !file_purpose_find((struct span){purpose->value, strlen(purpose->value)},
                                       &about->purpose)))
        return err_set(err, ERR_ARG,
                       "request: purpose: expected fine-tune, batch, ocr, user_data, assistants, "
                       "vision or evals");
    if (visibility &&
        (!visibility->value ||
         !file_visibility_find((struct span){visibility->value, strlen(visibility->value)},
                               &about->visibility)))
        return err_set(err, ERR_ARG, "request: visibility: expected workspace or user");
    if (expiry && (!expiry->value || !read_number(expiry->value, 1, MOST_HOURS, &hours)))
        return err_set(err, ERR_ARG, "request: expiry: expected 1 to %d hours", MOST_HOURS);
    if (hours)
        about->expires_at = api_now() + hours * HOUR_S;
    return true;
}

static bool copy(struct file_upload *upload, const char *path, struct err *err)
{
    char bytes[READ_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "the upload could not be read back");
    ssize_t n;
    bool ok = true;
    while (ok && (n = read(fd, bytes, sizeof bytes)) > 0)
        ok = file_upload_add(upload, bytes, (size_t)n, err);
    if (ok && n < 0)
        ok = err_set(err, ERR_IO, "the upload could not be read back");
    close(fd);
    return ok;
}

static bool store_file(struct call *call, const struct http_part *part,
                       const struct file_upload_about *about, struct file_info *info,
                       struct err *err)
{
    struct file_upload *upload = file_upload_begin(call->api->options.store, about, err);
    bool ok = upload && copy(upload, part->path, err) &&
              file_upload_finish(upload, &call->arena, info, err);
    file_upload_close(upload);
    return ok;
}

static bool take_upload(struct call *call, struct file_info *info, struct err *err)
{
    struct file_upload_about about = {0};
    struct http_form *form = http_form(call->x);
    const struct http_part *part = form ? http_form_find(form, "file") : NULL;
    if (!part || !part->path)
        return err_set(err, ERR_ARG, "request: file: missing; expected a part with a file name");
    if (!read_about(call, form, &about, err))
        return false;
    about.name = (struct span){part->file_name, strlen(part->file_name)};
    about.mime = (struct span){part->content_type, strlen(part->content_type)};
    return store_file(call, part, &about, info, err);
}

void file_upload_answer(struct call *call)
{
    struct err err = {0};
    struct file_info info = {0};
    if (!has_store(call))
        return;
    if (take_upload(call, &info, &err)) {
        reply_file(call, &info, false);
        return;
    }
    struct api_error error;
    api_error_of(&error, &err);
    if (err.code == ERR_FORMAT) { /* a line of it: the request itself was read */
        error.status = 422;
        error.code = NULL;
    }
    call_fail(call, &error);
}

/* --- the rest ------------------------------------------------------------------------------- */

static bool query_number(const struct call *call, const char *name, uint32_t max, uint32_t *out,
                         struct err *err)
{
    const char *text = http_query(call->x, name);
    int64_t value;
    if (!text)
        return true;
    if (!read_number(text, 0, max, &value))
        return err_set(err, ERR_ARG, "request: %s: expected a whole number up to %u", name, max);
    *out = (uint32_t)value;
    return true;
}

static bool read_filter(const struct call *call, struct file_filter *filter, struct err *err)
{
    const char *search = http_query(call->x, "search"), *purpose = http_query(call->x, "purpose");
    enum file_purpose which;
    filter->page_size = PAGE_SIZE;
    if (!query_number(call, "page", 1000000, &filter->page, err) ||
        !query_number(call, "page_size", LIMIT_PAGE_SIZE, &filter->page_size, err))
        return false;
    if (search)
        filter->search = (struct span){search, strlen(search)};
    if (!purpose)
        return true;
    if (!file_purpose_find((struct span){purpose, strlen(purpose)}, &which))
        return err_set(err, ERR_ARG, "request: purpose: expected one of those of uploads");
    filter->purposes = 1u << which;
    return true;
}

void files_answer(struct call *call)
{
    struct err err = {0};
    struct file_filter filter = {0};
    struct file_list list;
    struct viewer viewer = viewer_of(call);
    if (!has_store(call))
        return;
    if (!read_filter(call, &filter, &err) ||
        !files_list(call->api->options.store, &viewer, &filter, &call->arena, &list, &err)) {
        call_fail_err(call, &err);
        return;
    }
    struct buf out;
    struct json_out o = {.buf = &out};
    buf_init(&out, LIMIT_TEXT_BYTES);
    json_out_raw(&o, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < list.n; i++) {
        json_out_raw(&o, i ? "," : "");
        write_file(&o, &list.items[i], false);
    }
    json_out_format(&o, "],\"total\":%lld}", (long long)list.total);
    call_reply(call, &o);
    buf_free(&out);
}

/* The id of "ID" or "ID/content": [UUID_TEXT]; *content says which. */
static bool read_id(struct call *call, char *id, bool *content)
{
    struct api_error error;
    size_t n = strcspn(call->rest, "/");
    *content = strcmp(call->rest + n, "/content") == 0;
    if (n == UUID_TEXT - 1 && (*content || !call->rest[n])) {
        memcpy(id, call->rest, n);
        id[n] = '\0';
        return true;
    }
    api_error_set(&error, 404, "invalid_request_error", "not_found", "there is no such file");
    call_fail(call, &error);
    return false;
}

void file_answer(struct call *call)
{
    struct err err = {0};
    struct file_info info;
    char id[UUID_TEXT];
    bool content;
    struct viewer viewer = viewer_of(call);
    struct store *store = call->api->options.store;
    if (!has_store(call) || !read_id(call, id, &content))
        return;
    if (!content) {
        if (files_get(store, &viewer, id, &call->arena, &info, &err))
            reply_file(call, &info, true);
        else
            call_fail_err(call, &err);
        return;
    }
    int fd = files_open(store, &viewer, id, &call->arena, &info, &err);
    if (fd < 0) {
        call_fail_err(call, &err);
        return;
    }
    http_set_header(call->x, "X-Content-Type-Options", "nosniff");
    http_reply_file(call->x, 200, "application/octet-stream", fd, (uint64_t)info.n_bytes);
}

void file_delete_answer(struct call *call)
{
    struct err err = {0};
    char id[UUID_TEXT];
    bool content;
    struct viewer viewer = viewer_of(call);
    if (!has_store(call) || !read_id(call, id, &content))
        return;
    if (!files_delete(call->api->options.store, &viewer, id, &err)) {
        call_fail_err(call, &err);
        return;
    }
    struct buf out;
    struct json_out o = {.buf = &out};
    buf_init(&out, LIMIT_TEXT_BYTES);
    json_out_format(&o, "{\"id\":\"%s\",\"object\":\"file\",\"deleted\":true}", id);
    call_reply(call, &o);
    buf_free(&out);
}
