/* SPDX-License-Identifier: Apache-2.0 */
/* merge_folder.c - a folder that appears complete or not at all, with a model's other files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "data/json_tree.h"
#include "model/merge_int.h"

enum { MAX_DTYPES = 4 };

static bool join(char *path, const char *dir, const char *name, struct err *err)
{
    return snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ||
           err_set(err, ERR_ARG, "%.100s...: the path is too long; give a shorter one", dir);
}

/* Says whether the folder that shall hold out is the model's, or lies in it. */
static bool is_inside(const char *model, const char *out)
{
    char parent[PATH_MAX], above[PATH_MAX], folder[PATH_MAX];
    const char *slash = strrchr(out, '/');
    int n = slash ? (int)(slash - out) : 1;
    snprintf(parent, sizeof parent, "%.*s%s", n, slash ? out : ".", slash == out ? "/" : "");
    if (!realpath(parent, above) || !realpath(model, folder))
        return false;
    size_t n_folder = strlen(folder);
    return strncmp(above, folder, n_folder) == 0 &&
           (above[n_folder] == '/' || above[n_folder] == '\0');
}

bool merge_folder_open(struct merge_folder *folder, const char *model, const char *out,
                       struct err *err)
{
    struct stat st;
    size_t n = strlen(out);
    *folder = (struct merge_folder){.model = model, .out = out};
    if (!n || out[n - 1] == '/')
        return err_set(err, ERR_ARG,
                       "'%s': expected the name of a new folder, without a slash "
                       "behind it",
                       out);
    if (lstat(out, &st) == 0)
        return err_set(err, ERR_ARG, "%s: is there already; give the name of a new folder", out);
    if (is_inside(model, out))
        return err_set(err, ERR_ARG, "%s: lies in the model's folder; give another place", out);
    if (snprintf(folder->tmp, sizeof folder->tmp, "%s.%ld.part", out, (long)getpid()) >= PATH_MAX) {
        folder->tmp[0] = '\0';
        return err_set(err, ERR_ARG, "%.100s...: the path is too long; give a shorter one", out);
    }
    if (mkdir(folder->tmp, 0777) == 0)
        return true;
    folder->tmp[0] = '\0'; /* not ours to remove */
    return file_fail(out, "make the folder", err);
}

void merge_folder_close(struct merge_folder *folder)
{
    char path[PATH_MAX];
    struct err ignored = {0};
    DIR *dir = *folder->tmp ? opendir(folder->tmp) : NULL;
    if (!dir)
        return;
    /* The folder is flat and everything in it was made here. */
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            join(path, folder->tmp, e->d_name, &ignored))
            unlink(path);
    closedir(dir);
    rmdir(folder->tmp);
    folder->tmp[0] = '\0';
}

bool merge_folder_commit(struct merge_folder *folder, struct err *err)
{
    struct stat st;
    /* rename() would replace an empty folder that somebody made meanwhile. */
    if (lstat(folder->out, &st) == 0)
        return err_set(err, ERR_ARG, "%s: is there already; give the name of a new folder",
                       folder->out);
    if (rename(folder->tmp, folder->out) != 0)
        return file_fail(folder->out, "name the folder", err);
    folder->tmp[0] = '\0';
    return true;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Says whether name is that of weights, of an adapter, or of nothing that belongs to a model. */
static bool is_left_out(const char *name)
{
    static const char *const ends[] = {".safetensors", ".safetensors.index.json", ".gguf",
                                       ".bin",         ".bin.index.json",         ".pth",
                                       ".pt",          "adapter_config.json"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(name, ends[i]))
            return true;
    return name[0] == '.';
}

static bool write_parts(const char *path, const struct span *parts, size_t n, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return file_fail(path, "write it", err);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = file_write(fd, path, parts[i].s, parts[i].n, err);
    if (close(fd) != 0 && ok)
        ok = file_fail(path, "write it", err);
    return ok;
}

/* Finds the number formats that a configuration names, in the order of the file. */
static size_t find_dtypes(const struct json_node *object, struct span *out, size_t n)
{
    if (!object || object->kind != NODE_OBJECT)
        return n;
    for (const struct json_node *v = object->first; v; v = v->next) {
        bool names = span_is(v->key, "torch_dtype") || span_is(v->key, "dtype");
        if (names && v->kind == NODE_STRING && n < MAX_DTYPES)
            out[n++] = v->text;
        else if (span_is(v->key, "text_config"))
            n = find_dtypes(v, out, n);
    }
    return n;
}

/* Copies config.json with another number format; the rest stays as it was written. */
static bool copy_config(const char *path, const struct file_map *map, const char *dtype,
                        struct err *err)
{
    struct json_tree tree = {0};
    struct span found[MAX_DTYPES], parts[2 * MAX_DTYPES + 1];
    const char *at = (const char *)map->data, *end = at + map->size;
    size_t n_parts = 0;
    bool ok = json_tree_parse(&tree, "config.json", map->data, map->size, err);
    size_t n = ok ? find_dtypes(tree.root, found, 0) : 0;
    for (size_t i = 0; i < n; i++) {
        /* A text with escapes is a copy and lies elsewhere; no format is written like this. */
        if (found[i].s < at || found[i].s >= end)
            continue;
        parts[n_parts++] = (struct span){at, (size_t)(found[i].s - at)};
        parts[n_parts++] = (struct span){dtype, strlen(dtype)};
        at = found[i].s + found[i].n;
    }
    parts[n_parts++] = (struct span){at, (size_t)(end - at)};
    ok = ok && write_parts(path, parts, n_parts, err);
    json_tree_free(&tree);
    return ok;
}

static bool copy_file(const struct merge_folder *folder, const char *name, const char *dtype,
                      struct err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct file_map map;
    struct stat st;
    if (!join(from, folder->model, name, err) || !join(to, folder->tmp, name, err))
        return false;
    if (stat(from, &st) != 0 || !S_ISREG(st.st_mode))
        return true; /* a folder, or a link that leads nowhere: no part of the model */
    if (!file_map(&map, from, err))
        return false;
    const struct span whole = {(const char *)map.data, map.size};
    bool ok = dtype && map.size && strcmp(name, "config.json") == 0
                  ? copy_config(to, &map, dtype, err)
                  : write_parts(to, &whole, 1, err);
    ok = file_map_check(&map, from, err) && ok;
    file_unmap(&map);
    return ok;
}

bool merge_folder_copy(const struct merge_folder *folder, const char *dtype, struct err *err)
{
    DIR *dir = opendir(folder->model);
    if (!dir)
        return file_fail(folder->model, "list the folder", err);
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(dir));)
        ok = is_left_out(e->d_name) || copy_file(folder, e->d_name, dtype, err);
    closedir(dir);
    return ok;
}
