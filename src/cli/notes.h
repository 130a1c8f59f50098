/* SPDX-License-Identifier: Apache-2.0 */
/* notes.h - what the user of a model should know before its answer. */
#ifndef CLI_NOTES_H
#define CLI_NOTES_H

#include <stdint.h>

struct checkpoint;
struct runtime_options;

/* Notes that parts of the checkpoint are left out, if some are. */
void notes_skipped(const struct checkpoint *ckpt);

/* Notes that a context of n tokens is more than the model was made for, if it is. */
void notes_context(const struct checkpoint *ckpt, uint32_t n);

/* Notes that --round-activations changes nothing, if it was given and does not. */
void notes_rounding(const struct checkpoint *ckpt, const struct runtime_options *options);

#endif
