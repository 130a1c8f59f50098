/* SPDX-License-Identifier: Apache-2.0 */
/* load_answer.h - what a server answers to a chat or completion request: read, timed, checked.
 *
 *     load_answer_init(&answer, &options);
 *     load_answer_begin(&answer, due, &gaps);
 *     ... load_answer_take(&answer, &call, bytes, n, err) for each piece that comes
 *     kind = load_answer_end(&answer, &call, &why);
 *     load_answer_free(&answer);
 *
 * It reads what servers of that kind are known to send: texts in content, reasoning_content,
 * reasoning, text, lists of them, or tool calls; usage on the last chunk, on one of its own, or on
 * all; errors as an event, or instead of a stream. */
#ifndef CLI_LOAD_ANSWER_H
#define CLI_LOAD_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/latency.h"
#include "net/http_call.h"
#include "net/sse_parser.h"

enum load_kind {
    LOAD_OK,
    LOAD_STATUS,        /* the server answers with an error */
    LOAD_NO_CONNECTION, /* nobody answers */
    LOAD_LATE,          /* it took longer than it may */
    LOAD_ERROR,         /* an error instead of the rest of a stream */
    LOAD_UNREADABLE,    /* no JSON, no events, too large */
    LOAD_UNFINISHED,    /* the answer was cut, or does not say how it ended */
    LOAD_LOST,          /* a part did not come */
    LOAD_REORDERED,     /* parts came in another order, or from another stream */
    LOAD_WRONG,         /* anything else that --check minds */
    LOAD_KINDS,
};

struct load_answer_options {
    bool stream;
    bool check;     /* mind what a client can live with, too */
    bool keep_text; /* in answer.text */
};

struct load_usage {
    bool known;
    uint32_t prompt, completion, cached; /* tokens */
};

struct load_answer {
    struct load_answer_options options;
    double begun;             /* clock_now() when it was due */
    double first_at, text_at; /* of the first text and of the last one; 0 for none */
    double end_at;
    uint32_t n_texts; /* events that brought one */
    struct load_usage usage;
    char finish[24]; /* why it ended, or "" */
    struct buf text; /* all of it, if it is kept */

    /* Private. */
    struct latency *gaps;
    struct sse_parser sse;
    struct buf body;                  /* of what is no stream */
    uint64_t seen, finished, id_hash; /* choices, as bits; of the first event that has one */
    bool has_id, done;                /* the last event came */
    enum load_kind kind;
    struct err why;
};

/* Makes an answer for one request after the other.  Allocates nothing.  Owned:
 * load_answer_free(). */
void load_answer_init(struct load_answer *answer, const struct load_answer_options *options);
void load_answer_free(struct load_answer *answer);

/* Begins one whose request was due then.  The times between its texts go to *gaps. */
void load_answer_begin(struct load_answer *answer, double due, struct latency *gaps);

/* Takes bytes: [n] of the answer to call.  Errors: ERR_FORMAT, ERR_LIMIT, which load_answer_end()
 * explains. */
bool load_answer_take(struct load_answer *answer, const struct http_call *call, const void *bytes,
                      size_t n, struct err *err) CHECKED;

/* Says how the answer to a call that is done ended, and unless LOAD_OK why.
 * Errors: why is only written. */
enum load_kind load_answer_end(struct load_answer *answer, const struct http_call *call,
                               struct err *why);

/* Compares the text with the one that is right.  Returns LOAD_OK, LOAD_LOST, LOAD_REORDERED or
 * LOAD_WRONG with the reason.  Errors: why is only written. */
enum load_kind load_answer_compare(const struct load_answer *answer, struct span want,
                                   struct err *why);

/* Returns the tokens that were generated, as the server counts them, or else the events that
 * brought text. */
uint32_t load_answer_tokens(const struct load_answer *answer);

/* Returns what a kind is called: "unfinished".  Borrowed: static. */
const char *load_kind_name(enum load_kind kind);

#endif
