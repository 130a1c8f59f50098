/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tensor_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/utf8.h"

enum { FIRST_PLACES = 64 };

bool tensor_store_map(struct tensor_store *store, const char *path, struct file_map *map,
                      struct err *err)
{
    if (store->n_files >= LIMIT_SHARDS)
        return err_set(err, ERR_LIMIT, "%s: more than %u files", path, LIMIT_SHARDS);
    struct file_map *files =
        mem_resize(store->files, store->n_files + 1, sizeof *store->files, err);
    if (!files)
        return false;
    store->files = files;
    const char **paths = mem_resize(store->paths, store->n_files + 1, sizeof *store->paths, err);
    if (!paths)
        return false;
    store->paths = paths;
    paths[store->n_files] = arena_string(&store->names, path, strlen(path), err);
    if (!paths[store->n_files] || !file_map(&files[store->n_files], path, err))
        return false;
    *map = files[store->n_files++];
    return true;
}

bool tensor_store_check(const struct tensor_store *store, struct err *err)
{
    for (size_t i = 0; i < store->n_files; i++)
        if (!file_map_check(&store->files[i], store->paths[i], err))
            return false;
    return true;
}

bool tensor_store_locate(const struct tensor_store *store, const void *data, size_t *file_id,
                         uint64_t *offset)
{
    /* As numbers: the mappings are different objects. */
    uintptr_t at = (uintptr_t)data;
    for (size_t i = 0; i < store->n_files; i++) {
        uintptr_t start = (uintptr_t)store->files[i].data;
        if (at >= start && at - start < store->files[i].size) {
            *file_id = i;
            *offset = at - start;
            return true;
        }
    }
    return false;
}

static bool make_room(struct tensor_store *store, struct err *err)
{
    if (store->n < store->n_places)
        return true;
    if (store->n >= LIMIT_TENSORS)
        return err_set(err, ERR_LIMIT, "more than %u tensors", LIMIT_TENSORS);
    size_t n_places = store->n_places ? store->n_places * 2 : FIRST_PLACES;
    if (n_places > LIMIT_TENSORS)
        n_places = LIMIT_TENSORS;
    struct tensor_entry *entries =
        mem_resize(store->entries, n_places, sizeof *store->entries, err);
    if (!entries)
        return false;
    store->entries = entries;
    store->n_places = n_places;
    return true;
}

bool tensor_store_check_name(const char *name, size_t n, struct err *err)
{
    if (n == 0 || n > LIMIT_NAME_BYTES || !utf8_printable(name, n))
        return err_set(err, ERR_FORMAT, "a name that is not 1 to %u bytes of printable UTF-8",
                       LIMIT_NAME_BYTES);
    return true;
}

bool tensor_store_add(struct tensor_store *store, const struct tensor_entry *entry, size_t n_name,
                      struct err *err)
{
    if (!make_room(store, err))
        return false;
    char *name = arena_string(&store->names, entry->name, n_name, err);
    if (!name)
        return false;
    store->entries[store->n] = *entry;
    store->entries[store->n++].name = name;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct tensor_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

bool tensor_store_sort(struct tensor_store *store, struct err *err)
{
    if (store->n)
        qsort(store->entries, store->n, sizeof *store->entries, by_name);
    for (size_t i = 1; i < store->n; i++) {
        const struct tensor_entry *a = &store->entries[i - 1], *b = &store->entries[i];
        if (strcmp(a->name, b->name) == 0)
            return err_set(err, ERR_FORMAT, "%s: %s: occurs twice, also in %s", a->file, a->name,
                           b->file);
    }
    return true;
}

const struct tensor_entry *tensor_store_find(const struct tensor_store *store, const char *name)
{
    struct tensor_entry key = {.name = name};
    if (!store->n)
        return NULL;
    return bsearch(&key, store->entries, store->n, sizeof *store->entries, by_name);
}

void tensor_entry_shape(const struct tensor_entry *entry, char *text, size_t size)
{
    size_t len = 0;
    *text = '\0';
    for (int i = 0; i < entry->n_dims && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, i ? " x %lld" : "%lld",
                                (long long)entry->shape[i]);
}

int64_t tensor_entry_count(const struct tensor_entry *entry)
{
    int64_t n = 1;
    for (int i = 0; i < entry->n_dims; i++)
        n *= entry->shape[i];
    return n;
}

void tensor_store_free(struct tensor_store *store)
{
    for (size_t i = 0; i < store->n_files; i++)
        file_unmap(&store->files[i]);
    free(store->files);
    free(store->paths);
    free(store->entries);
    arena_free(&store->names);
    *store = (struct tensor_store){0};
}
