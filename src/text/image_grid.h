/* SPDX-License-Identifier: Apache-2.0 */
/* image_grid.h - how many slots a picture takes, and to what size it is brought. */
#ifndef TEXT_IMAGE_GRID_H
#define TEXT_IMAGE_GRID_H

#include <stdint.h>

#include "base/err.h"
#include "text/traits.h"

struct image_grid {
    uint32_t columns, rows; /* slots; each row ends with a break or the end token */
    uint32_t n_ids;         /* rows * (columns + 1) */
    uint32_t width, height; /* pixels to resize to */
};

/* Lays out a picture of width x height pixels (mistral-common, tokens/tokenizers/image.py).
 * Errors: ERR_ARG when a side is 0, past LIMIT_IMAGE_SIDE, or so short that it rounds to
 * no slot. */
bool image_grid(const struct image_traits *traits, uint32_t width, uint32_t height,
                struct image_grid *out, struct err *err) CHECKED;

#endif
