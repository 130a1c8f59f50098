/* SPDX-License-Identifier: Apache-2.0 */
/* hub_begun.h - pulls that have not ended: what is there, of what.
 *
 *     STORE/models--ORG--NAME/begun/REVISION   the files that are to come, as a hub lists them
 *
 * A pull writes it before the first file comes, and removes it behind the last.  Other tools of the
 * hub write none and leave it alone. */
#ifndef HUB_HUB_BEGUN_H
#define HUB_HUB_BEGUN_H

#include "hub/hub_choice.h"
#include "hub/hub_name.h"

struct hub_begun {
    struct hub_listing listing; /* of the files to come; owned: hub_begun_free() */
    struct hub_choice choice;   /* all of them */
    uint64_t n_there;           /* bytes of n_all that the store has */
    uint64_t n_all;             /* 0: nobody has noted it */
};

/* Notes that the chosen files of listing are to come.  Errors: ERR_LIMIT, as file_fail(). */
bool hub_begun_write(const char *store, const struct hub_name *name,
                     const struct hub_listing *listing, struct err *err) CHECKED;

/* Forgets it, if it was noted. */
void hub_begun_drop(const char *store, const struct hub_name *name);

/* Says whether a pull of a revision is noted, and how far it is.
 * Owned: hub_begun_free(), also after a failure. */
bool hub_begun_read(struct hub_begun *begun, const char *store, const struct hub_name *name);
void hub_begun_free(struct hub_begun *begun);

/* Says whether a model that the store has not is one of which a pull has begun: as it was noted, or
 * where nobody did, by contents that are incomplete, which count with all that is there. */
bool hub_begun_find(const struct hub_name *name, uint64_t *n_there, uint64_t *n_all);

/* Counts the bytes of a repository's contents, and says whether one of them is incomplete. */
bool hub_begun_any(const char *store, const struct hub_name *name, uint64_t *n_there);

#endif
