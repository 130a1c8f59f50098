/* SPDX-License-Identifier: Apache-2.0 */
/* http_form_int.h - a form while it arrives. */
#ifndef NET_HTTP_FORM_INT_H
#define NET_HTTP_FORM_INT_H

#include "net/http_form.h"

struct http_form_limits {
    size_t n_parts, field_bytes;
};

/* Begins a form of that Content-Type, whose files go to folder.
 * Owned: http_form_close(), which removes the files that nobody took.
 * Errors: those of multipart_init(), ERR_LIMIT. */
struct http_form *http_form_open(const char *content_type, const char *folder,
                                 const struct http_form_limits *limits, struct err *err) CHECKED;
void http_form_close(struct http_form *form);

/* Reads on: bytes: [n].  Errors: those of multipart_add(), ERR_LIMIT, ERR_IO. */
bool http_form_add(struct http_form *form, const char *bytes, size_t n, struct err *err) CHECKED;

/* Says whether the form is complete.  Errors: ERR_FORMAT unless. */
bool http_form_end(const struct http_form *form, struct err *err) CHECKED;

#endif
