/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

enum { MAX_ID = 512, MAX_PATH = 256 };

/* --- names ---------------------------------------------------------------------------------- */

static uint64_t hash_of(struct span id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < id.n; i++)
        hash = (hash ^ (uint8_t)id.s[i]) * 1099511628211u;
    return hash ^ (hash >> 29);
}

/* Returns the place where that name is, or where it would be. */
static size_t place_of(const struct generate_input *in, struct span id)
{
    size_t i = (size_t)hash_of(id) & (in->n_places - 1);
    while (in->places[i] && !span_same(in->ids[in->places[i] - 1], id))
        i = (i + 1) & (in->n_places - 1);
    return i;
}

size_t generate_input_find(const struct generate_input *in, struct span id)
{
    uint32_t place = in->n_places ? in->places[place_of(in, id)] : 0;
    return place ? place - 1 : SIZE_MAX;
}

/* Makes room for one more name; the table stays half empty. */
static bool make_room(struct generate_input *in, size_t n, struct err *err)
{
    if (2 * (n + 1) <= in->n_places)
        return true;
    size_t n_places = in->n_places ? 2 * in->n_places : 256;
    uint32_t *places = mem_new(n_places, sizeof *places, err);
    struct span *ids = places ? mem_resize(in->ids, n_places / 2, sizeof *ids, err) : NULL;
    if (!ids) {
        free(places);
        return false;
    }
    free(in->places);
    in->ids = ids;
    in->places = places;
    in->n_places = n_places;
    for (size_t i = 0; i < n; i++)
        places[place_of(in, ids[i])] = (uint32_t)i + 1;
    return true;
}

static bool add_id(struct generate_input *in, size_t index, struct span id, struct err *err)
{
    size_t place = place_of(in, id);
    if (in->places[place])
        return err_set(err, ERR_FORMAT, "custom_id: '%.*s' is that of line %u, too", (int)id.n,
                       id.s, in->places[place]);
    const char *copy = arena_string(&in->arena, id.s, id.n, err);
    if (!copy)
        return false;
    in->ids[index] = (struct span){copy, id.n};
    in->places[place] = (uint32_t)index + 1;
    return true;
}

/* --- opening -------------------------------------------------------------------------------- */

/* A line is a request when something in it is to be answered. */
static bool is_request(const struct json_node *request)
{
    static const char *const contents[] = {"messages", "prompt", "input"};
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
        if (json_member(request, contents[i]))
            return true;
    return false;
}

static bool check_line(void *arg, size_t index, const struct json_node *line, struct err *err)
{
    struct generate_input *in = arg;
    char number[24];
    const struct json_node *id = json_member(line, "custom_id");
    snprintf(number, sizeof number, "%zu", index + 1);
    struct span name = {number, strlen(number)};
    if (index >= LIMIT_JOB_LINES)
        return err_set(err, ERR_LIMIT, "more than %u requests; split the file", LIMIT_JOB_LINES);
    if (!is_request(request_of(line)))
        return err_set(err, ERR_FORMAT, "expected a request, with messages or a prompt");
    if (id && (id->kind != NODE_STRING || !id->text.n || id->text.n > MAX_ID))
        return err_set(err, ERR_FORMAT, "custom_id: expected a text of 1 to %d bytes", MAX_ID);
    if (id)
        name = id->text;
    return make_room(in, index, err) && add_id(in, index, name, err);
}

bool generate_input_open(struct generate_input *in, const char *path, struct err *err)
{
    *in = (struct generate_input){0};
    if (!request_file_open(&in->file, path, check_line, in, err))
        return false;
    in->done = mem_new(in->file.n_lines, sizeof *in->done, err);
    return in->done != NULL;
}

void generate_input_close(struct generate_input *in)
{
    request_file_close(&in->file);
    arena_free(&in->arena);
    free(in->ids);
    free(in->done);
    free(in->places);
    *in = (struct generate_input){0};
}

/* --- requests ------------------------------------------------------------------------------- */

/* Appends the path that a line names as OpenAI's batches do, or that its content tells. */
static bool write_path(const struct json_node *line, struct buf *path, struct err *err)
{
    const struct json_node *url = json_member(line, "url"), *request = request_of(line);
    const char *told = "/v1/chat/completions";
    if (!url || url->kind != NODE_STRING) {
        if (json_member(request, "suffix"))
            told = "/v1/fim/completions";
        else if (json_member(request, "prompt"))
            told = "/v1/completions";
        else if (json_member(request, "input"))
            told = "/v1/embeddings";
        return buf_add(path, told, strlen(told), err);
    }
    bool ok = url->text.n > 1 && url->text.n < MAX_PATH && *url->text.s == '/';
    for (size_t i = 0; i < url->text.n; i++)
        ok = ok && url->text.s[i] > ' ' && url->text.s[i] <= '~';
    return ok ? buf_add(path, url->text.s, url->text.n, err)
              : err_set(err, ERR_ARG, "url: expected a path such as %s", told);
}

static bool write_body(const struct json_node *request, const char *model, struct buf *body,
                       struct err *err)
{
    bool ok = buf_add(body, "{\"model\":", 9, err) &&
              json_write_text((struct span){model, strlen(model)}, body, err);
    for (const struct json_node *m = request->first; ok && m; m = m->next) {
        if (span_is(m->key, "model") || span_is(m->key, "stream") ||
            span_is(m->key, "stream_options") || span_is(m->key, "custom_id"))
            continue;
        ok = buf_add(body, ",", 1, err) && json_write_text(m->key, body, err) &&
             buf_add(body, ":", 1, err) && json_write(m, body, err);
    }
    return ok && buf_add(body, "}", 1, err);
}

bool generate_input_write(const struct generate_input *in, size_t index, const char *model,
                          struct buf *body, struct buf *path, struct err *err)
{
    struct json_tree tree;
    bool ok = request_file_parse(&in->file, index, &tree, err) &&
              write_path(tree.root, path, err) &&
              write_body(request_of(tree.root), model, body, err);
    json_tree_free(&tree);
    return ok;
}
