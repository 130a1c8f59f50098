/* SPDX-License-Identifier: Apache-2.0 */
#include "text/image_grid.h"

#include <math.h>

#include "base/limits.h"

bool image_grid(const struct image_traits *traits, uint32_t width, uint32_t height,
                struct image_grid *out, struct err *err)
{
    uint32_t slot = traits->patch_size * traits->merge; /* pixels per side */
    double ratio = fmax((double)height / traits->max_size, (double)width / traits->max_size);
    if (!width || !height || width > LIMIT_IMAGE_SIDE || height > LIMIT_IMAGE_SIDE)
        return err_set(err, ERR_ARG, "a picture of %u x %u pixels; sides of 1 to %u are taken",
                       width, height, LIMIT_IMAGE_SIDE);
    uint32_t w = width, h = height;
    if (ratio > 1) {
        /* To even at the half, as Python rounds. */
        w = (uint32_t)nearbyint(width / ratio);
        h = (uint32_t)nearbyint(height / ratio);
    }
    if (!w || !h)
        return err_set(err, ERR_ARG,
                       "a picture of %u x %u pixels is too narrow: its short side vanishes when "
                       "the long one becomes %u",
                       width, height, traits->max_size);
    out->columns = (w - 1) / slot + 1;
    out->rows = (h - 1) / slot + 1;
    out->n_ids = out->rows * (out->columns + 1);
    out->width = out->columns * slot;
    out->height = out->rows * slot;
    return true;
}
