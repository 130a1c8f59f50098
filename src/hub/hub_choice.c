/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_choice.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

#define PART     "-%05u-of-%05u"
#define PART_LEN 15 /* of "-00001-of-00002" */

static bool starts_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Reads -0000K-of-0000N before the ending of name.  Returns where it stands, or NULL. */
static const char *find_part(const char *name, const char *ending, unsigned *k, unsigned *n)
{
    size_t length = strlen(name), n_ending = strlen(ending);
    char again[PART_LEN + 8];
    if (!ends_with(name, ending) || length < n_ending + PART_LEN)
        return NULL;
    const char *part = name + length - n_ending - PART_LEN;
    *k = (unsigned)strtoul(part + 1, NULL, 10);
    *n = (unsigned)strtoul(part + strlen("-00001-of-"), NULL, 10);
    if (!*k || *k > *n || *n > LIMIT_SHARDS)
        return NULL;
    snprintf(again, sizeof again, PART, *k, *n);
    return strncmp(part, again, PART_LEN) == 0 ? part : NULL;
}

bool hub_is_gguf(const char *path)
{
    unsigned k, n;
    const char *name = last_part(path);
    if (!ends_with(name, ".gguf") || strcasestr(name, "mmproj") || starts_with(name, "imatrix"))
        return false;
    return !find_part(name, ".gguf", &k, &n) || k == 1;
}

const char *hub_layout_name(enum hub_layout layout)
{
    static const char *const names[] = {"Mistral native", "Hugging Face", "GGUF", "adapter"};
    return names[layout];
}

static void take(struct hub_choice *choice, struct hub_file *file)
{
    if (file->chosen)
        return;
    file->chosen = true;
    choice->n_bytes += file->n_bytes;
    choice->n_files++;
}

/* Takes a file if it is there. */
static bool take_path(struct hub_listing *listing, const char *path, struct hub_choice *choice)
{
    struct hub_file *file = hub_listing_find(listing, path);
    if (file)
        take(choice, file);
    return file != NULL;
}

/* Takes parts 1..n of STEM-0000K-of-0000N with that ending. */
static bool take_parts(struct hub_listing *listing, const char *stem, int n_stem, unsigned n,
                       const char *ending, struct hub_choice *choice, struct err *err)
{
    char path[LIMIT_HUB_PATH + 64];
    for (unsigned k = 1; k <= n; k++) {
        snprintf(path, sizeof path, "%.*s" PART "%s", n_stem, stem, k, n, ending);
        if (!take_path(listing, path, choice))
            return err_set(err, ERR_NOT_FOUND, "%s is missing; the model is not whole", path);
    }
    return true;
}

/* Finds STEM.safetensors or a part of it at the top. */
static const struct hub_file *find_weights(const struct hub_listing *listing, const char *stem)
{
    char whole[64];
    unsigned k, n;
    snprintf(whole, sizeof whole, "%s.safetensors", stem);
    const struct hub_file *file = hub_listing_find(listing, whole);
    for (size_t i = 0; !file && i < listing->n; i++) {
        const char *part = find_part(listing->files[i].path, ".safetensors", &k, &n);
        if (part && (size_t)(part - listing->files[i].path) == strlen(stem) &&
            starts_with(listing->files[i].path, stem))
            file = &listing->files[i];
    }
    return file;
}

/* Takes the weights, their index, and the configuration beside them. */
static bool take_weights(struct hub_listing *listing, const char *stem, const char *config,
                         struct hub_choice *choice, struct err *err)
{
    char index[64];
    unsigned k, n;
    const struct hub_file *file = find_weights(listing, stem);
    const char *part = find_part(file->path, ".safetensors", &k, &n);
    snprintf(index, sizeof index, "%s.safetensors.index.json", stem);
    if (!part)
        take_path(listing, file->path, choice);
    else if (!take_parts(listing, stem, (int)strlen(stem), n, ".safetensors", choice, err))
        return false;
    else if (!take_path(listing, index, choice))
        return err_set(err, ERR_NOT_FOUND, "%s is missing; the model is not whole", index);
    return take_path(listing, config, choice) ||
           err_set(err, ERR_NOT_FOUND, "%s is missing; the model is not whole", config);
}

/* Takes what stands at the top and is text of a tokenizer or about prompts.  Returns whether there
 * is a tokenizer. */
static bool take_texts(struct hub_listing *listing, bool native, struct hub_choice *choice)
{
    static const char *const names[] = {
        "tokenizer_config.json", "special_tokens_map.json",  "added_tokens.json",
        "chat_template.jinja",   "chat_template.json",       "generation_config.json",
        "processor_config.json", "preprocessor_config.json",
    };
    bool own = take_path(listing, "tekken.json", choice);
    for (size_t i = 0; i < listing->n; i++) {
        struct hub_file *file = &listing->files[i];
        bool is_model = !strchr(file->path, '/') && strstr(file->path, "tokenizer") &&
                        strstr(file->path, ".model");
        if (is_model)
            take(choice, file);
        own = own || is_model;
    }
    if (native && own)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        take_path(listing, names[i], choice);
    return take_path(listing, "tokenizer.json", choice) || own;
}

/* Says whether type stands in a file's name between what ends words. */
static bool has_type(const char *path, const char *type)
{
    const char *name = last_part(path);
    size_t n = strlen(type);
    for (const char *at = name; (at = strcasestr(at, type)); at++)
        if ((at == name || !isalnum((unsigned char)at[-1])) && (at[n] == '.' || at[n] == '-'))
            return true;
    return false;
}

static bool matches(const struct hub_file *file, const char *want)
{
    if (!hub_is_gguf(file->path))
        return false;
    return !*want || strcmp(file->path, want) == 0 || has_type(file->path, want);
}

/* Appends what fits of a list of names. */
static void add_name(char *list, size_t size, const char *name)
{
    size_t n = strlen(list);
    if (n + strlen(name) + 8 < size)
        snprintf(list + n, size - n, "%s%s", n ? ", " : "", name);
    else if (!ends_with(list, "..."))
        snprintf(list + n, size - n, ", ...");
}

/* Says which GGUF files there are instead. */
static bool list_others(const struct hub_listing *listing, const char *want, struct err *err)
{
    char list[600] = "";
    size_t n = 0;
    for (size_t i = 0; i < listing->n; i++) {
        if (!hub_is_gguf(listing->files[i].path))
            continue;
        add_name(list, sizeof list, listing->files[i].path);
        n++;
    }
    if (!n)
        return err_set(err, ERR_NOT_FOUND, "no GGUF file for '%s', nor any other; leave ':%s' out",
                       want, want);
    return err_set(err, ERR_NOT_FOUND, "no GGUF file for '%s'; there %s %s", want,
                   n > 1 ? "are" : "is only", list);
}

static bool choose_gguf(struct hub_listing *listing, const char *want, struct hub_choice *choice,
                        struct err *err)
{
    char list[600] = "";
    const struct hub_file *found = NULL;
    size_t n_found = 0;
    for (size_t i = 0; i < listing->n; i++) {
        if (!matches(&listing->files[i], want))
            continue;
        found = &listing->files[i];
        add_name(list, sizeof list, found->path);
        if (*want && strcmp(found->path, want) == 0) {
            n_found = 1;
            break;
        }
        n_found++;
    }
    if (n_found > 1)
        return err_set(err, ERR_ARG, "%zu models; choose one by :FILE or :TYPE: %s", n_found, list);
    if (!found)
        return list_others(listing, want, err);
    unsigned k, n;
    const char *part = find_part(found->path, ".gguf", &k, &n);
    choice->layout = HUB_GGUF;
    choice->has_tokenizer = true; /* it is a part of every such file */
    choice->gguf = found->path;
    for (size_t i = 0; i < listing->n; i++)
        if (ends_with(listing->files[i].path, ".gguf") &&
            strcasestr(listing->files[i].path, "mmproj"))
            choice->projector = listing->files[i].path;
    if (part)
        return take_parts(listing, found->path, (int)(part - found->path), n, ".gguf", choice, err);
    return take_path(listing, found->path, choice);
}

static bool has(const struct hub_listing *listing, const char *path)
{
    return hub_listing_find(listing, path) != NULL;
}

/* Says why there is no model. */
static bool explain(const struct hub_listing *listing, struct err *err)
{
    for (size_t i = 0; i < listing->n; i++) {
        const char *path = listing->files[i].path;
        if (ends_with(path, ".bin") || ends_with(path, ".pt") || ends_with(path, ".pth"))
            return err_set(err, ERR_UNSUPPORTED,
                           "%s: pickle files are not loaded; look for a copy as safetensors", path);
    }
    return err_set(err, ERR_NOT_FOUND, "no model: no safetensors and no .gguf file");
}

bool hub_choose(struct hub_listing *listing, const char *want, struct hub_choice *choice,
                struct err *err)
{
    bool any_gguf = false;
    *choice = (struct hub_choice){0};
    for (size_t i = 0; i < listing->n; i++) {
        listing->files[i].chosen = false;
        any_gguf = any_gguf || hub_is_gguf(listing->files[i].path);
    }
    if (*want)
        return choose_gguf(listing, want, choice, err);
    bool native = find_weights(listing, "consolidated") && has(listing, "params.json");
    if (native || find_weights(listing, "model")) {
        choice->layout = native ? HUB_NATIVE : HUB_HF;
        choice->has_tokenizer = take_texts(listing, native, choice);
        return native ? take_weights(listing, "consolidated", "params.json", choice, err)
                      : take_weights(listing, "model", "config.json", choice, err);
    }
    if (any_gguf)
        return choose_gguf(listing, want, choice, err);
    choice->layout = HUB_ADAPTER;
    choice->has_tokenizer = true; /* that of its model */
    if (has(listing, "adapter_config.json"))
        return take_path(listing, "adapter_config.json", choice) &&
               (take_path(listing, "adapter_model.safetensors", choice) || explain(listing, err));
    if (has(listing, "lora.safetensors"))
        return take_path(listing, "lora.safetensors", choice) &&
               (take_path(listing, "params.json", choice) || explain(listing, err));
    return explain(listing, err);
}
