/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include <string.h>

#include "api/api_int.h"
#include "api/endpoints.h"
#include "api/page_data_int.h"

/* Nothing from elsewhere, nothing inline, no markup from strings, no frame around it. */
static const struct page_header headers[] = {
    {"Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; "
                                "frame-ancestors 'none'; object-src 'none'; "
                                "require-trusted-types-for 'script'; trusted-types 'none'"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), microphone=(), geolocation=()"},
    {"Cache-Control", "no-cache"}, /* asked again each time, and answered by the ETag */
};

const struct page_file *page_find(const char *path)
{
    for (size_t i = 0; i < page_data_n; i++)
        if (!strcmp(page_data[i].path, path))
            return &page_data[i];
    return NULL;
}

const struct page_file *page_files(size_t *n)
{
    *n = page_data_n;
    return page_data;
}

const struct page_header *page_headers(size_t *n)
{
    *n = sizeof headers / sizeof headers[0];
    return headers;
}

void page_answer(struct call *call)
{
    const struct page_file *file = page_find(http_head(call->x)->path);
    const char *known = http_request_header(call->x, "If-None-Match");
    if (!file)
        file = page_find("/"); /* "//", which is the same route */
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        http_set_header(call->x, headers[i].name, headers[i].value);
    http_set_header(call->x, "ETag", file->etag);
    if (known && strstr(known, file->etag))
        http_reply(call->x, 304, file->type, NULL, 0);
    else
        http_reply(call->x, 200, file->type, file->bytes, file->n_bytes);
}
