/* SPDX-License-Identifier: Apache-2.0 */
/* run_notes.c - what "bise run" says besides the answer, in both modes. */
#include <stdio.h>

#include "base/plural.h"
#include "base/units.h"
#include "cli/console.h"
#include "cli/experts.h"
#include "cli/notes.h"
#include "cli/run_int.h"
#include "model/checkpoint.h"
#include "model/model.h"

uint32_t run_room(const struct run *run)
{
    return generator_context(model_config(run->rt.model), run->wanted.context);
}

bool run_may_grow(const struct run *run)
{
    const struct model_config *c = model_config(run->rt.model);
    return c->context_assumed || run_room(run) < c->context;
}

void run_announce(struct run *run)
{
    if (run->announced)
        return;
    run->announced = true;
    if (run->word)
        console_note("'%s' is no file or folder, so it is the prompt", run->word);
    notes_skipped(run->rt.ckpt);
    notes_context(run->rt.ckpt, run_room(run));
    notes_rounding(run->rt.ckpt, &run->machine);
    experts_note(&run->rt, &run->machine);
    if (run->note)
        console_note("%s", run->note);
}

const char *run_end_name(const struct run_end *end)
{
    if (end->interrupted)
        return "interrupted";
    switch (end->why) {
    case FINISH_STOP:
        return "stop";
    case FINISH_LOOP:
        return "loop";
    case FINISH_LENGTH:
        return "length";
    default: /* none of the others without a scheduler */
        break;
    }
    return "none";
}

void run_explain_end(const struct run *run, const struct run_end *end, const char *reset)
{
    uint32_t max_tokens = run->wanted.max_tokens;
    if (end->why == FINISH_LOOP)
        console_note("stopped because the text repeats itself; --no-loop-guard goes on");
    if (end->why != FINISH_LENGTH || end->interrupted)
        return;
    if (end->n_answer < max_tokens || !max_tokens)
        console_note("stopped because the context of %u token%s is full%s%s", run_room(run),
                     plural(run_room(run)), reset,
                     run_may_grow(run) ? "; --context N allows more" : "");
    else if (!run->max_given)
        console_note("stopped after %u token%s; --max-tokens N allows more", max_tokens,
                     plural(max_tokens));
}

void run_print_usage(const struct run *run, uint32_t n_prompt, uint32_t n_answer)
{
    if (run->wanted.sampler.temperature > 0)
        printf(",\"seed\":%llu", (unsigned long long)run->wanted.sampler.seed);
    printf(",\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u}}\n",
           n_prompt, n_answer, n_prompt + n_answer);
}

/* Prints what experts were read since the last time. */
static void print_experts(struct run *run, const struct run_end *end)
{
    char size[UNITS_TEXT];
    if (!run->rt.experts)
        return;
    struct expert_cache_stats now = expert_cache_stats(run->rt.experts);
    struct expert_cache_stats s = experts_between(&run->seen, &now);
    run->seen = now;
    fprintf(
        stderr, "experts %.1f %% were in memory; %s read per token", 100 * experts_hit_rate(&s),
        units_bytes(size, (uint64_t)units_rate((double)s.n_read, end->n_prompt + end->n_answer)));
    fprintf(stderr, ", at %.0f MB/s in %.0f %% of the time\n",
            units_rate((double)s.n_read, s.read_s) / 1e6,
            100 * units_rate(s.read_s, end->prompt_s + end->answer_s));
}

void run_print_stats(struct run *run, const struct run_end *end, size_t kv_bytes)
{
    char size[UNITS_TEXT];
    fprintf(stderr, "load    %.3f s\n", run->rt.load_s);
    fprintf(stderr, "prompt  %u token%s in %.3f s, %.1f tokens/s\n", end->n_prompt,
            plural(end->n_prompt), end->prompt_s, units_rate(end->n_prompt, end->prompt_s));
    fprintf(stderr, "answer  %u token%s in %.3f s, %.1f tokens/s; ended by: %s\n", end->n_answer,
            plural(end->n_answer), end->answer_s, units_rate(end->n_answer, end->answer_s),
            run_end_name(end));
    fprintf(stderr, "memory  %s reserved for keys and values\n", units_bytes(size, kv_bytes));
    print_experts(run, end);
    if (run->wanted.sampler.temperature > 0)
        fprintf(stderr, "seed    %llu\n", (unsigned long long)run->wanted.sampler.seed);
}
