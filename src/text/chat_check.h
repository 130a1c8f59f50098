/* SPDX-License-Identifier: Apache-2.0 */
/* chat_check.h - what a conversation must be for a prompt format, as the reference
 * library's validators see it (mistral-common, protocol/instruct/validator.py). */
#ifndef TEXT_CHAT_CHECK_H
#define TEXT_CHAT_CHECK_H

#include "base/err.h"
#include "text/chat.h"

struct prompt_format;

enum chat_mode {
    CHAT_TEST,       /* what a server should ask for */
    CHAT_SERVING,    /* stricter: a model, ids, every call answered */
    CHAT_FINETUNING, /* ends with what the assistant says */
};

/* Says whether chat is well formed for format.
 * Errors: ERR_ARG with the reference's sentence and the place of the message. */
bool chat_check(const struct prompt_format *format, const struct chat *chat, enum chat_mode mode,
                struct err *err) CHECKED;

#endif
