/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundled.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define BUNDLED_NAME "stories260K.gguf"

/* Where the file lies as seen from the folder of the program. */
#define FROM_INSTALLED "../share/bise/models/" BUNDLED_NAME /* PREFIX/bin */
#define FROM_BUILT     "../../models/" BUNDLED_NAME         /* build/FLAVOUR */

/* Stores the folder of the running program in dir: [max] bytes. */
static bool own_folder(char *dir, size_t max, struct err *err)
{
    ssize_t n = readlink("/proc/self/exe", dir, max - 1);
    if (n <= 0)
        return err_set(err, ERR_IO,
                       "cannot find this program's folder: /proc is not mounted; "
                       "set BISE_MODELS or name a model");
    dir[n] = '\0';
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    return true;
}

static bool try_place(struct buf *path, const char *dir, const char *name, struct err *err)
{
    buf_clear(path);
    return file_join(path, dir, name, err) && file_exists(path->data);
}

bool bundled_find(struct buf *path, struct err *err)
{
    char dir[4096];
    const char *chosen = getenv("BISE_MODELS");
    if (chosen && *chosen) {
        if (try_place(path, chosen, BUNDLED_NAME, err))
            return true;
        return !err->code && err_set(err, ERR_NOT_FOUND,
                                     "no bundled model: %s is not in the folder that BISE_MODELS "
                                     "names, %s",
                                     BUNDLED_NAME, chosen);
    }
    if (!own_folder(dir, sizeof dir, err))
        return false;
    if (try_place(path, dir, FROM_INSTALLED, err) || err->code)
        return !err->code;
    if (try_place(path, dir, FROM_BUILT, err) || err->code)
        return !err->code;
    return err_set(err, ERR_NOT_FOUND,
                   "no bundled model: tried %s and %s in %s; set BISE_MODELS or name a model",
                   FROM_INSTALLED, FROM_BUILT, dir);
}

bool bundled_or(const char *model, struct buf *path, struct err *err)
{
    return model ? buf_add(path, model, strlen(model), err) : bundled_find(path, err);
}

bool bundled_looks_like_model(const char *arg)
{
    size_t n = strlen(arg);
    if (n > 5 && strcmp(arg + n - 5, ".gguf") == 0)
        return true;
    return (strchr(arg, '/') && !strchr(arg, ' ')) || file_exists(arg);
}
