/* SPDX-License-Identifier: Apache-2.0 */
/* run_int.h - what the two modes of "bise run" share: options, model, notes. */
#ifndef CLI_RUN_INT_H
#define CLI_RUN_INT_H

#include <stdbool.h>

#include "cli/options.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/expert_cache.h"

#define INPUT_EMPTY "nothing to answer: standard input is empty"

struct run {
    struct runtime_options machine;
    struct generator_options wanted;
    struct option_texts stop;
    bool stats, json, plain, think_tags, hide_thinking;
    bool max_given, seed_given;
    int version;                                       /* of the prompt format, as given, or 0 */
    const char *system, *system_file, *tools, *effort; /* as given, or NULL */
    const char *load;                                  /* conversation to go on with, or NULL */
    const char *word; /* a prompt that could be a mistyped MODEL, or NULL */
    const char *note; /* to give before the first text, or NULL */
    bool announced;
    struct expert_cache_stats seen; /* when the last statistics were printed */
    struct runtime rt;
};

/* How an answer ended, and how much there was of it. */
struct run_end {
    enum finish_reason why;
    bool interrupted;
    uint32_t n_prompt, n_answer; /* tokens that were computed */
    double prompt_s, answer_s;
};

/* Continue prompt, or what is read from standard input where it is NULL.  Return the exit
 * code. */
int run_text(struct run *run, const char *prompt);

/* The same as a conversation in the prompt format of that version, 0: the tokenizer's. */
int run_chat(struct run *run, int version, const char *prompt);

/* Tokens that the sequence has room for, and whether a larger context is one that the model can
 * use. */
uint32_t run_room(const struct run *run);
bool run_may_grow(const struct run *run);

/* Notes, once, what to know before the first text. */
void run_announce(struct run *run);

/* "stop", "length", "loop" or "interrupted".  Borrowed: static. */
const char *run_end_name(const struct run_end *end);

/* Notes why a text ends in the middle, where the user did not ask for that; reset names
 * another remedy for a full context. */
void run_explain_end(const struct run *run, const struct run_end *end, const char *reset);

/* Prints the members "usage" and, where it was drawn, "seed" of an answer in JSON. */
void run_print_usage(const struct run *run, uint32_t n_prompt, uint32_t n_answer);
void run_print_stats(struct run *run, const struct run_end *end, size_t kv_bytes);

#endif
