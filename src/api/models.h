/* SPDX-License-Identifier: Apache-2.0 */
/* models.h - what a served model can do. */
#ifndef API_MODELS_H
#define API_MODELS_H

#include <stdbool.h>

struct api_model;

/* Say whether it has tokens for thoughts, or for filling in the middle. */
bool model_thinks(const struct api_model *model);
bool model_fills_in(const struct api_model *model);

#endif
