/* SPDX-License-Identifier: Apache-2.0 */
/* schema_uri_int.h - references between the schemas of one document (RFC 3986, section 5). */
#ifndef TEXT_SCHEMA_URI_INT_H
#define TEXT_SCHEMA_URI_INT_H

#include "base/arena.h"
#include "base/span.h"

/* Splits a reference at its '#'.  *fragment has s NULL where there is none. */
void schema_uri_split(struct span ref, struct span *uri, struct span *fragment);

/* Resolves a reference without fragment against a base without one.  *out lies in arena or in
 * what was given.  Errors: ERR_LIMIT. */
bool schema_uri_resolve(struct arena *arena, struct span base, struct span ref, struct span *out,
                        struct err *err) CHECKED;

/* Undoes %XX and, where is_pointer says so, ~1 and ~0; the bytes that follow stay as they are
 * when they are no such thing.  *out lies in arena.  Errors: ERR_LIMIT. */
bool schema_uri_decode(struct arena *arena, struct span text, bool is_pointer, struct span *out,
                       struct err *err) CHECKED;

#endif
