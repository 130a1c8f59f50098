/* SPDX-License-Identifier: Apache-2.0 */
/* load_prompt.h - texts of a wanted number of tokens, for a server whose tokenizer nobody knows.
 *
 * They are common words in random order: most tokenizers have each as one token.  How many tokens
 * a number of words is, and how many a request has beside them, follows from what the server says
 * about two short requests (prompt_tokens), and from every one after them. */
#ifndef CLI_LOAD_PROMPT_H
#define CLI_LOAD_PROMPT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* A line through what was seen: tokens = beside + per_word * words. */
struct load_fit {
    uint32_t n;             /* observations; without two, a guess */
    double words0, tokens0; /* of the shortest */
    double beside, per_word;
};

enum { LOAD_PROBE_SHORT = 8, LOAD_PROBE_LONG = 72 }; /* words that tell enough */

/* Learns that a request with so many words, more than the shortest has, has so many tokens. */
void load_fit_add(struct load_fit *fit, uint32_t words, uint32_t tokens);

struct load_words {
    uint64_t seed;
    uint32_t shared, own; /* words that all texts begin with; that differ */
};

/* Returns the numbers of words for requests of n_tokens, of which the first n_shared are equal. */
struct load_words load_words_for(const struct load_fit *fit, uint32_t n_tokens, uint32_t n_shared,
                                 uint64_t seed);

/* Appends text number index.  The same seed and index give the same text.  Errors: ERR_LIMIT. */
bool load_words_write(const struct load_words *words, uint64_t index, struct buf *out,
                      struct err *err) CHECKED;

/* Returns number index of a sequence of random numbers that seed names. */
uint64_t load_random(uint64_t seed, uint64_t index);

#endif
