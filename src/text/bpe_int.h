/* SPDX-License-Identifier: Apache-2.0 */
/* bpe_int.h - byte pair encoding of one word: merges neighbours, best rank first.
 *
 * A word starts as characters (SentencePiece) or as bytes (tekken).  Of all
 * neighbours whose joined bytes are a piece, those with the lowest rank merge,
 * the leftmost on ties, until none is left.  Candidates wait in a heap, so n
 * bytes take n log n steps whatever they are. */
#ifndef TEXT_BPE_INT_H
#define TEXT_BPE_INT_H

#include "text/tokenizer_int.h"

/* Symbols lie side by side, so their lengths at both ends are all the links there are. */
struct bpe_byte {
    uint32_t start; /* bytes of the symbol that starts here; 0 inside one */
    uint32_t end;   /* bytes of the symbol that ends with this byte */
    int32_t id;     /* of the symbol that starts here, -1 when it is no piece */
};

struct bpe_pair {
    uint64_t key; /* rank of the joined piece, then where its left part starts */
    uint32_t n;   /* bytes of both parts */
    int32_t id;
};

struct bpe_seen {  /* a word that was encoded before */
    const char *s; /* [n], NULL when free */
    uint32_t n, n_ids;
    size_t ids_at; /* in the output list */
};

/* Workspace of one call of tokenizer_encode(). */
struct bpe {
    const struct tokenizer *tok;
    struct token_ids *out;
    struct bpe_byte *at; /* [n_places] of the word */
    size_t n_places;
    struct bpe_pair *heap; /* [2 * n_places] */
    size_t n_heap;
    struct bpe_seen *seen; /* [seen_mask + 1] */
    size_t seen_mask;
};

/* Prepares for words of one text of n bytes, whose ids go to the end of out.
 * Owned: bpe_free().  Errors: ERR_LIMIT. */
bool bpe_init(struct bpe *bpe, const struct tokenizer *tok, size_t n, struct token_ids *out,
              struct err *err) CHECKED;
void bpe_free(struct bpe *bpe);

/* Appends the ids of a word, n > 0 bytes of UTF-8, which must stay valid until
 * bpe_free().  s: [n] bytes.  Errors: ERR_LIMIT. */
bool bpe_word(struct bpe *bpe, const char *s, size_t n, struct err *err) CHECKED;

#endif
