/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - one answer that is asked of a scheduler: a prompt, how to choose tokens, who hears them.
 */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/finish.h"
#include "engine/sampler.h"

struct matcher;

/* Added to the logit of a token; minus infinity bans it. */
struct token_bias {
    int32_t id;
    float bias;
};

/* A token and the logarithm of its probability in the model's own distribution, before
 * penalties, biases, grammar and sampler. */
struct token_chance {
    int32_t id;
    float logprob;
};

/* Instead of an answer: the hidden state behind the last layer and norm of the last token of the
 * prompt, or the mean of all. */
enum embedding { EMBED_NOTHING, EMBED_LAST, EMBED_MEAN };

struct job_params {
    const int32_t *ids; /* [n] the prompt, 1 or more; copied */
    size_t n;
    struct sampler_params sampler;
    uint32_t max_tokens, min_tokens; /* of the answer; at most 0: until the context is full.  Before
                                        the least no token ends it */
    bool prompt_only;                /* there is no answer */
    enum embedding embedding;        /* with prompt_only */
    bool ignore_eos, no_loop_guard;
    bool with_chances;      /* token events say how probable a token was, */
    uint32_t n_top;         /* and so many of the most probable ones, at most JOB_MAX_TOP */
    bool prompt_chances;    /* the same for each token of the prompt but the first */
    const int32_t *end_ids; /* [n_end_ids] end the answer as its end-of-sequence token; copied */
    size_t n_end_ids;       /* at most JOB_MAX_END_IDS */
    const struct token_bias *biases; /* [n_biases]; copied */
    size_t n_biases;
    const int32_t *prediction; /* [n_prediction] what the answer may be, copied: it is tried out
                                  several tokens at a time and changes nothing */
    size_t n_prediction;
    struct matcher *matcher; /* what the answer must match, or NULL; the job takes it over */
    uint64_t space;          /* prompts of one space share pages */
    uint64_t owner;          /* who asks: owners take turns */
    int priority;            /* higher goes first */
    double deadline;         /* by clock_now(); 0: none */
};

enum { JOB_MAX_TOP = 20, JOB_MAX_END_IDS = 16 };

struct job_token {
    int32_t id;
    const struct token_chance *chances; /* [n_chances] that of the token, then the most probable */
    size_t n_chances;                   /* ones, best first; 0 when nobody asked */
};

struct job_result {
    enum finish_reason finish;
    int32_t end_id;                        /* the token that ended it, -1 for none */
    const float *embedding;                /* [dim], or NULL */
    const struct err *err;                 /* of FINISH_FAILED */
    uint32_t n_prompt, n_cached, n_answer; /* tokens; n_cached of the prompt were not computed */
    uint32_t n_drafted, n_accepted;        /* tokens that were tried out, and that were right */
    double queue_s, prompt_s, answer_s;    /* until the first step, the first token, the end */
};

enum job_go {
    JOB_GO_ON,
    JOB_WAIT, /* no further token until scheduler_wake() */
    JOB_STOP, /* it is enough: the answer ends with FINISH_STOP */
};

/* Who hears of an answer.  Called by the thread that runs the scheduler; must not call it. */
struct job_sink {
    /* A token of the answer; never the one that ends it. */
    enum job_go (*token)(void *arg, const struct job_token *token);
    /* With prompt_chances: token i of the prompt, in order, the first without chances. */
    void (*prompt_token)(void *arg, const struct job_token *token);
    /* The last event, exactly once. */
    void (*end)(void *arg, const struct job_result *result);
    void *arg;
};

#endif
