/* SPDX-License-Identifier: Apache-2.0 */
/* hub_pull.h - brings a model from a hub into the store, whole and checked.
 *
 * What is there already is not asked for again, what an earlier run has begun is gone on with,
 * and a program that does the same at the same time is waited for. */
#ifndef HUB_HUB_PULL_H
#define HUB_HUB_PULL_H

#include "hub/hub_choice.h"
#include "hub/hub_name.h"
#include "hub/hub_settings.h"

struct hub_progress {
    const char *repo;
    const struct hub_file *finished; /* just now, and not there before, or NULL */
    const struct hub_file *damaged;  /* in the store, as was found just now, or NULL */
    const char *waits_for;           /* a file that another program is writing, or NULL */
    size_t n_files, n_done, n_found; /* in all; there; of them before this run */
    uint64_t n_bytes, n_done_bytes, n_received; /* in all; there; of them by this run */
};

struct hub_pull_options {
    const struct hub_settings *settings;
    const char *agent; /* of the User-Agent header */
    int n_tries;       /* of a request, 1 or more */
    int n_parallel;    /* files at a time, 1 or more */
    bool verify;       /* read large files, too, that are there already, and check their hashes */
    /* Is called ten times a second and when a file is finished; false cancels. */
    bool (*progress)(void *arg, const struct hub_progress *progress);
    void *arg;
};

/* Finds out what name has in the hub, and brings what is missing.  Appends to path where the
 * model is now.  listing: all zero; it and *choice say what was chosen, for messages.
 * Owned: hub_listing_free(), also after a failure.
 * Errors: ERR_NOT_FOUND, ERR_ARG for several models, ERR_FORMAT for a wrong hash, ERR_CANCELLED,
 * ERR_BUSY, ERR_LIMIT also for a full disk, ERR_IO. */
bool hub_pull(const struct hub_pull_options *options, const struct hub_name *name,
              struct hub_listing *listing, struct hub_choice *choice, struct buf *path,
              struct err *err) CHECKED;

#endif
