/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_body.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "data/json_tree.h"

/* --- a file --------------------------------------------------------------------------------- */

static const char *content_name(enum load_endpoint endpoint)
{
    return endpoint == LOAD_CHAT ? "messages" : "prompt";
}

static bool check_line(void *arg, size_t index, const struct json_node *line, struct err *err)
{
    const enum load_endpoint *endpoint = arg;
    bool chat = *endpoint == LOAD_CHAT;
    const struct json_node *request = request_of(line);
    (void)index;
    if (json_member(request, content_name(*endpoint)))
        return true;
    bool other = json_member(request, content_name(chat ? LOAD_COMPLETIONS : LOAD_CHAT));
    return err_set(err, ERR_FORMAT, "expected a request with %s%s", content_name(*endpoint),
                   other ? "; see --endpoint" : "");
}

bool load_file_open(struct request_file *file, const char *path, enum load_endpoint endpoint,
                    struct err *err)
{
    return request_file_open(file, path, check_line, &endpoint, err);
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

bool load_body_line(const struct load_body *b, const struct request_file *file, uint64_t index,
                    struct buf *out, struct err *err)
{
    struct json_tree tree;
    bool ok = request_file_parse(file, index % file->n_lines, &tree, err) && add(out, err, "{");
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
