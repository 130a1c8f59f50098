/* SPDX-License-Identifier: Apache-2.0 */
/* regex_class_int.h - sets of code points as a pattern names them: \d, \p{L}, [^a-z]. */
#ifndef TEXT_REGEX_CLASS_INT_H
#define TEXT_REGEX_CLASS_INT_H

#include "base/span.h"
#include "text/id_list_int.h"

/* Ranges as pairs of code points in list.ids, in any order until code_set_finish(). */
struct code_set {
    struct id_list list;
};

/* Adds the code points lo..hi.  Errors: ERR_LIMIT. */
bool code_set_add(struct code_set *set, uint32_t lo, uint32_t hi, struct err *err) CHECKED;

/* Adds what \d, \w, \s and, in capitals, their complements stand for.  Errors: ERR_LIMIT. */
bool code_set_add_escape(struct code_set *set, char letter, struct err *err) CHECKED;

/* Adds a property as \p{name} names it, or its complement.
 * Errors: ERR_UNSUPPORTED for one that is not known, ERR_LIMIT. */
bool code_set_add_property(struct code_set *set, struct span name, bool is_not,
                           struct err *err) CHECKED;

/* Adds the other case of each ASCII letter in it.  Errors: ERR_LIMIT. */
bool code_set_fold(struct code_set *set, struct err *err) CHECKED;

/* Sorts and joins the ranges, and takes the complement where asked.  Errors: ERR_LIMIT. */
bool code_set_finish(struct code_set *set, bool is_not, struct err *err) CHECKED;
void code_set_free(struct code_set *set);

#endif
