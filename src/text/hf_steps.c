/* SPDX-License-Identifier: Apache-2.0 */
/* What a Hugging Face tokenizer does to text before it merges: a step, or a Sequence of
 * some.  Only the steps of the family's own files are known. */
#include <string.h>

#include "text/hf_int.h"
#include "text/split_int.h"

/* The steps under one name of the document. */
struct steps {
    struct json top, list;
    size_t n;
};

static struct json step_at(const struct steps *steps, size_t i)
{
    return steps->list.node ? json_item(&steps->list, i) : steps->top;
}

/* Returns a text that must not be missing nor anything else, or "". */
static const char *text_of(const struct json *v, const char *key)
{
    struct err ignored;
    const char *s = "";
    return json_opt_string(v, key, &s, &ignored) ? s : "";
}

static bool is_type(const struct json *v, const char *type)
{
    return strcmp(text_of(v, "type"), type) == 0;
}

/* Finds the steps under key; list is the name that a Sequence has for them. */
static void find_steps(const struct json *root, const char *key, const char *list,
                       struct steps *out)
{
    *out = (struct steps){0};
    if (!json_find(root, key, &out->top))
        return;
    out->n = 1;
    struct json sequence;
    if (is_type(&out->top, "Sequence") && json_find(&out->top, list, &sequence) &&
        json_is_array(&sequence)) {
        out->list = sequence;
        out->n = json_count(&sequence);
    }
}

static bool refuse(const struct json *step, struct err *err)
{
    return json_fail(step, err, ERR_UNSUPPORTED,
                     "step \"%.30s\" is not read; use tekken.json or tokenizer.model of this model",
                     text_of(step, "type"));
}

bool hf_check_model(const struct json *model, struct err *err)
{
    static const char *const marks[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    struct json v;
    const char *type = "BPE";
    double dropout = 0;
    if (!json_is_object(model))
        return json_fail(model, err, ERR_FORMAT, "expected an object");
    if (!json_opt_string(model, "type", &type, err) ||
        !json_opt_f64(model, "dropout", 0, 1, &dropout, err))
        return false;
    if (strcmp(type, "BPE") != 0)
        return json_fail(model, err, ERR_UNSUPPORTED, "type \"%.40s\"; only BPE is read", type);
    if (dropout > 0)
        return json_fail(model, err, ERR_UNSUPPORTED, "merges are dropped at random");
    for (size_t i = 0; i < 2; i++)
        if (json_find(model, marks[i], &v) && *text_of(model, marks[i]))
            return json_fail(&v, err, ERR_UNSUPPORTED, "only models without one are read");
    return true;
}

bool hf_family(const struct json *root, const struct json *model, bool *is_spm, struct err *err)
{
    struct steps steps;
    *is_spm = false;
    if (!json_opt_bool(model, "byte_fallback", is_spm, err))
        return false;
    if (*is_spm)
        return true;
    find_steps(root, "pre_tokenizer", "pretokenizers", &steps);
    for (size_t i = 0; i < steps.n; i++) {
        struct json step = step_at(&steps, i);
        if (is_type(&step, "ByteLevel"))
            return true;
    }
    return json_fail(model, err, ERR_UNSUPPORTED,
                     "neither byte-level nor with byte_fallback; no other tokenizers are read");
}

/* Spaces are marked by a normalizer in older files and by a pre_tokenizer in newer ones. */
static bool check_normalizer(const struct json *step, bool *add_space, struct err *err)
{
    struct json pattern;
    if (is_type(step, "Prepend") && strcmp(text_of(step, "prepend"), SPACE_MARK) == 0) {
        *add_space = true;
        return true;
    }
    if (is_type(step, "Replace") && strcmp(text_of(step, "content"), SPACE_MARK) == 0 &&
        json_find(step, "pattern", &pattern) && strcmp(text_of(&pattern, "String"), " ") == 0)
        return true;
    return refuse(step, err);
}

static bool check_metaspace(const struct json *step, bool *add_space, struct err *err)
{
    bool split = true, add = true;
    if (!is_type(step, "Metaspace") || strcmp(text_of(step, "replacement"), SPACE_MARK) != 0)
        return refuse(step, err);
    if (!json_opt_bool(step, "split", &split, err) ||
        !json_opt_bool(step, "add_prefix_space", &add, err))
        return false;
    if (split) /* pieces with a space inside would never be found */
        return json_fail(step, err, ERR_UNSUPPORTED, "split: only false is read");
    *add_space |= add && strcmp(text_of(step, "prepend_scheme"), "never") != 0;
    return true;
}

bool hf_check_spm(const struct json *root, bool *add_space, struct err *err)
{
    struct steps steps;
    *add_space = false;
    find_steps(root, "normalizer", "normalizers", &steps);
    for (size_t i = 0; i < steps.n; i++) {
        struct json step = step_at(&steps, i);
        if (!check_normalizer(&step, add_space, err))
            return false;
    }
    find_steps(root, "pre_tokenizer", "pretokenizers", &steps);
    for (size_t i = 0; i < steps.n; i++) {
        struct json step = step_at(&steps, i);
        if (!check_metaspace(&step, add_space, err))
            return false;
    }
    return true;
}

bool hf_check_pattern(const struct json *root, const struct json *model, struct err *err)
{
    struct steps steps;
    struct json pattern;
    bool whole = false;
    if (!json_opt_bool(model, "ignore_merges", &whole, err))
        return false;
    find_steps(root, "normalizer", "normalizers", &steps);
    if (steps.n) {
        struct json step = step_at(&steps, 0);
        return refuse(&step, err);
    }
    find_steps(root, "pre_tokenizer", "pretokenizers", &steps);
    if (whole && steps.n == 2) {
        struct json split = step_at(&steps, 0), bytes = step_at(&steps, 1);
        bool add = true;
        if (!json_opt_bool(&bytes, "add_prefix_space", &add, err))
            return false;
        if (!add && is_type(&bytes, "ByteLevel") && is_type(&split, "Split") &&
            strcmp(text_of(&split, "behavior"), "Isolated") == 0 &&
            json_find(&split, "pattern", &pattern) &&
            strcmp(text_of(&pattern, "Regex"), SPLIT_PATTERN) == 0)
            return true;
    }
    return json_fail(root, err, ERR_UNSUPPORTED,
                     "pre_tokenizer: neither the vocabulary nor the pattern is tekken's; other "
                     "byte-level tokenizers are not read");
}
