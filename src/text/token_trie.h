/* SPDX-License-Identifier: Apache-2.0 */
/* token_trie.h - the text tokens of a vocabulary as one flat trie of their bytes.
 *
 * Control tokens are not in it: no text may produce them.  Made once for a tokenizer, about
 * 50 ms and 4 MB for 131,072 tokens, and shared by all matchers.
 * Thread: any, once open. */
#ifndef TEXT_TOKEN_TRIE_H
#define TEXT_TOKEN_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct token_trie;
struct tokenizer;

/* Builds the trie of a tokenizer, which may be closed afterwards.
 * Owned: token_trie_close(), after all matchers that use it.  Errors: ERR_LIMIT. */
struct token_trie *token_trie_open(const struct tokenizer *tok, struct err *err) CHECKED;
void token_trie_close(struct token_trie *trie);

/* Ids of the vocabulary, and words of a mask of them. */
uint32_t token_trie_n_vocab(const struct token_trie *trie);
uint32_t token_trie_mask_words(const struct token_trie *trie);

/* The bytes of a text token and their number; NULL and 0 for every other id.
 * Borrowed: until token_trie_close(). */
const char *token_trie_bytes(const struct token_trie *trie, int32_t id, size_t *n);

#endif
