/* SPDX-License-Identifier: Apache-2.0 */
#include "text/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/matcher_int.h"

void matcher_enter(struct matcher *m)
{
    lock_take(m->grammar->lock);
    m->grammar->set->fuel = LIMIT_MASK_STEPS;
    m->rows.fuel = LIMIT_MASK_ITEMS;
}

void matcher_leave(struct matcher *m)
{
    lock_give(m->grammar->lock);
}

/* --- entries ------------------------------------------------------------------- */

static bool add_entry(struct entries *entries, struct entry entry, struct err *err)
{
    for (uint32_t i = 0; i < entries->n; i++)
        if (entries->all[i].row == entry.row && entries->all[i].lex == entry.lex &&
            entries->all[i].start == entry.start)
            return true;
    struct entry *all =
        array_more(entries->all, entries->n, &entries->n_places, 1, sizeof *all, err);
    if (!all)
        return false;
    entries->all = all;
    all[entries->n++] = entry;
    return true;
}

bool matcher_load(struct matcher *m, struct err *err)
{
    const struct mark *top = matcher_top(m);
    m->now.n = 0;
    struct entry *all = array_more(m->now.all, 0, &m->now.n_places, top->n, sizeof *all, err);
    if (!all)
        return false;
    m->now.all = all;
    if (top->n)
        memcpy(all, m->kept.all + top->first, top->n * sizeof *all);
    m->now.n = top->n;
    return true;
}

/* Makes m->now the state after one more token. */
static bool push_mark(struct matcher *m, uint32_t n_bytes, bool has_ended, struct err *err)
{
    const struct mark *top = matcher_top(m);
    uint32_t first = top->first + top->n, n = m->now.n;
    struct mark *marks = array_more(m->marks, m->n_marks, &m->n_mark_places, 1, sizeof *marks, err);
    if (!marks)
        return false;
    m->marks = marks;
    struct entry *all = array_more(m->kept.all, first, &m->kept.n_places, n, sizeof *all, err);
    if (!all)
        return false;
    m->kept.all = all;
    if (n)
        memcpy(all + first, m->now.all, n * sizeof *all);
    m->kept.n = first + n;
    marks[m->n_marks++] =
        (struct mark){.first = first, .n = n, .n_bytes = n_bytes, .has_ended = has_ended};
    return true;
}

/* --- stepping -------------------------------------------------------------------- */

static bool may_end(const struct matcher *m, const struct entry *entry, int byte, uint32_t n_bytes)
{
    const struct lex_state *state = &m->grammar->lexer->states[entry->lex];
    return entry->start != n_bytes && state->accept &&
           (byte < 0 || lex_follows(state, (uint8_t)byte));
}

bool matcher_pending(struct matcher *m, int byte, uint32_t n_bytes, uint32_t *row, struct err *err)
{
    enum { MANY = 16 };
    struct row_end few[MANY], *ends = few;
    uint32_t n = 0;
    *row = ROW_NONE;
    for (uint32_t i = 0; i < m->now.n; i++)
        n += may_end(m, &m->now.all[i], byte, n_bytes);
    if (!n)
        return true;
    if (n > MANY)
        ends = mem_new(n, sizeof *ends, err);
    if (!ends)
        return false;
    n = 0;
    for (uint32_t i = 0; i < m->now.n; i++) {
        const struct entry *entry = &m->now.all[i];
        if (!may_end(m, entry, byte, n_bytes))
            continue;
        ends[n++] = (struct row_end){
            .row = entry->row,
            .accept = m->grammar->lexer->states[entry->lex].accept,
            .text = m->grammar->has_unique ? m->text.data + entry->start : NULL,
            .n = n_bytes - entry->start,
        };
    }
    bool ok = rows_move(&m->rows, ends, n, row, err);
    if (ends != few)
        free(ends);
    return ok;
}

bool matcher_step(struct matcher *m, uint8_t byte, uint32_t n_bytes, bool *alive, struct err *err)
{
    struct lexer *lexer = m->grammar->lexer;
    uint32_t row;
    m->next.n = 0;
    if (!matcher_pending(m, byte, n_bytes, &row, err))
        return false;
    for (uint32_t i = 0; i <= m->now.n; i++) {
        struct entry entry = {.row = row, .start = n_bytes};
        if (i < m->now.n)
            entry = m->now.all[i];
        else if (row != ROW_NONE)
            entry.lex = row_at(&m->rows, row)->start;
        if (entry.row == ROW_NONE || entry.lex == LEX_DEAD)
            continue;
        uint32_t to = lexer_next(lexer, entry.lex, byte, err);
        if (to == LEX_UNBUILT)
            return false;
        entry.lex = to & ~LEX_CROSS;
        if (entry.lex != LEX_DEAD && !add_entry(&m->next, entry, err))
            return false;
    }
    struct entries swap = m->now;
    m->now = m->next;
    m->next = swap;
    *alive = m->now.n > 0;
    return !m->grammar->has_unique || !*alive || buf_add(&m->text, &byte, 1, err);
}

bool matcher_fresh(struct matcher *m, struct err *err)
{
    uint32_t n_bytes = matcher_top(m)->n_bytes, row;
    m->fresh_rows.n = 0;
    if (!matcher_load(m, err) || !matcher_pending(m, -1, n_bytes, &row, err))
        return false;
    if (row != ROW_NONE && !id_list_add(&m->fresh_rows, row, err))
        return false;
    for (uint32_t i = 0; i < m->now.n; i++)
        if (m->now.all[i].start == n_bytes && !id_list_add(&m->fresh_rows, m->now.all[i].row, err))
            return false;
    return true;
}

/* --- life ------------------------------------------------------------------------- */

static bool begin(struct matcher *m, struct err *err)
{
    if (!rows_init(&m->rows, m->grammar, err))
        return false;
    struct entry first = {.row = ROW_FIRST, .lex = row_at(&m->rows, ROW_FIRST)->start};
    m->marks = mem_new(16, sizeof *m->marks, err);
    if (!m->marks || !add_entry(&m->kept, first, err))
        return false;
    m->n_mark_places = 16;
    m->marks[m->n_marks++] = (struct mark){.n = 1};
    return true;
}

static bool set_ends(struct matcher *m, const int32_t *ids, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (m->trie && (uint32_t)ids[i] >= m->trie->n_vocab))
            return err_set(err, ERR_ARG, "the end token %d is not in the vocabulary", ids[i]);
        if (!id_list_add(&m->end_ids, (uint32_t)ids[i], err))
            return false;
    }
    return true;
}

static struct matcher *new_matcher(struct grammar *grammar, const struct token_trie *trie,
                                   struct err *err)
{
    struct matcher *m = mem_new(1, sizeof *m, err);
    if (!m)
        return NULL;
    m->grammar = grammar_ref(grammar);
    m->trie = trie;
    buf_init(&m->text, LIMIT_TEXT_BYTES);
    m->mask = mem_new(trie ? trie->n_words : 0, sizeof *m->mask, err);
    if (m->mask)
        return m;
    matcher_close(m);
    return NULL;
}

struct matcher *matcher_open(struct grammar *grammar, const struct token_trie *trie,
                             const int32_t *end_ids, size_t n_end, struct err *err)
{
    struct matcher *m = new_matcher(grammar, trie, err);
    if (!m)
        return NULL;
    matcher_enter(m);
    bool ok = set_ends(m, end_ids, n_end, err) &&
              (!trie || lexer_use_trie(grammar->lexer, trie, err)) && begin(m, err);
    matcher_leave(m);
    if (ok)
        return m;
    matcher_close(m);
    return NULL;
}

void matcher_close(struct matcher *matcher)
{
    if (!matcher)
        return;
    rows_free(&matcher->rows);
    free(matcher->kept.all);
    free(matcher->marks);
    free(matcher->end_ids.ids);
    free(matcher->now.all);
    free(matcher->next.all);
    free(matcher->fresh_rows.ids);
    free(matcher->mask);
    buf_free(&matcher->text);
    grammar_unref(matcher->grammar);
    free(matcher);
}

static bool copy_state(struct matcher *to, const struct matcher *from, struct err *err)
{
    to->marks = mem_new(from->n_marks, sizeof *to->marks, err);
    to->kept.all = mem_new(from->kept.n, sizeof *to->kept.all, err);
    if (!to->marks || !to->kept.all)
        return false;
    memcpy(to->marks, from->marks, from->n_marks * sizeof *to->marks);
    memcpy(to->kept.all, from->kept.all, from->kept.n * sizeof *to->kept.all);
    to->n_marks = to->n_mark_places = from->n_marks;
    to->kept.n = to->kept.n_places = from->kept.n;
    return id_list_add_all(&to->end_ids, from->end_ids.ids, from->end_ids.n, err) &&
           (!from->text.len || buf_add(&to->text, from->text.data, from->text.len, err)) &&
           rows_copy(&to->rows, &from->rows, err);
}

struct matcher *matcher_fork(const struct matcher *matcher, struct err *err)
{
    struct matcher *fork = new_matcher(matcher->grammar, matcher->trie, err);
    if (!fork || copy_state(fork, matcher, err))
        return fork;
    matcher_close(fork);
    return NULL;
}

/* --- accepting -------------------------------------------------------------------- */

static bool can_end(struct matcher *m, bool *yes, struct err *err)
{
    *yes = false;
    if (!matcher_fresh(m, err))
        return false;
    for (uint32_t i = 0; i < m->fresh_rows.n; i++)
        *yes = *yes || row_at(&m->rows, m->fresh_rows.ids[i])->is_complete;
    return true;
}

/* Moves m->now over s[n].  *n_good is how far that went. */
static bool step_all(struct matcher *m, const char *s, size_t n, size_t *n_good, struct err *err)
{
    uint32_t n_bytes = matcher_top(m)->n_bytes;
    bool alive = true;
    *n_good = 0;
    if (!matcher_load(m, err))
        return false;
    if (n > LIMIT_TEXT_BYTES - n_bytes)
        return err_set(err, ERR_LIMIT, "a constrained text of more than %u bytes",
                       LIMIT_TEXT_BYTES);
    for (; *n_good < n && alive; *n_good += alive)
        if (!matcher_step(m, (uint8_t)s[*n_good], n_bytes + (uint32_t)*n_good, &alive, err))
            return false;
    return alive || err_set(err, ERR_ARG, "the grammar does not allow that text");
}

/* Adds to m->now what the id does as a control token.  now: the entries of its bytes or none. */
static bool step_control(struct matcher *m, uint32_t id, uint32_t n_bytes, struct err *err)
{
    struct entries bytes = m->now;
    m->now = m->next; /* matcher_fresh() loads there */
    m->next = bytes;
    uint32_t row = ROW_NONE;
    bool ok = matcher_fresh(m, err) &&
              rows_control(&m->rows, m->fresh_rows.ids, m->fresh_rows.n, id, &row, err);
    struct entries fresh = m->now;
    m->now = m->next;
    m->next = fresh;
    if (!ok || row == ROW_NONE)
        return ok;
    return add_entry(&m->now, (struct entry){row, row_at(&m->rows, row)->start, n_bytes}, err);
}

static bool has_controls(const struct matcher *m)
{
    return m->grammar->n_controls > 0;
}

/* The state after a token that does not end the text. */
static bool accept_id(struct matcher *m, int32_t id, struct err *err)
{
    uint32_t n_bytes = matcher_top(m)->n_bytes;
    struct err refused;
    size_t n, n_good;
    const char *s = m->trie ? token_trie_bytes(m->trie, id, &n) : NULL;
    m->now.n = 0;
    if (s && !step_all(m, s, n, &n_good, &refused)) {
        if (refused.code != ERR_ARG)
            return err_set(err, refused.code, "%s", refused.text);
        m->now.n = 0;
        m->text.len = m->grammar->has_unique ? n_bytes : 0;
    }
    n_bytes += s && m->now.n ? (uint32_t)n : 0;
    if (has_controls(m) && id >= 0 && !step_control(m, (uint32_t)id, n_bytes, err))
        return false;
    if (!m->now.n)
        return err_set(err, ERR_ARG, "the grammar does not allow token %d", id);
    return push_mark(m, n_bytes, false, err);
}

static bool is_end_id(const struct matcher *m, int32_t id)
{
    for (uint32_t i = 0; i < m->end_ids.n; i++)
        if (m->end_ids.ids[i] == (uint32_t)id)
            return true;
    return false;
}

bool matcher_accept(struct matcher *matcher, int32_t id, struct err *err)
{
    struct matcher *m = matcher;
    size_t n_text = m->text.len;
    bool ends = false;
    if (matcher_top(m)->has_ended)
        return err_set(err, ERR_ARG, "token %d after the end of the text", id);
    matcher_enter(m);
    bool ok = !is_end_id(m, id) || can_end(m, &ends, err);
    if (ok && ends) {
        m->now.n = 0;
        ok = push_mark(m, matcher_top(m)->n_bytes, true, err);
    } else if (ok) {
        ok = accept_id(m, id, err);
    }
    matcher_leave(m);
    if (!ok)
        m->text.len = n_text;
    return ok;
}

bool matcher_accept_bytes(struct matcher *matcher, const char *s, size_t n, size_t *n_good,
                          struct err *err)
{
    struct matcher *m = matcher;
    size_t n_text = m->text.len, good = 0;
    bool ok = false;
    if (matcher_top(m)->has_ended) {
        err_set(err, ERR_ARG, "bytes after the end of the text");
    } else {
        matcher_enter(m);
        ok = step_all(m, s, n, &good, err) &&
             push_mark(m, matcher_top(m)->n_bytes + (uint32_t)n, false, err);
        matcher_leave(m);
    }
    if (!ok)
        m->text.len = n_text;
    if (n_good)
        *n_good = good;
    return ok;
}

void matcher_rollback(struct matcher *matcher, size_t n)
{
    if (n > matcher_n_accepted(matcher))
        n = matcher_n_accepted(matcher);
    matcher->n_marks -= (uint32_t)n;
    if (matcher->grammar->has_unique)
        matcher->text.len = matcher_top(matcher)->n_bytes;
}

size_t matcher_n_accepted(const struct matcher *matcher)
{
    return matcher->n_marks - 1;
}

bool matcher_can_end(struct matcher *matcher, bool *yes, struct err *err)
{
    matcher_enter(matcher);
    bool ok = can_end(matcher, yes, err);
    matcher_leave(matcher);
    return ok;
}
