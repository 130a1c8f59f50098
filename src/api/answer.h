/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - one answer as its tokens come: text, thinking and tool calls, until a stop string.
 *
 * Of a chat the tokens are understood by text/reply.h; of other requests they are text.  What is
 * heard goes to a listener at once, and is collected for a reply in one piece.
 * Thread: one at a time; the engine's. */
#ifndef API_ANSWER_H
#define API_ANSWER_H

#include "base/buf.h"
#include "engine/stop_filter.h"
#include "text/reply.h"
#include "text/tokenizer.h"

enum answer_event_kind {
    ANSWER_TEXT,      /* text */
    ANSWER_THINKING,  /* text */
    ANSWER_THOUGHT,   /* a thought is complete */
    ANSWER_CALL,      /* call begins */
    ANSWER_ARGUMENTS, /* text, of the last call */
    ANSWER_CALL_END,
};

struct answer_call {
    char id[10];
    struct buf name, arguments;
    struct answer_call *next;
};

struct answer_event {
    enum answer_event_kind kind;
    struct span text;
    const struct answer_call *call; /* of the last three */
    uint32_t index;                 /* of the call, from 0 */
};

struct answer;
typedef void answer_fn(void *arg, struct answer *answer, const struct answer_event *event);

struct answer_options {
    const struct prompt_format *format; /* of a chat, else NULL */
    const struct tokenizer *tok;
    const char *const *stop; /* [n_stop] */
    size_t n_stop;
    uint32_t min_tokens; /* before so many no stop string ends it */
    bool think_tags;     /* as in struct reply_options */
    bool include_stop;   /* the stop string stays part of the text */
    bool drops_thinking; /* nobody wants to hear thoughts */
    answer_fn *listen;   /* or NULL */
    void *arg;
};

struct answer {
    struct answer_options options;
    struct reply *reply; /* NULL: text only */
    struct text_decoder decoder;
    struct stop_filter stop;
    struct buf piece, certain;              /* of one event */
    struct buf text, thinking;              /* collected */
    struct answer_call *calls, **last;      /* [n_calls] */
    uint32_t n_tokens, n_calls, n_thinking; /* n_thinking: tokens that were thoughts */
    uint64_t id_seed;                       /* of the ids of calls */
    bool has_thinking, thinks, stopped;     /* stopped: by a stop string */
    bool parse_failed;                      /* what looked like a call was none */
    struct err err;                         /* of the first failure */
};

/* seed: of ids of calls.  Owned: answer_free(), also after a failure.
 * Errors: ERR_ARG naming a stop string, ERR_LIMIT. */
bool answer_init(struct answer *answer, const struct answer_options *options, uint64_t seed,
                 struct err *err) CHECKED;
void answer_free(struct answer *answer);

/* Takes the next token.  Returns false when the answer is over: a stop string is there, or
 * answer->err is set. */
bool answer_add(struct answer *answer, int32_t id);

/* The last token has come; ended says that the model itself ended the answer. */
void answer_end(struct answer *answer, bool ended);

/* Makes text that the answer begins with, as that of a prefix, part of it. */
void answer_begin(struct answer *answer, struct span text);

/* The stop string that ended the answer; s NULL: none.  Borrowed: from the answer. */
struct span answer_stop(const struct answer *answer);

#endif
