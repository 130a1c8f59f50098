/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c - finds out what lies at a path, and opens it. */
#include "model/checkpoint.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/json.h"
#include "data/safetensors.h"
#include "model/checkpoint_int.h"

#define SHARD_TAIL "-#####-of-#####.safetensors"

/* What a folder holds, as far as it matters. */
struct folder {
    bool params, config;         /* params.json, config.json */
    bool consolidated, model;    /* safetensors of either layout, whole or with an index */
    char shard[NAME_MAX + 1];    /* one of several files of weights, or "" */
    bool lora;                   /* an adapter's matrices, native */
    bool peft, peft_config;      /* the same of PEFT, and what they need beside them */
    char pickle[NAME_MAX + 1];   /* weights in Python's pickle format, or "" */
    char gguf[NAME_MAX + 1];     /* first in order, or ""; without image projectors and
                                    the later parts of a split file */
    char gguf_two[NAME_MAX + 1]; /* another one, or "" */
};

static bool starts_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Says whether name is STEM.safetensors or its index. */
static bool is_weights(const char *name, const char *stem)
{
    if (!starts_with(name, stem))
        return false;
    const char *rest = name + strlen(stem);
    return strcmp(rest, ".safetensors") == 0 || strcmp(rest, ".safetensors.index.json") == 0;
}

/* Returns the end of name that has the shape, in which # is any digit, or NULL. */
static const char *tail_like(const char *name, const char *shape)
{
    size_t n = strlen(name), m = strlen(shape);
    if (n < m)
        return NULL;
    const char *tail = name + n - m;
    for (size_t i = 0; i < m; i++)
        if (shape[i] == '#' ? tail[i] < '0' || tail[i] > '9' : tail[i] != shape[i])
            return NULL;
    return tail;
}

/* Says whether name ends in -0000K-of-0000N.gguf with K > 1. */
static bool is_later_part(const char *name)
{
    const char *tail = tail_like(name, "-#####-of-#####.gguf");
    return tail && !starts_with(tail, "-00001-");
}

/* Says whether name is like model-00001-of-00002.safetensors. */
static bool is_shard(const char *name)
{
    const char *tail = tail_like(name, SHARD_TAIL);
    return tail && tail == strchr(name, '-') &&
           (starts_with(name, "model-") || starts_with(name, "consolidated-"));
}

static void note_gguf(struct folder *folder, const char *name)
{
    char *place = folder->gguf_two;
    if (!folder->gguf[0] || strcmp(name, folder->gguf) < 0) {
        memcpy(folder->gguf_two, folder->gguf, sizeof folder->gguf);
        place = folder->gguf;
    } else if (folder->gguf_two[0] && strcmp(name, folder->gguf_two) > 0) {
        return;
    }
    memcpy(place, name, strlen(name) + 1);
}

static void note(struct folder *folder, const char *name)
{
    if (strcmp(name, "params.json") == 0)
        folder->params = true;
    else if (strcmp(name, "config.json") == 0)
        folder->config = true;
    else if (is_weights(name, "consolidated"))
        folder->consolidated = true;
    else if (is_weights(name, "model"))
        folder->model = true;
    else if (is_shard(name))
        memcpy(folder->shard, name, strlen(name) + 1);
    else if (strcmp(name, "lora.safetensors") == 0)
        folder->lora = true;
    else if (is_weights(name, "adapter_model"))
        folder->peft = true;
    else if (strcmp(name, "adapter_config.json") == 0)
        folder->peft_config = true;
    else if (ends_with(name, ".pth") || ends_with(name, ".pt") ||
             starts_with(name, "pytorch_model"))
        memcpy(folder->pickle, name, strlen(name) + 1);
    else if (ends_with(name, ".gguf") && !is_later_part(name) && !starts_with(name, "mmproj"))
        note_gguf(folder, name);
}

static bool look(struct folder *folder, const char *path, struct err *err)
{
    *folder = (struct folder){0};
    DIR *dir = opendir(path);
    if (!dir)
        return file_fail(path, "list the folder", err);
    /* Long names cannot come from readdir(), but nothing promises it to the copies above. */
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strlen(entry->d_name) <= NAME_MAX)
            note(folder, entry->d_name);
    closedir(dir);
    return true;
}

/* Opens DIR/NAME as JSON. */
static struct json_doc *open_json(const char *dir, const char *name, struct err *err)
{
    struct json_doc *doc = NULL;
    struct buf path;
    buf_init(&path, PATH_MAX);
    if (file_join(&path, dir, name, err))
        doc = json_open(path.data, err);
    buf_free(&path);
    return doc;
}

static bool open_native(struct checkpoint *ckpt, struct err *err)
{
    struct json_doc *params = open_json(ckpt->path, "params.json", err);
    bool ok = (params && config_from_params(&ckpt->config, params, err)) ||
              err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    json_close(params);
    ckpt->layout = CHECKPOINT_NATIVE;
    ckpt->tensors = &ckpt->safetensors;
    return ok && safetensors_open(&ckpt->safetensors, ckpt->path, "consolidated", err);
}

static bool open_hf(struct checkpoint *ckpt, struct err *err)
{
    struct json_doc *config = open_json(ckpt->path, "config.json", err);
    bool ok = (config && config_from_hf(&ckpt->config, config, err)) ||
              err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    json_close(config);
    ckpt->layout = CHECKPOINT_HF;
    ckpt->tensors = &ckpt->safetensors;
    return ok && safetensors_open(&ckpt->safetensors, ckpt->path, "model", err);
}

static bool open_gguf(struct checkpoint *ckpt, const char *path, struct err *err)
{
    ckpt->layout = CHECKPOINT_GGUF;
    ckpt->tensors = &ckpt->gguf.tensors;
    return gguf_open(&ckpt->gguf, path, err) && config_from_gguf(&ckpt->config, &ckpt->gguf, err);
}

static bool open_gguf_in(struct checkpoint *ckpt, const char *name, struct err *err)
{
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool ok = file_join(&path, ckpt->path, name, err) && open_gguf(ckpt, path.data, err);
    buf_free(&path);
    return ok;
}

/* Says what a folder without a model lacks. */
static bool explain(const char *path, const struct folder *folder, struct err *err)
{
    if (folder->shard[0])
        return err_set(err, ERR_NOT_FOUND,
                       "%s: %s is here but %.*s.safetensors.index.json is missing; download it",
                       path, folder->shard, (int)(strlen(folder->shard) - strlen(SHARD_TAIL)),
                       folder->shard);
    if (folder->pickle[0])
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: %s: pickle files are not loaded; convert them to safetensors", path,
                       folder->pickle);
    if (folder->params || folder->config)
        return err_set(err, ERR_NOT_FOUND, "%s: %s without %s.safetensors; download the weights",
                       path, folder->params ? "params.json" : "config.json",
                       folder->params ? "consolidated" : "model");
    if (folder->consolidated || folder->model)
        return err_set(err, ERR_NOT_FOUND, "%s: weights without %s; download it, too", path,
                       folder->consolidated ? "params.json" : "config.json");
    if (folder->peft && !folder->peft_config)
        return err_set(err, ERR_NOT_FOUND,
                       "%s: adapter_model.safetensors without adapter_config.json; download it, "
                       "too",
                       path);
    if (folder->lora || folder->peft)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: an adapter without its model; 'bise run MODEL --adapter' applies it, "
                       "'bise merge' makes a model of both",
                       path);
    return err_set(err, ERR_NOT_FOUND,
                   "%s: no model in this folder; expected params.json or config.json with "
                   "safetensors, or a .gguf file",
                   path);
}

static bool open_folder(struct checkpoint *ckpt, struct err *err)
{
    struct folder folder;
    if (!look(&folder, ckpt->path, err))
        return false;
    if (folder.params && folder.consolidated)
        return open_native(ckpt, err);
    if (folder.config && folder.model)
        return open_hf(ckpt, err);
    if (folder.gguf_two[0])
        return err_set(err, ERR_ARG, "%s: several models; give one of the files, %s, %s, ...",
                       ckpt->path, folder.gguf, folder.gguf_two);
    if (folder.gguf[0])
        return open_gguf_in(ckpt, folder.gguf, err);
    return explain(ckpt->path, &folder, err);
}

/* Says whether name is that of a file which lies beside others in a model's folder. */
static bool is_part(const char *name)
{
    return ends_with(name, ".json") || ends_with(name, ".safetensors");
}

static bool name_folder(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 1;
    return err_set(err, ERR_ARG, "%s: one file of a model; give its folder, %.*s", path,
                   slash == path ? 1 : n, slash ? path : ".");
}

static bool open_path(struct checkpoint *ckpt, struct err *err)
{
    if (!file_exists(ckpt->path))
        return file_fail(ckpt->path, "look there", err);
    if (file_is_dir(ckpt->path))
        return open_folder(ckpt, err);
    if (ends_with(ckpt->path, ".gguf"))
        return open_gguf(ckpt, ckpt->path, err);
    if (is_part(ckpt->path))
        return name_folder(ckpt->path, err);
    return err_set(err, ERR_ARG, "%s: not a model; give a .gguf file, or a folder that holds one",
                   ckpt->path);
}

struct checkpoint *checkpoint_open(const char *path, struct err *err)
{
    struct checkpoint *ckpt = mem_new(1, sizeof *ckpt, err);
    if (!ckpt)
        return NULL;
    ckpt->path = mem_string(path, strlen(path), err);
    bool ok = ckpt->path && open_path(ckpt, err) && weights_bind(ckpt, err);
    if (ckpt->tensors && !checkpoint_check(ckpt, err))
        ok = false;
    if (ok)
        return ckpt;
    checkpoint_close(ckpt);
    err_remedy(err, ERR_UNSUPPORTED, "choose another model");
    err_remedy(err, ERR_LIMIT, "choose a smaller model");
    return NULL;
}

bool checkpoint_check(const struct checkpoint *ckpt, struct err *err)
{
    return tensor_store_check(ckpt->tensors, err);
}

void checkpoint_close(struct checkpoint *ckpt)
{
    if (!ckpt)
        return;
    free(ckpt->weights.layers);
    free(ckpt->experts);
    gguf_close(&ckpt->gguf);
    tensor_store_free(&ckpt->safetensors);
    free(ckpt->path);
    free(ckpt);
}
