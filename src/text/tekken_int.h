/* SPDX-License-Identifier: Apache-2.0 */
/* tekken_int.h - what every file with a tekken vocabulary has in common. */
#ifndef TEXT_TEKKEN_INT_H
#define TEXT_TEKKEN_INT_H

#include "text/tokenizer_int.h"

struct json;

/* Completes a tokenizer whose tokens are all there: control tokens, then byte strings
 * in the order in which they merge.
 * Errors: ERR_FORMAT, ERR_LIMIT. */
bool tekken_finish(struct tokenizer *tok, struct err *err) CHECKED;

/* Reads a parsed tekken.json; name is for messages.
 * Owned: tokenizer_close().  Errors: ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT. */
struct tokenizer *tekken_read(const char *name, const struct json *root, struct err *err) CHECKED;

/* Reads what tekken.json says about pictures, sound and settings, given its version
 * and control tokens.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT. */
bool tekken_traits(struct tokenizer *tok, const struct json *root, struct err *err) CHECKED;

#endif
