/* SPDX-License-Identifier: Apache-2.0 */
/* error.h - what a client is told when a request fails: one body that the libraries of all
 * dialects understand (flat as Mistral's, nested as OpenAI's), or Anthropic's. */
#ifndef API_ERROR_H
#define API_ERROR_H

#include "base/buf.h"
#include "base/err.h"

struct http_exchange;

enum dialect { DIALECT_OPENAI, DIALECT_MISTRAL, DIALECT_ANTHROPIC };

/* All zero is no error. */
struct api_error {
    int status;
    const char *type, *code;               /* flat, Mistral's; code NULL: null */
    const char *nested_type, *nested_code; /* OpenAI's; NULL: as the flat ones */
    char param[128];                       /* the field, "" for none */
    char text[ERR_TEXT_BYTES];
};

/* Fills in an error with a text of its own. */
void api_error_set(struct api_error *error, int status, const char *type, const char *code,
                   const char *fmt, ...) PRINTF(5, 6);

/* Fills in what a failure of a module means to a client: 422 with the field for one of the
 * request's, 400, 404, 413, 429, 500, ... for others.  Errors: err is only read. */
void api_error_of(struct api_error *error, const struct err *err);

/* Appends the members of the body, or of an event of a stream, with the braces around.
 * Errors: ERR_LIMIT. */
bool api_error_write(const struct api_error *error, enum dialect dialect, const char *request_id,
                     struct buf *out, struct err *err) CHECKED;

/* Sends it as the reply. */
void api_error_reply(const struct api_error *error, enum dialect dialect, struct http_exchange *x);

#endif
