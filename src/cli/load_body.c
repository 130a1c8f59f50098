/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_body.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "data/json_tree.h"

enum { MAX_LINES = 1000000 };

/* --- a file --------------------------------------------------------------------------------- */

static const char *content_name(enum load_endpoint endpoint)
{
    return endpoint == LOAD_CHAT ? "messages" : "prompt";
}

/* The request of a line, which may be one, or have it as its body. */
static const struct json_node *request_of(const struct json_node *root)
{
    const struct json_node *body = json_member(root, "body");
    return body && body->kind == NODE_OBJECT ? body : root;
}

static bool check_line(const char *name, struct span line, enum load_endpoint endpoint,
                       struct err *err)
{
    struct json_tree tree;
    const char *want = content_name(endpoint);
    const char *other = content_name(endpoint == LOAD_CHAT ? LOAD_COMPLETIONS : LOAD_CHAT);
    bool ok = json_tree_parse(&tree, name, line.s, line.n, err);
    if (ok && !json_member(request_of(tree.root), want))
        ok = err_set(err, ERR_FORMAT, "%s: expected a request with %s%s", name, want,
                     json_member(request_of(tree.root), other) ? "; see --endpoint" : "");
    json_tree_free(&tree);
    return ok;
}

static bool add_line(struct load_file *file, struct span line, struct err *err)
{
    if (file->n_lines == MAX_LINES)
        return err_set(err, ERR_LIMIT, "%s: more than %d lines; use a part of it", file->path,
                       MAX_LINES);
    if (file->n_lines == file->cap) {
        size_t cap = file->cap ? 2 * file->cap : 64;
        struct span *lines = mem_resize(file->lines, cap, sizeof *lines, err);
        if (!lines)
            return false;
        file->lines = lines;
        file->cap = cap;
    }
    file->lines[file->n_lines++] = line;
    return true;
}

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.n; i++)
        if (!strchr(" \t\r", line.s[i]))
            return false;
    return true;
}

bool load_file_open(struct load_file *file, const char *path, enum load_endpoint endpoint,
                    struct err *err)
{
    char name[512];
    *file = (struct load_file){.path = path};
    buf_init(&file->text, LIMIT_TEXT_BYTES);
    bool ok = file_read(&file->text, path, err);
    const char *at = file->text.data, *end = at + file->text.len;
    for (size_t number = 1; ok && at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct span line = {at, (size_t)((stop ? stop : end) - at)};
        snprintf(name, sizeof name, "%s: line %zu", path, number);
        ok = is_blank(line) || (check_line(name, line, endpoint, err) && add_line(file, line, err));
        at += line.n + 1;
    }
    return ok &&
           (file->n_lines || err_set(err, ERR_FORMAT, "%s: it has no line with a request", path));
}

void load_file_close(struct load_file *file)
{
    buf_free(&file->text);
    free(file->lines);
    *file = (struct load_file){0};
}

/* --- writing -------------------------------------------------------------------------------- */

static bool add(struct buf *out, struct err *err, const char *fmt, ...) PRINTF(3, 4);
static bool add(struct buf *out, struct err *err, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return buf_add(out, text, (size_t)n, err);
}

static bool add_text(struct buf *out, const char *text, struct err *err)
{
    return json_write_text((struct span){text, strlen(text)}, out, err);
}

/* Writes what every request has, each member with a comma in front. */
static bool add_settings(const struct load_body *b, struct buf *out, struct err *err)
{
    bool ok = add(out, err, ",\"stream\":%s", b->stream ? "true" : "false");
    if (ok && b->stream && b->accepts.stream_options)
        ok = add(out, err, ",\"stream_options\":{\"include_usage\":true%s}",
                 b->count_often ? ",\"continuous_usage_stats\":true" : "");
    if (ok && b->model)
        ok = add(out, err, ",\"model\":") && add_text(out, b->model, err);
    if (ok && b->n_generate)
        ok = add(out, err, ",\"max_tokens\":%u", b->n_generate);
    if (ok && b->n_generate && b->accepts.ignore_eos)
        ok = add(out, err, ",\"ignore_eos\":true");
    if (ok && b->temperature >= 0)
        ok = add(out, err, ",\"temperature\":%g", b->temperature);
    return ok;
}

bool load_body_words(const struct load_body *b, const struct load_words *words, uint64_t index,
                     struct buf *out, struct err *err)
{
    static const char messages[] = "\"messages\":[{\"role\":\"user\",\"content\":";
    struct buf text;
    bool chat = b->endpoint == LOAD_CHAT;
    buf_init(&text, LIMIT_PROMPT_TEXT);
    bool ok = load_words_write(words, index, &text, err) &&
              add(out, err, "{%s", chat ? messages : "\"prompt\":") &&
              add_text(out, text.data, err) && add(out, err, "%s", chat ? "}]" : "");
    if (ok && b->accepts.seed)
        ok = add(out, err, ",\"seed\":%u", (unsigned)(load_random(~b->seed, index) >> 33));
    ok = ok && add_settings(b, out, err) && add(out, err, "}");
    buf_free(&text);
    return ok;
}

/* Says whether add_settings() writes a member of that name. */
static bool is_ours(const struct load_body *b, struct span name)
{
    return span_is(name, "stream") || span_is(name, "stream_options") ||
           (b->model && span_is(name, "model")) ||
           (b->n_generate && (span_is(name, "max_tokens") || span_is(name, "ignore_eos") ||
                              span_is(name, "max_completion_tokens"))) ||
           (b->temperature >= 0 && span_is(name, "temperature"));
}

bool load_body_line(const struct load_body *b, const struct load_file *file, uint64_t index,
                    struct buf *out, struct err *err)
{
    struct json_tree tree;
    const struct span *line = &file->lines[index % file->n_lines];
    bool ok = json_tree_parse(&tree, file->path, line->s, line->n, err) && add(out, err, "{");
    const char *comma = "";
    const struct json_node *m = ok ? request_of(tree.root)->first : NULL;
    for (; ok && m; m = m->next) {
        if (is_ours(b, m->key))
            continue;
        ok = add(out, err, "%s", comma) && json_write_text(m->key, out, err) &&
             add(out, err, ":") && json_write(m, out, err);
        comma = ",";
    }
    ok = ok && add_settings(b, out, err) && add(out, err, "}");
    json_tree_free(&tree);
    return ok;
}
