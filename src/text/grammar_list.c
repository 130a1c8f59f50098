/* SPDX-License-Identifier: Apache-2.0 */
/* The ways out of an item: from a table, from a counter, or, in a list, from what its members so
 * far leave possible.  A list is never led where its bounds can no longer be met. */
#include <stdlib.h>

#include "base/limits.h"
#include "text/grammar_int.h"

/* --- what is still possible ------------------------------------------------------ */

/* Members that may still come: [is_required][is_marked], and free ones: [is_marked]. */
struct supply {
    uint32_t fixed[2][2];
    bool free[2];
};

struct bounds {
    uint64_t lo, hi;
};

static bool overlap(struct bounds x, struct bounds y, struct bounds *both)
{
    *both = (struct bounds){x.lo > y.lo ? x.lo : y.lo, x.hi < y.hi ? x.hi : y.hi};
    return both->lo <= both->hi;
}

static struct bounds still(uint32_t lo, uint32_t hi, uint64_t so_far)
{
    uint64_t most = hi == GRAMMAR_FOREVER ? UINT64_MAX / 4 : hi;
    if (so_far > most)
        return (struct bounds){1, 0};
    return (struct bounds){lo > so_far ? lo - so_far : 0, most - so_far};
}

static struct bounds offered(const struct supply *supply, int is_marked)
{
    uint64_t must = supply->fixed[1][is_marked], may = supply->fixed[0][is_marked];
    return (struct bounds){must, supply->free[is_marked] ? UINT64_MAX / 4 : must + may};
}

/* Marked and other members are chosen independently; only their sum is bounded. */
static bool is_enough(const struct grammar_list *list, const struct supply *supply, uint64_t count,
                      uint64_t marked)
{
    struct bounds some, all, both, plain = offered(supply, 0);
    if (!overlap(still(list->min_marked, list->max_marked, marked), offered(supply, 1), &some))
        return false;
    all = (struct bounds){plain.lo + some.lo, plain.hi + some.hi};
    return overlap(still(list->min, list->max, count), all, &both);
}

/* Where members may not be left out, each number of further ones is looked at. */
static bool prefix_is_enough(const struct list_spec *spec, uint64_t count, uint64_t marked,
                             uint32_t next)
{
    uint32_t n = spec->list.n_fixed;
    for (uint32_t end = next;; end++) {
        struct supply supply = {0};
        if (end == n) {
            supply.free[0] = spec->has_free[0];
            supply.free[1] = spec->has_free[1];
        }
        if (end >= spec->last_required && is_enough(&spec->list, &supply, count, marked))
            return true;
        if (end == n)
            return false;
        count++;
        marked += spec->members[end].is_marked;
    }
}

static struct supply supply_of(const struct list_spec *spec, uint64_t used)
{
    struct supply supply = {.free = {spec->has_free[0], spec->has_free[1]}};
    if (spec->list.order == GRAMMAR_IN_ORDER) {
        for (int i = 0; i < 4; i++)
            supply.fixed[i >> 1][i & 1] = spec->left[used][i >> 1][i & 1];
        return supply;
    }
    uint32_t n = spec->list.n_fixed;
    uint64_t left = ~used & (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1);
    uint64_t need = left & spec->required, other = left & ~spec->required;
    supply.fixed[1][1] = (uint32_t)__builtin_popcountll(need & spec->marked);
    supply.fixed[1][0] = (uint32_t)__builtin_popcountll(need & ~spec->marked);
    supply.fixed[0][1] = (uint32_t)__builtin_popcountll(other & spec->marked);
    supply.fixed[0][0] = (uint32_t)__builtin_popcountll(other & ~spec->marked);
    return supply;
}

static bool can_go_on(const struct list_spec *spec, const struct item *item)
{
    if (spec->list.order == GRAMMAR_PREFIX)
        return prefix_is_enough(spec, item->count, item->marked, (uint32_t)item->used);
    struct supply supply = supply_of(spec, item->used);
    return is_enough(&spec->list, &supply, item->count, item->marked);
}

static bool can_stop(const struct list_spec *spec, const struct item *item)
{
    const struct grammar_list *list = &spec->list;
    struct supply none = {0};
    if (!is_enough(list, &none, item->count, item->marked))
        return false;
    if (list->order == GRAMMAR_ANY_ORDER)
        return !(spec->required & ~item->used);
    return item->used >= spec->last_required;
}

static bool is_there(const struct grammar_member *member, const struct symbol *symbols)
{
    return symbols[member->name].is_productive && symbols[member->value].is_productive;
}

/* The free members count only behind all fixed ones of a prefix. */
static bool is_possible_prefix(const struct list_spec *spec, const struct grammar_list *list,
                               const struct supply *supply, const struct symbol *symbols)
{
    uint32_t last_required = 0, marked = 0;
    for (uint32_t i = 0; i < list->n_fixed; i++)
        last_required = spec->members[i].is_required ? i + 1 : last_required;
    for (uint32_t end = 0;; end++) {
        struct supply here = {0};
        if (end == list->n_fixed) {
            here.free[0] = supply->free[0];
            here.free[1] = supply->free[1];
        }
        if (end >= last_required && is_enough(list, &here, end, marked))
            return true;
        if (end == list->n_fixed || !is_there(&spec->members[end], symbols))
            return false;
        marked += spec->members[end].is_marked;
    }
}

bool list_is_possible(const struct list_spec *spec, const struct symbol *symbols)
{
    struct grammar_list list = spec->list;
    struct supply supply = {0};
    if (!symbols[list.separator].is_productive && list.max > 1)
        list.max = 1;
    for (uint32_t i = 0; i < list.n_fixed + list.n_free; i++) {
        const struct grammar_member *member = &spec->members[i];
        if (!is_there(member, symbols)) {
            if (i < list.n_fixed && member->is_required)
                return false;
        } else if (i < list.n_fixed) {
            supply.fixed[member->is_required][member->is_marked]++;
        } else {
            supply.free[member->is_marked] = true;
        }
    }
    if (list.order == GRAMMAR_PREFIX)
        return is_possible_prefix(spec, &list, &supply, symbols);
    return is_enough(&list, &supply, 0, 0);
}

/* Drops the members that cannot be: none of them is required. */
static void drop_members(struct list_spec *spec, const struct symbol *symbols)
{
    struct grammar_list *list = &spec->list;
    uint32_t n = 0, n_free = 0;
    for (uint32_t i = 0; i < list->n_fixed + list->n_free; i++) {
        struct grammar_member member = spec->members[i];
        bool is_fixed = i < list->n_fixed, stays = is_there(&member, symbols);
        if (list->order == GRAMMAR_PREFIX)
            stays = stays && n - n_free == (is_fixed ? i : list->n_fixed);
        if (!stays)
            continue;
        spec->members[n++] = member;
        n_free += !is_fixed;
        if (!is_fixed)
            spec->has_free[member.is_marked] = true;
    }
    list->n_fixed = n - n_free;
    list->n_free = n_free;
}

bool list_prepare(struct list_spec *spec, const struct symbol *symbols, struct err *err)
{
    struct grammar_list *list = &spec->list;
    drop_members(spec, symbols);
    if (!symbols[list->separator].is_productive && list->max > 1)
        list->max = 1;
    spec->left = mem_new((size_t)list->n_fixed + 1, sizeof *spec->left, err);
    if (!spec->left)
        return false;
    for (uint32_t i = list->n_fixed; i--;) {
        const struct grammar_member *member = &spec->members[i];
        for (int k = 0; k < 4; k++)
            spec->left[i][k >> 1][k & 1] = spec->left[i + 1][k >> 1][k & 1];
        spec->left[i][member->is_required][member->is_marked]++;
        if (member->is_required && !spec->last_required)
            spec->last_required = i + 1;
        uint64_t bit = i < 64 ? UINT64_C(1) << i : 0;
        spec->required |= member->is_required ? bit : 0;
        spec->marked |= member->is_marked ? bit : 0;
    }
    return true;
}

bool list_is_nullable(const struct list_spec *spec)
{
    return can_stop(spec, &(struct item){0});
}

/* --- ways out ---------------------------------------------------------------------- */

static bool may_take(const struct list_spec *spec, const struct item *item, uint32_t member)
{
    const struct grammar_list *list = &spec->list;
    if (member >= list->n_fixed)
        return list->order == GRAMMAR_ANY_ORDER || item->used == list->n_fixed ||
               (list->order == GRAMMAR_IN_ORDER && item->used >= spec->last_required);
    if (list->order == GRAMMAR_ANY_ORDER)
        return !(item->used >> member & 1);
    if (list->order == GRAMMAR_PREFIX)
        return member == item->used;
    return member >= item->used && (item->used >= spec->last_required ||
                                    spec->left[item->used][1][0] + spec->left[item->used][1][1] ==
                                        spec->left[member][1][0] + spec->left[member][1][1]);
}

/* Counts one more; where nothing bounds a number from above, it stops at what is needed. */
static uint32_t add_one(uint32_t n, uint32_t min, uint32_t max)
{
    return max == GRAMMAR_FOREVER && n >= min ? n : n + 1;
}

/* The item with one more member. */
static struct item with_member(const struct list_spec *spec, const struct item *item,
                               uint32_t member)
{
    const struct grammar_list *list = &spec->list;
    struct item to = *item;
    to.count = add_one(item->count, list->min, list->max);
    if (spec->members[member].is_marked)
        to.marked = add_one(item->marked, list->min_marked, list->max_marked);
    if (list->order == GRAMMAR_ANY_ORDER)
        to.used |= member < list->n_fixed ? UINT64_C(1) << member : 0;
    else
        to.used = member < list->n_fixed ? member + 1 : list->n_fixed;
    return to;
}

static uint32_t member_steps(const struct grammar *grammar, const struct item *item, uint32_t base,
                             struct step *steps)
{
    const struct list_spec *spec = &grammar->lists[grammar->states[item->state].spec];
    uint32_t n = 0, n_members = spec->list.n_fixed + spec->list.n_free;
    uint32_t from = spec->list.order == GRAMMAR_ANY_ORDER ? 0 : (uint32_t)item->used;
    for (uint32_t i = from; i < n_members; i++) {
        const struct grammar_member *member = &spec->members[i];
        if (!may_take(spec, item, i)) {
            if (spec->list.order == GRAMMAR_IN_ORDER && i < spec->list.n_fixed)
                i = spec->list.n_fixed - 1; /* a required one comes first */
            continue;
        }
        struct step *step = &steps[n];
        step->to = with_member(spec, item, i);
        if (!can_go_on(spec, &step->to))
            continue;
        bool has_name = member->name != GRAMMAR_EMPTY;
        step->symbol = has_name ? member->name : member->value;
        step->to.state = base + (has_name ? LIST_AFTER_NAME + i : (uint32_t)LIST_AFTER_MEMBER);
        step->is_unique = has_name && spec->list.is_unique && i >= spec->list.n_fixed;
        n++;
    }
    return n;
}

/* Whether any member may follow. */
static bool has_member(const struct list_spec *spec, const struct item *item)
{
    for (uint32_t i = 0; i < spec->list.n_fixed + spec->list.n_free; i++) {
        if (!may_take(spec, item, i))
            continue;
        struct item to = with_member(spec, item, i);
        if (can_go_on(spec, &to))
            return true;
    }
    return false;
}

static uint32_t list_steps(const struct grammar *grammar, const struct item *item,
                           struct step *steps)
{
    const struct state *state = &grammar->states[item->state];
    const struct list_spec *spec = &grammar->lists[state->spec];
    uint32_t base = item->state - state->phase;
    bool is_bare = spec->list.separator == GRAMMAR_EMPTY;
    if (state->phase >= LIST_AFTER_NAME) {
        const struct grammar_member *member = &spec->members[state->phase - LIST_AFTER_NAME];
        steps[0] = (struct step){.symbol = member->value, .to = *item};
        steps[0].to.state = base + LIST_AFTER_MEMBER;
        return 1;
    }
    if (state->phase != LIST_AFTER_MEMBER || is_bare)
        return member_steps(grammar, item, base, steps);
    if (!has_member(spec, item))
        return 0;
    steps[0] = (struct step){.symbol = spec->list.separator, .to = *item};
    steps[0].to.state = base + LIST_AFTER_SEPARATOR;
    return 1;
}

static uint32_t repeat_steps(const struct grammar *grammar, const struct item *item,
                             struct step *step)
{
    const struct symbol *repeat = &grammar->symbols[grammar->states[item->state].spec];
    if (repeat->hi != GRAMMAR_FOREVER && item->count >= repeat->hi)
        return 0;
    *step = (struct step){.symbol = repeat->a, .to = *item};
    step->to.count = add_one(item->count, repeat->lo, repeat->hi);
    return 1;
}

uint32_t item_max_steps(const struct grammar *grammar, const struct item *item)
{
    const struct state *state = &grammar->states[item->state];
    if (state->kind != STATE_LIST)
        return state->kind == STATE_PLAIN ? state->n : 1;
    const struct grammar_list *list = &grammar->lists[state->spec].list;
    return list->n_fixed + list->n_free + 1;
}

uint32_t item_steps(const struct grammar *grammar, const struct item *item, struct step *steps)
{
    const struct state *state = &grammar->states[item->state];
    if (state->kind == STATE_LIST)
        return list_steps(grammar, item, steps);
    if (state->kind == STATE_REPEAT)
        return repeat_steps(grammar, item, steps);
    for (uint32_t i = 0; i < state->n; i++) {
        const struct edge *edge = &grammar->edges[state->first + i];
        steps[i] = (struct step){.symbol = edge->symbol, .to = *item};
        steps[i].to.state = edge->target;
    }
    return state->n;
}

bool item_accepts(const struct grammar *grammar, const struct item *item)
{
    const struct state *state = &grammar->states[item->state];
    if (state->kind == STATE_PLAIN)
        return state->accepts;
    if (state->kind == STATE_REPEAT)
        return item->count >= grammar->symbols[state->spec].lo;
    return state->phase <= LIST_AFTER_MEMBER && can_stop(&grammar->lists[state->spec], item);
}
