/* SPDX-License-Identifier: Apache-2.0 */
/* prompt.h - the exact token ids that a model of the family was trained on.
 *
 * A prompt is built from ids alone: control tokens are placed by id, and each text between
 * them is encoded by itself, so that no text can become a control token.  Pictures and
 * sound are slots: ids whose embeddings the engine replaces.
 *
 *     struct prompt prompt = {0};
 *     if (!prompt_chat(&format, &chat, &options, &prompt, err)) ...
 *     generator_prompt(gen, prompt.ids.ids, prompt.ids.n, err) ...
 *     prompt_free(&prompt); */
#ifndef TEXT_PROMPT_H
#define TEXT_PROMPT_H

#include "base/buf.h"
#include "text/chat_check.h"
#include "text/prompt_format.h"
#include "text/tokenizer.h"

enum slot_kind { SLOT_IMAGE, SLOT_AUDIO };

/* Where a picture or sound stands in the prompt. */
struct prompt_slot {
    enum slot_kind kind;
    size_t at, n;           /* ids from the first [IMG] to [IMG_END], or all [AUDIO] */
    struct span source;     /* chat_part.text, borrowed from the chat */
    uint32_t width, height; /* image: pixels to resize to */
    uint64_t n_samples;     /* audio: with padding */
};

/* All zero is empty. */
struct prompt {
    struct token_ids ids;
    struct prompt_slot *slots;
    size_t n_slots, n_slot_places;
    size_t n_prefix; /* ids at the end that are part of the answer already */
};

struct prompt_options {
    enum chat_mode mode;
    uint32_t max_tokens; /* with chat->truncate: drop old messages until the prompt has no more,
                            besides its start token; 0: no limit */
};

/* Checks, merges and encodes a conversation.
 * Owned: prompt_free(), also after a failure.
 * Errors: those of chat_check(); ERR_ARG for what the format or the model cannot be told (calls and
 * results in v1, which leaves definitions of tools out; pictures or sound that it does not take);
 * ERR_UNSUPPORTED for truncation before v7, for control tokens that the vocabulary lacks and for
 * pictures and sound that are not given by their size; ERR_LIMIT. */
bool prompt_chat(const struct prompt_format *format, const struct chat *chat,
                 const struct prompt_options *options, struct prompt *out, struct err *err) CHECKED;

/* Fill in the middle: what stands before the cursor and after it (s NULL: nothing).
 * Owned: prompt_free().  Errors: ERR_UNSUPPORTED before v3 and when the vocabulary has no [SUFFIX];
 * ERR_LIMIT. */
bool prompt_fim(const struct prompt_format *format, struct span before, struct span after,
                struct prompt *out, struct err *err) CHECKED;

/* Transcription of n_samples of sound; language such as "fr", s NULL when not given.
 * Owned: prompt_free().  Errors: ERR_ARG when the model takes no sound, or not of that length;
 * ERR_UNSUPPORTED when the vocabulary has no [TRANSCRIBE]. */
bool prompt_transcription(const struct prompt_format *format, uint64_t n_samples,
                          struct span language, struct prompt *out, struct err *err) CHECKED;

/* What is said before a streaming transcription, and how the sound is padded. */
struct streaming_pads {
    uint64_t left, right; /* samples before and after; right is what a sound that is not known
                             yet needs, see n_samples */
};

/* Streaming transcription with delay_ms (0: the model's).  n_samples 0: the sound is not known
 * yet; else pads->right completes it to whole slots.
 * Owned: prompt_free().  Errors: ERR_UNSUPPORTED when the model does not stream, ERR_ARG for a
 * delay that is no whole number of slots. */
bool prompt_streaming(const struct prompt_format *format, uint64_t n_samples, uint32_t delay_ms,
                      struct prompt *out, struct streaming_pads *pads, struct err *err) CHECKED;

/* Speech from text with a voice that the file lists, or (voice.s NULL) like n_samples of a
 * reference recording.
 * Owned: prompt_free().  Errors: ERR_UNSUPPORTED, ERR_ARG naming the voices. */
bool prompt_speech(const struct prompt_format *format, struct span text, struct span voice,
                   uint64_t n_samples, struct prompt *out, struct err *err) CHECKED;

/* Appends the prompt for a person to read: every token as its piece.  Errors: ERR_LIMIT. */
bool prompt_text(const struct prompt_format *format, const struct token_ids *ids, struct buf *out,
                 struct err *err) CHECKED;
void prompt_free(struct prompt *prompt);

#endif
