/* SPDX-License-Identifier: Apache-2.0 */
/* A folder: one file, or shards with an index that says which tensor is in which. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/json.h"
#include "data/safetensors.h"
#include "data/utf8.h"

static const char suffix[] = ".safetensors";

static bool ends_with(const char *s, size_t n, const char *end, size_t n_end)
{
    return n >= n_end && memcmp(s + n - n_end, end, n_end) == 0;
}

/* A shard is a file in the folder of its index, so its name has no folders. */
static bool read_shard_name(const struct json *v, const char **name, struct err *err)
{
    size_t n = 0;
    if (!json_read_string(v, name, &n, err))
        return false;
    if (n > NAME_MAX || strchr(*name, '/') || !ends_with(*name, n, suffix, sizeof suffix - 1) ||
        !utf8_printable(*name, n))
        return json_fail(v, err, ERR_FORMAT, "expected the name of a file beside the index, *%s",
                         suffix);
    return true;
}

/* Says whether file, without links, lies under folder, without links. */
static bool is_under(const char *file, const char *folder)
{
    size_t n = strlen(folder);
    if (n == 1) /* "/", which ends in the slash that is looked for */
        n = 0;
    return strncmp(file, folder, n) == 0 && file[n] == '/';
}

/* Says whether file lies in MODEL/blobs while folder is MODEL/snapshots/REVISION: a download
 * cache keeps the files there and only links in the folder.  Neither path has links. */
static bool is_cached(const char *file, const char *folder)
{
    static const char snapshots[] = "/snapshots";
    char blobs[PATH_MAX];
    const char *revision = strrchr(folder, '/');
    if (!ends_with(folder, (size_t)(revision - folder), snapshots, sizeof snapshots - 1))
        return false;
    int n_model = (int)(revision - folder - (sizeof snapshots - 1));
    return snprintf(blobs, sizeof blobs, "%.*s/blobs", n_model, folder) < PATH_MAX &&
           is_under(file, blobs);
}

/* Resolves path, a file in dir, to one without links, which must not lead elsewhere. */
static bool resolve_shard(const char *dir, const char *path, char out[PATH_MAX], struct err *err)
{
    char folder[PATH_MAX];
    if (!realpath(path, out))
        return err_set(err, ERR_NOT_FOUND, "%s: named by the index but not there; download it",
                       path);
    if (realpath(dir, folder) && (is_under(out, folder) || is_cached(out, folder)))
        return true;
    return err_set(err, ERR_FORMAT,
                   "%s: a link that leads out of the model's folder; put the file there", path);
}

/* Adds the file at path, which messages call by another name. */
static bool add_file(struct tensor_store *store, const char *path, const char *name,
                     struct err *err)
{
    struct file_map map;
    return tensor_store_map(store, path, &map, err) &&
           safetensors_parse(store, name, map.data, map.size, err);
}

static bool add_shard(struct tensor_store *store, const char *dir, const char *name,
                      struct err *err)
{
    char path[PATH_MAX], resolved[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= PATH_MAX)
        return err_set(err, ERR_ARG, "%.100s...: the path is too long", dir);
    return resolve_shard(dir, path, resolved, err) && add_file(store, resolved, path, err);
}

static int by_string(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static bool add_shards(struct tensor_store *store, const char *dir, const struct json *map,
                       struct err *err)
{
    struct json member;
    size_t n = 0;
    bool ok = true;
    const char **names = mem_new(json_count(map), sizeof *names, err);
    if (!names)
        return false;
    for (void *it = json_first(map, &member); ok && it; it = json_next(map, it, &member))
        ok = read_shard_name(&member, &names[n++], err);
    if (ok)
        qsort(names, n, sizeof *names, by_string);
    for (size_t i = 0; ok && i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            ok = add_shard(store, dir, names[i], err);
    free(names);
    return ok;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The index and the shards must say the same, in both directions. */
static bool compare(const struct tensor_store *store, const struct json *map, struct err *err)
{
    struct json member;
    for (void *it = json_first(map, &member); it; it = json_next(map, it, &member)) {
        const struct tensor_entry *entry = tensor_store_find(store, member.key);
        const char *shard = NULL;
        if (!read_shard_name(&member, &shard, err))
            return false;
        if (!entry || strcmp(last_part(entry->file), shard) != 0)
            return json_fail(&member, err, ERR_FORMAT, "not in %s; download the files again",
                             shard);
    }
    for (size_t i = 0; i < store->n; i++)
        if (!json_find(map, store->entries[i].name, &member))
            return err_set(err, ERR_FORMAT, "%s: %s: not in the index; download the files again",
                           store->entries[i].file, store->entries[i].name);
    return true;
}

static bool open_index(struct tensor_store *store, const char *dir, const char *path,
                       struct err *err)
{
    struct json map;
    struct json_doc *doc = json_open(path, err);
    if (!doc)
        return err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    struct json root = json_root(doc);
    bool ok = json_need(&root, "weight_map", &map, err);
    if (ok && (!json_is_object(&map) || json_count(&map) == 0))
        ok = json_fail(&map, err, ERR_FORMAT, "expected an object: tensor to file");
    ok = ok && add_shards(store, dir, &map, err) && tensor_store_sort(store, err) &&
         compare(store, &map, err);
    json_close(doc);
    return ok || err_remedy(err, ERR_FORMAT, JSON_REMEDY);
}

bool safetensors_open(struct tensor_store *store, const char *dir, const char *stem,
                      struct err *err)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s%s.index.json", dir, stem, suffix);
    if (n < 0 || n >= PATH_MAX)
        return err_set(err, ERR_ARG, "%.100s...: the path is too long", dir);
    bool ok;
    if (file_exists(path)) {
        ok = open_index(store, dir, path, err);
    } else {
        path[(size_t)n - strlen(".index.json")] = '\0';
        ok = add_file(store, path, path, err) && tensor_store_sort(store, err);
    }
    return tensor_store_check(store, err) && ok;
}
