/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about languages: is there any text, are two disjoint, equal, within each other.
 *
 * All are one question, "is it empty", about an intersection.  Without AND and NOT the answer
 * is in the normal form.  With them it is a search along derivatives for one that has a member
 * for certain; what is found out stays with the nodes. */
#include <stdlib.h>

#include "base/limits.h"
#include "text/regex_int.h"

/* Leaves out what cannot make the language empty.  Returns REGEX_EPSILON when there is a member
 * for certain, REGEX_FAILED when the set has failed, else a node that is as empty as id. */
static uint32_t core(struct regex_set *set, uint32_t id);

static uint32_t core_of_cat(struct regex_set *set, uint32_t id)
{
    const struct regex_node *x = regex_at(set, id);
    if (!(regex_at(set, x->a)->flags & REGEX_LOGIC))
        return core(set, x->b);
    if (!(regex_at(set, x->b)->flags & REGEX_LOGIC))
        return core(set, x->a);
    return id;
}

static bool is_certain(const struct regex_set *set, uint32_t id)
{
    const struct regex_node *x = regex_at(set, id);
    return x->nullable || x->known == REGEX_HAS_MEMBER ||
           (id != REGEX_NOTHING && !(x->flags & REGEX_LOGIC));
}

static uint32_t core(struct regex_set *set, uint32_t id)
{
    struct regex_node x = *regex_at(set, id);
    if (id == REGEX_FAILED || is_certain(set, id))
        return id ? REGEX_EPSILON : REGEX_FAILED;
    if (x.known == REGEX_IS_EMPTY)
        return REGEX_NOTHING;
    if (x.op == OP_CAT)
        return core_of_cat(set, id);
    if (x.op == OP_REPEAT)
        return core(set, x.a);
    for (uint32_t i = 0; x.op == OP_OR && i < x.b; i++)
        if (is_certain(set, set->kids.ids[x.a + i]))
            return REGEX_EPSILON;
    return id;
}

struct search {
    struct regex_set *set;
    struct id_list path;    /* nodes on the way here, then for each ... */
    struct id_list bytes;   /* ... the class to try next */
    struct id_list visited; /* to be told the outcome */
    struct err err;
};

static bool enter(struct search *search, uint32_t id)
{
    struct regex_set *set = search->set;
    set->nodes[id].known = REGEX_VISITED;
    if (id_list_add(&search->path, id, &search->err) &&
        id_list_add(&search->bytes, 0, &search->err) &&
        id_list_add(&search->visited, id, &search->err))
        return true;
    return regex_fail(set, ERR_LIMIT, "%s", search->err.text);
}

/* Bytes that stand for all: [256] in rising order.  Returns their number. */
static uint32_t representatives(struct regex_set *set, uint32_t id, uint8_t reps[256])
{
    uint8_t class_of[256];
    bool done[256] = {false};
    uint32_t n = 0;
    if (!regex_classes(set, &id, 1, class_of))
        return 0;
    for (uint32_t b = 0; b < 256; b++)
        if (!done[class_of[b]]) {
            done[class_of[b]] = true;
            reps[n++] = (uint8_t)b;
        }
    return n;
}

/* Searches from the core of the question.  *found says whether a member is certain. */
static bool search_on(struct search *search, const uint8_t *reps, uint32_t n_reps, bool *found)
{
    struct regex_set *set = search->set;
    *found = false;
    while (search->path.n && !*found) {
        uint32_t at = search->path.n - 1;
        if (search->bytes.ids[at] == n_reps) {
            search->path.n = search->bytes.n = at;
            continue;
        }
        uint8_t byte = reps[search->bytes.ids[at]++];
        uint32_t id = core(set, regex_derive(set, search->path.ids[at], byte));
        if (id == REGEX_FAILED)
            return false;
        *found = id == REGEX_EPSILON;
        if (!*found && regex_at(set, id)->known == REGEX_UNKNOWN && !enter(search, id))
            return false;
    }
    return true;
}

static bool search_member(struct regex_set *set, uint32_t id)
{
    struct search search = {.set = set};
    uint8_t reps[256];
    uint32_t n_reps = representatives(set, id, reps);
    bool found = false;
    bool ok = n_reps && enter(&search, id) && search_on(&search, reps, n_reps, &found);
    for (uint32_t i = 0; i < search.visited.n; i++)
        set->nodes[search.visited.ids[i]].known = ok && !found ? REGEX_IS_EMPTY : REGEX_UNKNOWN;
    for (uint32_t i = 0; found && i < search.path.n; i++)
        set->nodes[search.path.ids[i]].known = REGEX_HAS_MEMBER;
    free(search.path.ids);
    free(search.bytes.ids);
    free(search.visited.ids);
    return ok;
}

/* Finds out whether id has a member and writes it into the node. */
static bool decide(struct regex_set *set, uint32_t id)
{
    uint32_t rest = core(set, id);
    if (rest == REGEX_FAILED)
        return false;
    if (regex_at(set, rest)->known == REGEX_UNKNOWN && rest != REGEX_EPSILON &&
        !search_member(set, rest))
        return false;
    bool empty = rest != REGEX_EPSILON && regex_at(set, rest)->known == REGEX_IS_EMPTY;
    set->nodes[id].known = empty ? REGEX_IS_EMPTY : REGEX_HAS_MEMBER;
    return true;
}

bool regex_is_empty(struct regex_set *set, uint32_t a, bool *yes, struct err *err)
{
    if (a == REGEX_FAILED || !decide(set, a))
        return regex_set_ok(set, err) ? err_set(err, ERR_ARG, "no regular expression") : false;
    *yes = regex_at(set, a)->known == REGEX_IS_EMPTY;
    return true;
}

bool regex_is_disjoint(struct regex_set *set, uint32_t a, uint32_t b, bool *yes, struct err *err)
{
    return regex_is_empty(set, regex_and(set, a, b), yes, err);
}

bool regex_is_within(struct regex_set *set, uint32_t part, uint32_t whole, bool *yes,
                     struct err *err)
{
    return regex_is_empty(set, regex_and(set, part, regex_not(set, whole)), yes, err);
}

bool regex_is_equal(struct regex_set *set, uint32_t a, uint32_t b, bool *yes, struct err *err)
{
    if (a == b && a != REGEX_FAILED)
        return *yes = true;
    return regex_is_within(set, a, b, yes, err) && (!*yes || regex_is_within(set, b, a, yes, err));
}

bool regex_matches(struct regex_set *set, uint32_t a, const char *s, size_t n, bool *yes,
                   struct err *err)
{
    for (size_t i = 0; i < n && a != REGEX_FAILED && a != REGEX_NOTHING; i++)
        a = regex_derive(set, a, (uint8_t)s[i]);
    if (a == REGEX_FAILED)
        return regex_set_ok(set, err) ? err_set(err, ERR_ARG, "no regular expression") : false;
    *yes = regex_at(set, a)->nullable;
    return true;
}

/* Counts ways on to a member, up to two: the empty text, and each first byte.  *next is what the
 * last byte leaves. */
static bool count_ways(struct regex_set *set, uint32_t a, const uint8_t class_of[256],
                       uint32_t *n_ways, uint32_t *next)
{
    uint32_t derivatives[256] = {0}; /* by class */
    *n_ways = regex_at(set, a)->nullable;
    for (uint32_t b = 0; b < 256 && *n_ways < 2; b++) {
        uint32_t *rest = &derivatives[class_of[b]];
        if (!*rest)
            *rest = regex_derive(set, a, (uint8_t)b);
        if (*rest == REGEX_FAILED || !decide(set, *rest))
            return false;
        if (regex_at(set, *rest)->known == REGEX_IS_EMPTY)
            continue;
        ++*n_ways;
        *next = *rest;
    }
    return true;
}

bool regex_has_two(struct regex_set *set, uint32_t a, bool *yes, struct err *err)
{
    uint8_t class_of[256];
    bool ok = regex_classes(set, &a, 1, class_of);
    for (bool is_last = false; ok && !is_last;) {
        uint32_t n_ways, next = REGEX_NOTHING;
        ok = count_ways(set, a, class_of, &n_ways, &next);
        *yes = n_ways > 1;
        is_last = *yes || next == REGEX_NOTHING;
        a = next;
    }
    return ok || (regex_set_ok(set, err) ? err_set(err, ERR_LIMIT, "out of memory") : false);
}
