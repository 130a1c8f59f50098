/* SPDX-License-Identifier: Apache-2.0 */
/* prompt_int.h - the pieces that prompts are made of, appended one by one. */
#ifndef TEXT_PROMPT_INT_H
#define TEXT_PROMPT_INT_H

#include "text/prompt.h"

struct prompt_writer {
    const struct prompt_format *format;
    struct prompt *out;
    struct err *err;
};

/* Append a control token, or n times the same one.  Errors: ERR_UNSUPPORTED when the
 * vocabulary lacks it, ERR_LIMIT; as of all functions here, in w->err. */
bool prompt_add_control(struct prompt_writer *w, enum prompt_control control) CHECKED;
bool prompt_add_controls(struct prompt_writer *w, enum prompt_control control, uint64_t n) CHECKED;

/* Appends text as ordinary tokens.  Errors: ERR_LIMIT. */
bool prompt_add_text(struct prompt_writer *w, struct span text) CHECKED;

/* Appends the slots of a picture or of sound.  Errors: ERR_ARG when the model takes none, or
 * the size is not known or out of range. */
bool prompt_add_image(struct prompt_writer *w, const struct chat_part *part) CHECKED;
bool prompt_add_audio(struct prompt_writer *w, struct span source, uint64_t n_samples) CHECKED;

/* Records that the ids from at to the end are slots.  Errors: ERR_LIMIT. */
bool prompt_add_slot(struct prompt_writer *w, struct prompt_slot slot) CHECKED;

#endif
