/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/safetensors.h"
#include "model/adapter_peft.h"
#include "model/checkpoint_int.h"

#define NATIVE_SCALE 2.0 /* of mistral-finetune, where params.json says nothing */

/* How a dialect names the two matrices of a module. */
struct naming {
    const char *prefix, *a, *b;
    bool is_embedding;
};

static const struct naming peft_names[] = {
    {"base_model.model.", ".lora_A.weight", ".lora_B.weight", false},
    {"base_model.model.", ".lora_embedding_A", ".lora_embedding_B", true},
    {NULL, NULL, NULL, false},
};
static const struct naming native_names[] = {
    {"", ".lora_A.weight", ".lora_B.weight", false},
    {NULL, NULL, NULL, false},
};
static const struct naming gguf_names[] = {
    {"", ".weight.lora_a", ".weight.lora_b", false},
    {NULL, NULL, NULL, false},
};
static const struct naming *const namings[] = {native_names, peft_names, gguf_names};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Finds how e is named, if it is the a of a pair, or is_b: the b. */
static const struct naming *find_naming(const struct adapter_file *file, const char *name,
                                        bool is_b)
{
    for (const struct naming *n = namings[file->dialect]; n->prefix; n++)
        if (strncmp(name, n->prefix, strlen(n->prefix)) == 0 && ends_with(name, is_b ? n->b : n->a))
            return n;
    return NULL;
}

/* Takes prefix and end off a name, and adds another end.  Returns NULL when there is no memory. */
static const char *rename_tensor(struct adapter_file *file, const char *name,
                                 const struct naming *naming, bool keep_prefix, const char *end,
                                 struct err *err)
{
    char text[LIMIT_NAME_BYTES + 32];
    size_t n_prefix = strlen(naming->prefix), n_end = strlen(naming->a);
    int n = (int)(strlen(name) - n_prefix - n_end);
    snprintf(text, sizeof text, "%s%.*s%s", keep_prefix ? naming->prefix : "", n, name + n_prefix,
             end);
    return arena_string(&file->names, text, strlen(text), err);
}

/* What a tensor that is of no pair is probably for. */
static bool refuse(const struct tensor_entry *e, struct err *err)
{
    static const struct {
        const char *part, *what;
    } known[] = {
        {"lora_magnitude_vector", "weight-decomposed adapters (DoRA) are not supported"},
        {"lora_", "its other half is missing; download the adapter again"},
        {".bias", "changed biases are not supported"},
        {".weight", "a whole matrix; only low-rank changes are supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(e->name, known[i].part))
            return err_set(err, ERR_UNSUPPORTED, "%s: %s: %s", e->file, e->name, known[i].what);
    return err_set(err, ERR_UNSUPPORTED, "%s: %s: unknown tensor; give another adapter", e->file,
                   e->name);
}

static bool check_numbers(const struct tensor_entry *e, struct err *err)
{
    enum dtype dtype;
    if (!dtype_from_name(e->type, &dtype) ||
        (dtype != DTYPE_F32 && dtype != DTYPE_F16 && dtype != DTYPE_BF16))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: %s: format %s is not supported for adapters; convert it to BF16",
                       e->file, e->name, e->type);
    return weights_finite(e, dtype) ||
           err_set(err, ERR_FORMAT,
                   "%s: %s: holds a number that is not finite; download the adapter again", e->file,
                   e->name);
}

/* Reads the rank, on which both matrices must agree. */
static bool read_rank(const struct adapter_file *file, struct adapter_pair *pair, struct err *err)
{
    const struct tensor_entry *a = pair->a, *b = pair->b;
    char shape_a[80], shape_b[80];
    tensor_entry_shape(a, shape_a, sizeof shape_a);
    tensor_entry_shape(b, shape_b, sizeof shape_b);
    bool is_gguf = file->dialect == CHECKPOINT_GGUF;
    int n = a->n_dims;
    if (n != b->n_dims || (n != 2 && !(n == 3 && is_gguf)))
        return err_set(err, ERR_FORMAT,
                       "%s: %s: shape is %s, that of its other half %s: not two "
                       "matrices; download the adapter again",
                       a->file, a->name, shape_a, shape_b);
    pair->rank = b->shape[n - 1];
    if (a->shape[is_gguf && pair->is_embedding ? n - 1 : n - 2] != pair->rank)
        return err_set(err, ERR_FORMAT,
                       "%s: %s: shape is %s, that of its other half %s: two ranks; "
                       "download the adapter again",
                       a->file, a->name, shape_a, shape_b);
    if (pair->rank < 1 || pair->rank > LIMIT_LORA_RANK)
        return err_set(err, ERR_LIMIT, "%s: %s: rank %lld is not from 1 to %d", a->file, a->name,
                       (long long)pair->rank, LIMIT_LORA_RANK);
    return check_numbers(a, err) && check_numbers(b, err);
}

static bool add_pair(struct adapter_file *file, const struct tensor_entry *a, struct err *err)
{
    const struct naming *naming = find_naming(file, a->name, false);
    struct adapter_pair *pair = &file->pairs[file->n_pairs];
    const char *other = rename_tensor(file, a->name, naming, true, naming->b, err);
    pair->module = rename_tensor(file, a->name, naming, false, "", err);
    if (!other || !pair->module)
        return false;
    pair->a = a;
    pair->b = tensor_store_find(file->tensors, other);
    if (!pair->b)
        return refuse(a, err);
    pair->is_embedding = naming->is_embedding || strcmp(pair->module, "token_embd") == 0;
    file->n_pairs++;
    return read_rank(file, pair, err);
}

static bool find_pairs(struct adapter_file *file, struct err *err)
{
    const struct tensor_store *tensors = file->tensors;
    size_t n_b = 0;
    file->pairs = mem_new(tensors->n, sizeof *file->pairs, err);
    if (!file->pairs)
        return false;
    for (size_t i = 0; i < tensors->n; i++) {
        const struct tensor_entry *e = &tensors->entries[i];
        if (find_naming(file, e->name, true))
            n_b++;
        else if (!find_naming(file, e->name, false))
            return refuse(e, err);
        else if (!add_pair(file, e, err))
            return false;
    }
    /* Each pair took a b of its own, so another one has no a. */
    for (size_t i = 0; n_b > file->n_pairs && i < tensors->n; i++) {
        const struct tensor_entry *e = &tensors->entries[i];
        const struct naming *naming = find_naming(file, e->name, true);
        if (!naming)
            continue;
        const char *other = rename_tensor(file, e->name, naming, true, naming->a, err);
        if (!other || !tensor_store_find(tensors, other))
            return other ? refuse(e, err) : false;
    }
    return true;
}

/* Says what is wrong with a folder or file that should be an adapter. */
static bool no_adapter(const char *path, struct err *err)
{
    return err_set(err, ERR_ARG,
                   "%s: not an adapter; give a folder with adapter_config.json or "
                   "lora.safetensors, or a .gguf file",
                   path);
}

/* Writes DIR/NAME to path: [PATH_MAX]. */
static bool join(char *path, const char *dir, const char *name, struct err *err)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);
    return (n > 0 && n < PATH_MAX) ||
           err_set(err, ERR_ARG, "%.100s...: the path is too long; give a shorter one", dir);
}

static bool set_peft_scales(struct adapter_file *file, const struct peft_config *config,
                            struct err *err)
{
    for (size_t i = 0; i < file->n_pairs; i++) {
        struct adapter_pair *pair = &file->pairs[i];
        double rank;
        if (!peft_scale(config, pair->module, &rank, &pair->scale, err))
            return false;
        if ((double)pair->rank != rank)
            return err_set(err, ERR_FORMAT,
                           "%s: %s: rank is %lld, adapter_config.json says %g; they belong to "
                           "different adapters",
                           pair->a->file, pair->a->name, (long long)pair->rank, rank);
    }
    return true;
}

static bool open_peft(struct adapter_file *file, const char *dir, struct err *err)
{
    char path[PATH_MAX];
    struct peft_config config = {0};
    file->dialect = CHECKPOINT_HF;
    if (!join(path, dir, "adapter_config.json", err))
        return false;
    if (!file_exists(path))
        return err_set(err, ERR_NOT_FOUND,
                       "%s: adapter_model.safetensors without adapter_config.json; download it, "
                       "too",
                       dir);
    struct json_doc *doc = json_open(path, err);
    bool ok = (doc && peft_read(&config, doc, err)) || err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    ok = ok && safetensors_open(&file->safetensors, dir, "adapter_model", err) &&
         find_pairs(file, err) && set_peft_scales(file, &config, err);
    json_close(doc);
    return ok;
}

/* Reads lora.scaling of the params.json in dir, if there is one. */
static bool read_native_scale(const char *dir, double *scale, struct err *err)
{
    char path[PATH_MAX];
    struct json lora;
    if (!join(path, dir, "params.json", err))
        return false;
    if (!file_exists(path))
        return true;
    struct json_doc *doc = json_open(path, err);
    if (!doc)
        return err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    struct json root = json_root(doc);
    bool ok = !json_find(&root, "lora", &lora) ||
              json_opt_f64(&lora, "scaling", -1e6, 1e6, scale, err) ||
              err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    json_close(doc);
    return ok;
}

/* Says whether anything is an adapter's: any file of tensors may be called one of this dialect. */
static bool has_lora(const struct tensor_store *tensors)
{
    for (size_t i = 0; i < tensors->n; i++)
        if (strstr(tensors->entries[i].name, "lora"))
            return true;
    return false;
}

static bool open_native(struct adapter_file *file, const char *dir, const char *stem,
                        struct err *err)
{
    double scale = NATIVE_SCALE;
    file->dialect = CHECKPOINT_NATIVE;
    if (!read_native_scale(dir, &scale, err) ||
        !safetensors_open(&file->safetensors, dir, stem, err))
        return false;
    if (file->tensors->n && !has_lora(file->tensors))
        return err_set(err, ERR_ARG,
                       "%s/%s.safetensors: not an adapter: no tensor of it is a LoRA matrix; give "
                       "another file",
                       dir, stem);
    if (!find_pairs(file, err))
        return false;
    for (size_t i = 0; i < file->n_pairs; i++)
        file->pairs[i].scale = scale;
    return true;
}

static bool gguf_says(const struct gguf *gguf, const char *key, const char *want)
{
    const char *s;
    size_t n;
    struct err ignored = {0};
    return gguf_string(gguf, key, &s, &n, &ignored) && n == strlen(want) && memcmp(s, want, n) == 0;
}

static bool open_gguf(struct adapter_file *file, const char *path, struct err *err)
{
    double alpha = 0;
    file->dialect = CHECKPOINT_GGUF;
    file->tensors = &file->gguf.tensors;
    if (!gguf_open(&file->gguf, path, err))
        return false;
    if (!gguf_says(&file->gguf, "general.type", "adapter"))
        return err_set(err, ERR_ARG, "%s: not an adapter; its general.type is not \"adapter\"",
                       path);
    if (!gguf_says(&file->gguf, "adapter.type", "lora"))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: adapter.type: only \"lora\" is supported; give another adapter",
                       file->gguf.file);
    /* Some readers take 0 for no scale at all, others for no change. */
    if (!gguf_f64(&file->gguf, "adapter.lora.alpha", -1e6, 1e6, &alpha, err) || alpha == 0)
        return err->code ? false
                         : err_set(err, ERR_UNSUPPORTED,
                                   "%s: adapter.lora.alpha: 0 has no single meaning; convert the "
                                   "adapter again",
                                   file->gguf.file);
    if (!find_pairs(file, err))
        return false;
    for (size_t i = 0; i < file->n_pairs; i++)
        file->pairs[i].scale = alpha / (double)file->pairs[i].rank;
    return true;
}

static bool open_folder(struct adapter_file *file, const char *dir, struct err *err)
{
    char config[PATH_MAX], peft[PATH_MAX], native[PATH_MAX];
    if (!join(config, dir, "adapter_config.json", err) ||
        !join(peft, dir, "adapter_model.safetensors", err) ||
        !join(native, dir, "lora.safetensors", err))
        return false;
    if (file_exists(config) || file_exists(peft))
        return open_peft(file, dir, err);
    return file_exists(native) ? open_native(file, dir, "lora", err) : no_adapter(dir, err);
}

/* Opens the adapter of which one file is given. */
static bool open_part(struct adapter_file *file, const char *path, struct err *err)
{
    char dir[PATH_MAX], stem[NAME_MAX + 1];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash == path)
        memcpy(dir, "/", sizeof "/");
    else if (!slash)
        memcpy(dir, ".", sizeof ".");
    else if (snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path) >= (int)sizeof dir)
        return err_set(err, ERR_ARG, "%.100s...: the path is too long; give a shorter one", path);
    if (strcmp(name, "adapter_config.json") == 0 || strcmp(name, "adapter_model.safetensors") == 0)
        return open_peft(file, dir, err);
    if (!ends_with(name, ".safetensors"))
        return no_adapter(path, err);
    snprintf(stem, sizeof stem, "%.*s", (int)(strlen(name) - strlen(".safetensors")), name);
    return open_native(file, dir, stem, err);
}

bool adapter_file_open(struct adapter_file *file, const char *path, struct err *err)
{
    *file = (struct adapter_file){0};
    file->tensors = &file->safetensors;
    bool ok;
    if (!file_exists(path))
        ok = file_fail(path, "look there", err);
    else if (file_is_dir(path))
        ok = open_folder(file, path, err);
    else
        ok = ends_with(path, ".gguf") ? open_gguf(file, path, err) : open_part(file, path, err);
    if (ok && file->n_pairs == 0)
        ok = err_set(err, ERR_FORMAT, "%s: an adapter without tensors; download it again", path);
    return tensor_store_check(file->tensors, err) && ok;
}

void adapter_file_close(struct adapter_file *file)
{
    free(file->pairs);
    gguf_close(&file->gguf);
    tensor_store_free(&file->safetensors);
    arena_free(&file->names);
    *file = (struct adapter_file){0};
}
