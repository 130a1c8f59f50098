/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rope_freq.h"

#include <math.h>

/* The (fractional) pair that turns rotations times within the original context. */
static double pair_of(const struct model_config *config, double rotations)
{
    uint32_t n_rot = config_rope_dim(config);
    double wavelength = config->yarn.original_context / (rotations * 2.0 * M_PI);
    return n_rot * log(wavelength) / (2.0 * log(config->rope_theta));
}

/* YaRN (arXiv:2309.00071): pairs that turn fast keep their frequency, slow ones
 * are stretched by factor, and a ramp lies between. */
static void stretch(const struct model_config *config, double *freq)
{
    const struct yarn *yarn = &config->yarn;
    uint32_t n_rot = config_rope_dim(config);
    double low = fmax(floor(pair_of(config, yarn->beta_fast)), 0.0);
    double high = fmin(ceil(pair_of(config, yarn->beta_slow)), n_rot - 1.0);
    if (low == high)
        high += 0.001; /* as the reference: a step instead of a division by zero */
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        double ramp = fmin(fmax((i - low) / (high - low), 0.0), 1.0);
        freq[i] = freq[i] * (1.0 - ramp) + freq[i] / yarn->factor * ramp;
    }
}

void rope_freq(const struct model_config *config, double *freq)
{
    uint32_t n_rot = config_rope_dim(config);
    for (uint32_t i = 0; i < n_rot / 2; i++)
        freq[i] = pow(config->rope_theta, -2.0 * i / n_rot);
    if (config->has_yarn)
        stretch(config, freq);
}
