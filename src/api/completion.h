/* SPDX-License-Identifier: Apache-2.0 */
/* completion.h - a request that engines answer: one or several answers, as a stream or in one
 * piece, in the words of one dialect.
 *
 * A completion lives as long as its exchange is held.  What happens to its answers comes from the
 * engine's thread; the writer, which knows the dialect, appends to out, which is sent after each
 * token. */
#ifndef API_COMPLETION_H
#define API_COMPLETION_H

#include "api/answer.h"
#include "api/api_int.h"
#include "api/sampling.h"

struct completion;

struct choice {
    struct completion *c;
    uint32_t index;
    size_t prompt; /* which of the prompts it answers */
    struct answer answer;
    uint64_t job;
    bool begun, ended; /* begun: something of it was written to a stream */
    struct job_result result;
    enum err_code failure; /* why it failed, for FINISH_FAILED */
    struct buf chances;    /* JSON items of the tokens since the last piece of a stream */
    uint32_t n_chances;    /* items in it */
    struct token_ids ids;  /* of the answer, where the request wants them */
    struct span prefix;    /* what the answer begins with already */
    const struct api_model *model;
    void *more; /* the writer's own */
};

/* What is written when.  Those that a dialect does not need are NULL. */
struct writer {
    /* event is called for a reply in one piece, too: the writer keeps what it hears. */
    bool hears_all;
    /* What the answer begins with already is not told again. */
    bool omits_prefix;
    /* Makes what the writer needs, when the completion is new.  Errors: ERR_LIMIT. */
    bool (*open)(struct completion *c, struct err *err);
    /* Of a stream: something of an answer; the answer is over; all are. */
    void (*event)(struct choice *choice, const struct answer_event *event);
    void (*end)(struct choice *choice);
    void (*finish)(struct completion *c);
    /* The reply in one piece. */
    void (*reply)(struct completion *c);
    /* Of a stream that has begun: error. */
    void (*fail)(struct completion *c, const struct api_error *error);
    /* A token with its chances; of the prompt where is_prompt. */
    void (*token)(struct choice *choice, const struct job_token *token, bool is_prompt);
    void (*free)(struct completion *c);
};

struct completion {
    struct call *call;
    const struct api_model *model;
    const struct writer *writer;
    struct sampling sampling;
    struct answer_options answer;
    struct token_ids *prompts; /* [n_prompts]; owned */
    size_t n_prompts;
    struct grammar *grammar;     /* what each answer must match, or NULL; owned */
    struct span prefix;          /* what every answer begins with already, or */
    const struct span *prefixes; /* [n_prompts] those to each prompt; or NULL */
    bool mistral;                /* the dialect: thoughts as chunks, "model_length" */
    struct choice *choices;      /* [n_choices] */
    uint32_t n_choices, n_left;
    char id[64];
    int64_t created;
    struct monitor *monitor; /* one at a time in what follows and in choices */
    struct buf buf;          /* what waits to be sent */
    struct json_out out;     /* appends to buf */
    bool streaming, failed, gone;
    void *more; /* the writer's own, which writer->free releases */
};

/* Makes an empty completion for the call, which owns it from now on.
 * Borrowed: as long as the call.  Errors: ERR_LIMIT. */
struct completion *completion_new(struct call *call, const struct api_model *model,
                                  const struct writer *writer, struct err *err) CHECKED;

/* Asks the engine for all answers; from then on the completion replies by itself.  prompts,
 * sampling, answer and what the writer wants are filled in.  Replies also when that fails. */
void completion_start(struct completion *c);

/* Frees.  NULL is fine. */
void completion_free(struct completion *c);

/* For writers: the counts of all answers together. */
struct usage {
    uint32_t n_prompt, n_cached, n_answer, n_thinking, n_accepted, n_rejected;
};
struct usage completion_usage(const struct completion *c);

/* Why an answer ended, in the words of OpenAI and Mistral.  Borrowed: static. */
const char *choice_finish(const struct choice *choice);

#endif
