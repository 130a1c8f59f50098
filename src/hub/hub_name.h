/* SPDX-License-Identifier: Apache-2.0 */
/* hub_name.h - ORG/NAME[@REVISION][:FILE or TYPE], what a model in a hub is called. */
#ifndef HUB_HUB_NAME_H
#define HUB_HUB_NAME_H

#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"

struct hub_name {
    char repo[2 * LIMIT_HUB_ID + 2];       /* ORG/NAME */
    char folder[2 * LIMIT_HUB_ID + 16];    /* models--ORG--NAME, in the store */
    char revision[LIMIT_HUB_REVISION + 1]; /* "main" when none was given */
    char want[LIMIT_HUB_PATH + 1];         /* a .gguf file, or a type as Q4_K_M; "": either */
};

/* Reads a name.  Errors: ERR_ARG. */
bool hub_name_parse(struct hub_name *name, const char *text, struct err *err) CHECKED;

/* Reads the name of a folder of the store: its repository, revision "main".  Returns false when
 * it is none of a model. */
bool hub_name_from_folder(struct hub_name *name, const char *folder);

/* Says whether path: [n] bytes may be a file below a folder: parts between slashes, none of them
 * empty, "." or "..", without control characters and backslashes. */
bool hub_path_is_safe(const char *path, size_t n);

/* Says whether text is 40 hexadecimal digits, as commits are. */
bool hub_is_commit(const char *text);

#endif
