/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/random.h"
#include "cli/out_check.h"
#include "data/jsonl.h"

enum { PIECE = 1 << 16, ID_CHARS = 32 };

/* --- opening -------------------------------------------------------------------------------- */

static bool open_file(const char *path, int *fd, off_t *size, struct err *err)
{
    struct stat st;
    *fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (*fd < 0)
        return file_fail(path, "open it", err);
    if (fstat(*fd, &st) != 0)
        return file_fail(path, "read it", err);
    *size = st.st_size;
    return S_ISREG(st.st_mode) ||
           err_set(err, ERR_ARG, "%s: expected a regular file, which can be gone on with", path);
}

static bool lock_file(const struct generate_output *out, struct err *err)
{
    if (flock(out->fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    return errno == EWOULDBLOCK ? err_set(err, ERR_BUSY,
                                          "%s: another bise writes it; wait for that, or choose "
                                          "another file",
                                          out->path)
                                : file_fail(out->path, "lock it", err);
}

static bool read_piece(const struct generate_output *out, char *piece, size_t n, off_t at,
                       struct err *err)
{
    for (ssize_t k; n; n -= (size_t)k, piece += k, at += k) {
        k = pread(out->fd, piece, n, at);
        if (k < 0 && errno == EINTR)
            k = 0;
        else if (k <= 0)
            return file_fail(out->path, "read it", err);
    }
    return true;
}

/* Finds where the last whole line ends. */
static bool find_end(struct generate_output *out, off_t size, struct err *err)
{
    char piece[PIECE];
    for (off_t end = size; end > 0;) {
        off_t begin = end > PIECE ? end - PIECE : 0;
        size_t n = (size_t)(end - begin);
        if (!read_piece(out, piece, n, begin, err))
            return false;
        const char *last = memrchr(piece, '\n', n);
        if (last) {
            out->n_bytes = begin + (last - piece) + 1;
            return true;
        }
        end = begin;
    }
    return true;
}

static bool note_answer(void *arg, uint64_t index, const struct json_node *line, struct span text,
                        struct err *err)
{
    struct generate_input *in = arg;
    const struct json_node *id = json_member(line, "custom_id");
    (void)text;
    if (!id || id->kind != NODE_STRING || !json_member(line, "response"))
        return err_set(err, ERR_FORMAT,
                       "line %llu: expected an answer with its custom_id; choose "
                       "another file",
                       (unsigned long long)index + 1);
    size_t at = generate_input_find(in, id->text);
    if (at != SIZE_MAX)
        in->done[at] = true;
    return true;
}

static bool read_answers(struct generate_output *out, struct generate_input *in, struct err *err)
{
    char piece[PIECE];
    struct jsonl lines;
    bool ok = true;
    jsonl_init(&lines, note_answer, in);
    for (off_t at = 0, n; ok && at < out->n_bytes; at += n) {
        n = out->n_bytes - at < PIECE ? out->n_bytes - at : PIECE;
        ok = read_piece(out, piece, (size_t)n, at, err) &&
             (jsonl_add(&lines, piece, (size_t)n, err) || err_add(err, "%s", out->path));
    }
    jsonl_free(&lines);
    return ok;
}

/* Removes a line without an end, if it is one of ours: it may be all that the file has. */
static bool cut_end(const struct generate_output *out, size_t n, struct err *err)
{
    static const char begin[] = "{\"id\":\"";
    char piece[sizeof begin];
    size_t n_begin = n < sizeof begin - 1 ? n : sizeof begin - 1;
    if (!read_piece(out, piece, n_begin, out->n_bytes, err))
        return false;
    if (memcmp(piece, begin, n_begin) != 0)
        return err_set(err, ERR_FORMAT, "%s: its last line is no answer; choose another file",
                       out->path);
    return ftruncate(out->fd, out->n_bytes) == 0 || file_fail(out->path, "write it", err);
}

bool generate_output_open(struct generate_output *out, const char *path, struct generate_input *in,
                          size_t *n_cut, struct err *err)
{
    off_t size = 0;
    *out = (struct generate_output){.path = path, .fd = -1, .errors_fd = -1};
    buf_init(&out->errors, LIMIT_JSON_BYTES);
    buf_init(&out->line, LIMIT_ANSWER_BYTES);
    if (!out_check_input(path, in->file.path, err) ||
        !buf_add(&out->errors, path, strlen(path), err) ||
        !buf_add(&out->errors, ".errors", 7, err) || !open_file(path, &out->fd, &size, err) ||
        !lock_file(out, err) || !find_end(out, size, err) || !read_answers(out, in, err))
        return false;
    *n_cut = (size_t)(size - out->n_bytes);
    if (*n_cut && !cut_end(out, *n_cut, err))
        return false;
    /* Those of an earlier run are asked again. */
    return unlink(out->errors.data) == 0 || errno == ENOENT ||
           file_fail(out->errors.data, "remove it", err);
}

void generate_output_close(struct generate_output *out)
{
    if (out->fd >= 0)
        close(out->fd);
    if (out->errors_fd >= 0)
        close(out->errors_fd);
    buf_free(&out->errors);
    buf_free(&out->line);
    out->fd = out->errors_fd = -1;
}

/* --- writing -------------------------------------------------------------------------------- */

static bool add_text(struct buf *line, const char *text, struct err *err)
{
    return buf_add(line, text, strlen(text), err);
}

/* Appends JSON; a line of the file has no line ends within. */
static bool add_json(struct buf *line, struct span json, struct err *err)
{
    size_t from = line->len;
    if (!buf_add(line, json.s, json.n, err))
        return false;
    for (char *s = line->data + from; *s; s++)
        if (*s == '\n' || *s == '\r')
            *s = ' ';
    return true;
}

static bool write_line(struct buf *line, struct span id, long status, struct span body,
                       const char *why, struct err *err)
{
    char name[ID_CHARS + 1], number[32];
    snprintf(number, sizeof number, "%ld", status);
    buf_clear(line);
    bool ok = random_text(name, ID_CHARS, "0123456789abcdef", 16, err) &&
              add_text(line, "{\"id\":\"", err) && add_text(line, name, err) &&
              add_text(line, "\",\"custom_id\":", err) && json_write_text(id, line, err) &&
              add_text(line, ",\"response\":", err);
    if (ok && body.n)
        ok = add_text(line, "{\"status_code\":", err) && add_text(line, number, err) &&
             add_text(line, ",\"body\":", err) && add_json(line, body, err) &&
             add_text(line, "}", err);
    else if (ok)
        ok = add_text(line, "null", err);
    ok = ok && add_text(line, ",\"error\":", err);
    if (ok && why)
        ok = add_text(line, "{\"code\":\"", err) && add_text(line, number, err) &&
             add_text(line, "\",\"message\":", err) &&
             json_write_text((struct span){why, strlen(why)}, line, err) &&
             add_text(line, "}", err);
    else if (ok)
        ok = add_text(line, "null", err);
    return ok && add_text(line, "}\n", err);
}

/* Appends a whole line to a file of *size bytes, or nothing. */
static bool append(int fd, const char *path, const struct buf *line, off_t *size, struct err *err)
{
    if (!file_write(fd, path, line->data, line->len, err)) {
        if (ftruncate(fd, *size) != 0)
            err_add(err, "the file now ends with a part of a line");
        return false;
    }
    *size += (off_t)line->len;
    return true;
}

bool generate_output_add(struct generate_output *out, struct span id, long status, struct span body,
                         const char *why, struct err *err)
{
    if (!write_line(&out->line, id, status, body, why, err))
        return false;
    if (!why)
        return append(out->fd, out->path, &out->line, &out->n_bytes, err);
    if (out->errors_fd < 0 &&
        !open_file(out->errors.data, &out->errors_fd, &out->n_error_bytes, err))
        return false;
    return append(out->errors_fd, out->errors.data, &out->line, &out->n_error_bytes, err);
}
