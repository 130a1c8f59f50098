/* SPDX-License-Identifier: Apache-2.0 */
/* prompt_request.h - a request of any kind, as JSON, to the ids that its model is asked with.
 *
 *     {"messages": [...], "tools": [...], ...}               a chat completion, see chat.h
 *     {"prompt": TEXT, "suffix": TEXT}                       fill in the middle
 *     {"transcription": {"samples": N, "language": "fr"}}    sound to text
 *     {"streaming": {"samples": N, "delay_ms": D}}           the same while it is said
 *     {"speech": {"input": TEXT, "voice": NAME}}             text to sound
 *     {"speech": {"input": TEXT, "samples": N}}              the same, like a recording
 *
 * Sound is given by its number of samples at the model's rate.  In the second, third and fourth,
 * what stands last may be left out. */
#ifndef TEXT_PROMPT_REQUEST_H
#define TEXT_PROMPT_REQUEST_H

#include "text/prompt.h"

struct prompt_request_options {
    enum chat_spelling spelling;
    enum chat_mode mode;
    uint32_t max_tokens; /* of a chat: old messages are dropped until it fits, as if the request
                            asked for that; 0: no limit */
};

/* All zero is empty. */
struct prompt_request {
    struct prompt prompt;
    bool is_streaming;
    struct streaming_pads pads; /* of a streaming transcription */
    struct chat chat;           /* what prompt.slots borrow from */
    struct json_tree tree;      /* of other requests */
};

/* Reads a request and builds its prompt; name stands before messages about its JSON.
 * name and bytes, [n], are borrowed as long as *out lives.
 * Owned: prompt_request_free(), also after a failure.
 * Errors: ERR_ARG when it is none of the kinds above, else those of chat_read() and of the
 * functions of prompt.h. */
bool prompt_request_read(struct prompt_request *out, const struct prompt_format *format,
                         const struct prompt_request_options *options, const char *name,
                         const void *bytes, size_t n, struct err *err) CHECKED;
void prompt_request_free(struct prompt_request *request);

#endif
