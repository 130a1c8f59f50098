/* SPDX-License-Identifier: Apache-2.0 */
/* drawn_id.h - an id for a tool call to which the model gave none. */
#ifndef CLI_DRAWN_ID_H
#define CLI_DRAWN_ID_H

#include "base/err.h"
#include "base/span.h"
#include "text/call_id.h"

struct drawn_id {
    char text[CALL_ID_BYTES + 1];
};

/* Draws an id at random into *drawn and makes *id that, unless *id can be sent back already.
 * Errors: ERR_IO. */
bool drawn_id_replace(struct drawn_id *drawn, struct span *id, struct err *err) CHECKED;

#endif
