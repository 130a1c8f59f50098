/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h - understands what a model says, token by token: text, thinking, tool calls.
 *
 *     struct reply *reply = reply_open(&format, &options, err);
 *     for each id:
 *         if (!reply_add(reply, id, err)) ...
 *         for (struct reply_event e; reply_next(reply, &e);) ...
 *     if (!reply_end(reply, stopped, err)) ...   then reply_next() again, as above
 *     reply_close(reply);
 *
 * Markers are recognised by id, never by their spelling.  The raw of all events, in order,
 * is the text that a text_decoder makes of the same ids; text is always whole characters.
 * What began like a call and never got a name comes back as REPLY_ERROR and REPLY_TEXT; a
 * call whose arguments are no JSON object stays a call, with a REPLY_ERROR before its end. */
#ifndef TEXT_REPLY_H
#define TEXT_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct prompt_format;
struct reply;

enum reply_event_kind {
    REPLY_TEXT,           /* text */
    REPLY_THINKING_BEGIN, /* a thought begins */
    REPLY_THINKING,       /* text */
    REPLY_THINKING_END,   /* it is complete; missing when the output ends before that */
    REPLY_CALL,           /* call number index begins: name, id if it is known by now */
    REPLY_ARGUMENTS,      /* text, a piece of its arguments */
    REPLY_CALL_END,       /* id; its arguments are a JSON object, or an error came before */
    REPLY_SYNTAX,         /* only raw: brackets and keys around calls in the older formats */
    REPLY_ERROR,          /* text: one sentence, what could not be understood */
    REPLY_END,            /* the last event: stopped */
};

/* Spans are borrowed until the next reply_add(), reply_end() or reply_close(). */
struct reply_event {
    enum reply_event_kind kind;
    bool stopped;   /* the model ended the output itself */
    uint32_t index; /* of the call, from 0 */
    struct span text;
    struct span name; /* of the function */
    struct span id;   /* of the call; s NULL when the model gave none */
    struct span raw;  /* decoded bytes that this event stands for; may be empty */
};

struct reply_options {
    bool think_tags; /* thoughts stand between <think> and </think> written as text, as in
                        Magistral Small 2506 */
};

/* format must outlive the reply.  Owned: reply_close().  Errors: ERR_LIMIT. */
struct reply *reply_open(const struct prompt_format *format, const struct reply_options *options,
                         struct err *err) CHECKED;
void reply_close(struct reply *reply);

/* Takes the next id of the output; events that were not taken wait.  The end-of-sequence token
 * may be given or left out.
 * Errors: ERR_LIMIT past LIMIT_TEXT_BYTES or without memory. */
bool reply_add(struct reply *reply, int32_t id, struct err *err) CHECKED;

/* The output is over; stopped says that the model ended it itself, as the end-of-sequence
 * token does.  Errors: as reply_add(). */
bool reply_end(struct reply *reply, bool stopped, struct err *err) CHECKED;

/* Takes the next event.  Returns false when there is none until more ids come. */
bool reply_next(struct reply *reply, struct reply_event *event);

#endif
