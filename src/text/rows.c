/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/rows_int.h"

/* Origins that are no rows: the start of the text, and the row that holds the item. */
enum { ORIGIN_TOP = 0, ORIGIN_HERE = UINT32_MAX };

/* --- items of the row in the making ---------------------------------------------- */

static bool same_item(const struct item *x, const struct item *y)
{
    return x->state == y->state && x->origin == y->origin && x->rule == y->rule &&
           x->count == y->count && x->marked == y->marked && x->side == y->side &&
           x->used == y->used;
}

/* Adds an item unless it is there. */
static bool add(struct rows *r, const struct item *item, struct err *err)
{
    for (uint32_t i = 0; i < r->n_work; i++)
        if (same_item(&r->work[i], item))
            return true;
    if (r->n_work >= LIMIT_GRAMMAR_ITEMS)
        return err_set(err, ERR_LIMIT, "the grammar is too ambiguous: more than %u ways at once",
                       LIMIT_GRAMMAR_ITEMS);
    if (!r->fuel)
        return err_set(err, ERR_LIMIT, "the grammar takes too many steps for one token");
    r->fuel--;
    struct item *work = array_more(r->work, r->n_work, &r->n_work_places, 1, sizeof *work, err);
    if (!work)
        return false;
    r->work = work;
    work[r->n_work++] = *item;
    return true;
}

/* What is left of the name of a free member when the values of a list may not come again. */
static uint32_t unused_names(const struct rows *r, uint32_t terminal, uint32_t side)
{
    struct regex_set *set = r->grammar->set;
    uint32_t regex = r->grammar->terminals[terminal].regex;
    return side ? regex_and(set, regex, regex_not(set, r->used[side].regex)) : regex;
}

/* Failures of the set here belong to one step, not to the grammar. */
static bool set_failed(struct rows *r, struct err *err)
{
    bool ok = regex_set_ok(r->grammar->set, err);
    regex_forgive(r->grammar->set);
    return ok ? err_set(err, ERR_LIMIT, "out of memory") : false;
}

static bool reserve_steps(struct rows *r, const struct item *item, struct err *err)
{
    uint32_t n_max = item_max_steps(r->grammar, item);
    struct step *steps =
        array_more(r->steps, r->n_steps, &r->n_step_places, n_max, sizeof *steps, err);
    if (steps)
        r->steps = steps;
    return steps;
}

/* Whether a language has no text left, or, where one is used that is not known, perhaps none. */
static bool is_used_up(struct rows *r, uint32_t left, bool is_incomplete, bool *is_empty,
                       struct err *err)
{
    bool two = true;
    if (!regex_is_empty(r->grammar->set, left, is_empty, err))
        return set_failed(r, err);
    if (!*is_empty && is_incomplete && !regex_has_two(r->grammar->set, left, &two, err))
        return set_failed(r, err);
    *is_empty = *is_empty || !two;
    return true;
}

/* Whether a member can come behind the separator, of which the only step of an item is. */
static bool has_unused(struct rows *r, const struct step *separator, bool *has, struct err *err)
{
    uint32_t from = r->n_steps;
    struct item item = separator->to;
    *has = false;
    if (!reserve_steps(r, &item, err))
        return false;
    uint32_t n = item_steps(r->grammar, &item, r->steps + from);
    for (uint32_t i = 0; i < n && !*has; i++) {
        const struct step *step = &r->steps[from + i];
        bool is_empty = false;
        if (step->is_unique) {
            uint32_t terminal = r->grammar->symbols[step->symbol].start;
            if (!is_used_up(r, unused_names(r, terminal, item.side),
                            r->used[item.side].is_incomplete, &is_empty, err))
                return false;
        }
        *has = !is_empty;
    }
    return true;
}

/* Finds the ways out of an item: rows->steps from the returned number, up to n_steps, which the
 * caller sets back. */
static bool push_steps(struct rows *r, const struct item *item, uint32_t *from, struct err *err)
{
    const struct state *state = &r->grammar->states[item->state];
    *from = r->n_steps;
    if (!reserve_steps(r, item, err))
        return false;
    uint32_t n = item_steps(r->grammar, item, r->steps + r->n_steps);
    r->n_steps += n;
    if (!item->side || !n || state->kind != STATE_LIST || state->phase != LIST_AFTER_MEMBER ||
        r->grammar->lists[state->spec].list.separator == GRAMMAR_EMPTY)
        return true;
    bool has = true;
    struct step separator = r->steps[*from];
    if (!has_unused(r, &separator, &has, err))
        return false;
    r->n_steps = has ? r->n_steps : *from;
    return true;
}

/* --- the kernel: what follows from what has just ended ----------------------------- */

/* Adds the items of a row that waited for a rule. */
static bool complete_one(struct rows *r, uint32_t origin, uint32_t rule, struct err *err)
{
    struct row row = r->rows[origin];
    for (uint32_t i = 0; i < row.n; i++) {
        struct item item = r->items[row.first + i];
        uint32_t from;
        if (!push_steps(r, &item, &from, err))
            return false;
        for (uint32_t k = from; k < r->n_steps; k++) {
            struct item to = r->steps[k].to;
            if (r->steps[k].symbol != rule)
                continue;
            to.origin = to.origin == ORIGIN_HERE ? origin : to.origin;
            if (!add(r, &to, err))
                return false;
        }
        r->n_steps = from;
    }
    return true;
}

static bool complete(struct rows *r, uint32_t origin, uint32_t rule, struct err *err)
{
    if (origin == ORIGIN_TOP)
        return r->is_complete = true;
    for (uint32_t i = 0; i < r->completed.n; i += 2)
        if (r->completed.ids[i] == origin && r->completed.ids[i + 1] == rule)
            return true;
    return id_list_add(&r->completed, origin, err) && id_list_add(&r->completed, rule, err) &&
           complete_one(r, origin, rule, err);
}

static bool is_nullable(const struct rows *r, uint32_t symbol)
{
    return r->grammar->symbols[symbol].is_nullable;
}

/* Adds the items that are reached over symbols that may be empty. */
static bool skip_empty(struct rows *r, const struct item *item, struct err *err)
{
    uint32_t from;
    if (!push_steps(r, item, &from, err))
        return false;
    for (uint32_t k = from; k < r->n_steps; k++) {
        struct item to = r->steps[k].to;
        if (is_nullable(r, r->steps[k].symbol) && !add(r, &to, err))
            return false;
    }
    r->n_steps = from;
    return true;
}

/* Completes and skips until nothing is added. */
static bool finish_kernel(struct rows *r, struct err *err)
{
    for (uint32_t i = 0; i < r->n_work; i++) {
        struct item item = r->work[i];
        if (!skip_empty(r, &item, err))
            return false;
        if (item_accepts(r->grammar, &item) && !complete(r, item.origin, item.rule, err))
            return false;
    }
    return true;
}

/* --- the closure: what may begin -------------------------------------------------- */

static bool is_rule(const struct symbol *symbol)
{
    return symbol->kind >= SYM_RULE;
}

/* Predicts the rule to which a step of an item leads. */
static bool predict(struct rows *r, const struct item *item, const struct step *step,
                    struct err *err)
{
    const struct symbol *symbol = &r->grammar->symbols[step->symbol];
    struct item first = {.state = symbol->start, .origin = ORIGIN_HERE, .rule = step->symbol};
    if (step->to.state == STATE_END) {
        first.origin = item->origin;
        first.rule = item->rule;
    }
    return add(r, &first, err);
}

static bool finish_closure(struct rows *r, uint32_t n_kernel, struct err *err)
{
    for (uint32_t i = 0; i < r->n_work; i++) {
        struct item item = r->work[i];
        uint32_t from;
        if (!push_steps(r, &item, &from, err))
            return false;
        for (uint32_t k = from; k < r->n_steps; k++) {
            struct step step = r->steps[k];
            if (is_rule(&r->grammar->symbols[step.symbol]) && !predict(r, &item, &step, err))
                return false;
            /* In the kernel this has been done. */
            if (i >= n_kernel && is_nullable(r, step.symbol) && !add(r, &step.to, err))
                return false;
        }
        r->n_steps = from;
    }
    return true;
}

/* --- what the lexer has to look for ------------------------------------------------- */

static bool add_pair(struct rows *r, uint32_t terminal, uint32_t regex, struct err *err)
{
    struct lex_pair *pairs =
        array_more(r->pairs, r->n_pairs, &r->n_pair_places, 1, sizeof *pairs, err);
    if (!pairs)
        return false;
    r->pairs = pairs;
    pairs[r->n_pairs++] = (struct lex_pair){terminal, regex};
    return true;
}

static bool add_terminal(struct rows *r, struct row *row, const struct item *item,
                         const struct step *step, struct err *err)
{
    uint32_t terminal = r->grammar->symbols[step->symbol].start;
    uint32_t regex = r->grammar->terminals[terminal].regex;
    if (step->is_unique) {
        regex = unused_names(r, terminal, item->side);
        row->is_tainted = row->is_tainted || r->used[item->side].is_incomplete;
    }
    return add_pair(r, terminal, regex, err);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct lex_pair *x = a, *y = b;
    if (x->terminal != y->terminal)
        return (x->terminal > y->terminal) - (x->terminal < y->terminal);
    return (x->regex > y->regex) - (x->regex < y->regex);
}

static bool find_start(struct rows *r, struct row *row, struct err *err)
{
    r->n_pairs = 0;
    for (uint32_t i = 0; i < r->n_work; i++) {
        struct item item = r->work[i];
        uint32_t from;
        if (!push_steps(r, &item, &from, err))
            return false;
        for (uint32_t k = from; k < r->n_steps; k++) {
            uint8_t kind = r->grammar->symbols[r->steps[k].symbol].kind;
            row->has_control = row->has_control || kind == SYM_CONTROL;
            if (kind == SYM_TERMINAL && !add_terminal(r, row, &item, &r->steps[k], err))
                return false;
        }
        r->n_steps = from;
    }
    uint32_t n = 0;
    if (r->n_pairs)
        qsort(r->pairs, r->n_pairs, sizeof *r->pairs, compare_pairs);
    for (uint32_t i = 0; i < r->n_pairs; i++)
        if (!i || compare_pairs(&r->pairs[i], &r->pairs[n - 1]))
            r->pairs[n++] = r->pairs[i];
    return lexer_state(r->grammar->lexer, r->pairs, n, &row->start, err);
}

/* --- rows ------------------------------------------------------------------------- */

/* Whether an item has a way out; what has none has done its work in the kernel. */
static bool has_step(struct rows *r, const struct item *item, bool *has, struct err *err)
{
    uint32_t from;
    if (!push_steps(r, item, &from, err))
        return false;
    *has = r->n_steps > from;
    r->n_steps = from;
    return true;
}

static int compare_items(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct item));
}

static bool trim_kernel(struct rows *r, struct err *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_work; i++) {
        bool has;
        if (!has_step(r, &r->work[i], &has, err))
            return false;
        if (has)
            r->work[n++] = r->work[i];
    }
    r->n_work = n;
    if (n > 1)
        qsort(r->work, n, sizeof *r->work, compare_items);
    return true;
}

/* Finds a row with this kernel. */
static bool find_row(const struct rows *r, uint32_t hash, uint32_t *id)
{
    for (uint32_t at = hash; id_table_probe(&r->row_table, hash, &at, id);) {
        const struct row *row = &r->rows[*id];
        if (row->n_kernel == r->n_work && row->is_complete == r->is_complete &&
            !memcmp(r->items + row->first, r->work, r->n_work * sizeof *r->work))
            return true;
    }
    return false;
}

static bool store_row(struct rows *r, uint32_t hash, struct row *row, uint32_t *id, struct err *err)
{
    if (r->n_items + r->n_work > LIMIT_MATCHER_ITEMS)
        return err_set(err, ERR_LIMIT, "the text has used all %u items of its parser",
                       LIMIT_MATCHER_ITEMS);
    struct row *rows = array_more(r->rows, r->n_rows, &r->n_row_places, 1, sizeof *rows, err);
    if (!rows)
        return false;
    r->rows = rows;
    struct item *items =
        array_more(r->items, r->n_items, &r->n_item_places, r->n_work, sizeof *items, err);
    if (!items)
        return false;
    r->items = items;
    if (!id_table_add(&r->row_table, hash, r->n_rows, err))
        return false;
    row->first = r->n_items;
    row->n = r->n_work;
    memcpy(items + r->n_items, r->work, r->n_work * sizeof *items);
    r->n_items += r->n_work;
    rows[r->n_rows] = *row;
    *id = r->n_rows++;
    return true;
}

/* Makes the row whose kernel begins with the work list. */
static bool make_row(struct rows *r, uint32_t *id, struct err *err)
{
    *id = ROW_NONE;
    if (!finish_kernel(r, err) || !trim_kernel(r, err))
        return false;
    if (!r->n_work && !r->is_complete)
        return true;
    uint32_t n_words = r->n_work * (uint32_t)(sizeof *r->work / sizeof(uint32_t));
    uint32_t hash = id_hash_all(r->is_complete, (const uint32_t *)(const void *)r->work, n_words);
    if (find_row(r, hash, id))
        return true;
    struct row row = {.n_kernel = r->n_work, .is_complete = r->is_complete};
    return finish_closure(r, row.n_kernel, err) && find_start(r, &row, err) &&
           store_row(r, hash, &row, id, err);
}

static void begin(struct rows *r)
{
    r->n_work = r->n_steps = r->completed.n = 0;
    r->is_complete = false;
}

/* --- values that must differ --------------------------------------------------------- */

/* The values of a list with one more.  text: [n], NULL for one that is not known. */
static bool use_value(struct rows *r, uint32_t prev, const char *text, size_t n, uint32_t *id,
                      struct err *err)
{
    struct regex_set *set = r->grammar->set;
    struct used_values used = r->used[prev];
    used.prev = prev;
    used.n++;
    used.is_incomplete = used.is_incomplete || !text;
    if (text)
        used.regex = regex_or(set, used.regex, regex_literal(set, text, n));
    if (used.regex == REGEX_FAILED)
        return set_failed(r, err);
    if (used.n > LIMIT_GRAMMAR_UNIQUE)
        return err_set(err, ERR_LIMIT, "more than %u values that must differ",
                       LIMIT_GRAMMAR_UNIQUE);
    struct used_values *all =
        array_more(r->used, r->n_used, &r->n_used_places, 1, sizeof *all, err);
    if (!all)
        return false;
    r->used = all;
    all[r->n_used] = used;
    *id = r->n_used++;
    return true;
}

/* --- moving ------------------------------------------------------------------------- */

static bool in_set(const struct lexer *lexer, uint32_t set_id, uint32_t terminal)
{
    const struct lex_set *set = &lexer->sets[set_id];
    for (uint32_t i = 0; i < set->n; i++)
        if (lexer->members.ids[set->first + i] == terminal)
            return true;
    return false;
}

static bool move_step(struct rows *r, const struct row_end *end, const struct item *item,
                      const struct step *step, struct err *err)
{
    const struct symbol *symbol = &r->grammar->symbols[step->symbol];
    struct item to = step->to;
    if (symbol->kind != SYM_TERMINAL || !in_set(r->grammar->lexer, end->accept, symbol->start))
        return true;
    if (step->is_unique) {
        bool is_used = false;
        struct used_values used = r->used[item->side];
        if (end->text && used.n &&
            !regex_matches(r->grammar->set, used.regex, end->text, end->n, &is_used, err))
            return false;
        if (is_used)
            return true;
        if (!use_value(r, item->side, end->text, end->n, &to.side, err))
            return false;
    }
    to.origin = to.origin == ORIGIN_HERE ? end->row : to.origin;
    return add(r, &to, err);
}

/* Adds the items of a row over the terminals that have ended. */
static bool move_over(struct rows *r, const struct row_end *end, struct err *err)
{
    struct row row = r->rows[end->row];
    for (uint32_t i = 0; i < row.n; i++) {
        struct item item = r->items[row.first + i];
        uint32_t from;
        if (!push_steps(r, &item, &from, err))
            return false;
        for (uint32_t k = from; k < r->n_steps; k++) {
            struct step step = r->steps[k];
            if (!move_step(r, end, &item, &step, err))
                return false;
        }
        r->n_steps = from;
    }
    return true;
}

static bool find_move(const struct rows *r, uint32_t hash, const struct row_end *end, uint32_t *to)
{
    uint32_t id;
    for (uint32_t at = hash; id_table_probe(&r->next_table, hash, &at, &id);)
        if (r->moves[id].row == end->row && r->moves[id].accept == end->accept) {
            *to = r->moves[id].to;
            return true;
        }
    return false;
}

static bool keep_move(struct rows *r, uint32_t hash, const struct row_end *end, uint32_t to,
                      struct err *err)
{
    struct row_move *moves =
        array_more(r->moves, r->n_moves, &r->n_move_places, 1, sizeof *moves, err);
    if (!moves)
        return false;
    r->moves = moves;
    if (!id_table_add(&r->next_table, hash, r->n_moves, err))
        return false;
    moves[r->n_moves++] = (struct row_move){end->row, end->accept, to};
    return true;
}

/* A move can be kept when it does not depend on the text. */
static bool is_keepable(const struct rows *r, const struct row_end *end)
{
    const struct lexer *lexer = r->grammar->lexer;
    const struct lex_set *set = &lexer->sets[end->accept];
    for (uint32_t i = 0; r->grammar->has_unique && i < set->n; i++)
        if (r->grammar->terminals[lexer->members.ids[set->first + i]].is_unique)
            return false;
    return true;
}

bool rows_move(struct rows *rows, const struct row_end *ends, uint32_t n, uint32_t *to,
               struct err *err)
{
    uint32_t hash = id_hash(id_hash(4, ends->row), ends->accept);
    bool keep = n == 1 && is_keepable(rows, ends);
    if (keep && find_move(rows, hash, ends, to))
        return true;
    begin(rows);
    for (uint32_t i = 0; i < n; i++)
        if (!move_over(rows, &ends[i], err))
            return false;
    return make_row(rows, to, err) && (!keep || keep_move(rows, hash, ends, *to, err));
}

/* --- control tokens --------------------------------------------------------------------- */

static bool has_id(const struct control *control, uint32_t id)
{
    uint32_t lo = 0, hi = control->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (control->ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < control->n && control->ids[lo] == id;
}

/* Calls back for each step of a row over a control token. */
typedef bool control_fn(struct rows *rows, uint32_t row, const struct step *step, void *arg,
                        struct err *err);

static bool for_each_control(struct rows *r, uint32_t id, control_fn *fn, void *arg,
                             struct err *err)
{
    struct row row = r->rows[id];
    for (uint32_t i = 0; row.has_control && i < row.n; i++) {
        struct item item = r->items[row.first + i];
        uint32_t from;
        if (!push_steps(r, &item, &from, err))
            return false;
        for (uint32_t k = from; k < r->n_steps; k++) {
            struct step step = r->steps[k];
            if (r->grammar->symbols[step.symbol].kind == SYM_CONTROL && !fn(r, id, &step, arg, err))
                return false;
        }
        r->n_steps = from;
    }
    return true;
}

static bool add_over_control(struct rows *r, uint32_t row, const struct step *step, void *arg,
                             struct err *err)
{
    const uint32_t *id = arg;
    const struct control *control = &r->grammar->controls[r->grammar->symbols[step->symbol].a];
    struct item to = step->to;
    if (!has_id(control, *id))
        return true;
    to.origin = to.origin == ORIGIN_HERE ? row : to.origin;
    return add(r, &to, err);
}

bool rows_control(struct rows *rows, const uint32_t *from, uint32_t n, uint32_t id, uint32_t *to,
                  struct err *err)
{
    begin(rows);
    for (uint32_t i = 0; i < n; i++)
        if (!for_each_control(rows, from[i], add_over_control, &id, err))
            return false;
    return make_row(rows, to, err);
}

struct mask_of {
    uint32_t *mask, n_words;
};

static bool set_bits(struct rows *r, uint32_t row, const struct step *step, void *arg,
                     struct err *err)
{
    const struct mask_of *of = arg;
    const struct control *control = &r->grammar->controls[r->grammar->symbols[step->symbol].a];
    (void)row;
    (void)err;
    for (uint32_t i = 0; i < control->n && control->ids[i] >> 5 < of->n_words; i++)
        of->mask[control->ids[i] >> 5] |= UINT32_C(1) << (control->ids[i] & 31);
    return true;
}

bool rows_control_mask(struct rows *rows, uint32_t row, uint32_t *mask, uint32_t n_words,
                       struct err *err)
{
    struct mask_of of = {.n_words = n_words};
    of.mask = mask;
    return for_each_control(rows, row, set_bits, &of, err);
}

/* --- beginning ----------------------------------------------------------------------- */

bool rows_init(struct rows *rows, struct grammar *grammar, struct err *err)
{
    *rows = (struct rows){.grammar = grammar, .fuel = LIMIT_MASK_ITEMS};
    rows->rows = mem_new(16, sizeof *rows->rows, err);
    rows->used = mem_new(16, sizeof *rows->used, err);
    if (!rows->rows || !rows->used)
        return false;
    rows->n_row_places = rows->n_used_places = 16;
    rows->n_rows = ROW_FIRST;
    rows->used[0].regex = REGEX_NOTHING;
    rows->n_used = 1;
    struct item root = {.state = grammar->symbols[grammar->root].start,
                        .origin = ORIGIN_TOP,
                        .rule = grammar->root};
    uint32_t first;
    begin(rows);
    return add(rows, &root, err) && make_row(rows, &first, err);
}

static void *copy(const void *items, uint32_t n, uint32_t *n_places, size_t size, struct err *err)
{
    void *all = mem_new(n, size, err);
    if (all && n)
        memcpy(all, items, n * size);
    *n_places = n;
    return all;
}

static bool copy_table(struct id_table *to, const struct id_table *from, struct err *err)
{
    *to = *from;
    if (!from->slots)
        return true;
    size_t n = (size_t)from->mask + 1;
    to->slots = mem_new(n, sizeof *to->slots, err);
    if (to->slots)
        memcpy(to->slots, from->slots, n * sizeof *to->slots);
    return to->slots;
}

bool rows_copy(struct rows *rows, const struct rows *from, struct err *err)
{
    *rows = (struct rows){.grammar = from->grammar,
                          .n_rows = from->n_rows,
                          .n_items = from->n_items,
                          .n_moves = from->n_moves,
                          .n_used = from->n_used};
    rows->rows = copy(from->rows, from->n_rows, &rows->n_row_places, sizeof *rows->rows, err);
    rows->items = copy(from->items, from->n_items, &rows->n_item_places, sizeof *rows->items, err);
    rows->moves = copy(from->moves, from->n_moves, &rows->n_move_places, sizeof *rows->moves, err);
    rows->used = copy(from->used, from->n_used, &rows->n_used_places, sizeof *rows->used, err);
    return rows->rows && rows->items && rows->moves && rows->used &&
           copy_table(&rows->row_table, &from->row_table, err) &&
           copy_table(&rows->next_table, &from->next_table, err);
}

void rows_free(struct rows *rows)
{
    free(rows->rows);
    free(rows->items);
    free(rows->moves);
    free(rows->used);
    free(rows->work);
    free(rows->steps);
    free(rows->pairs);
    free(rows->completed.ids);
    id_table_free(&rows->row_table);
    id_table_free(&rows->next_table);
    *rows = (struct rows){0};
}
