/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the tokenizer of a checkpoint folder and tells the kinds of file apart. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/gguf.h"
#include "text/tokenizer_int.h"

enum { MAX_PATH = 4096 };

/* Says whether name ends like "….model.v3" or "….model.v7m1". */
static bool is_versioned(const char *name)
{
    const char *at = strstr(name, ".model.v");
    if (!at || !at[8])
        return false;
    at += 8;
    size_t n = strspn(at, "0123456789");
    if (n && at[n] == 'm')
        n += 1 + strspn(at + n + 1, "0123456789");
    return n && !at[n];
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_gguf(const char *name)
{
    return ends_with(name, ".gguf");
}

/* How much a name is preferred; 0 is no tokenizer. */
static int preference(const char *name)
{
    return strcmp(name, "tekken.json") == 0       ? 5
           : is_versioned(name)                   ? 4
           : strcmp(name, "tokenizer.model") == 0 ? 3
           : is_gguf(name)                        ? 2
           : strcmp(name, "tokenizer.json") == 0  ? 1
                                                  : 0;
}

/* Says whether a is the better choice: of equal kinds the last name, but the first
 * of GGUF files, which is the first part of a split one. */
static bool is_better(const char *a, const char *b)
{
    int by_kind = preference(a) - preference(b), by_name = strcmp(a, b);
    return by_kind ? by_kind > 0 : is_gguf(a) ? by_name < 0 : by_name > 0;
}

/* Copies the name of the folder's best tokenizer to best: [NAME_MAX + 1]. */
static bool choose(const char *folder, char *best, size_t size, struct err *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return file_fail(folder, "list the folder", err);
    *best = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n < size && preference(entry->d_name) > 0 && (!*best || is_better(entry->d_name, best)))
            memcpy(best, entry->d_name, n + 1);
    }
    closedir(dir);
    if (*best)
        return true;
    return err_set(err, ERR_NOT_FOUND,
                   "%s: no tokenizer; expected tekken.json, tokenizer.model or a .gguf file",
                   folder);
}

static struct tokenizer *open_gguf(const char *path, struct err *err)
{
    struct gguf gguf;
    if (!gguf_open(&gguf, path, err))
        return NULL;
    struct tokenizer *tok = tokenizer_from_gguf(&gguf, err);
    gguf_close(&gguf);
    return tok;
}

static struct tokenizer *open_file(const char *path, struct err *err)
{
    struct file_map map;
    struct tokenizer *tok = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!file_map(&map, path, err))
        return NULL;
    if (!map.size)
        err_set(err, ERR_FORMAT, "%s: empty; download it again", name);
    else if (is_gguf(name) || (map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0))
        tok = open_gguf(path, err);
    else if (ends_with(name, ".json") || map.data[0] == '{') /* that is no field of a model */
        tok = tokenizer_from_tekken(name, map.data, map.size, err);
    else
        tok = tokenizer_from_spm(name, map.data, map.size, err);
    file_unmap(&map);
    /* Pixtral Large has the pieces of v7 and takes pictures: only the name says so. */
    if (tok && !tok->is_tekken && is_versioned(name) && ends_with(name, "m1"))
        tok->traits.image = (struct image_traits){.patch_size = 16, .max_size = 1024, .merge = 1};
    return tok;
}

struct tokenizer *tokenizer_open(const char *path, struct err *err)
{
    char name[256];
    struct buf full;
    struct tokenizer *tok = NULL;
    bool is_file = !file_is_dir(path);
    buf_init(&full, MAX_PATH);
    if (is_file)
        tok = open_file(path, err);
    else if (choose(path, name, sizeof name, err) && file_join(&full, path, name, err))
        tok = open_file(full.data, err);
    buf_free(&full);
    if (tok)
        return tok;
    err_remedy(err, ERR_UNSUPPORTED, "choose another model");
    err_remedy(err, ERR_LIMIT, "choose a smaller model");
    return NULL;
}
