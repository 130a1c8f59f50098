/* SPDX-License-Identifier: Apache-2.0 */
/* load_int.h - what the two halves of a load share: asking the server what it is (load_open.c),
 * and keeping it busy (load_run.c). */
#ifndef CLI_LOAD_INT_H
#define CLI_LOAD_INT_H

#include "cli/load_run.h"
#include "net/http_call.h"

enum { LOAD_TEXTS = 16 }; /* different requests with check_text */

/* A place for one request at a time. */
struct load_slot {
    struct load *load;
    struct http_call call;
    struct load_answer answer;
    struct buf body;
    uint64_t index; /* of the request */
    bool runs;
    struct load_slot *next; /* that is free */
};

struct load {
    const struct load_options *options;
    struct http_caller *caller;
    struct buf url, model;
    struct load_body body;
    struct request_file file;
    struct load_fit fit;
    struct load_words words;
    struct load_slot **slots; /* [n_slots], of options->n_most at most */
    struct load_slot *free_slots;
    uint32_t n_slots, n_running;
    uint64_t n_asked;             /* requests since the beginning: no two have the same words */
    struct buf wants[LOAD_TEXTS]; /* learnt: what each of the texts is, with check_text */
    /* What is done with answers beside timing them.  Requests before a load are not checked: they
     * may only not fail. */
    enum load_care { LOAD_NO_CARE, LOAD_LEARN, LOAD_CHECK } care;

    /* Of the load that runs. */
    const struct load_shape *shape;
    struct load_row *row;
    double begun, due; /* when the load began; when the next request is due */
    uint32_t n_failed; /* one after the other */
    struct err last;   /* why the last one failed */
};

/* Sends one request as load->body says and waits for the answer.
 * Errors: ERR_IO with what the server says; row->kinds has the kind, ERR_CANCELLED, ERR_LIMIT. */
bool load_one(struct load *load, struct load_row *row, struct err *err) CHECKED;

#endif
