/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "data/jsonl.h"

struct opening {
    struct request_file *file;
    request_check_fn *check;
    void *arg;
};

const struct json_node *request_of(const struct json_node *line)
{
    const struct json_node *body = json_member(line, "body");
    return body && body->kind == NODE_OBJECT ? body : line;
}

static bool add_line(struct request_file *file, struct span line, struct err *err)
{
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

static bool take(void *arg, uint64_t index, const struct json_node *line, struct span text,
                 struct err *err)
{
    struct opening *o = arg;
    struct request_file *file = o->file;
    const char *begin = (const char *)file->map.data, *end = begin + file->map.size;
    /* A last line without an end is a copy: it lies where the file ends. */
    if (text.s < begin || text.s >= end)
        text.s = end - text.n;
    return (o->check(o->arg, (size_t)index, line, err) ||
            err_add(err, "line %" PRIu64, index + 1)) &&
           add_line(file, text, err);
}

bool request_file_open(struct request_file *file, const char *path, request_check_fn *check,
                       void *arg, struct err *err)
{
    struct opening opening = {file, check, arg};
    struct jsonl lines;
    *file = (struct request_file){.path = path};
    if (!file_map(&file->map, path, err))
        return false;
    jsonl_init(&lines, take, &opening);
    bool ok = (jsonl_add(&lines, file->map.data, file->map.size, err) && jsonl_end(&lines, err)) ||
              err_add(err, "%s", path);
    jsonl_free(&lines);
    if (!file_map_check(&file->map, path, err))
        return false;
    return ok && (file->n_lines || err_set(err, ERR_FORMAT, "%s: it has no request", path));
}

void request_file_close(struct request_file *file)
{
    file_unmap(&file->map);
    free(file->lines);
    *file = (struct request_file){0};
}

bool request_file_parse(const struct request_file *file, size_t index, struct json_tree *tree,
                        struct err *err)
{
    const struct span *line = &file->lines[index];
    bool ok = json_tree_parse(tree, file->path, line->s, line->n, err);
    return file_map_check(&file->map, file->path, err) && ok;
}
