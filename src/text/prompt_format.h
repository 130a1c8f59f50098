/* SPDX-License-Identifier: Apache-2.0 */
/* prompt_format.h - how a tokenizer's model wants its prompts: the version, and the
 * control tokens by id. */
#ifndef TEXT_PROMPT_FORMAT_H
#define TEXT_PROMPT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "text/traits.h"

struct tokenizer;

enum prompt_control {
    CONTROL_BOS,
    CONTROL_EOS,
    CONTROL_INST,
    CONTROL_END_INST,
    CONTROL_SYSTEM,
    CONTROL_END_SYSTEM,
    CONTROL_TOOLS,
    CONTROL_END_TOOLS,
    CONTROL_RESULTS,
    CONTROL_END_RESULTS,
    CONTROL_RESULT_CONTENT,
    CONTROL_CALLS,
    CONTROL_CALL_ID,
    CONTROL_ARGS,
    CONTROL_THINK,
    CONTROL_END_THINK,
    CONTROL_SETTINGS,
    CONTROL_END_SETTINGS,
    CONTROL_IMG,
    CONTROL_IMG_BREAK,
    CONTROL_IMG_END,
    CONTROL_AUDIO,
    CONTROL_BEGIN_AUDIO,
    CONTROL_TRANSCRIBE,
    CONTROL_STREAMING_PAD,
    CONTROL_REPEAT_AUDIO_TEXT,
    CONTROL_NEXT_AUDIO_TEXT,
    CONTROL_PREFIX,
    CONTROL_SUFFIX,
    N_CONTROLS
};

struct prompt_format {
    const struct tokenizer *tok;
    const struct traits *traits;
    int version;             /* 1, 2, 3, 7, 11, 13 or 15 */
    bool is_tekken;          /* else SentencePiece */
    int32_t ids[N_CONTROLS]; /* -1 where the vocabulary has no such token */
};

/* Fills in *format from what the tokenizer's files say; version, if not 0, overrides them.
 * tok must outlive the format.
 * Errors: ERR_UNSUPPORTED when the version is not known, or needs control tokens that the
 * vocabulary lacks; the caller adds how another is chosen. */
bool prompt_format_init(struct prompt_format *format, const struct tokenizer *tok, int version,
                        struct err *err) CHECKED;

/* The name of a control token, "[INST]".  Borrowed: static. */
const char *prompt_control_name(enum prompt_control control);

#endif
