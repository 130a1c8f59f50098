/* SPDX-License-Identifier: Apache-2.0 */
/* unfinished.h - what is said about a model whose pull has not ended. */
#ifndef CLI_UNFINISHED_H
#define CLI_UNFINISHED_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/hub_name.h"

enum { UNFINISHED_TEXT = 120 }; /* bytes that a text needs */

/* Writes how far it came, and what to do: n_there of n_all bytes, 0: nobody knows how many.
 * Borrowed: text itself, [UNFINISHED_TEXT]. */
const char *unfinished_text(char *text, uint64_t n_there, uint64_t n_all);

/* Says in the place of what err holds that a pull of name, which the store has not, has begun.
 * model: name as it was given.  Leaves err alone when none has.  Returns false. Errors:
 * ERR_NOT_FOUND. */
bool unfinished_explain(const struct hub_name *name, const char *model, struct err *err);

#endif
