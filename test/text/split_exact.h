/* SPDX-License-Identifier: Apache-2.0 */
/* split_exact.h - the pattern of src/text/split_int.h, exact for PCRE2.
 *
 * PCRE2's \s with PCRE2_UCP also takes U+180E, which is no white space since Unicode 6.3;
 * so \s and \S are written out. */
#ifndef SPLIT_EXACT_H
#define SPLIT_EXACT_H

#define SPLIT_SPACES                                                                               \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"             \
    "\\x{202f}\\x{205f}\\x{3000}"

#define SPLIT_EXACT                                                                                \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"   \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"   \
    "\\p{N}| ?[^" SPLIT_SPACES "\\p{L}\\p{N}]+[\\r\\n/]*|[" SPLIT_SPACES "]*[\\r\\n]+|"            \
    "[" SPLIT_SPACES "]+(?![^" SPLIT_SPACES "])|[" SPLIT_SPACES "]+"

#endif
