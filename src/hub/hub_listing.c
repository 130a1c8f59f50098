/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_listing.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "data/json_tree.h"
#include "hub/hub_name.h"

enum { MAX_DEPTH = 8 }; /* of folders in a model's */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct hub_file *)a)->path, ((const struct hub_file *)b)->path);
}

struct hub_file *hub_listing_find(const struct hub_listing *listing, const char *path)
{
    struct hub_file key = {.path = path};
    return listing->n ? bsearch(&key, listing->files, listing->n, sizeof key, by_path) : NULL;
}

void hub_listing_free(struct hub_listing *listing)
{
    arena_free(&listing->arena);
    *listing = (struct hub_listing){0};
}

/* Sorts the files, each of which may occur once. */
static bool sort(struct hub_listing *listing, struct err *err)
{
    if (listing->n)
        qsort(listing->files, listing->n, sizeof *listing->files, by_path);
    for (size_t i = 1; i < listing->n; i++)
        if (strcmp(listing->files[i - 1].path, listing->files[i].path) == 0)
            return err_set(err, ERR_FORMAT, "%s: listed twice", listing->files[i].path);
    return true;
}

bool hub_read_hash(const char *text, size_t n, char *hash)
{
    if (n != 40 && n != 64)
        return false;
    memcpy(hash, text, n);
    hash[n] = '\0';
    return strspn(hash, "0123456789abcdef") == n;
}

/* Reads a hash of n digits. */
static bool read_hash(const struct json_node *node, size_t n, char *hash)
{
    return node && node->kind == NODE_STRING && node->text.n == n &&
           hub_read_hash(node->text.s, n, hash);
}

/* Reads what is said of a content; nothing when that is not all. */
static bool read_content(struct hub_file *file, const struct json_node *node, struct err *err)
{
    const struct json_node *lfs = json_member(node, "lfs");
    bool is_large = lfs && lfs->kind == NODE_OBJECT;
    const struct json_node *hash =
        json_member(is_large ? lfs : node, is_large ? "sha256" : "blobId");
    const struct json_node *n_bytes = json_member(is_large ? lfs : node, "size");
    int64_t size = 0;
    if (!hash || !n_bytes || hash->kind == NODE_NULL || n_bytes->kind == NODE_NULL)
        return true;
    if (!read_hash(hash, is_large ? 64 : 40, file->hash) ||
        !json_node_int(n_bytes, 0, LIMIT_HUB_FILE_BYTES, &size))
        return json_node_fail(node, err, "%s: its size or hash is none", file->path);
    file->n_bytes = (uint64_t)size;
    return true;
}

static bool read_file(struct hub_listing *listing, const struct json_node *node, struct err *err)
{
    struct hub_file *file = &listing->files[listing->n];
    const struct json_node *path = json_member(node, "rfilename");
    if (!path || path->kind != NODE_STRING || !hub_path_is_safe(path->text.s, path->text.n))
        return json_node_fail(path ? path : node, err,
                              "a file name that leads elsewhere, or none; refused");
    file->path = arena_string(&listing->arena, path->text.s, path->text.n, err);
    if (!file->path || !read_content(file, node, err))
        return false;
    listing->n++;
    return true;
}

static bool read_root(struct hub_listing *listing, const struct json_node *root, struct err *err)
{
    const struct json_node *files = json_member(root, "siblings");
    if (!read_hash(json_member(root, "sha"), 40, listing->commit))
        return json_node_fail(root, err, "sha: expected a commit");
    if (!files || files->kind != NODE_ARRAY)
        return json_node_fail(root, err, "siblings: expected a list of files");
    if (files->n > LIMIT_HUB_FILES)
        return json_node_fail(files, err, "%zu files, the limit is %u", files->n, LIMIT_HUB_FILES);
    listing->files = arena_new(&listing->arena, files->n, sizeof *listing->files, err);
    bool ok = listing->files != NULL;
    for (const struct json_node *file = files->first; ok && file; file = file->next)
        ok = read_file(listing, file, err);
    return ok && (sort(listing, err) || err_add(err, "%s", files->name));
}

bool hub_listing_parse(struct hub_listing *listing, const char *name, const void *bytes, size_t n,
                       struct err *err)
{
    struct json_tree tree = {0};
    *listing = (struct hub_listing){0};
    bool ok = json_tree_parse(&tree, name, bytes, n, err) && read_root(listing, tree.root, err);
    json_tree_free(&tree);
    if (!ok && err->code == ERR_ARG) /* that is what a request is told */
        err->code = ERR_FORMAT;
    return ok;
}

struct walk {
    struct hub_listing *listing;
    struct buf path; /* absolute */
    size_t n_root;   /* of it, with the slash */
    struct err *err;
};

static bool add_file(struct walk *walk, uint64_t n_bytes)
{
    struct hub_listing *listing = walk->listing;
    const char *path = walk->path.data + walk->n_root;
    if (listing->n == LIMIT_HUB_FILES)
        return err_set(walk->err, ERR_LIMIT, "%s: more than %u files", walk->path.data,
                       LIMIT_HUB_FILES);
    struct hub_file *file = &listing->files[listing->n];
    file->n_bytes = n_bytes;
    file->path = arena_string(&listing->arena, path, strlen(path), walk->err);
    listing->n += file->path != NULL;
    return file->path != NULL;
}

static bool walk_folder(struct walk *walk, int depth) // NOLINT(misc-no-recursion)
{
    DIR *dir = opendir(walk->path.data);
    if (!dir)
        return file_fail(walk->path.data, "list the folder", walk->err);
    size_t n = walk->path.len;
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(dir));) {
        struct stat st;
        const char *name = entry->d_name;
        if (!hub_path_is_safe(name, strlen(name)))
            continue;
        walk->path.len = n;
        ok = buf_add(&walk->path, "/", 1, walk->err) &&
             buf_add(&walk->path, name, strlen(name), walk->err);
        if (!ok || stat(walk->path.data, &st) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            ok = add_file(walk, (uint64_t)st.st_size);
        else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
            ok = walk_folder(walk, depth + 1);
    }
    closedir(dir);
    return ok;
}

bool hub_listing_of_folder(struct hub_listing *listing, const char *folder, struct err *err)
{
    struct walk walk = {.listing = listing, .n_root = strlen(folder) + 1, .err = err};
    *listing = (struct hub_listing){0};
    buf_init(&walk.path, PATH_MAX);
    listing->files = arena_new(&listing->arena, LIMIT_HUB_FILES, sizeof *listing->files, err);
    bool ok = listing->files && buf_add(&walk.path, folder, strlen(folder), err) &&
              walk_folder(&walk, 0) && sort(listing, err);
    buf_free(&walk.path);
    return ok;
}
