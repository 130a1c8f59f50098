/* SPDX-License-Identifier: Apache-2.0 */
/* hub_begun.h - pulls that have not ended: what is there, of what.
 *
 *     STORE/models--ORG--NAME/begun/REVISION         the files that are to come, as a hub lists
 * them STORE/models--ORG--NAME/begun/REVISION:FILE    the same of one GGUF file of several
 *
 * A pull writes its note before the first file comes, and removes it behind the last.  Other tools
 * of the hub write none and leave them alone. */
#ifndef HUB_HUB_BEGUN_H
#define HUB_HUB_BEGUN_H

#include "hub/hub_choice.h"
#include "hub/hub_name.h"

struct hub_begun {
    struct hub_name name;       /* that of the note: want is the first GGUF file, or "" */
    struct hub_listing listing; /* of the files to come */
    struct hub_choice choice;   /* all of them */
    uint64_t n_there;           /* bytes of n_all that the store has */
    uint64_t n_all;
};

/* The notes of a repository.  All zero is empty. */
struct hub_begun_list {
    struct hub_begun *items; /* [n], in the order of their names */
    size_t n;
};

/* Notes that the chosen files of listing are to come.  name: its want is their GGUF file, or "".
 * Errors: ERR_LIMIT, as file_fail(). */
bool hub_begun_write(const char *store, const struct hub_name *name,
                     const struct hub_listing *listing, struct err *err) CHECKED;

/* Forgets it, if it was noted under that name. */
void hub_begun_drop(const char *store, const struct hub_name *name);

/* Reads the notes of a name's repository, whatever their revisions; what is none is left out.
 * Owned: hub_begun_free(), also after a failure.  Errors: ERR_LIMIT, as file_fail(). */
bool hub_begun_read(struct hub_begun_list *list, const char *store, const struct hub_name *name,
                    struct err *err) CHECKED;
void hub_begun_free(struct hub_begun_list *list);

/* Returns the first note of a name's revision and, if it wants one, of that file or type, or NULL.
 * Borrowed: from the list. */
const struct hub_begun *hub_begun_of(const struct hub_begun_list *list,
                                     const struct hub_name *name);

/* Says whether a model that the store has not is one of which a pull has begun: as it was noted, or
 * where nobody did, by contents that are incomplete, which count with all that is there; n_all is 0
 * then. */
bool hub_begun_find(const struct hub_name *name, uint64_t *n_there, uint64_t *n_all);

/* Counts the bytes of a repository's contents, and says whether one of them is incomplete. */
bool hub_begun_any(const char *store, const struct hub_name *name, uint64_t *n_there);

#endif
