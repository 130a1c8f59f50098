/* SPDX-License-Identifier: Apache-2.0 */
/* call_id.h - ids of tool calls: nine letters and digits, as they stand in prompts. */
#ifndef TEXT_CALL_ID_H
#define TEXT_CALL_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define CALL_ID_BYTES 9

/* Says whether id has that form. */
bool call_id_is_valid(struct span id);

/* Writes an id for a number, a random one or a hash, and a NUL.  out: [CALL_ID_BYTES + 1]. */
void call_id_write(uint64_t number, char *out);

/* Writes the id that stands for an id of any other form: the same for the same.
 * out: [CALL_ID_BYTES + 1]. */
void call_id_of(struct span id, char *out);

#endif
