/* SPDX-License-Identifier: Apache-2.0 */
/* export_fixture.h - checkpoints written as GGUF files by tests. */
#ifndef EXPORT_FIXTURE_H
#define EXPORT_FIXTURE_H

#include <stdint.h>

/* Writes the model at from as a GGUF file of that type to path, with n_threads. */
void fixture_export(const char *from, const char *path, const char *type, int n_threads);

#endif
