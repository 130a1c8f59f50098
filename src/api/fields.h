/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h - the fields of a request, each read and checked against its range in one call.
 *
 * A field that is missing or null leaves *out as it is; a wrong one is "request: NAME: expected
 * ...", ERR_ARG. */
#ifndef API_FIELDS_H
#define API_FIELDS_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "data/json_tree.h"

/* Returns a member that is not null, or NULL.  Borrowed: from the tree. */
const struct json_node *field_find(const struct json_node *object, const char *name);

/* Returns a member that must be there, and of that kind.  Borrowed: from the tree.
 * Errors: ERR_ARG. */
const struct json_node *field_need(const struct json_node *object, const char *name,
                                   enum node_kind kind, struct err *err) CHECKED;

/* Reads a text that must be there.  Errors: ERR_ARG. */
bool field_need_text(const struct json_node *object, const char *name, struct span *out,
                     struct err *err) CHECKED;

/* Both limits are allowed.  Errors: ERR_ARG. */
bool field_number(const struct json_node *object, const char *name, double min, double max,
                  double *out, struct err *err) CHECKED;
bool field_int(const struct json_node *object, const char *name, int64_t min, int64_t max,
               int64_t *out, struct err *err) CHECKED;
bool field_bool(const struct json_node *object, const char *name, bool *out,
                struct err *err) CHECKED;
bool field_text(const struct json_node *object, const char *name, struct span *out,
                struct err *err) CHECKED;

/* Reads a number as JSON has it.  Returns false when node is none. */
bool node_number(const struct json_node *node, double *out);

#endif
