/* SPDX-License-Identifier: Apache-2.0 */
/* Derivatives: what is left of a language when its texts lose a first byte. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/regex_int.h"

static bool in_class(const struct regex_set *set, const struct regex_node *x, uint8_t byte)
{
    return set->classes[x->a][byte >> 6] >> (byte & 63) & 1;
}

/* a, b, c ... in a row: the first part loses a byte, or the second if the first may be empty. */
static uint32_t derive_chain(struct regex_set *set, uint32_t id, uint8_t byte)
{
    uint32_t base = set->scratch.n;
    while (regex_at(set, id)->op == OP_CAT) {
        struct regex_node x = *regex_at(set, id);
        uint32_t part = regex_cat(set, regex_derive(set, x.a, byte), x.b);
        if (part != REGEX_NOTHING && !regex_push(set, part))
            return REGEX_FAILED;
        id = x.b;
        if (!regex_at(set, x.a)->nullable)
            return regex_make_or(set, base);
    }
    if (!regex_push(set, regex_derive(set, id, byte)))
        return REGEX_FAILED;
    return regex_make_or(set, base);
}

static uint32_t derive_kids(struct regex_set *set, uint32_t id, uint8_t byte)
{
    struct regex_node x = *regex_at(set, id);
    uint32_t base = set->scratch.n;
    for (uint32_t i = 0; i < x.b; i++) {
        uint32_t kid = regex_derive(set, set->kids.ids[x.a + i], byte);
        if (kid == REGEX_NOTHING && x.op == OP_OR)
            continue;
        if (kid == REGEX_NOTHING || !regex_push(set, kid)) {
            set->scratch.n = base;
            return kid;
        }
    }
    return x.op == OP_OR ? regex_make_or(set, base) : regex_make_and(set, base);
}

static uint32_t derive_repeat(struct regex_set *set, uint32_t id, uint8_t byte)
{
    struct regex_node x = *regex_at(set, id);
    uint32_t first = regex_derive(set, x.a, byte);
    if (first == REGEX_NOTHING)
        return REGEX_NOTHING;
    uint32_t hi = x.hi == REGEX_FOREVER ? x.hi : x.hi - 1;
    return regex_cat(set, first, regex_make_repeat(set, x.a, x.lo ? x.lo - 1 : 0, hi));
}

static uint32_t derive(struct regex_set *set, uint32_t id, uint8_t byte)
{
    switch ((enum regex_op)regex_at(set, id)->op) {
    case OP_CAT:
        return derive_chain(set, id, byte);
    case OP_OR:
    case OP_AND:
        return derive_kids(set, id, byte);
    case OP_NOT:
        return regex_not(set, regex_derive(set, regex_at(set, id)->a, byte));
    case OP_REPEAT:
        return derive_repeat(set, id, byte);
    case OP_CLASS:
        return in_class(set, regex_at(set, id), byte) ? REGEX_EPSILON : REGEX_NOTHING;
    case OP_MULTIPLE:
        return regex_derive_multiple(set, id, byte);
    case OP_NOTHING:
    case OP_EPSILON:
        break;
    }
    return REGEX_NOTHING;
}

/* Doubles the memo, which forgets what it held: it only has to stop repeated work. */
static void grow_memo(struct regex_set *set)
{
    enum { FIRST = 256, LAST = 65536 };
    uint32_t n = set->n_memo ? 2 * set->n_memo : FIRST;
    if (n > LAST)
        return;
    struct err err;
    struct regex_memo *memo = mem_new(n, sizeof *memo, &err);
    if (!memo)
        return;
    free(set->memo);
    set->memo = memo;
    set->n_memo = n;
    set->n_memo_used = 0;
}

uint32_t regex_derive(struct regex_set *set, uint32_t id, uint8_t byte)
{
    const struct regex_node *x = regex_at(set, id);
    if (x->op <= OP_CLASS)
        return derive(set, id, byte);
    /* Unions of many texts are made of these. */
    if (x->op == OP_CAT && regex_at(set, x->a)->op == OP_CLASS)
        return in_class(set, regex_at(set, x->a), byte) ? x->b : (uint32_t)REGEX_NOTHING;
    uint32_t hash = id_hash(id, byte);
    struct regex_memo *memo = set->n_memo ? &set->memo[hash & (set->n_memo - 1)] : NULL;
    if (memo && memo->node == id && memo->byte == byte)
        return memo->derivative;
    if (!set->fuel)
        return regex_fail(set, ERR_LIMIT, "the regular expressions take too many steps");
    set->fuel--;
    uint32_t base = set->scratch.n;
    uint32_t derivative = derive(set, id, byte);
    set->scratch.n = base;
    if (derivative == REGEX_FAILED)
        return REGEX_FAILED;
    if (set->n_memo_used >= set->n_memo / 2)
        grow_memo(set);
    if (set->memo && set->n_memo) {
        memo = &set->memo[hash & (set->n_memo - 1)];
        set->n_memo_used += !memo->node;
        *memo = (struct regex_memo){id, byte, derivative};
    }
    return derivative;
}

/* --- first bytes and classes ------------------------------------------------ */

/* Visits nodes, each once when there are many. */
struct walker {
    struct regex_set *set;
    uint32_t base; /* of the nodes to visit in the scratch list */
    uint32_t n_visited;
    uint64_t *seen; /* [n_nodes / 64 + 1], NULL while there are few */
};

static void walker_init(struct walker *walker, struct regex_set *set)
{
    *walker = (struct walker){.set = set, .base = set->scratch.n};
}

/* Returns false when the set has failed. */
static bool walker_add(struct walker *walker, uint32_t id)
{
    enum { FEW = 64 };
    struct regex_set *set = walker->set;
    if (!walker->seen && ++walker->n_visited > FEW) {
        struct err err;
        walker->seen = mem_new(set->n_nodes / 64 + 1, sizeof *walker->seen, &err);
        if (!walker->seen)
            return regex_fail(set, ERR_LIMIT, "%s", err.text);
    }
    uint64_t bit = UINT64_C(1) << (id & 63);
    if (walker->seen && walker->seen[id >> 6] & bit)
        return true;
    if (walker->seen)
        walker->seen[id >> 6] |= bit;
    return regex_push(set, id);
}

static void walker_free(struct walker *walker)
{
    walker->set->scratch.n = walker->base;
    free(walker->seen);
}

static bool walker_next(struct walker *walker, uint32_t *id)
{
    if (walker->set->scratch.n == walker->base)
        return false;
    *id = walker->set->scratch.ids[--walker->set->scratch.n];
    return true;
}

/* Of an intersection one side is enough: firsts may hold more than there is. */
static bool add_firsts(struct walker *walker, const struct regex_node *x, uint64_t firsts[4])
{
    struct regex_set *set = walker->set;
    bool ok = true;
    switch ((enum regex_op)x->op) {
    case OP_CLASS:
        for (int w = 0; w < 4; w++)
            firsts[w] |= set->classes[x->a][w];
        break;
    case OP_CAT:
        ok = walker_add(walker, x->a) &&
             (!regex_at(set, x->a)->nullable || walker_add(walker, x->b));
        break;
    case OP_OR:
        for (uint32_t i = 0; ok && i < x->b; i++)
            ok = walker_add(walker, set->kids.ids[x->a + i]);
        break;
    case OP_AND:
        ok = walker_add(walker, set->kids.ids[x->a]);
        break;
    case OP_NOT:
    case OP_MULTIPLE:
        memset(firsts, 255, 4 * sizeof *firsts);
        break;
    case OP_REPEAT:
        ok = walker_add(walker, x->a);
        break;
    case OP_NOTHING:
    case OP_EPSILON:
        break;
    }
    return ok;
}

bool regex_first_bytes(struct regex_set *set, uint32_t a, uint64_t firsts[4])
{
    struct walker walker;
    if (a == REGEX_FAILED)
        return false;
    walker_init(&walker, set);
    bool ok = walker_add(&walker, a);
    for (uint32_t id; ok && walker_next(&walker, &id);) {
        struct regex_node x = *regex_at(set, id);
        ok = add_firsts(&walker, &x, firsts);
    }
    walker_free(&walker);
    return ok;
}

/* To those that are in the class, or not in it, as byte is. */
static void narrow_to_class(const struct regex_set *set, const struct regex_node *x, uint8_t byte,
                            uint64_t cell[4])
{
    bool is_in = in_class(set, x, byte);
    for (int w = 0; w < 4; w++)
        cell[w] &= is_in ? set->classes[x->a][w] : ~set->classes[x->a][w];
}

/* Of a multiple each digit and the point lead elsewhere, what is neither nowhere. */
static void narrow_to_digit(uint8_t byte, uint64_t cell[4])
{
    uint64_t own = UINT64_C(0x03FF400000000000), bit = byte < 64 ? UINT64_C(1) << byte : 0;
    for (int w = 0; w < 4; w++)
        cell[w] &= own & bit ? (w ? 0 : bit) : (w ? UINT64_MAX : ~own);
}

/* Narrows cell: [4] to the bytes that a node's classes do not tell from byte. */
static bool narrow(struct walker *walker, const struct regex_node *x, uint8_t byte,
                   uint64_t cell[4])
{
    struct regex_set *set = walker->set;
    bool ok = true;
    if (x->op == OP_CLASS) {
        narrow_to_class(set, x, byte, cell);
    } else if (x->op == OP_CAT) {
        ok = walker_add(walker, x->a) &&
             (!regex_at(set, x->a)->nullable || walker_add(walker, x->b));
    } else if (x->op == OP_OR || x->op == OP_AND) {
        for (uint32_t i = 0; ok && i < x->b; i++)
            ok = walker_add(walker, set->kids.ids[x->a + i]);
    } else if (x->op == OP_MULTIPLE) {
        narrow_to_digit(byte, cell);
    } else if (x->op >= OP_NOT) {
        ok = walker_add(walker, x->a);
    }
    return ok;
}

bool regex_same_bytes(struct regex_set *set, uint32_t a, uint8_t byte, uint64_t cell[4])
{
    struct walker walker;
    walker_init(&walker, set);
    bool ok = walker_add(&walker, a);
    for (uint32_t id; ok && walker_next(&walker, &id);) {
        struct regex_node x = *regex_at(set, id);
        ok = narrow(&walker, &x, byte, cell);
    }
    walker_free(&walker);
    return ok;
}

/* Classes of bytes while they are being split. */
struct classes {
    uint8_t *of;         /* [256] */
    uint16_t n_all[256]; /* members of each */
    uint32_t n;
};

/* Splits every class of which some bytes are in members and some are not. */
static void split_classes(struct classes *classes, const uint64_t members[4])
{
    uint16_t n_inside[256] = {0}, new_class[256];
    for (uint32_t w = 0; w < 4; w++)
        for (uint64_t bits = members[w]; bits; bits &= bits - 1)
            n_inside[classes->of[w * 64 + (uint32_t)__builtin_ctzll(bits)]]++;
    for (uint32_t w = 0; w < 4; w++)
        for (uint64_t bits = members[w]; bits; bits &= bits - 1) {
            uint32_t b = w * 64 + (uint32_t)__builtin_ctzll(bits), old = classes->of[b];
            if (n_inside[old] == classes->n_all[old])
                continue;
            if (n_inside[old] < 256) { /* the first of them */
                new_class[old] = (uint16_t)classes->n++;
                classes->n_all[new_class[old]] = n_inside[old];
                classes->n_all[old] = (uint16_t)(classes->n_all[old] - n_inside[old]);
                n_inside[old] = 256;
                n_inside[new_class[old]] = classes->n_all[new_class[old]];
            }
            classes->of[b] = (uint8_t)new_class[old];
        }
}

static bool add_parts(struct walker *walker, const struct regex_node *x)
{
    struct regex_set *set = walker->set;
    if (x->op == OP_CAT)
        return walker_add(walker, x->a) && walker_add(walker, x->b);
    if (x->op == OP_NOT || x->op == OP_REPEAT)
        return walker_add(walker, x->a);
    bool ok = true;
    for (uint32_t i = 0; ok && (x->op == OP_OR || x->op == OP_AND) && i < x->b; i++)
        ok = walker_add(walker, set->kids.ids[x->a + i]);
    return ok;
}

uint32_t regex_classes(struct regex_set *set, const uint32_t *nodes, uint32_t n,
                       uint8_t class_of[256])
{
    struct walker walker;
    struct classes classes = {.of = memset(class_of, 0, 256), .n_all = {256}, .n = 1};
    walker_init(&walker, set);
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = walker_add(&walker, nodes[i]);
    for (uint32_t id; ok && walker_next(&walker, &id);) {
        struct regex_node x = *regex_at(set, id);
        if (x.op == OP_CLASS && classes.n < 256)
            split_classes(&classes, set->classes[x.a]);
        /* Each digit and the point lead elsewhere. */
        for (unsigned b = '.'; x.op == OP_MULTIPLE && b <= '9' && classes.n < 256; b++) {
            uint64_t byte[4] = {UINT64_C(1) << b};
            split_classes(&classes, byte);
        }
        ok = add_parts(&walker, &x);
    }
    walker_free(&walker);
    return ok ? classes.n : 0;
}

/* --- clamping ---------------------------------------------------------------- */

static uint32_t clamp_chain(struct regex_set *set, uint32_t id, uint32_t max)
{
    uint32_t base = set->scratch.n;
    for (; regex_at(set, id)->op == OP_CAT; id = regex_at(set, id)->b)
        if (!regex_push(set, regex_clamp(set, regex_at(set, id)->a, max)))
            return REGEX_FAILED;
    uint32_t all = regex_clamp(set, id, max);
    while (set->scratch.n > base)
        all = regex_cat(set, set->scratch.ids[--set->scratch.n], all);
    return all;
}

/* Below an intersection or a complement a bound far away may still decide whether there is any
 * member, so these stay as they are. */
uint32_t regex_clamp(struct regex_set *set, uint32_t id, uint32_t max)
{
    struct regex_node x = *regex_at(set, id);
    uint32_t base = set->scratch.n;
    if (!(x.flags & REGEX_FAR) || (x.flags & REGEX_LOGIC && x.op != OP_CAT && x.op != OP_OR))
        return id;
    switch ((enum regex_op)x.op) {
    case OP_CAT:
        return clamp_chain(set, id, max);
    case OP_OR:
        for (uint32_t i = 0; i < x.b; i++)
            if (!regex_push(set, regex_clamp(set, set->kids.ids[x.a + i], max)))
                return REGEX_FAILED;
        return regex_make_or(set, base);
    case OP_REPEAT:
        return regex_make_repeat(set, regex_clamp(set, x.a, max), x.lo > max ? max : x.lo,
                                 x.hi > max ? REGEX_FOREVER : x.hi);
    default:
        return id;
    }
}
