/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/store.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool store_folder(struct buf *path, struct err *err)
{
    const char *data = variable("XDG_DATA_HOME"), *home = variable("HOME");
    if (data)
        return file_join(path, data, "bise", err);
    if (!home)
        return err_set(err, ERR_ARG,
                       "no folder for the store is known; set BISE_STORE to a path or address");
    return file_join(path, home, ".local/share/bise", err);
}

bool store_place(struct buf *url, struct err *err)
{
    const char *chosen = variable("BISE_STORE");
    if (chosen)
        return buf_add(url, chosen, strlen(chosen), err);
    return store_folder(url, err) && buf_add(url, "/bise.db", 8, err);
}
