/* SPDX-License-Identifier: Apache-2.0 */
/* vocabulary.h - the tokenizer of a model, and the ids that verbs read and print. */
#ifndef CLI_VOCABULARY_H
#define CLI_VOCABULARY_H

#include "base/buf.h"
#include "text/prompt_format.h"
#include "text/tokenizer.h"

/* Opens the tokenizer of a model, or a tokenizer file alone; NULL is the bundled model.  The
 * weights are not looked at where the tokenizer can be had without them.
 * Owned: tokenizer_close().  Errors: as bundled_or(), tokenizer_open() and gguf_open(). */
struct tokenizer *vocabulary_open(const char *model, struct err *err) CHECKED;

/* Fills in *format for tok; version 0: the one that its files name.
 * Errors: those of prompt_format_init(), with the option that chooses one. */
bool vocabulary_format(const struct tokenizer *tok, int version, struct prompt_format *format,
                       struct err *err) CHECKED;

/* Appends the ids of a JSON array of them, or of the object that "bise render" prints.
 * Errors: ERR_FORMAT when it is none or one is not of tok, ERR_LIMIT. */
bool vocabulary_ids(const struct tokenizer *tok, const struct buf *json, struct token_ids *ids,
                    struct err *err) CHECKED;

/* Prints each id with its piece on a line of its own, control tokens with a mark.
 * Errors: ERR_LIMIT. */
bool vocabulary_print(const struct tokenizer *tok, const struct token_ids *ids,
                      struct err *err) CHECKED;

#endif
