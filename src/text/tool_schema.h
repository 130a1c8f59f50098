/* SPDX-License-Identifier: Apache-2.0 */
/* tool_schema.h - says whether a tool's parameters are a JSON Schema. */
#ifndef TEXT_TOOL_SCHEMA_H
#define TEXT_TOOL_SCHEMA_H

#include "base/err.h"
#include "data/json_tree.h"

/* Checks a schema against the meta-schema of JSON Schema draft 7
 * (json-schema.org/draft-07/schema): the form of its keywords at every level.
 * Formats of texts, such as whether a pattern is a regular expression, are not looked at.
 * Errors: ERR_ARG "Invalid tool schema: ..." naming the place, ERR_LIMIT. */
bool tool_schema_check(const struct json_node *schema, struct err *err) CHECKED;

#endif
