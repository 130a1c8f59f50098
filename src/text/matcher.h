/* SPDX-License-Identifier: Apache-2.0 */
/* matcher.h - where one sequence stands in its grammar, and which tokens may come next.
 *
 * Never wrong: a token is allowed only if the text with it can still be completed.  Never
 * stuck: where the text is not complete, some token is allowed.
 * Thread: one at a time for a matcher; matchers of one grammar may run on several threads. */
#ifndef TEXT_MATCHER_H
#define TEXT_MATCHER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct grammar;
struct matcher;
struct token_trie;

/* Starts at the beginning of a grammar.  Takes a reference to it; trie must outlive the matcher
 * and may be NULL when only bytes are matched.  end_ids: [n_end] the ids that end a sequence.
 * Owned: matcher_close().  Errors: ERR_LIMIT, ERR_ARG for an end id outside the vocabulary, or when
 * the grammar has served another trie. */
struct matcher *matcher_open(struct grammar *grammar, const struct token_trie *trie,
                             const int32_t *end_ids, size_t n_end, struct err *err) CHECKED;
void matcher_close(struct matcher *matcher);

/* An independent copy in the same state.  Owned: matcher_close().  Errors: ERR_LIMIT. */
struct matcher *matcher_fork(const struct matcher *matcher, struct err *err) CHECKED;

/* What a mask looks like, for who applies it. */
struct mask_info {
    uint32_t n_allowed;
    bool is_free; /* every text token is allowed: only control ids need a look */
};

/* Writes the mask: [token_trie_mask_words()] bit id & 31 of word id >> 5 says that id may come
 * next.  End ids are allowed exactly when the text is complete.  info may be NULL.
 * Errors: ERR_LIMIT when it takes too many steps; the mask is then empty. */
bool matcher_mask(struct matcher *matcher, uint32_t *mask, struct mask_info *info,
                  struct err *err) CHECKED;

/* Moves over a token.  An end id ends the matcher: only rollback leads out of that.
 * Errors: ERR_ARG when the token is not allowed, ERR_LIMIT; the state is then unchanged. */
bool matcher_accept(struct matcher *matcher, int32_t id, struct err *err) CHECKED;

/* Moves over s[n] as if it were one token.  On failure *n_good, which may be NULL, is the length
 * of the longest beginning that fits.  Errors: as matcher_accept(). */
bool matcher_accept_bytes(struct matcher *matcher, const char *s, size_t n, size_t *n_good,
                          struct err *err) CHECKED;

/* Takes back the last n accepted tokens (each matcher_accept_bytes() counts as one). */
void matcher_rollback(struct matcher *matcher, size_t n);

/* How many tokens have been accepted and not taken back. */
size_t matcher_n_accepted(const struct matcher *matcher);

/* Whether the text may end here, and whether it must: then nothing else can follow.
 * Errors: ERR_LIMIT. */
bool matcher_can_end(struct matcher *matcher, bool *yes, struct err *err) CHECKED;
bool matcher_is_complete(struct matcher *matcher, bool *yes, struct err *err) CHECKED;

/* Appends the bytes that must come next, as long as there is only one way on, to out up to its
 * maximum; none where the text may end.  When nothing but one control token can follow the
 * state itself, *control is that id and nothing is appended, else -1.  The state is unchanged.
 * Errors: ERR_LIMIT. */
bool matcher_forced(struct matcher *matcher, struct buf *out, int32_t *control,
                    struct err *err) CHECKED;

#endif
