/* SPDX-License-Identifier: Apache-2.0 */
/* token_trie_int.h - how a trie of tokens lies in memory, for the walk over it.
 *
 * Nodes stand in depth-first order, so a walk is a loop: a node that fits is followed by its
 * first child, one that does not by what stands size nodes further on. */
#ifndef TEXT_TOKEN_TRIE_INT_H
#define TEXT_TOKEN_TRIE_INT_H

#include "text/token_trie.h"

#define TRIE_NO_TOKEN  0xFFFFFFu
#define TRIE_MAX_BYTES 255u /* of a token; longer ones are never allowed */

struct trie_node {
    uint32_t token_byte; /* token id << 8 | byte; the id is TRIE_NO_TOKEN for an inner node */
    uint32_t size_pop;   /* nodes of the subtree << 8 | levels to go up behind it */
};

static inline uint32_t trie_token(const struct trie_node *node)
{
    return node->token_byte >> 8;
}

static inline uint32_t trie_size(const struct trie_node *node)
{
    return node->size_pop >> 8;
}

struct trie_part {
    struct trie_node *nodes; /* [n]; the root, which has no byte, is not among them */
    uint32_t n;
};

/* Tokens of whole characters as a JSON string holds them unescaped, at most max_chars of them. */
struct trie_slice {
    uint32_t *mask;        /* [n_words] the tokens */
    struct trie_part rest; /* all other tokens */
    uint32_t max_chars;
};

enum { TRIE_SLICES = 3 };

struct token_trie {
    struct trie_part all;
    struct trie_slice slices[TRIE_SLICES]; /* the largest first */
    uint32_t *text;                        /* [n_words] every token in the trie */
    uint32_t *twins; /* [2 * n_twins] ids with equal bytes: where the first is allowed, so is
                      * the second */
    uint32_t n_twins;
    uint32_t n_vocab, n_words, n_text;
    uint32_t max_bytes; /* of the longest token in it */
    char *bytes;        /* of all text tokens */
    uint32_t *at;       /* [n_vocab + 1] */
};

/* Whether a byte can be part of a character that a JSON string holds unescaped. */
static inline bool trie_is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F;
}

/* Counts bits in a way that compilers turn into vector code on every processor.  mask: [n_words] */
static inline uint32_t trie_count_bits(const uint32_t *mask, size_t n_words)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_words; i++) {
        uint32_t x = mask[i];
        x -= x >> 1 & 0x55555555;
        x = (x & 0x33333333) + (x >> 2 & 0x33333333);
        x = (x + (x >> 4)) & 0x0F0F0F0F;
        x += x >> 8;
        n += (x + (x >> 16)) & 63;
    }
    return n;
}

static inline bool trie_bit(const uint32_t *mask, uint32_t id)
{
    return mask[id >> 5] >> (id & 31) & 1;
}

static inline void trie_set_bit(uint32_t *mask, uint32_t id)
{
    mask[id >> 5] |= UINT32_C(1) << (id & 31);
}

#endif
