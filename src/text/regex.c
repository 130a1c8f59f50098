/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/regex_int.h"

/* Where a byte leads in the automaton of UTF-8: 0 between characters, 1 to 3 continuation bytes
 * wanted, 4 to 7 after E0, ED, F0 and F4, whose next byte has a range of its own. */
static uint32_t utf8_step(uint32_t state, uint32_t byte)
{
    static const uint8_t lo[8] = {0, 0x80, 0x80, 0x80, 0xA0, 0x80, 0x90, 0x80};
    static const uint8_t hi[8] = {0, 0xBF, 0xBF, 0xBF, 0xBF, 0x9F, 0xBF, 0x8F};
    static const uint8_t next[8] = {0, 0, 1, 2, 1, 1, 2, 2};
    if (state)
        return byte >= lo[state] && byte <= hi[state] ? next[state] : UTF8_LOST;
    if (byte < 0x80)
        return 0;
    if (byte < 0xC2 || byte > 0xF4)
        return UTF8_LOST;
    if (byte < 0xE0)
        return 1;
    if (byte < 0xF0)
        return byte == 0xE0 ? 4 : byte == 0xED ? 5 : 2;
    return byte == 0xF0 ? 6 : byte == 0xF4 ? 7 : 3;
}

static uint32_t map_at(uint32_t map, uint32_t state)
{
    return map >> 4 * state & 15;
}

/* Keeps of two maps what is_either, or what both say. */
static uint32_t map_join(uint32_t a, uint32_t b, bool is_either)
{
    uint32_t map = 0;
    for (uint32_t state = 0; state < 8; state++) {
        uint32_t x = map_at(a, state), y = map_at(b, state);
        uint32_t to = x == y ? x : UTF8_LOST;
        if (is_either)
            to = x == UTF8_LOST ? y : x;
        map |= to << 4 * state;
    }
    return map;
}

/* One byte of each group that utf8_step() does not tell apart: which bits of which word. */
static const struct {
    uint8_t byte, word;
    uint64_t bits;
} utf8_groups[] = {
    {0x00, 0, UINT64_MAX},
    {0x00, 1, UINT64_MAX},
    {0x80, 2, 0xFFFF},
    {0x90, 2, 0xFFFF0000},
    {0xA0, 2, 0xFFFFFFFF00000000},
    {0xC0, 3, 0x3},
    {0xC2, 3, 0xFFFFFFFC},
    {0xE0, 3, UINT64_C(1) << 32},
    {0xE1, 3, UINT64_C(0xDFFE) << 32},
    {0xED, 3, UINT64_C(1) << 45},
    {0xF0, 3, UINT64_C(1) << 48},
    {0xF1, 3, UINT64_C(0xE) << 48},
    {0xF4, 3, UINT64_C(1) << 52},
    {0xF5, 3, UINT64_C(0xFFE0) << 48},
};

static uint32_t class_map(const uint64_t members[4])
{
    uint32_t map = 0;
    bool any = false;
    for (size_t i = 0; i < sizeof utf8_groups / sizeof *utf8_groups; i++) {
        if (!(members[utf8_groups[i].word] & utf8_groups[i].bits))
            continue;
        uint32_t steps = 0;
        for (uint32_t state = 0; state < 8; state++)
            steps |= utf8_step(state, utf8_groups[i].byte) << 4 * state;
        map = any ? map_join(map, steps, false) : steps;
        any = true;
    }
    return map;
}

enum { MAP_STAY = 0x76543210 };

static uint32_t map_cat(uint32_t a, uint32_t b)
{
    uint32_t map = 0;
    for (uint32_t state = 0; state < 8; state++) {
        uint32_t to = map_at(a, state);
        map |= (to == UTF8_LOST ? UTF8_LOST : map_at(b, to)) << 4 * state;
    }
    return map;
}

static bool is_text(const struct regex_set *set, uint32_t id)
{
    return map_at(set->nodes[id].utf8, 0) == 0;
}

uint32_t regex_fail(struct regex_set *set, enum err_code code, const char *format, ...)
{
    if (set->failed)
        return REGEX_FAILED;
    va_list args;
    va_start(args, format);
    char text[256];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    set->failed = true;
    err_set(&set->cause, code, "%s", text);
    return REGEX_FAILED;
}

/* After an allocation failed and wrote set->cause itself. */
static uint32_t no_memory(struct regex_set *set)
{
    set->failed = true;
    return REGEX_FAILED;
}

/* Where the functions that allocate write: never over the first cause. */
static struct err *cause(struct regex_set *set)
{
    return set->failed ? &set->later : &set->cause;
}

void regex_forgive(struct regex_set *set)
{
    set->failed = false;
}

bool regex_push(struct regex_set *set, uint32_t id)
{
    if (id_list_add(&set->scratch, id, cause(set)))
        return true;
    no_memory(set);
    return false;
}

/* --- nodes ---------------------------------------------------------------- */

static bool has_kids(uint8_t op)
{
    return op == OP_OR || op == OP_AND;
}

static bool same_node(const struct regex_set *set, const struct regex_node *x,
                      const struct regex_node *y, const uint32_t *kids)
{
    if (x->op != y->op || x->b != y->b || x->lo != y->lo || x->hi != y->hi)
        return false;
    if (!has_kids(x->op))
        return x->a == y->a;
    return kids && memcmp(set->kids.ids + x->a, kids, x->b * sizeof *kids) == 0;
}

/* Returns the node like *node, whose kids, if it has any, are kids: [node->b]. */
static uint32_t intern(struct regex_set *set, struct regex_node *node, const uint32_t *kids)
{
    uint32_t hash = id_hash(id_hash(node->op, node->lo), node->hi), id;
    if (has_kids(node->op))
        hash = id_hash_all(hash, kids, node->b);
    else
        hash = id_hash(id_hash(hash, node->a), node->b);
    for (uint32_t at = hash; id_table_probe(&set->node_table, hash, &at, &id);)
        if (same_node(set, regex_at(set, id), node, kids))
            return id;
    if (set->failed)
        return REGEX_FAILED;
    if (set->n_nodes >= LIMIT_REGEX_NODES)
        return regex_fail(set, ERR_LIMIT, "regular expressions with more than %u nodes",
                          LIMIT_REGEX_NODES);
    struct err *err = cause(set);
    struct regex_node *nodes =
        array_more(set->nodes, set->n_nodes, &set->n_places, 1, sizeof *nodes, err);
    if (!nodes)
        return no_memory(set);
    set->nodes = nodes;
    if (has_kids(node->op)) {
        uint32_t first = set->kids.n;
        if (!id_list_add_all(&set->kids, kids, node->b, err))
            return no_memory(set);
        node->a = first;
    }
    if (!id_table_add(&set->node_table, hash, set->n_nodes, err))
        return no_memory(set);
    nodes[set->n_nodes] = *node;
    return set->n_nodes++;
}

struct regex_set *regex_set_open(struct err *err)
{
    struct regex_set *set = mem_new(1, sizeof *set, err);
    if (!set)
        return NULL;
    set->fuel = LIMIT_REGEX_STEPS;
    set->n_nodes = 1; /* REGEX_FAILED */
    set->n_places = 256;
    set->nodes = mem_new(set->n_places, sizeof *set->nodes, err);
    if (!set->nodes) {
        regex_set_close(set);
        return NULL;
    }
    struct regex_node nothing = {.op = OP_NOTHING, .known = REGEX_IS_EMPTY, .utf8 = UINT32_MAX};
    struct regex_node epsilon = {.op = OP_EPSILON, .nullable = true, .utf8 = MAP_STAY};
    intern(set, &nothing, NULL);
    intern(set, &epsilon, NULL);
    if (regex_set_ok(set, err))
        return set;
    regex_set_close(set);
    return NULL;
}

void regex_set_close(struct regex_set *set)
{
    if (!set)
        return;
    free(set->nodes);
    free(set->kids.ids);
    free(set->classes);
    free(set->scratch.ids);
    free(set->memo);
    id_table_free(&set->node_table);
    id_table_free(&set->class_table);
    free(set);
}

size_t regex_set_bytes(const struct regex_set *set)
{
    return sizeof *set + set->n_places * sizeof *set->nodes +
           ((size_t)set->kids.n_places + set->scratch.n_places) * sizeof(uint32_t) +
           set->n_class_places * sizeof *set->classes + set->n_memo * sizeof *set->memo +
           id_table_bytes(&set->node_table) + id_table_bytes(&set->class_table);
}

bool regex_set_ok(const struct regex_set *set, struct err *err)
{
    return !set->failed || err_set(err, set->cause.code, "%s", set->cause.text);
}

bool regex_is_nullable(const struct regex_set *set, uint32_t a)
{
    return set->nodes[a].nullable;
}

/* --- classes -------------------------------------------------------------- */

static uint32_t class_flags(const uint64_t members[4])
{
    return REGEX_CODE | (members[2] | members[3] ? 0u : (uint32_t)REGEX_CHAR);
}

uint32_t regex_byte_class(struct regex_set *set, const uint64_t members[4])
{
    uint64_t copy[4]; /* members may lie among the classes, which move */
    memcpy(copy, members, sizeof copy);
    if (!(copy[0] | copy[1] | copy[2] | copy[3]))
        return REGEX_NOTHING;
    uint32_t hash = OP_CLASS, id;
    for (int i = 0; i < 4; i++)
        hash = id_hash(id_hash(hash, (uint32_t)copy[i]), (uint32_t)(copy[i] >> 32));
    for (uint32_t at = hash; id_table_probe(&set->class_table, hash, &at, &id);)
        if (memcmp(set->classes[regex_at(set, id)->a], copy, sizeof copy) == 0)
            return id;
    struct err *err = cause(set);
    uint64_t(*classes)[4] =
        array_more(set->classes, set->n_classes, &set->n_class_places, 1, sizeof *classes, err);
    if (!classes)
        return no_memory(set);
    set->classes = classes;
    memcpy(classes[set->n_classes], copy, sizeof copy);
    struct regex_node node = {.op = OP_CLASS,
                              .flags = (uint8_t)class_flags(copy),
                              .a = set->n_classes,
                              .utf8 = class_map(copy)};
    id = intern(set, &node, NULL);
    if (id == REGEX_FAILED || !id_table_add(&set->class_table, hash, id, err))
        return no_memory(set);
    set->n_classes++;
    return id;
}

uint32_t regex_byte_range(struct regex_set *set, uint8_t lo, uint8_t hi)
{
    uint64_t members[4] = {0};
    for (uint32_t b = lo; b <= hi; b++)
        members[b >> 6] |= UINT64_C(1) << (b & 63);
    return regex_byte_class(set, members);
}

uint32_t regex_byte(struct regex_set *set, uint8_t byte)
{
    if (!set->bytes[byte])
        set->bytes[byte] = regex_byte_range(set, byte, byte);
    return set->bytes[byte];
}

/* --- concatenation and repetition ----------------------------------------- */

/* x{..} x{..} is one repetition, and so is x x{..}.  Returns REGEX_FAILED when neither is there. */
static uint32_t join_repeats(struct regex_set *set, uint32_t a, uint32_t b)
{
    const struct regex_node *x = regex_at(set, a), *y = regex_at(set, b);
    if (y->op != OP_REPEAT)
        return REGEX_FAILED;
    uint64_t lo = y->lo, hi = y->hi;
    if (y->a == a) {
        lo++, hi++;
    } else if (x->op == OP_REPEAT && x->a == y->a) {
        lo += x->lo;
        hi = x->hi == REGEX_FOREVER ? REGEX_FOREVER : hi + x->hi;
    } else {
        return REGEX_FAILED;
    }
    if (y->hi == REGEX_FOREVER)
        hi = REGEX_FOREVER;
    else if (hi >= REGEX_FOREVER && (x->op != OP_REPEAT || x->hi != REGEX_FOREVER))
        return REGEX_FAILED;
    return lo >= REGEX_FOREVER ? REGEX_FAILED
                               : regex_make_repeat(set, y->a, (uint32_t)lo, (uint32_t)hi);
}

/* a is no CAT. */
static uint32_t cat_one(struct regex_set *set, uint32_t a, uint32_t b)
{
    if (a == REGEX_FAILED || b == REGEX_FAILED)
        return REGEX_FAILED;
    if (a == REGEX_NOTHING || b == REGEX_NOTHING)
        return REGEX_NOTHING;
    if (a == REGEX_EPSILON)
        return b;
    if (b == REGEX_EPSILON)
        return a;
    const struct regex_node *y = regex_at(set, b);
    bool is_cat = y->op == OP_CAT;
    uint32_t rest = is_cat ? y->b : REGEX_EPSILON;
    uint32_t joined = join_repeats(set, a, is_cat ? y->a : b);
    if (joined != REGEX_FAILED)
        return is_cat ? cat_one(set, joined, rest) : joined;
    const struct regex_node *x = regex_at(set, a);
    y = regex_at(set, b);
    struct regex_node node = {
        .op = OP_CAT,
        .nullable = x->nullable && y->nullable,
        .flags = (uint8_t)(((x->flags | y->flags) & (REGEX_LOGIC | REGEX_FAR)) |
                           (x->flags & y->flags & REGEX_CODE)),
        .a = a,
        .b = b,
        .utf8 = map_cat(x->utf8, y->utf8),
    };
    return intern(set, &node, NULL);
}

uint32_t regex_cat(struct regex_set *set, uint32_t a, uint32_t b)
{
    if (a == REGEX_FAILED || b == REGEX_FAILED)
        return REGEX_FAILED;
    if (b == REGEX_NOTHING || b == REGEX_EPSILON)
        return b == REGEX_NOTHING ? b : a;
    uint32_t base = set->scratch.n;
    for (; regex_at(set, a)->op == OP_CAT; a = regex_at(set, a)->b)
        if (!regex_push(set, regex_at(set, a)->a))
            return REGEX_FAILED;
    b = cat_one(set, a, b);
    while (set->scratch.n > base)
        b = cat_one(set, set->scratch.ids[--set->scratch.n], b);
    return b;
}

uint32_t regex_cat_all(struct regex_set *set, const uint32_t *items, size_t n)
{
    uint32_t all = REGEX_EPSILON;
    while (n)
        all = regex_cat(set, items[--n], all);
    return all;
}

/* Rewrites (x{a,b}){lo,hi} as one repetition of x where that is the same.  Returns whether. */
static bool is_nested(const struct regex_node *x, uint32_t lo, uint32_t hi, uint32_t *out_lo,
                      uint32_t *out_hi)
{
    if (x->op != OP_REPEAT || !(lo == hi || x->lo <= 1 || (x->hi == REGEX_FOREVER && lo)))
        return false;
    uint64_t min = (uint64_t)x->lo * lo, max = (uint64_t)x->hi * hi;
    if (x->hi == REGEX_FOREVER || hi == REGEX_FOREVER)
        max = REGEX_FOREVER;
    else if (max >= REGEX_FOREVER)
        return false;
    if (min >= REGEX_FOREVER)
        return false;
    *out_lo = (uint32_t)min;
    *out_hi = (uint32_t)max;
    return true;
}

uint32_t regex_make_repeat(struct regex_set *set, uint32_t a, uint32_t lo, uint32_t hi)
{
    if (a == REGEX_FAILED)
        return REGEX_FAILED;
    if (lo > hi)
        return REGEX_NOTHING;
    if (!hi || a == REGEX_EPSILON)
        return REGEX_EPSILON;
    if (a == REGEX_NOTHING)
        return lo ? REGEX_NOTHING : REGEX_EPSILON;
    const struct regex_node *x = regex_at(set, a);
    if (x->nullable)
        lo = 0;
    if (lo == 1 && hi == 1)
        return a;
    if (is_nested(x, lo, hi, &lo, &hi))
        return regex_make_repeat(set, x->a, lo, hi);
    struct regex_node node = {
        .op = OP_REPEAT,
        .nullable = !lo,
        .flags = (uint8_t)((x->flags & (REGEX_LOGIC | REGEX_FAR)) |
                           (lo == hi ? x->flags & REGEX_CODE : 0) |
                           (lo > REGEX_NEAR || (hi > REGEX_NEAR && hi != REGEX_FOREVER) ? REGEX_FAR
                                                                                        : 0)),
        .a = a,
        .lo = lo,
        .hi = hi,
    };
    for (uint32_t state = 0; state < 8; state++)
        node.utf8 |= (map_at(x->utf8, state) == state ? state : UTF8_LOST) << 4 * state;
    return intern(set, &node, NULL);
}

uint32_t regex_repeat(struct regex_set *set, uint32_t a, uint32_t lo, uint32_t hi)
{
    if (lo > LIMIT_REGEX_COUNT || (hi > LIMIT_REGEX_COUNT && hi != REGEX_FOREVER))
        return regex_fail(set, ERR_LIMIT, "a repetition of %u; at most %u times are supported",
                          lo > LIMIT_REGEX_COUNT ? lo : hi, LIMIT_REGEX_COUNT);
    return regex_make_repeat(set, a, lo, hi);
}

uint32_t regex_optional(struct regex_set *set, uint32_t a)
{
    return regex_or(set, a, REGEX_EPSILON);
}

/* --- union, intersection, complement --------------------------------------- */

/* Removes the kids for which drop says so. */
typedef bool drop_fn(const struct regex_set *set, uint32_t id);

static void drop_kids(struct regex_set *set, uint32_t base, drop_fn *drop)
{
    uint32_t n_kept = base;
    for (uint32_t i = base; i < set->scratch.n; i++)
        if (!drop(set, set->scratch.ids[i]))
            set->scratch.ids[n_kept++] = set->scratch.ids[i];
    set->scratch.n = n_kept;
}

static bool is_failed(const struct regex_set *set, uint32_t id)
{
    (void)set;
    return id == REGEX_FAILED;
}

/* Replaces every kid of the same operation by its kids.  Returns false when the set failed. */
static bool flatten(struct regex_set *set, uint32_t base, uint8_t op)
{
    uint32_t n = set->scratch.n;
    for (uint32_t i = base; i < n; i++) {
        uint32_t id = set->scratch.ids[i];
        const struct regex_node *x = regex_at(set, id);
        if (id == REGEX_FAILED)
            return false;
        if (x->op != op)
            continue;
        for (uint32_t k = 0, first = x->a, n_kids = x->b; k < n_kids; k++)
            if (!regex_push(set, set->kids.ids[first + k]))
                return false;
        set->scratch.ids[i] = REGEX_FAILED;
    }
    drop_kids(set, base, is_failed);
    id_list_make_set(&set->scratch, base);
    return true;
}

static bool is_class(const struct regex_set *set, uint32_t id)
{
    return regex_at(set, id)->op == OP_CLASS;
}

static bool is_nothing(const struct regex_set *set, uint32_t id)
{
    (void)set;
    return id == REGEX_NOTHING;
}

static bool is_epsilon(const struct regex_set *set, uint32_t id)
{
    (void)set;
    return id == REGEX_EPSILON;
}

static bool is_other_text(const struct regex_set *set, uint32_t id)
{
    return id != set->any_text && is_text(set, id);
}

static bool is_any_text(const struct regex_set *set, uint32_t id)
{
    return id == set->any_text;
}

/* Everything is NOT NOTHING. */
static bool is_all(const struct regex_set *set, uint32_t id)
{
    return regex_at(set, id)->op == OP_NOT && regex_at(set, id)->a == REGEX_NOTHING;
}

static bool has_kid(const struct regex_set *set, uint32_t base, uint32_t id)
{
    for (uint32_t i = base; i < set->scratch.n; i++)
        if (set->scratch.ids[i] == id)
            return true;
    return false;
}

/* Makes one class of all kids that are classes.  Returns false when the set failed. */
static bool join_classes(struct regex_set *set, uint32_t base, bool is_or)
{
    uint64_t all[4];
    uint32_t n = 0;
    memset(all, is_or ? 0 : 255, sizeof all);
    for (uint32_t i = base; i < set->scratch.n; i++) {
        const struct regex_node *x = regex_at(set, set->scratch.ids[i]);
        if (x->op != OP_CLASS)
            continue;
        const uint64_t *members = set->classes[x->a];
        for (int w = 0; w < 4; w++)
            all[w] = is_or ? all[w] | members[w] : all[w] & members[w];
        n++;
    }
    if (n < 2)
        return true;
    drop_kids(set, base, is_class);
    uint32_t id = regex_byte_class(set, all);
    return id != REGEX_FAILED && regex_push(set, id);
}

/* The repetition that two of them make together in a union, or REGEX_FAILED. */
static uint32_t or_repeats(struct regex_set *set, uint32_t a, uint32_t b)
{
    struct regex_node x = *regex_at(set, a), y = *regex_at(set, b);
    if (x.a != y.a)
        return REGEX_FAILED;
    if (x.lo > y.lo) {
        struct regex_node swap = x;
        x = y;
        y = swap;
    }
    if (x.hi != REGEX_FOREVER && y.lo > x.hi + 1)
        return REGEX_FAILED;
    return regex_make_repeat(set, x.a, x.lo, x.hi > y.hi ? x.hi : y.hi);
}

/* The same in an intersection.  Where x{m,n} splits in one way, the counts must agree. */
static uint32_t and_repeats(struct regex_set *set, uint32_t a, uint32_t b)
{
    struct regex_node x = *regex_at(set, a), y = *regex_at(set, b);
    uint32_t body = x.a;
    if (x.a != y.a) {
        if (!(regex_at(set, x.a)->flags & regex_at(set, y.a)->flags & REGEX_CHAR))
            return REGEX_FAILED;
        if (x.a != set->any_char && y.a != set->any_char)
            return REGEX_FAILED;
        body = x.a == set->any_char ? y.a : x.a;
    } else if (!(regex_at(set, body)->flags & REGEX_CODE)) {
        return REGEX_FAILED;
    }
    return regex_make_repeat(set, body, x.lo > y.lo ? x.lo : y.lo, x.hi < y.hi ? x.hi : y.hi);
}

/* Joins pairs of repetitions as long as there are any. */
static bool join_kids(struct regex_set *set, uint32_t base, bool is_or)
{
    enum { FEW = 24 }; /* of more kids only neighbours would be joined */
    for (uint32_t i = base; i < set->scratch.n; i++) {
        if (regex_at(set, set->scratch.ids[i])->op != OP_REPEAT)
            continue;
        for (uint32_t k = i + 1; k < set->scratch.n && k - i < FEW; k++) {
            uint32_t a = set->scratch.ids[i], b = set->scratch.ids[k];
            if (regex_at(set, b)->op != OP_REPEAT)
                continue;
            uint32_t joined = is_or ? or_repeats(set, a, b) : and_repeats(set, a, b);
            if (joined == REGEX_FAILED)
                continue;
            set->scratch.ids[k] = set->scratch.ids[--set->scratch.n];
            set->scratch.ids[i] = joined;
            if (regex_at(set, joined)->op != OP_REPEAT)
                break;
            k = i;
        }
    }
    return !set->failed;
}

/* Interns a node of the kids from base, which are in normal form, and pops them. */
static uint32_t make_kids(struct regex_set *set, uint32_t base, uint8_t op)
{
    id_list_make_set(&set->scratch, base);
    const uint32_t *kids = set->scratch.ids + base;
    uint32_t n = set->scratch.n - base, id;
    struct regex_node node = {.op = op, .nullable = op == OP_AND, .b = n, .flags = REGEX_CHAR};
    for (uint32_t i = 0; i < n; i++) {
        const struct regex_node *x = regex_at(set, kids[i]);
        if (op == OP_OR) {
            node.nullable |= x->nullable;
            node.flags &= (uint8_t)(x->flags | ~REGEX_CHAR);
        } else {
            node.nullable &= x->nullable;
            node.flags |= x->flags & REGEX_CODE;
        }
        node.flags |= x->flags & (REGEX_LOGIC | REGEX_FAR);
        node.utf8 = i ? map_join(node.utf8, x->utf8, op == OP_AND) : x->utf8;
    }
    if (op == OP_AND)
        node.flags = (uint8_t)((node.flags & (REGEX_CODE | REGEX_FAR)) | REGEX_LOGIC);
    if (node.flags & REGEX_CHAR)
        node.flags |= REGEX_CODE;
    if (n < 2)
        id = n ? kids[0] : op == OP_OR ? REGEX_NOTHING : regex_not(set, REGEX_NOTHING);
    else
        id = intern(set, &node, kids);
    set->scratch.n = base;
    return id;
}

static uint32_t pop_kids(struct regex_set *set, uint32_t base, uint32_t id)
{
    set->scratch.n = base;
    return id;
}

/* x{1,n} or nothing is x{0,n}. */
static bool join_epsilon(struct regex_set *set, uint32_t base)
{
    bool other = false;
    for (uint32_t i = base; i < set->scratch.n; i++) {
        struct regex_node x = *regex_at(set, set->scratch.ids[i]);
        if (x.op == OP_REPEAT && x.lo == 1) {
            uint32_t id = regex_make_repeat(set, x.a, 0, x.hi);
            if (id == REGEX_FAILED)
                return false;
            set->scratch.ids[i] = id;
        }
        other = other || (set->scratch.ids[i] != REGEX_EPSILON &&
                          regex_at(set, set->scratch.ids[i])->nullable);
    }
    if (other)
        drop_kids(set, base, is_epsilon);
    return true;
}

uint32_t regex_make_or(struct regex_set *set, uint32_t base)
{
    if (!flatten(set, base, OP_OR))
        return pop_kids(set, base, REGEX_FAILED);
    drop_kids(set, base, is_nothing);
    for (uint32_t i = base; i < set->scratch.n; i++)
        if (is_all(set, set->scratch.ids[i]))
            return pop_kids(set, base, set->scratch.ids[i]);
    if (has_kid(set, base, REGEX_EPSILON) && !join_epsilon(set, base))
        return pop_kids(set, base, REGEX_FAILED);
    if (set->any_text && has_kid(set, base, set->any_text))
        drop_kids(set, base, is_other_text);
    if (!join_classes(set, base, true) || !join_kids(set, base, true))
        return pop_kids(set, base, REGEX_FAILED);
    return make_kids(set, base, OP_OR);
}

/* Says whether the kids from base contradict each other in an obvious way. */
static bool is_contradiction(const struct regex_set *set, uint32_t base)
{
    bool all_nullable = true, epsilon = false;
    for (uint32_t i = base; i < set->scratch.n; i++) {
        uint32_t id = set->scratch.ids[i];
        const struct regex_node *x = regex_at(set, id);
        if (id == REGEX_NOTHING || (x->op == OP_NOT && has_kid(set, base, x->a)))
            return true;
        all_nullable = all_nullable && x->nullable;
        epsilon = epsilon || id == REGEX_EPSILON;
    }
    return epsilon && !all_nullable;
}

uint32_t regex_make_and(struct regex_set *set, uint32_t base)
{
    if (!flatten(set, base, OP_AND))
        return pop_kids(set, base, REGEX_FAILED);
    drop_kids(set, base, is_all);
    if (is_contradiction(set, base))
        return pop_kids(set, base, REGEX_NOTHING);
    if (has_kid(set, base, REGEX_EPSILON))
        return pop_kids(set, base, REGEX_EPSILON);
    if (!join_classes(set, base, false) || !join_kids(set, base, false))
        return pop_kids(set, base, REGEX_FAILED);
    if (has_kid(set, base, REGEX_NOTHING))
        return pop_kids(set, base, REGEX_NOTHING);
    for (uint32_t i = base; set->any_text && i < set->scratch.n; i++)
        if (is_other_text(set, set->scratch.ids[i])) {
            drop_kids(set, base, is_any_text);
            break;
        }
    return make_kids(set, base, OP_AND);
}

uint32_t regex_or_all(struct regex_set *set, const uint32_t *items, size_t n)
{
    uint32_t base = set->scratch.n;
    for (size_t i = 0; i < n; i++)
        if (!regex_push(set, items[i]))
            return pop_kids(set, base, REGEX_FAILED);
    return regex_make_or(set, base);
}

uint32_t regex_or(struct regex_set *set, uint32_t a, uint32_t b)
{
    return regex_or_all(set, (uint32_t[]){a, b}, 2);
}

uint32_t regex_and(struct regex_set *set, uint32_t a, uint32_t b)
{
    uint32_t base = set->scratch.n;
    if (!regex_push(set, a) || !regex_push(set, b))
        return pop_kids(set, base, REGEX_FAILED);
    return regex_make_and(set, base);
}

uint32_t regex_not(struct regex_set *set, uint32_t a)
{
    if (a == REGEX_FAILED)
        return REGEX_FAILED;
    const struct regex_node *x = regex_at(set, a);
    if (x->op == OP_NOT)
        return x->a;
    struct regex_node node = {
        .op = OP_NOT, .nullable = !x->nullable, .flags = REGEX_LOGIC, .a = a, .utf8 = UINT32_MAX};
    return intern(set, &node, NULL);
}

uint32_t regex_text_not(struct regex_set *set, uint32_t a)
{
    uint32_t any = regex_any_text(set);
    return regex_and(set, any, regex_not(set, a));
}

static uint32_t make_multiple(struct regex_set *set, uint32_t left, uint32_t divisor)
{
    /* Some text always remains: more digits reach every remainder.  A digit or a point between
     * characters is a character. */
    struct regex_node node = {
        .op = OP_MULTIPLE, .nullable = !left, .lo = left, .hi = divisor, .utf8 = ~UINT32_C(15)};
    return intern(set, &node, NULL);
}

uint32_t regex_multiple(struct regex_set *set, uint32_t divisor)
{
    return make_multiple(set, 0, divisor);
}

uint32_t regex_derive_multiple(struct regex_set *set, uint32_t a, uint8_t byte)
{
    struct regex_node x = *regex_at(set, a);
    if (byte == '.')
        return a;
    if (byte < '0' || byte > '9')
        return REGEX_NOTHING;
    return make_multiple(set, (uint32_t)(((uint64_t)x.lo * 10 + (byte - '0')) % x.hi), x.hi);
}
