/* SPDX-License-Identifier: Apache-2.0 */
/* regex_int.h - the nodes of a regex_set and their derivatives.
 *
 * Nodes are hash-consed and only ever added; their numbers stay.  Normal forms:
 *     CAT     a is no CAT, neither side is NOTHING or EPSILON
 *     OR, AND two or more kids in rising order, none of them the same operation; at most one
 *             CLASS; what the others make superfluous is gone
 *     REPEAT  the body is not EPSILON; a nullable body has lo = 0
 * They keep the number of derivatives small; correctness does not depend on them. */
#ifndef TEXT_REGEX_INT_H
#define TEXT_REGEX_INT_H

#include "text/id_list_int.h"
#include "text/id_table_int.h"
#include "text/regex.h"

enum regex_op {
    OP_NOTHING,
    OP_EPSILON,
    OP_CLASS,
    OP_CAT,
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_REPEAT,
    OP_MULTIPLE, /* digits that make a number left over by lo more divide by hi */
};

enum {
    REGEX_LOGIC = 1, /* AND or NOT is in it: it may be empty without being NOTHING */
    REGEX_CHAR = 2,  /* each member is one code point in UTF-8 */
    REGEX_FAR = 8,   /* a repetition with a bound above REGEX_NEAR is in it */
    REGEX_CODE = 4,  /* no member begins with another: x{m,n} splits in one way */
};

#define REGEX_NEAR 32

enum regex_known { REGEX_UNKNOWN, REGEX_IS_EMPTY, REGEX_HAS_MEMBER, REGEX_VISITED };

struct regex_node {
    uint8_t op, nullable, flags, known;
    uint32_t a, b; /* CLASS: a = class; CAT: both sides; OR, AND: b kids from kids[a]; NOT,
                    * REPEAT: a = the body */
    uint32_t lo, hi;
    uint32_t utf8; /* 8 states of 4 bits: where every member leads from there, UTF8_LOST if not
                    * all lead to one state of the UTF-8 automaton */
};

#define UTF8_LOST 15u

struct regex_memo {
    uint32_t node, byte, derivative;
};

struct regex_set {
    struct regex_node *nodes;
    uint32_t n_nodes, n_places;
    struct id_list kids;
    uint64_t (*classes)[4];
    uint32_t n_classes, n_class_places;
    struct id_table node_table, class_table;
    struct id_list scratch; /* a stack: who pushes, pops */
    struct regex_memo *memo;
    uint32_t n_memo, n_memo_used;
    uint32_t fuel; /* derivative steps left */
    bool failed;
    struct err cause;                                              /* of the first failure */
    struct err later;                                              /* of others, unused */
    uint32_t any_char, any_text, json_char, json_text, bytes[256]; /* REGEX_FAILED until made */
};

static inline const struct regex_node *regex_at(const struct regex_set *set, uint32_t id)
{
    return &set->nodes[id];
}

/* Records a failure, which code and format describe, unless there was one.  Returns
 * REGEX_FAILED. */
uint32_t regex_fail(struct regex_set *set, enum err_code code, const char *format, ...)
    PRINTF(3, 4);

/* Forgets a failure: no node has come from it. */
void regex_forgive(struct regex_set *set);

/* Makes a node of the kids that lie in the scratch list from base, and pops them. */
uint32_t regex_make_or(struct regex_set *set, uint32_t base);
uint32_t regex_make_and(struct regex_set *set, uint32_t base);

/* Repeats without a limit of the bounds. */
uint32_t regex_make_repeat(struct regex_set *set, uint32_t a, uint32_t lo, uint32_t hi);

/* Any of the code points of n_ranges ranges, whose ends lie in pairs: [2 * n_ranges]. */
uint32_t regex_code_set(struct regex_set *set, const uint32_t *pairs, size_t n_ranges);

/* Pushes a node to the scratch list.  Returns false, and the set has failed, without memory. */
bool regex_push(struct regex_set *set, uint32_t id) CHECKED;

/* The texts that are left when a first byte is taken away. */
uint32_t regex_derive(struct regex_set *set, uint32_t id, uint8_t byte);

/* The same for OP_MULTIPLE. */
uint32_t regex_derive_multiple(struct regex_set *set, uint32_t a, uint8_t byte);

/* Removes from cell: [4] all bytes whose derivatives may differ from that of byte. */
bool regex_same_bytes(struct regex_set *set, uint32_t a, uint8_t byte, uint64_t cell[4]) CHECKED;

/* Enters into firsts: [4] every byte with which a member may begin, perhaps more. */
bool regex_first_bytes(struct regex_set *set, uint32_t a, uint64_t firsts[4]) CHECKED;

/* Cuts the bytes into classes that the node's derivatives do not tell apart: class_of: [256].
 * Returns their number, or 0 when the set has failed.  all: of every derivative, not only the
 * first. */
uint32_t regex_classes(struct regex_set *set, const uint32_t *nodes, uint32_t n,
                       uint8_t class_of[256]);

/* What cannot be told from id within max steps of one byte: bounds of repetitions beyond max
 * are lowered to max, or given up. */
uint32_t regex_clamp(struct regex_set *set, uint32_t id, uint32_t max);

/* Whether a language that is not empty has two texts for certain.  Errors: ERR_LIMIT. */
bool regex_has_two(struct regex_set *set, uint32_t a, bool *yes, struct err *err) CHECKED;

/* Returns what the set occupies. */
size_t regex_set_bytes(const struct regex_set *set);

#endif
