/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out_check.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "model/adapter.h"

/* Says whether a file would be replaced. */
static bool is_there(const char *out, struct stat *st)
{
    return strcmp(out, "-") != 0 && stat(out, st) == 0 && S_ISREG(st->st_mode);
}

static bool is_same(const struct stat *a, const char *path)
{
    struct stat b;
    return stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Says whether st is one of the files beside the weights. */
static bool is_beside(const struct stat *st, const char *dir, struct err *err, bool *same)
{
    static const char *const names[] = {
        "params.json",
        "adapter_config.json",
        "config.json",
        "tekken.json",
        "tokenizer.model",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "chat_template.json",
        "generation_config.json",
        "model.safetensors.index.json",
    };
    struct buf path;
    bool ok = true;
    buf_init(&path, PATH_MAX);
    for (size_t i = 0; ok && !*same && i < sizeof names / sizeof *names; i++) {
        buf_clear(&path);
        ok = file_join(&path, dir, names[i], err);
        *same = ok && is_same(st, path.data);
    }
    buf_free(&path);
    return ok;
}

bool out_check_model(const char *out, const struct checkpoint *ckpt, struct err *err)
{
    struct stat st;
    bool same = false;
    if (!is_there(out, &st))
        return true;
    for (size_t i = 0; i < ckpt->tensors->n_files && !same; i++)
        same = is_same(&st, ckpt->tensors->paths[i]);
    if (!same && file_is_dir(ckpt->path) && !is_beside(&st, ckpt->path, err, &same))
        return false;
    return !same ||
           err_set(err, ERR_ARG, "%s: is a file of the model itself; choose another name", out);
}

bool out_check_adapters(const char *out, const struct adapter *adapters, struct err *err)
{
    struct stat st;
    struct buf dir;
    const char *path;
    bool same = false, ok = true;
    if (!is_there(out, &st))
        return true;
    buf_init(&dir, PATH_MAX);
    for (size_t i = 0; ok && !same && (path = adapter_path(adapters, i)); i++) {
        const char *slash = strrchr(path, '/');
        buf_clear(&dir);
        same = is_same(&st, path);
        ok = slash ? buf_add(&dir, path, (size_t)(slash - path) + 1, err)
                   : buf_add(&dir, "./", 2, err);
        ok = ok && (same || is_beside(&st, dir.data, err, &same));
    }
    buf_free(&dir);
    return ok &&
           (!same ||
            err_set(err, ERR_ARG, "%s: is a file of the adapter itself; choose another name", out));
}

bool out_check_input(const char *out, const char *in, struct err *err)
{
    struct stat st;
    if (!in || !is_there(out, &st) || !is_same(&st, in))
        return true;
    return err_set(err, ERR_ARG, "%s: is read as well; choose another name", out);
}

bool out_check_new(const char *out, bool force, struct err *err)
{
    struct stat st;
    if (force || !is_there(out, &st))
        return true;
    return err_set(err, ERR_ARG, "%s: exists; choose another name, or give --force", out);
}
