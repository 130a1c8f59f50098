/* SPDX-License-Identifier: Apache-2.0 */
/* http_form.h - the parts of a multipart/form-data request.
 *
 * Parts with a file name are written to files while they arrive; the others stay in memory.  The
 * names come from the client: they are for comparing and for showing, never for a path. */
#ifndef NET_HTTP_FORM_H
#define NET_HTTP_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct http_form;

struct http_part {
    const char *name;         /* UTF-8, not empty */
    const char *file_name;    /* as sent, without folders; NULL: a field, no file */
    const char *content_type; /* or "" */
    const char *value;        /* of a field, with a NUL behind it */
    const char *path;         /* of a file: where it lies; NULL once taken */
    uint64_t n_bytes;         /* of either */
};

/* Returns how many parts there are, in the order in which they came. */
size_t http_form_n(const struct http_form *form);

/* Borrowed: as long as the form. */
const struct http_part *http_form_part(const struct http_form *form, size_t i);

/* Returns the first part of that name, or NULL.  Borrowed: as long as the form. */
const struct http_part *http_form_find(const struct http_form *form, const char *name);

/* Moves a file out: renames it to path, on the same file system, and syncs neither.  Files that
 * nobody takes are removed with the exchange.  Errors: ERR_IO, ERR_ARG for what is no file. */
bool http_form_take(struct http_form *form, const struct http_part *part, const char *path,
                    struct err *err) CHECKED;

#endif
