/* SPDX-License-Identifier: Apache-2.0 */
#include "model/importance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"

#define SUMS   ".in_sum2"
#define COUNTS ".counts"

static const struct tensor_entry *find(const struct importance *file, const char *name,
                                       const char *what)
{
    char full[LIMIT_NAME_BYTES + 16];
    snprintf(full, sizeof full, "%s%s", name, what);
    return tensor_store_find(&file->gguf.tensors, full);
}

static const struct export_tensor *find_exported(const struct gguf_export *e, const char *name,
                                                 size_t n)
{
    for (size_t i = 0; i < e->n; i++)
        if (strlen(e->tensors[i].entry.name) == n && memcmp(e->tensors[i].entry.name, name, n) == 0)
            return &e->tensors[i];
    return NULL;
}

/* Checks one tensor of the file against the model. */
static bool check_entry(const struct importance *file, const struct gguf_export *e,
                        const struct tensor_entry *sums, struct err *err)
{
    size_t n = strlen(sums->name), n_end = strlen(SUMS);
    if (n <= n_end || strcmp(sums->name + n - n_end, SUMS) != 0)
        return true;
    char name[LIMIT_NAME_BYTES + 1];
    snprintf(name, sizeof name, "%.*s", (int)(n - n_end), sums->name);
    const struct export_tensor *t = find_exported(e, name, n - n_end);
    const struct tensor_entry *counts = find(file, name, COUNTS);
    if (!t)
        return err_set(err, ERR_ARG,
                       "%s: %s: the model has no such tensor; the file is of another "
                       "model",
                       sums->file, name);
    int64_t n_inputs = t->n_parts * t->n_cols;
    if (tensor_entry_count(sums) != n_inputs || sums->shape[sums->n_dims - 1] != t->n_cols)
        return err_set(
            err, ERR_ARG,
            "%s: %s: %lld sum%s, the model has %lld input%s; the file is of another model",
            sums->file, name, (long long)tensor_entry_count(sums),
            plural((uint64_t)tensor_entry_count(sums)), (long long)n_inputs,
            plural((uint64_t)n_inputs));
    if (!counts || tensor_entry_count(counts) != t->n_parts || strcmp(counts->type, "F32") != 0 ||
        strcmp(sums->type, "F32") != 0)
        return err_set(err, ERR_FORMAT, "%s: %s: its counts are missing or wrong; make it again",
                       sums->file, name);
    return true;
}

static bool check_file(const struct importance *file, const struct gguf_export *e, struct err *err)
{
    const char *type = "";
    size_t n = 0;
    if (gguf_find(&file->gguf, "general.type") &&
        !gguf_string(&file->gguf, "general.type", &type, &n, err))
        return false;
    if (n != 7 || memcmp(type, "imatrix", 7) != 0)
        return err_set(err, ERR_ARG, "%s: no importance file; make one with 'bise imatrix'",
                       file->gguf.file);
    for (size_t i = 0; i < file->gguf.tensors.n; i++)
        if (!check_entry(file, e, &file->gguf.tensors.entries[i], err))
            return false;
    return true;
}

bool importance_open(struct importance *file, const char *path, const struct gguf_export *e,
                     struct err *err)
{
    *file = (struct importance){0};
    struct err why = {0};
    bool ok = gguf_open(&file->gguf, path, &why);
    if (!ok && why.code == ERR_FORMAT)
        return err_set(err, ERR_ARG, "%s: no importance file; make one with 'bise imatrix'", path);
    if (!ok)
        *err = why;
    ok = ok && check_file(file, e, err);
    if (tensor_store_check(&file->gguf.tensors, err) && ok)
        return true;
    importance_close(file);
    return false;
}

void importance_close(struct importance *file)
{
    gguf_close(&file->gguf);
    *file = (struct importance){0};
}

static float load(const struct tensor_entry *e, int64_t i)
{
    float value;
    memcpy(&value, e->data + (size_t)i * sizeof value, sizeof value);
    return value;
}

bool importance_read(const struct importance *file, const struct export_tensor *t, float **weights,
                     struct err *err)
{
    const struct tensor_entry *sums = find(file, t->entry.name, SUMS);
    *weights = NULL;
    if (!sums)
        return true;
    const struct tensor_entry *counts = find(file, t->entry.name, COUNTS);
    float *out = mem_new((size_t)(t->n_parts * t->n_cols), sizeof *out, err);
    if (!out)
        return false;
    for (int64_t i = 0; i < t->n_parts * t->n_cols; i++) {
        float count = load(counts, i / t->n_cols), sum = load(sums, i);
        out[i] = count > 0.0f ? sum / count : 1.0f;
        if (isfinite(out[i]) && out[i] >= 0.0f)
            continue;
        free(out);
        return err_set(err, ERR_FORMAT, "%s: %s: a sum of squares is %g; make the file again",
                       sums->file, t->entry.name, (double)sum);
    }
    if (!tensor_store_check(&file->gguf.tensors, err)) {
        free(out);
        return false;
    }
    *weights = out;
    return true;
}
