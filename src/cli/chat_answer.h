/* SPDX-License-Identifier: Apache-2.0 */
/* chat_answer.h - one answer of a conversation, printed as it comes. */
#ifndef CLI_CHAT_ANSWER_H
#define CLI_CHAT_ANSWER_H

#include "cli/chat_session.h"
#include "text/reply_message.h"

/* All zero is empty. */
struct chat_answer {
    struct reply_message said;
    struct run_end end;
    uint32_t n_prompt;       /* tokens of the prompt, those that were kept included */
    bool is_whole;           /* the model or a stop string ended it */
    struct buf flat;         /* what it said, thoughts as the text that they are written in */
    struct buf calls;        /* the text of its calls */
    struct chat_part part;   /* that of flat, where the format cannot hold thoughts */
    struct chat_part *parts; /* with that of calls, where they cannot be said again */
    struct err unsayable;    /* why not; code 0 where they can */
};

/* Feeds what is new in the prompt and prints the answer, or collects it for JSON.
 * Owned: chat_answer_free(), also after a failure.
 * Errors: those of generator_next() and reply_add(), ERR_IO. */
bool chat_answer_get(struct chat_answer *a, struct chat_session *s, const struct prompt *prompt,
                     struct err *err) CHECKED;

/* Prints it as one line of JSON.  Errors: ERR_LIMIT. */
bool chat_answer_print(const struct chat_answer *a, const struct run *run, struct err *err) CHECKED;

/* Puts what the model said, as far as a prompt can say it, into the conversation of s and leaves
 * that in a->said.  *said: whether there was anything.  Errors: ERR_LIMIT. */
bool chat_answer_log(struct chat_answer *a, struct chat_session *s, bool *said,
                     struct err *err) CHECKED;
void chat_answer_free(struct chat_answer *a);

#endif
