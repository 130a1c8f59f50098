/* SPDX-License-Identifier: Apache-2.0 */
/* hf_int.h - the parts of reading a Hugging Face tokenizer. */
#ifndef TEXT_HF_INT_H
#define TEXT_HF_INT_H

#include "data/json.h"
#include "text/tokenizer_int.h"

/* Reads a parsed tokenizer.json; name is for messages.
 * Owned: tokenizer_close().  Errors: ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT. */
struct tokenizer *hf_read(const char *name, const struct json *root, struct err *err) CHECKED;

/* Says whether the model is byte pair encoding without further rules.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED. */
bool hf_check_model(const struct json *model, struct err *err) CHECKED;

/* Tells by *is_spm which of the two families it is: [1].
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED when it is neither. */
bool hf_family(const struct json *root, const struct json *model, bool *is_spm,
               struct err *err) CHECKED;

/* Says whether the steps before the model do what SentencePiece does: mark spaces, and
 * perhaps put one in front (*add_space: [1]).
 * Errors: ERR_UNSUPPORTED naming the step. */
bool hf_check_spm(const struct json *root, bool *add_space, struct err *err) CHECKED;

/* Says whether a byte-level vocabulary cuts text into words as tekken does.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED. */
bool hf_check_pattern(const struct json *root, const struct json *model, struct err *err) CHECKED;

/* Takes from the files in the folder of a tokenizer what is not in itself: the chat template,
 * and for is_hf the ends of a text and how pictures become slots.
 * Errors: ERR_FORMAT, ERR_LIMIT, ERR_IO. */
bool hf_read_beside(struct tokenizer *tok, const char *folder, bool is_hf, struct err *err) CHECKED;

#endif
