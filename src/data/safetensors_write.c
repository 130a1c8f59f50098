/* SPDX-License-Identifier: Apache-2.0 */
#include "data/safetensors_write.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "data/json_tree.h"

enum { PREFIX_BYTES = 8, ALIGN = 8 };

struct safetensors_sink {
    int fd;
    const char *path;
    size_t n_left; /* bytes of the tensor under way */
};

bool safetensors_put(struct safetensors_sink *sink, const void *bytes, size_t n, struct err *err)
{
    assert(n <= sink->n_left);
    sink->n_left -= n;
    return file_write(sink->fd, sink->path, bytes, n, err);
}

static bool add_text(struct buf *out, struct err *err, const char *fmt, ...) PRINTF(3, 4);
static bool add_text(struct buf *out, struct err *err, const char *fmt, ...)
{
    char text[600];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof text);
    return buf_add(out, text, (size_t)n, err);
}

static bool add_name(struct buf *out, const char *name, struct err *err)
{
    return json_write_text((struct span){name, strlen(name)}, out, err);
}

/* Returns the first tensor behind the shard that begins with first. */
static size_t shard_end(const struct safetensors_job *job, size_t first)
{
    size_t n_bytes = job->entries[first].n_bytes, i = first + 1;
    while (i < job->n && job->entries[i].n_bytes <= job->shard_bytes &&
           n_bytes <= job->shard_bytes - job->entries[i].n_bytes)
        n_bytes += job->entries[i++].n_bytes;
    return i;
}

static bool add_tensor(struct buf *out, const struct tensor_entry *e, size_t at, struct err *err)
{
    if (!add_text(out, err, ",") || !add_name(out, e->name, err) ||
        !add_text(out, err, ":{\"dtype\":\"%s\",\"shape\":[", e->type))
        return false;
    for (int d = 0; d < e->n_dims; d++)
        if (!add_text(out, err, "%s%lld", d ? "," : "", (long long)e->shape[d]))
            return false;
    return add_text(out, err, "],\"data_offsets\":[%zu,%zu]}", at, at + e->n_bytes);
}

/* Writes length and JSON, padded so that the data begin aligned. */
static bool write_header(const struct safetensors_job *job, size_t first, size_t end,
                         const struct safetensors_sink *sink, struct err *err)
{
    struct buf out;
    size_t at = 0;
    buf_init(&out, LIMIT_HEADER_BYTES);
    bool ok = add_text(&out, err, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = first; ok && i < end; i++) {
        ok = add_tensor(&out, &job->entries[i], at, err);
        at += job->entries[i].n_bytes;
    }
    ok = ok && add_text(&out, err, "}");
    while (ok && out.len % ALIGN)
        ok = add_text(&out, err, " ");
    uint8_t prefix[PREFIX_BYTES];
    for (size_t i = 0; i < PREFIX_BYTES; i++)
        prefix[i] = (uint8_t)((uint64_t)out.len >> (8 * i));
    ok = ok && file_write(sink->fd, sink->path, prefix, sizeof prefix, err) &&
         file_write(sink->fd, sink->path, out.data, out.len, err);
    buf_free(&out);
    return ok;
}

static bool write_tensors(const struct safetensors_job *job, size_t first, size_t end,
                          struct safetensors_sink *sink, struct err *err)
{
    if (!write_header(job, first, end, sink, err))
        return false;
    for (size_t i = first; i < end; i++) {
        sink->n_left = job->entries[i].n_bytes;
        if (!job->fill(job->arg, i, sink, err))
            return false;
        assert(sink->n_left == 0);
    }
    return true;
}

/* Writes DIR/NAME to path: [PATH_MAX]. */
static bool join(const struct safetensors_job *job, const char *name, char *path, struct err *err)
{
    return snprintf(path, PATH_MAX, "%s/%s", job->dir, name) < PATH_MAX ||
           err_set(err, ERR_ARG, "%.100s...: the path is too long; give a shorter one", job->dir);
}

static int create(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        file_fail(path, "write it", err);
    return fd;
}

/* A disk may say only now that it is full. */
static bool finish(int fd, const char *path, bool ok, struct err *err)
{
    return (close(fd) == 0 || !ok || file_fail(path, "write it", err)) && ok;
}

static bool write_shard(const struct safetensors_job *job, const char *name, size_t first,
                        size_t end, struct err *err)
{
    char path[PATH_MAX];
    if (!join(job, name, path, err))
        return false;
    struct safetensors_sink sink = {.fd = create(path, err), .path = path};
    return sink.fd >= 0 && finish(sink.fd, path, write_tensors(job, first, end, &sink, err), err);
}

static void shard_name(const struct safetensors_job *job, size_t i, size_t n, char name[NAME_MAX])
{
    snprintf(name, NAME_MAX, "%.100s-%05zu-of-%05zu.safetensors", job->stem, i + 1, n);
}

static size_t count_shards(const struct safetensors_job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < job->n; i = shard_end(job, i))
        n++;
    return n;
}

static bool fill_index(const struct safetensors_job *job, size_t n_shards, struct buf *out,
                       struct err *err)
{
    char name[NAME_MAX];
    size_t total = 0, i = 0;
    for (size_t k = 0; k < job->n; k++)
        total += job->entries[k].n_bytes;
    if (!add_text(out, err, "{\n  \"metadata\": {\"total_size\": %zu},\n  \"weight_map\": {",
                  total))
        return false;
    for (size_t shard = 0; shard < n_shards; shard++) {
        shard_name(job, shard, n_shards, name);
        for (size_t end = shard_end(job, i); i < end; i++)
            if (!add_text(out, err, "%s\n    ", i ? "," : "") ||
                !add_name(out, job->entries[i].name, err) || !add_text(out, err, ": ") ||
                !add_name(out, name, err))
                return false;
    }
    return add_text(out, err, "\n  }\n}\n");
}

static bool write_index(const struct safetensors_job *job, size_t n_shards, struct err *err)
{
    char name[NAME_MAX], path[PATH_MAX];
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    snprintf(name, sizeof name, "%.100s.safetensors.index.json", job->stem);
    bool ok = fill_index(job, n_shards, &out, err) && join(job, name, path, err);
    int fd = ok ? create(path, err) : -1;
    ok = fd >= 0 && finish(fd, path, file_write(fd, path, out.data, out.len, err), err);
    buf_free(&out);
    return ok;
}

bool safetensors_write(const struct safetensors_job *job, struct err *err)
{
    char name[NAME_MAX];
    size_t n_shards = count_shards(job), first = 0;
    if (n_shards > LIMIT_SHARDS)
        return err_set(err, ERR_LIMIT, "%s: more than %u files; allow larger ones", job->dir,
                       LIMIT_SHARDS);
    if (n_shards <= 1) {
        snprintf(name, sizeof name, "%.100s.safetensors", job->stem);
        return write_shard(job, name, 0, job->n, err);
    }
    for (size_t i = 0; i < n_shards; i++) {
        size_t end = shard_end(job, first);
        shard_name(job, i, n_shards, name);
        if (!write_shard(job, name, first, end, err))
            return false;
        first = end;
    }
    return write_index(job, n_shards, err);
}
