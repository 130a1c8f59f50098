/* SPDX-License-Identifier: Apache-2.0 */
/* hub_store.h - the models that the store has: found, listed, removed.  Nothing here asks a hub. */
#ifndef HUB_HUB_STORE_H
#define HUB_HUB_STORE_H

#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "hub/hub_choice.h"
#include "hub/hub_name.h"

/* Appends where the model of that name is: a folder or a .gguf file.
 * Errors: ERR_NOT_FOUND when the store has it not, or not whole; ERR_ARG for several. */
bool hub_store_find(const struct hub_name *name, struct buf *path, struct err *err) CHECKED;

struct hub_model {
    const char *name; /* ORG/NAME[@REVISION][:FILE], as MODEL understands it */
    const char *path; /* the folder or file */
    enum hub_layout layout;
    uint64_t n_bytes;  /* of its files */
    time_t time;       /* when the newest of them came */
    const char *lacks; /* what is missing, or NULL: whole */
    bool is_begun;     /* its pull has not ended: n_there of n_bytes, which are 0 if unknown */
    uint64_t n_there;
};

/* All zero is empty. */
struct hub_models {
    struct arena arena;
    struct hub_model *items; /* [n], by name */
    size_t n, n_places;
};

/* Lists every model of the store.  Owned: hub_models_free(), also after a failure.
 * Errors: ERR_LIMIT, as file_fail(). */
bool hub_store_list(struct hub_models *models, struct err *err) CHECKED;
void hub_models_free(struct hub_models *models);

struct hub_removal {
    size_t n_files;   /* links, and contents that were begun */
    uint64_t n_bytes; /* of contents that no other snapshot needs */
};

/* Removes the files of a model that no other one of the store needs, and says what that is; if
 * really is false, it only says it.  A name without :FILE or :TYPE means every file of its
 * revision.  What was begun of them goes, too, and where nothing else stays all that was begun.
 * Errors: ERR_NOT_FOUND, ERR_ARG for several, ERR_BUSY while it is pulled, as file_fail(). */
bool hub_store_remove(const struct hub_name *name, bool really, struct hub_removal *removal,
                      struct err *err) CHECKED;

#endif
