/* SPDX-License-Identifier: Apache-2.0 */
/* spm_int.h - building a SentencePiece tokenizer piece by piece, from any file. */
#ifndef TEXT_SPM_INT_H
#define TEXT_SPM_INT_H

#include "text/tokenizer_int.h"

/* Makes an empty SentencePiece tokenizer for n pieces that adds a space in front and
 * leaves other spaces alone.  Owned: tokenizer_close().  Errors: ERR_LIMIT. */
struct tokenizer *spm_new(size_t n, struct err *err) CHECKED;

/* Appends a piece as the file writes it, with U+2581 for a space.  kind is not yet
 * checked.  s: [n] bytes.
 * Errors: ERR_FORMAT, ERR_LIMIT. */
bool spm_add(struct tokenizer *tok, const char *s, size_t n, float score, uint32_t kind,
             struct err *err) CHECKED;

/* Returns the score that a piece had whose rank is this one; -0 became 0. */
float spm_score(uint32_t rank);

/* Completes the tables when all pieces are there.
 * Errors: ERR_FORMAT, ERR_LIMIT. */
bool spm_finish(struct tokenizer *tok, struct err *err) CHECKED;

/* Copies s[n] to out: [n] with a space for each U+2581.  Returns the new length. */
size_t spm_plain_spaces(const char *s, size_t n, char *out);

/* Returns the byte that a piece named like "<0x0A>" stands for, or -1 for other names.
 * s: [n] bytes. */
int spm_byte(const char *s, size_t n);

#endif
