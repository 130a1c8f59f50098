/* SPDX-License-Identifier: Apache-2.0 */
/* hub_settings.h - where the hub and the model store are, by the variables that the hub's own
 * tools read. */
#ifndef HUB_HUB_SETTINGS_H
#define HUB_HUB_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"

struct hub_settings {
    struct buf endpoint; /* HF_ENDPOINT, without a slash at the end */
    struct buf token;    /* HF_TOKEN, or what the file HF_TOKEN_PATH or HF_HOME/token holds;
                            empty for none */
    const char *ca_file; /* SSL_CERT_FILE, else CURL_CA_BUNDLE, or NULL; of the environment */
    bool offline;        /* HF_HUB_OFFLINE */
    int stall_s;         /* HF_HUB_DOWNLOAD_TIMEOUT */
};

/* Reads the variables.  Owned: hub_settings_free(), also after a failure.
 * Errors: ERR_ARG for a value that cannot be, ERR_LIMIT, those of file_read(). */
bool hub_settings_read(struct hub_settings *settings, struct err *err) CHECKED;
void hub_settings_free(struct hub_settings *settings);

/* Appends the folder of the store: HF_HUB_CACHE, else HF_HOME/hub, else the same below
 * XDG_CACHE_HOME or the home folder.  Errors: ERR_ARG when none is known, ERR_LIMIT. */
bool hub_store_folder(struct buf *path, struct err *err) CHECKED;

#endif
