/* SPDX-License-Identifier: Apache-2.0 */
/* char_class_int.h - what kind of character a code point is, for splitting text.
 *
 * A class is a letter, so that the table can be read:
 *     U  upper or title case letter   (Lu, Lt)      N  number       (Nd, Nl, No)
 *     l  lower case letter            (Ll)          s  white space  (White_Space)
 *     B  letter without case          (Lm, Lo)      p  everything else, unassigned too
 *     M  mark                         (Mn, Mc, Me)
 * Unicode 15.0; later versions only add characters to these classes and turn
 * U+0295 from l into B. */
#ifndef TEXT_CHAR_CLASS_INT_H
#define TEXT_CHAR_CLASS_INT_H

#include <stdbool.h>
#include <stdint.h>

extern const uint8_t char_class_page[4352]; /* code / 256 -> block */
extern const char char_class_block[134][256];

/* A set of classes, one bit for each letter. */
#define CHAR_CLASS_BIT(letter) (UINT32_C(1) << ((letter)&31))

/* Returns the class of a code point up to U+10FFFF. */
static inline char char_class(uint32_t code)
{
    return char_class_block[char_class_page[code >> 8]][code & 255];
}

static inline bool char_class_in(char c, uint32_t set)
{
    return set >> (c & 31) & 1;
}

#endif
