/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/notes.h"

#include "base/plural.h"
#include "cli/console.h"
#include "lib/runtime.h"
#include "model/checkpoint.h"

void notes_skipped(const struct checkpoint *ckpt)
{
    if (ckpt->n_skipped)
        console_note("%u tensor%s for pictures or sound %s left out: text only", ckpt->n_skipped,
                     plural(ckpt->n_skipped), ckpt->n_skipped == 1 ? "is" : "are");
}

void notes_context(const struct checkpoint *ckpt, uint32_t n)
{
    const struct model_config *c = &ckpt->config;
    if (n > c->context && !c->context_assumed)
        console_note("a context of %u tokens, and the model is made for %u: beyond that the text "
                     "degrades",
                     n, c->context);
}

void notes_rounding(const struct checkpoint *ckpt, const struct runtime_options *options)
{
    if (options->round_inputs && !ckpt->rounds_inputs)
        console_note("--round-activations changes nothing: the checkpoint asks for no rounding of "
                     "the inputs of FP8 weights");
}
