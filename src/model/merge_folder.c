/* SPDX-License-Identifier: Apache-2.0 */
/* merge_folder.c - a folder that appears complete or not at all, with a model's other files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/units.h"
#include "data/json_tree.h"
#include "model/merge_int.h"

enum { MAX_EDITS = 16 };

/* A piece of a configuration that another takes the place of. */
struct edit {
    struct span old;
    const char *text;
};

static bool join(char *path, const char *dir, const char *name, struct err *err)
{
    return snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ||
           err_set(err, ERR_ARG, "%.100s...: the path is too long; give a shorter one", dir);
}

/* Writes the path of the folder that shall hold out to parent: [PATH_MAX]. */
static void find_parent(const char *out, char *parent)
{
    const char *slash = strrchr(out, '/');
    int n = slash ? (int)(slash - out) : 1;
    snprintf(parent, PATH_MAX, "%.*s%s", n, slash ? out : ".", slash == out ? "/" : "");
}

/* Says whether that folder is the model's, or lies in it. */
static bool is_inside(const char *model, const char *parent)
{
    char above[PATH_MAX], folder[PATH_MAX];
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
    char parent[PATH_MAX];
    size_t n = strlen(out);
    *folder = (struct merge_folder){.model = model, .out = out};
    if (!n || out[n - 1] == '/')
        return err_set(err, ERR_ARG,
                       "'%s': expected the name of a new folder, without a slash "
                       "behind it",
                       out);
    if (lstat(out, &st) == 0)
        return err_set(err, ERR_ARG, "%s: is there already; give the name of a new folder", out);
    find_parent(out, parent);
    if (is_inside(model, parent))
        return err_set(err, ERR_ARG, "%s: lies in the model's folder; give another place", out);
    if (snprintf(folder->tmp, sizeof folder->tmp, "%s.%ld.part", out, (long)getpid()) >= PATH_MAX) {
        folder->tmp[0] = '\0';
        return err_set(err, ERR_ARG, "%.100s...: the path is too long; give a shorter one", out);
    }
    if (mkdir(folder->tmp, 0777) == 0)
        return true;
    folder->tmp[0] = '\0'; /* not ours to remove */
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND,
                       "%s: there is no folder %s to hold it; make that first, or give another "
                       "place",
                       out, parent);
    return file_fail(out, "make the folder", err);
}

bool merge_folder_reserve(const struct merge_folder *folder, uint64_t n_bytes, struct err *err)
{
    struct statvfs fs;
    if (statvfs(folder->tmp, &fs) != 0)
        return true;
    uint64_t n_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    char needed[UNITS_TEXT], there[UNITS_TEXT];
    return n_bytes <= n_free ||
           err_set(err, ERR_IO,
                   "%s: needs %s, its disk has %s; free some space, or choose another folder",
                   folder->out, units_bytes(needed, n_bytes), units_bytes(there, n_free));
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
static bool is_left_out(const char *name, const struct merge_config *wanted)
{
    static const char *const ends[] = {".safetensors", ".safetensors.index.json", ".gguf",
                                       ".bin",         ".bin.index.json",         ".pth",
                                       ".pt",          "adapter_config.json"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(name, ends[i]))
            return true;
    /* ModelOpt says once more in a file of its own how matrices are quantised. */
    return name[0] == '.' || (wanted->is_plain && strcmp(name, "hf_quant_config.json") == 0);
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

/* Returns what follows a value that begins at or before at; the text is well-formed. */
static const char *skip_value(const char *at)
{
    int depth = 0;
    for (bool quoted = false;; at++) {
        if (quoted && *at == '\\')
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && depth == 0 && strchr(",]}", *at))
            return at;
        else if (!quoted)
            depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
    }
}

/* Returns the text of a member, with one of the commas beside it. */
static struct span member_text(const struct json_node *v, const char *begin)
{
    const char *from = v->key.s - 1, *end = skip_value(v->key.s + v->key.n + 1);
    if (*end == ',') {
        end += 1 + strspn(end + 1, " \t\r\n");
    } else {
        while (strchr(" \t\r\n", end[-1]))
            end--;
        while (from > begin && strchr(" \t\r\n", from[-1]))
            from--;
        from -= v->index > 0; /* the comma before the last member */
    }
    return (struct span){from, (size_t)(end - from)};
}

/* Finds what of a configuration changes, in the order of the file. */
static size_t find_edits(const struct json_node *object, const struct merge_config *wanted,
                         const struct span *file, struct edit *out, size_t n)
{
    if (!object || object->kind != NODE_OBJECT)
        return n;
    for (const struct json_node *v = object->first; v; v = v->next) {
        bool names = span_is(v->key, "torch_dtype") || span_is(v->key, "dtype");
        bool quantised = span_is(v->key, "quantization_config") || span_is(v->key, "quantization");
        /* A text with escapes is a copy and lies elsewhere; no key or format is written so. */
        const char *at = names ? v->text.s : v->key.s;
        if (span_is(v->key, "text_config"))
            n = find_edits(v, wanted, file, out, n);
        else if (n == MAX_EDITS || !at || at < file->s || at >= file->s + file->n)
            continue;
        else if (names && wanted->dtype && v->kind == NODE_STRING)
            out[n++] = (struct edit){v->text, wanted->dtype};
        else if (quantised && wanted->is_plain)
            out[n++] = (struct edit){member_text(v, file->s), ""};
    }
    return n;
}

/* Copies a configuration with what is wanted of it; the rest stays as it was written. */
static bool copy_config(const char *path, const char *name, const struct file_map *map,
                        const struct merge_config *wanted, struct err *err)
{
    struct json_tree tree = {0};
    struct edit edits[MAX_EDITS];
    struct span parts[2 * MAX_EDITS + 1];
    const struct span file = {(const char *)map->data, map->size};
    const char *at = file.s, *end = at + file.n;
    size_t n_parts = 0;
    bool ok = json_tree_parse(&tree, name, map->data, map->size, err);
    size_t n = ok ? find_edits(tree.root, wanted, &file, edits, 0) : 0;
    for (size_t i = 0; ok && i < n; i++) {
        ok = edits[i].old.s >= at ||
             err_set(err, ERR_FORMAT, "%s: quantization beside quantization_config; remove one",
                     name);
        parts[n_parts++] = (struct span){at, ok ? (size_t)(edits[i].old.s - at) : 0};
        parts[n_parts++] = (struct span){edits[i].text, strlen(edits[i].text)};
        at = edits[i].old.s + edits[i].old.n;
    }
    parts[n_parts++] = (struct span){at, (size_t)(end - at)};
    ok = ok && write_parts(path, parts, n_parts, err);
    json_tree_free(&tree);
    return ok;
}

static bool copy_file(const struct merge_folder *folder, const char *name,
                      const struct merge_config *wanted, struct err *err)
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
    bool configures = strcmp(name, "config.json") == 0 || strcmp(name, "params.json") == 0;
    bool ok = configures && map.size && (wanted->dtype || wanted->is_plain)
                  ? copy_config(to, name, &map, wanted, err)
                  : write_parts(to, &whole, 1, err);
    ok = file_map_check(&map, from, err) && ok;
    file_unmap(&map);
    return ok;
}

bool merge_folder_copy(const struct merge_folder *folder, const struct merge_config *wanted,
                       struct err *err)
{
    DIR *dir = opendir(folder->model);
    if (!dir)
        return file_fail(folder->model, "list the folder", err);
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(dir));)
        ok = is_left_out(e->d_name, wanted) || copy_file(folder, e->d_name, wanted, err);
    closedir(dir);
    return ok;
}
