/* SPDX-License-Identifier: Apache-2.0 */
/* Which tokens may come next, and which bytes must. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/matcher_int.h"

/* A part of the mask that is still to be found: tokens below some nodes, from a row. */
struct errand {
    uint32_t row, lex, nodes;
};

struct masker {
    struct matcher *m;
    uint32_t *mask;
    struct errand *errands; /* [n] all so far, of which done are done */
    uint32_t n, n_places, done;
    bool is_free; /* one walk alone allows every token */
    struct err *err;
};

static bool add_errand(struct masker *k, struct errand errand)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (k->errands[i].row == errand.row && k->errands[i].lex == errand.lex &&
            k->errands[i].nodes == errand.nodes)
            return true;
    if (errand.lex == LEX_DEAD)
        return true;
    struct errand *errands = array_more(k->errands, k->n, &k->n_places, 1, sizeof *errands, k->err);
    if (!errands)
        return false;
    k->errands = errands;
    errands[k->n++] = errand;
    return true;
}

static void add_mask(struct masker *k, const struct lex_walk *walk)
{
    uint32_t n_words = k->m->trie->n_words;
    uint32_t *mask = k->mask;
    const uint32_t *more = walk->mask;
    for (uint32_t i = 0; more && i < n_words; i++)
        mask[i] |= more[i];
    for (uint32_t i = 0; !more && i < walk->n_inside; i++)
        mask[walk->ids[i] >> 5] |= UINT32_C(1) << (walk->ids[i] & 31);
    k->is_free = k->is_free || walk->n_inside == k->m->trie->n_text;
}

/* Does one errand and adds those that it leads to. */
static bool run_errand(struct masker *k, struct errand errand)
{
    struct lexer *lexer = k->m->grammar->lexer;
    struct rows *rows = &k->m->rows;
    uint32_t lex, id;
    if (!lexer_clamp(lexer, errand.lex, &lex, k->err) ||
        !lexer_walk(lexer, lex, errand.nodes, &id, k->err))
        return false;
    add_mask(k, &lexer->walks[id]);
    for (uint32_t i = 0; i < lexer->walks[id].n_crosses; i++) {
        struct lex_cross cross = lexer->walks[id].crosses[i];
        struct row_end end = {.row = errand.row, .accept = cross.accept};
        uint32_t row;
        if (!rows_move(rows, &end, 1, &row, k->err))
            return false;
        /* A value that begins must differ from one that ends in the same token: left out. */
        if (row == ROW_NONE || row_at(rows, row)->is_tainted)
            continue;
        if (!add_errand(k, (struct errand){row, row_at(rows, row)->start, cross.nodes}))
            return false;
    }
    return true;
}

static bool add_first_errands(struct masker *k)
{
    struct matcher *m = k->m;
    for (uint32_t i = 0; i < m->now.n; i++) {
        const struct entry *entry = &m->now.all[i];
        if (!add_errand(k, (struct errand){entry->row, entry->lex, 0}))
            return false;
    }
    for (uint32_t i = 0; i < m->fresh_rows.n; i++) {
        uint32_t row = m->fresh_rows.ids[i];
        if (!add_errand(k, (struct errand){row, row_at(&m->rows, row)->start, 0}))
            return false;
    }
    return true;
}

static bool add_controls(struct masker *k)
{
    struct matcher *m = k->m;
    bool ends = false;
    for (uint32_t i = 0; i < m->fresh_rows.n; i++) {
        ends = ends || row_at(&m->rows, m->fresh_rows.ids[i])->is_complete;
        if (!rows_control_mask(&m->rows, m->fresh_rows.ids[i], k->mask, m->trie->n_words, k->err))
            return false;
    }
    /* Ids past the vocabulary in the last word are never set. */
    if (m->trie->n_vocab & 31)
        k->mask[m->trie->n_words - 1] &= (UINT32_C(1) << (m->trie->n_vocab & 31)) - 1;
    for (uint32_t i = 0; ends && i < m->end_ids.n; i++)
        k->mask[m->end_ids.ids[i] >> 5] |= UINT32_C(1) << (m->end_ids.ids[i] & 31);
    return true;
}

static bool fill(struct masker *k)
{
    if (matcher_top(k->m)->has_ended)
        return true;
    lexer_trim_walks(k->m->grammar->lexer);
    if (!matcher_fresh(k->m, k->err) || !add_first_errands(k))
        return false;
    while (k->done < k->n)
        if (!run_errand(k, k->errands[k->done++]))
            return false;
    return add_controls(k);
}

bool matcher_mask(struct matcher *matcher, uint32_t *mask, struct mask_info *info, struct err *err)
{
    struct masker k = {.m = matcher, .mask = mask, .err = err};
    size_t n_words = matcher->trie->n_words;
    memset(mask, 0, n_words * sizeof *mask);
    matcher_enter(matcher);
    bool ok = fill(&k);
    matcher_leave(matcher);
    free(k.errands);
    if (!ok)
        memset(mask, 0, n_words * sizeof *mask);
    if (info) {
        *info = (struct mask_info){.is_free = ok && k.is_free};
        info->n_allowed = trie_count_bits(mask, n_words);
    }
    return ok;
}

/* --- bytes ------------------------------------------------------------------------- */

/* Sets the bits of all bytes that may come next.  m->now and m->fresh_rows are loaded. */
static bool next_bytes(struct matcher *m, uint64_t bytes[4], struct err *err)
{
    struct lexer *lexer = m->grammar->lexer;
    memset(bytes, 0, 4 * sizeof *bytes);
    for (uint32_t i = 0; i < m->now.n + m->fresh_rows.n; i++) {
        uint32_t lex = i < m->now.n ? m->now.all[i].lex
                                    : row_at(&m->rows, m->fresh_rows.ids[i - m->now.n])->start;
        for (uint32_t b = 0; lex != LEX_DEAD && b < 256; b++) {
            uint32_t to = lexer_next(lexer, lex, (uint8_t)b, err);
            if (to == LEX_UNBUILT)
                return false;
            bytes[b >> 6] |= (uint64_t)(to != LEX_DEAD) << (b & 63);
        }
    }
    return true;
}

static uint32_t n_bits(const uint64_t bytes[4])
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++)
        n += (uint32_t)__builtin_popcountll(bytes[i]);
    return n;
}

static bool has_control(const struct matcher *m)
{
    bool any = false;
    for (uint32_t i = 0; i < m->fresh_rows.n; i++)
        any = any || row_at(&m->rows, m->fresh_rows.ids[i])->has_control;
    return any;
}

static bool is_end(const struct matcher *m)
{
    bool any = false;
    for (uint32_t i = 0; i < m->fresh_rows.n; i++)
        any = any || row_at(&m->rows, m->fresh_rows.ids[i])->is_complete;
    return any;
}

static bool is_complete(struct matcher *m, bool *yes, struct err *err)
{
    uint64_t bytes[4];
    *yes = matcher_top(m)->has_ended;
    if (*yes)
        return true;
    if (!matcher_fresh(m, err) || !next_bytes(m, bytes, err))
        return false;
    *yes = is_end(m) && !n_bits(bytes) && !has_control(m);
    return true;
}

bool matcher_is_complete(struct matcher *matcher, bool *yes, struct err *err)
{
    matcher_enter(matcher);
    bool ok = is_complete(matcher, yes, err);
    matcher_leave(matcher);
    return ok;
}

/* The rows that begin behind m->now at n_bytes, into m->fresh_rows. */
static bool find_fresh(struct matcher *m, uint32_t n_bytes, struct err *err)
{
    uint32_t row;
    m->fresh_rows.n = 0;
    return matcher_pending(m, -1, n_bytes, &row, err) &&
           (row == ROW_NONE || id_list_add(&m->fresh_rows, row, err));
}

static bool force_bytes(struct matcher *m, struct buf *out, struct err *err)
{
    uint32_t n_bytes = matcher_top(m)->n_bytes;
    for (bool alive = true; out->len < out->max; n_bytes++) {
        uint64_t bytes[4];
        if (is_end(m) || has_control(m))
            return true;
        if (!next_bytes(m, bytes, err))
            return false;
        if (n_bits(bytes) != 1)
            return true;
        uint8_t byte = 0;
        for (uint32_t b = 0; b < 256; b++)
            if (bytes[b >> 6] >> (b & 63) & 1)
                byte = (uint8_t)b;
        if (!buf_add(out, &byte, 1, err) || !matcher_step(m, byte, n_bytes, &alive, err) ||
            !find_fresh(m, n_bytes + 1, err))
            return false;
    }
    return true;
}

/* The only control token that may come here, or -1. */
static bool only_control(struct matcher *m, int32_t *control, struct err *err)
{
    uint32_t n_words = m->trie ? m->trie->n_words : 0, n = 0;
    if (n_words)
        memset(m->mask, 0, n_words * sizeof *m->mask);
    for (uint32_t i = 0; i < m->fresh_rows.n; i++)
        if (!rows_control_mask(&m->rows, m->fresh_rows.ids[i], m->mask, n_words, err))
            return false;
    for (uint32_t i = 0; i < n_words; i++) {
        n += (uint32_t)__builtin_popcount(m->mask[i]);
        if (m->mask[i])
            *control = (int32_t)(i * 32 + (uint32_t)__builtin_ctz(m->mask[i]));
    }
    *control = n == 1 ? *control : -1;
    return true;
}

static bool force(struct matcher *m, struct buf *out, int32_t *control, struct err *err)
{
    uint64_t bytes[4];
    if (matcher_top(m)->has_ended)
        return true;
    if (!matcher_fresh(m, err) || !next_bytes(m, bytes, err))
        return false;
    if (has_control(m) && !is_end(m) && !n_bits(bytes))
        return only_control(m, control, err);
    return force_bytes(m, out, err);
}

bool matcher_forced(struct matcher *matcher, struct buf *out, int32_t *control, struct err *err)
{
    size_t n_text = matcher->text.len;
    *control = -1;
    matcher_enter(matcher);
    bool ok = force(matcher, out, control, err);
    matcher_leave(matcher);
    matcher->text.len = n_text;
    return ok;
}
