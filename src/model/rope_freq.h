/* SPDX-License-Identifier: Apache-2.0 */
/* rope_freq.h - the rotary frequencies of a model, plain or stretched by YaRN. */
#ifndef MODEL_ROPE_FREQ_H
#define MODEL_ROPE_FREQ_H

#include "model/config.h"

/* Computes the radians per position of every rotary pair; the same table holds at
 * every position.  freq: [config_rope_dim() / 2]. */
void rope_freq(const struct model_config *config, double *freq);

#endif
