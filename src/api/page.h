/* SPDX-License-Identifier: Apache-2.0 */
/* page.h - the files of the chat page (web/), linked into the program.
 *
 * Nothing is read at run time and nothing allocated.  Cross-Origin-Opener-Policy means something
 * over HTTPS and on loopback only; elsewhere browsers pass it over.
 * Thread: any. */
#ifndef API_PAGE_H
#define API_PAGE_H

#include <stddef.h>

struct page_file {
    const char *path;           /* as a request names it: "/", "/app.css" */
    const char *type;           /* for Content-Type */
    const char *etag;           /* of the content, with its quotes */
    const unsigned char *bytes; /* [n_bytes] */
    size_t n_bytes;
};

struct page_header {
    const char *name, *value;
};

/* Returns the file at a path, without a query, or NULL.  Borrowed: for ever. */
const struct page_file *page_find(const char *path);

/* Returns all of them, *n.  Borrowed: for ever. */
const struct page_file *page_files(size_t *n);

/* Returns the headers that go with each of them, *n, beside Content-Type, ETag and those of every
 * response: what may be loaded and from where, who may frame the page, how long it may be kept.
 * Borrowed: for ever. */
const struct page_header *page_headers(size_t *n);

#endif
