/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_vocab_write.h - a tokenizer as the metadata of a GGUF file. */
#ifndef TEXT_GGUF_VOCAB_WRITE_H
#define TEXT_GGUF_VOCAB_WRITE_H

#include <stdint.h>

#include "base/err.h"

struct gguf_head;
struct tokenizer;

/* Appends what tokenizer_from_gguf() and llama.cpp read: tokens, scores or merges, kinds, ends,
 * the chat template.  Ids up to n_vocab that the tokenizer does not have become control tokens
 * which nothing produces.  tok NULL: says that there is no vocabulary.
 * Errors: ERR_FORMAT for more tokens than n_vocab, ERR_UNSUPPORTED for a byte-level vocabulary
 * that merges in another order than that of its ids, ERR_LIMIT. */
bool gguf_put_vocab(struct gguf_head *head, const struct tokenizer *tok, uint32_t n_vocab,
                    struct err *err) CHECKED;

#endif
