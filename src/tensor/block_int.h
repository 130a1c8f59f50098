/* SPDX-License-Identifier: Apache-2.0 */
/* block_int.h - what decoding and encoding of blocks share. */
#ifndef TENSOR_BLOCK_INT_H
#define TENSOR_BLOCK_INT_H

#include <stdint.h>

/* The 16 levels of IQ4_NL and IQ4_XS. */
extern const int8_t block_iq4_levels[16];

#endif
