/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/unfinished.h"
#include "hub/hub_store.h"

#define MAX_PATH     4096 /* what realpath() may write */
#define BUNDLED_NAME "stories260K.gguf"

/* Where the file lies as seen from the folder of the program. */
#define FROM_INSTALLED "../share/bise/models/" BUNDLED_NAME /* PREFIX/bin */
#define FROM_BUILT     "../../models/" BUNDLED_NAME         /* build/FLAVOUR */

/* Stores the folder of the running program in dir: [MAX_PATH] bytes. */
static bool own_folder(char *dir, struct err *err)
{
    ssize_t n = readlink("/proc/self/exe", dir, MAX_PATH - 1);
    if (n > 0) {
        dir[n] = '\0';
    } else { /* a bare tree without /proc: the name that the kernel was given to start */
        const char *name = (const char *)getauxval(AT_EXECFN);
        if (!name || !realpath(name, dir))
            return err_set(err, ERR_IO,
                           "cannot find this program's folder; set BISE_MODELS or name a model");
    }
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    return true;
}

bool bundled_find(struct buf *path, struct err *err)
{
    static const char *const names[] = {FROM_INSTALLED, FROM_BUILT};
    char dir[MAX_PATH], place[MAX_PATH + sizeof FROM_INSTALLED];
    const char *chosen = getenv("BISE_MODELS");
    if (chosen && *chosen) {
        snprintf(place, sizeof place, "%s/%s", chosen, BUNDLED_NAME);
        if (file_exists(place))
            return buf_add(path, place, strlen(place), err);
        return err_set(err, ERR_NOT_FOUND,
                       "no bundled model: %s is not in the folder that BISE_MODELS names, %s",
                       BUNDLED_NAME, chosen);
    }
    if (!own_folder(dir, err))
        return false;
    for (int i = 0; i < 2; i++) {
        snprintf(place, sizeof place, "%s/%s", dir, names[i]);
        if (file_exists(place))
            return buf_add(path, place, strlen(place), err);
    }
    return err_set(err, ERR_NOT_FOUND,
                   "no bundled model: tried %s and %s in %s; set BISE_MODELS or name a model",
                   FROM_INSTALLED, FROM_BUILT, dir);
}

/* Says whether a word is meant as a file, although ORG/NAME may look so, too. */
static bool names_file(const char *model)
{
    static const char *const endings[] = {".gguf", ".json", ".model", ".safetensors"};
    size_t n = strlen(model);
    for (int i = 0; i < 4; i++) {
        size_t m = strlen(endings[i]);
        if (n > m && strcmp(model + n - m, endings[i]) == 0)
            return !strchr(model, ':');
    }
    return false;
}

static bool find_stored(const struct hub_name *name, const char *model, struct buf *path,
                        struct err *err)
{
    char remedy[2 * sizeof *name];
    if (hub_store_find(name, path, err))
        return true;
    unfinished_explain(name, model, err);
    snprintf(remedy, sizeof remedy, "check the path, or 'bise pull %s'", model);
    return err_remedy(err, ERR_NOT_FOUND, remedy);
}

bool bundled_or(const char *model, struct buf *path, struct err *err)
{
    struct hub_name name;
    struct err ignored = {0};
    if (!model)
        return bundled_find(path, err);
    if (!*model)
        return err_set(err, ERR_ARG,
                       "an empty MODEL; name a folder or a .gguf file, or leave it out");
    if (!file_exists(model) && hub_name_parse(&name, model, &ignored) && !names_file(model))
        return find_stored(&name, model, path, err);
    return buf_add(path, model, strlen(model), err);
}

bool bundled_looks_like_model(const char *arg)
{
    size_t n = strlen(arg);
    if (n > 5 && strcmp(arg + n - 5, ".gguf") == 0)
        return true;
    return (strchr(arg, '/') && !strchr(arg, ' ')) || file_exists(arg);
}
