/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.h - token ids in requests and replies. */
#ifndef API_TOKENS_H
#define API_TOKENS_H

#include "api/json_out.h"
#include "data/json_tree.h"
#include "text/tokenizer.h"

struct api_model;

/* Appends the ids of a list of numbers.  Errors: ERR_ARG naming the item; ERR_LIMIT. */
bool tokens_read(const struct json_node *list, const struct api_model *model, struct token_ids *out,
                 struct err *err) CHECKED;

/* Appends the start-of-sequence token, where the vocabulary has one, if with_bos, and text.
 * Errors: as tokenizer_encode(). */
bool tokens_encode(const struct api_model *model, struct span text, bool with_bos,
                   struct token_ids *out, struct err *err) CHECKED;

/* Appends what a token stands for in a text, in bytes; a control token by its name.
 * Errors: ERR_LIMIT. */
bool token_text(const struct api_model *model, int32_t id, struct buf *out,
                struct err *err) CHECKED;

/* Appends "[1,2,3]". */
void tokens_write(const struct token_ids *ids, struct json_out *o);

#endif
