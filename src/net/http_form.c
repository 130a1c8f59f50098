/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_form.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/http_form_int.h"
#include "net/http_id.h"
#include "net/http_multipart.h"

struct http_form {
    struct multipart parser;
    struct arena arena;
    const char *folder;
    struct http_form_limits limits;
    struct http_part *parts; /* [limits.n_parts] */
    size_t n, field_bytes;   /* parts; bytes of those that are fields */
    struct buf value;        /* of the field that arrives */
    int fd;                  /* of the file that arrives, or -1 */
};

static bool open_file(struct http_form *form, struct http_part *part, struct err *err)
{
    struct buf path;
    char base[sizeof "upload-" + HTTP_ID_FRESH] = "upload-";
    http_id_fresh(base + strlen(base));
    buf_init(&path, 4096);
    bool ok = file_join(&path, form->folder, base, err);
    char *name = ok ? arena_string(&form->arena, path.data, path.len, err) : NULL;
    buf_free(&path);
    if (!name)
        return false;
    form->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (form->fd < 0)
        return file_fail(form->folder, "make a file in", err);
    part->path = name;
    return true;
}

static bool begin(void *arg, const struct multipart_part *from, struct err *err)
{
    struct http_form *form = arg;
    if (form->n == form->limits.n_parts)
        return err_set(err, ERR_LIMIT, "a form may have %zu parts", form->limits.n_parts);
    struct http_part *part = &form->parts[form->n++];
    struct arena *arena = &form->arena;
    part->name = arena_string(arena, from->name, strlen(from->name), err);
    part->content_type = arena_string(arena, from->content_type, strlen(from->content_type), err);
    if (!part->name || !part->content_type)
        return false;
    if (!from->is_file)
        return true;
    part->file_name = arena_string(arena, from->file_name, strlen(from->file_name), err);
    return part->file_name && open_file(form, part, err);
}

static bool data(void *arg, const char *bytes, size_t n, struct err *err)
{
    struct http_form *form = arg;
    struct http_part *part = &form->parts[form->n - 1];
    part->n_bytes += n;
    if (form->fd >= 0)
        return file_write(form->fd, part->path, bytes, n, err);
    form->field_bytes += n;
    if (form->field_bytes > form->limits.field_bytes)
        return err_set(err, ERR_LIMIT, "the fields of a form may have %zu bytes together",
                       form->limits.field_bytes);
    return buf_add(&form->value, bytes, n, err);
}

static bool end(void *arg, struct err *err)
{
    struct http_form *form = arg;
    struct http_part *part = &form->parts[form->n - 1];
    if (form->fd >= 0) {
        int fd = form->fd;
        form->fd = -1;
        return close(fd) == 0 || file_fail(part->path, "write", err);
    }
    const char *value = form->value.data ? form->value.data : "";
    part->value = arena_string(&form->arena, value, form->value.len, err);
    buf_clear(&form->value);
    return part->value != NULL;
}

struct http_form *http_form_open(const char *content_type, const char *folder,
                                 const struct http_form_limits *limits, struct err *err)
{
    struct http_form *form = mem_new(1, sizeof *form, err);
    if (!form)
        return NULL;
    *form = (struct http_form){.fd = -1, .limits = *limits};
    buf_init(&form->value, limits->field_bytes);
    const struct multipart_sink sink = {.begin = begin, .data = data, .end = end, .arg = form};
    form->folder = arena_string(&form->arena, folder, strlen(folder), err);
    form->parts = arena_new(&form->arena, limits->n_parts, sizeof *form->parts, err);
    if (form->folder && form->parts && multipart_init(&form->parser, content_type, &sink, err))
        return form;
    http_form_close(form);
    return NULL;
}

void http_form_close(struct http_form *form)
{
    if (!form)
        return;
    if (form->fd >= 0)
        close(form->fd);
    for (size_t i = 0; form->parts && i < form->n; i++)
        if (form->parts[i].path)
            unlink(form->parts[i].path);
    buf_free(&form->value);
    arena_free(&form->arena);
    free(form);
}

bool http_form_add(struct http_form *form, const char *bytes, size_t n, struct err *err)
{
    return multipart_add(&form->parser, bytes, n, err);
}

bool http_form_end(const struct http_form *form, struct err *err)
{
    return multipart_end(&form->parser, err);
}

size_t http_form_n(const struct http_form *form)
{
    return form->n;
}

const struct http_part *http_form_part(const struct http_form *form, size_t i)
{
    return &form->parts[i];
}

const struct http_part *http_form_find(const struct http_form *form, const char *name)
{
    for (size_t i = 0; i < form->n; i++)
        if (strcmp(form->parts[i].name, name) == 0)
            return &form->parts[i];
    return NULL;
}

bool http_form_take(struct http_form *form, const struct http_part *part, const char *path,
                    struct err *err)
{
    struct http_part *own = &form->parts[part - form->parts];
    if (!own->path)
        return err_set(err, ERR_ARG, "part %s: it is no file, or was taken before", own->name);
    if (rename(own->path, path) != 0)
        return file_fail(path, "move an upload to", err);
    own->path = NULL;
    return true;
}
