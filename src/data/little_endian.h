/* SPDX-License-Identifier: Apache-2.0 */
/* little_endian.h - numbers in the byte order of every binary format read here. */
#ifndef DATA_LITTLE_ENDIAN_H
#define DATA_LITTLE_ENDIAN_H

#include <stddef.h>
#include <stdint.h>

/* Returns the number of size bytes, at most 8, at p, which need not be aligned.
 * p: [size]. */
static inline uint64_t load_little_endian(const uint8_t *p, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

#endif
