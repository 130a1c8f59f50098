/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the tokenizer of a checkpoint folder and tells the kinds of file apart. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "data/gguf.h"
#include "data/json.h"
#include "data/stand_in.h"
#include "text/hf_int.h"
#include "text/tekken_int.h"

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
           : strcmp(name, "tokenizer.json") == 0  ? 2
           : is_gguf(name)                        ? 1
                                                  : 0;
}

/* Says whether a is the better choice: of equal kinds the last name, but the first
 * of GGUF files, which is the first part of a split one. */
static bool is_better(const char *a, const char *b)
{
    int by_kind = preference(a) - preference(b), by_name = strcmp(a, b);
    return by_kind ? by_kind > 0 : is_gguf(a) ? by_name < 0 : by_name > 0;
}

bool tokenizer_choose(const char *folder, char *best, size_t size, struct err *err)
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
    return err_set(
        err, ERR_NOT_FOUND,
        "%s: no tokenizer; expected tekken.json, tokenizer.model, tokenizer.json or a .gguf",
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

enum json_kind { JSON_TEKKEN, JSON_HF, JSON_ANY };

/* Reads a JSON file; a Hugging Face one has its vocabulary inside "model". */
static struct tokenizer *from_json(const char *name, const void *bytes, size_t n,
                                   enum json_kind kind, bool *is_hf, struct err *err)
{
    struct tokenizer *tok = NULL;
    if (n > LIMIT_JSON_BYTES) {
        err_set(err, ERR_LIMIT, "%s: %zu bytes; at most %u are read", name, n, LIMIT_JSON_BYTES);
        return NULL;
    }
    struct json_doc *doc = json_parse(name, bytes, n, err);
    if (doc) {
        struct json root = json_root(doc), member;
        *is_hf = kind == JSON_HF || (kind == JSON_ANY && json_find(&root, "model", &member) &&
                                     !json_find(&root, "vocab", &member));
        tok = *is_hf ? hf_read(name, &root, err) : tekken_read(name, &root, err);
    }
    json_close(doc);
    if (!tok)
        err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    return tok;
}

struct tokenizer *tokenizer_from_tekken(const char *name, const void *bytes, size_t n,
                                        struct err *err)
{
    bool is_hf;
    return from_json(name, bytes, n, JSON_TEKKEN, &is_hf, err);
}

struct tokenizer *tokenizer_from_hf(const char *name, const void *bytes, size_t n, struct err *err)
{
    bool is_hf;
    return from_json(name, bytes, n, JSON_HF, &is_hf, err);
}

/* Reads what lies beside the file at path, and what its name says. */
static bool add_traits(struct tokenizer *tok, const char *path, bool is_hf, struct err *err)
{
    struct buf folder;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    /* v2 has the pieces of v3, and Pixtral Large, which takes pictures, has those of v7: only
     * the name says so. */
    if (tok->traits.version == 3 && ends_with(name, ".model.v2"))
        tok->traits.version = 2;
    if (!tok->is_tekken && is_versioned(name) && ends_with(name, "m1"))
        tok->traits.image = (struct image_traits){.patch_size = 16, .max_size = 1024, .merge = 1};
    buf_init(&folder, MAX_PATH);
    bool ok = (slash ? buf_add(&folder, path, (size_t)(slash + 1 - path), err)
                     : buf_add(&folder, "", 0, err)) &&
              hf_read_beside(tok, folder.data, is_hf, err);
    buf_free(&folder);
    return ok;
}

/* Reads a file by what it holds.  A GGUF file is complete: *is_alone. */
static struct tokenizer *read_file(const char *path, const struct file_map *map, bool *is_hf,
                                   bool *is_alone, struct err *err)
{
    if (!map->size) {
        err_set(err, ERR_FORMAT, "%s: empty; download it again", path);
        return NULL;
    }
    if (!stand_in_check(path, map->data, map->size, err))
        return NULL;
    *is_alone = is_gguf(path) || (map->size >= 4 && memcmp(map->data, "GGUF", 4) == 0);
    if (*is_alone)
        return open_gguf(path, err);
    if (ends_with(path, ".json") || map->data[0] == '{') /* that is no field of a model */
        return from_json(path, map->data, map->size, JSON_ANY, is_hf, err);
    return tokenizer_from_spm(path, map->data, map->size, err);
}

static struct tokenizer *open_file(const char *path, struct err *err)
{
    bool is_hf = false, is_alone = false;
    struct file_map map;
    if (!file_map(&map, path, err))
        return NULL;
    struct tokenizer *tok = read_file(path, &map, &is_hf, &is_alone, err);
    if (!file_map_check(&map, path, err)) {
        tokenizer_close(tok);
        tok = NULL;
    }
    file_unmap(&map);
    if (!tok || is_alone || add_traits(tok, path, is_hf, err))
        return tok;
    tokenizer_close(tok);
    return NULL;
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
    else if (tokenizer_choose(path, name, sizeof name, err) && file_join(&full, path, name, err))
        tok = open_file(full.data, err);
    buf_free(&full);
    if (tok)
        return tok;
    err_remedy(err, ERR_UNSUPPORTED, "choose another model");
    err_remedy(err, ERR_LIMIT, "choose a smaller model");
    return NULL;
}
