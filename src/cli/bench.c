/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - "bise bench": how fast a model is here, and how near to the machine's limit.
 *
 * Each row is printed when it is measured, so that a slow model shows something soon and Ctrl-C
 * loses only what is under way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/pool.h"
#include "cli/bench_tokenizer.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/experts.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/machine.h"
#include "cli/notes.h"
#include "cli/options.h"
#include "cli/summary.h"
#include "cli/units.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "tensor/backend.h"

enum {
    MAX_SECONDS = 1000000,
    MAX_TOKENS = LIMIT_CONTEXT / 4, /* so that their sum is a context */
};

struct bench {
    struct runtime_options machine;
    uint32_t n_prompt, n_generate, depth;
    struct summary_limits limits;
    bool json;
    bool tokenizer; /* measure that alone */
    struct option_texts texts;

    const char *path;
    struct runtime rt;
    int32_t *ids;                           /* [depth + n_prompt] */
    struct summary load_s, prefill, decode; /* the last two in tokens per second */
    double bandwidth;                       /* bytes per second; 0: not measured */
    double token_bytes;                     /* that decoding one token reads */
    double disk_speed;                      /* bytes per second; 0: not measured */
    struct expert_cache_stats experts;      /* of all decoding that was timed */
    double decode_s;                        /* seconds that this took */
    uint64_t n_decoded, n_decodes;          /* tokens of it; runs, with the warm-up */
};

static bool feed(struct generator *gen, const int32_t *ids, uint32_t n, struct err *err)
{
    for (uint32_t i = 0, step; i < n; i += step) {
        step = n - i < MODEL_MAX_TOKENS ? n - i : MODEL_MAX_TOKENS;
        if (!generator_prompt(gen, ids + i, step, err) || !summary_go_on(err))
            return false;
    }
    return true;
}

/* Opens a sequence that holds the first n ids. */
static struct generator *open_at(struct bench *b, uint32_t n, struct err *err)
{
    struct generator_options options = {.sampler = SAMPLER_DEFAULT, .no_loop_guard = true};
    uint32_t for_prompt = b->depth + b->n_prompt, for_answer = b->depth + 1 + b->n_generate;
    options.context = for_prompt > for_answer ? for_prompt : for_answer;
    struct generator *gen = generator_open(b->rt.model, NULL, &options, err);
    if (!gen || feed(gen, b->ids, n, err))
        return gen;
    generator_close(gen);
    return NULL;
}

/* Stores how many prompt tokens go in per second after depth others. */
static bool time_prefill(void *arg, double *rate, struct err *err)
{
    struct bench *b = arg;
    struct generator *gen = open_at(b, b->depth, err);
    if (!gen)
        return false;
    double start = clock_now();
    bool ok = feed(gen, b->ids + b->depth, b->n_prompt, err);
    *rate = units_rate(b->n_prompt, clock_now() - start);
    generator_close(gen);
    return ok;
}

static struct expert_cache_stats read_experts(const struct bench *b)
{
    return b->rt.experts ? expert_cache_stats(b->rt.experts) : (struct expert_cache_stats){0};
}

/* Adds what was timed to what is known of the experts; the first run only warms up. */
static void count_experts(struct bench *b, const struct expert_cache_stats *before, double seconds)
{
    if (!b->n_decodes++)
        return;
    struct expert_cache_stats now = read_experts(b), s = experts_between(before, &now);
    b->experts.hits += s.hits;
    b->experts.misses += s.misses;
    b->experts.n_read += s.n_read;
    b->experts.read_s += s.read_s;
    b->decode_s += seconds;
    b->n_decoded += b->n_generate;
}

/* Stores how many tokens come out per second after depth others. */
static bool time_decode(void *arg, double *rate, struct err *err)
{
    struct bench *b = arg;
    int32_t id;
    struct buf text; /* stays empty: there is no tokenizer */
    struct generator *gen = open_at(b, b->depth ? b->depth : 1, err);
    if (!gen)
        return false;
    buf_init(&text, 0);
    /* The first token needs no step: its logits came with the prompt. */
    bool ok = generator_next(gen, &id, &text, err);
    struct expert_cache_stats before = read_experts(b);
    double start = clock_now();
    for (uint32_t i = 0; ok && i < b->n_generate; i++)
        ok = generator_next(gen, &id, &text, err) && summary_go_on(err);
    double seconds = clock_now() - start;
    *rate = units_rate(b->n_generate, seconds);
    count_experts(b, &before, seconds);
    generator_close(gen);
    return ok;
}

static bool time_load(void *arg, double *seconds, struct err *err)
{
    struct bench *b = arg;
    runtime_close(&b->rt);
    if (!runtime_open(&b->rt, b->path, &b->machine, err))
        return false;
    *seconds = b->rt.load_s;
    return true;
}

/* Speed does not depend on which tokens, nor on whether the model was made for so many: any
 * sequence will do, the same each time. */
static bool make_ids(struct bench *b, struct err *err)
{
    uint32_t n = b->depth + b->n_prompt, n_vocab = model_config(b->rt.model)->n_vocab;
    uint64_t state = 1;
    b->ids = mem_new(n, sizeof *b->ids, err);
    if (!b->ids)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        b->ids[i] = (int32_t)((state >> 33) % n_vocab);
    }
    return true;
}

/* Every weight but the embedding, of which a token reads one row (unless it is the output matrix
 * as well), and the experts that are not chosen; and the keys and values that are seen half way. */
static double bytes_per_token(const struct bench *b)
{
    const struct checkpoint *ckpt = b->rt.ckpt;
    const struct model_config *c = &ckpt->config;
    const struct tensor *embedding = &ckpt->weights.embedding;
    double bytes = (double)ckpt->n_weight_bytes, depth = b->depth + b->n_generate / 2.0;
    double layer_token = (double)config_page_bytes(c, b->rt.backend->kv_type) /
                         ((double)c->n_layers * BACKEND_PAGE_TOKENS);
    if (!c->tied)
        bytes -= (double)(embedding->n_rows - 1) * (double)tensor_row_bytes(embedding);
    if (c->is_moe)
        bytes -= (double)expert_cache_sizes(ckpt).n_bytes *
                 (1.0 - (double)c->moe.n_used / c->moe.n_experts);
    for (uint32_t i = 0; i < c->n_layers; i++)
        bytes += layer_token * (c->windows[i] && c->windows[i] < depth ? c->windows[i] : depth);
    return bytes;
}

static bool measure_load(struct bench *b, struct err *err)
{
    bool ok = summary_measure(&b->load_s, "load", &b->limits, time_load, b, err);
    if (b->load_s.n_runs && !b->json) {
        printf("%s, %s, %d threads, after %u tokens\n", b->path, b->rt.backend->name,
               b->machine.n_threads, b->depth);
        summary_print_head();
    }
    return b->json ? ok : summary_print_row(&b->load_s, ok, "load", 1e3, "ms", err);
}

/* The limit is the best of a few passes, so it has one figure. */
static bool measure_memory(struct bench *b, struct err *err)
{
    console_progress("memory");
    bool ok = machine_bandwidth(b->machine.n_threads, &b->bandwidth, err);
    console_progress_end();
    if (!ok || b->json)
        return ok && summary_go_on(err);
    printf("%-24s %12s %12s %12.1f  GB/s\n", "memory", "", "", b->bandwidth / 1e9);
    return console_flush(err) && summary_go_on(err);
}

/* Where experts are read from disk, that is what limits decoding. */
static bool measure_disk(struct bench *b, struct err *err)
{
    if (!b->rt.experts)
        return true;
    console_progress("disk");
    bool ok = expert_cache_disk_speed(b->rt.experts, &b->disk_speed, err);
    console_progress_end();
    if (!ok || b->json)
        return ok && summary_go_on(err);
    printf("%-24s %12s %12s %12.3f  GB/s\n", "disk", "", "", b->disk_speed / 1e9);
    return console_flush(err) && summary_go_on(err);
}

static bool measure_tokens(struct bench *b, const char *name, uint32_t n, summary_fn *fn,
                           struct summary *out, struct err *err)
{
    char label[32];
    snprintf(label, sizeof label, "%s %u", name, n);
    bool ok = summary_measure(out, label, &b->limits, fn, b, err);
    return b->json ? ok : summary_print_row(out, ok, label, 1, "tokens/s", err);
}

static bool measure(struct bench *b, struct err *err)
{
    if (!measure_load(b, err) || !measure_memory(b, err) || !measure_disk(b, err) ||
        !make_ids(b, err))
        return false;
    notes_rounding(b->rt.ckpt, &b->machine);
    b->token_bytes = bytes_per_token(b);
    return measure_tokens(b, "prefill", b->n_prompt, time_prefill, &b->prefill, err) &&
           measure_tokens(b, "decode", b->n_generate, time_decode, &b->decode, err);
}

/* Decode's share of what the memory allows; 0 when not measured. */
static double decode_ratio(const struct bench *b)
{
    return b->bandwidth > 0 ? b->token_bytes * b->decode.median / b->bandwidth : 0;
}

/* Decoding's share of what the disk allows: the time that reading as much in one go would take,
 * of the time that it took. */
static double disk_ratio(const struct bench *b)
{
    return units_rate((double)b->experts.n_read, b->disk_speed * b->decode_s);
}

static double disk_token_bytes(const struct bench *b)
{
    return units_rate((double)b->experts.n_read, (double)b->n_decoded);
}

static void print_experts(const struct bench *b)
{
    char text[UNITS_TEXT];
    printf(
        "experts: %.1f %% of those chosen are in memory; a token reads %s from disk, at %.0f MB/s "
        "in %.0f %% of the time: %.2f of its limit\n",
        100 * experts_hit_rate(&b->experts), units_bytes(text, (uint64_t)disk_token_bytes(b)),
        units_rate((double)b->experts.n_read, b->experts.read_s) / 1e6,
        100 * units_rate(b->experts.read_s, b->decode_s), disk_ratio(b));
}

static void print_verdict(const struct bench *b)
{
    char text[UNITS_TEXT];
    if (!b->decode.n_runs)
        return;
    if (b->rt.experts)
        print_experts(b);
    printf("decoding a token reads %s", units_bytes(text, (uint64_t)b->token_bytes));
    if (b->token_bytes > (double)machine_cache())
        printf(" of memory: %.2f of its limit\n", decode_ratio(b));
    else
        puts(", which the processor's cache holds");
}

/* What was not measured is left out. */
static void print_json(const struct bench *b)
{
    printf("{\"model\":");
    json_text(b->path, strlen(b->path));
    if (b->rt.backend)
        printf(",\"backend\":\"%s\"", b->rt.backend->name);
    printf(",\"threads\":%d,\"repeats\":%d", b->machine.n_threads, b->limits.n_repeats);
    printf(",\"depth\":%u,\"prompt_tokens\":%u,\"generated_tokens\":%u", b->depth, b->n_prompt,
           b->n_generate);
    summary_print_json(&b->load_s, "load_s");
    if (b->bandwidth > 0)
        printf(",\"read_bytes_per_s\":%.6g", b->bandwidth);
    summary_print_json(&b->prefill, "prefill_tokens_per_s");
    summary_print_json(&b->decode, "decode_tokens_per_s");
    if (b->decode.n_runs)
        printf(",\"bytes_per_token\":%.6g,\"cache_bytes\":%llu,\"decode_ratio\":%.4g",
               b->token_bytes, (unsigned long long)machine_cache(), decode_ratio(b));
    if (b->decode.n_runs && b->rt.experts)
        printf(",\"expert_hit_rate\":%.4g,\"disk_bytes_per_token\":%.6g,\"disk_bytes_per_s\":%.6g,"
               "\"disk_busy\":%.4g,\"disk_ratio\":%.4g",
               experts_hit_rate(&b->experts), disk_token_bytes(b), b->disk_speed,
               units_rate(b->experts.read_s, b->decode_s), disk_ratio(b));
    puts("}");
}

static int parse(struct bench *b, int *argc, char **argv)
{
    bool for_model = false, for_tokenizer = false;
    struct option options[] = {
        OPTIONS_MACHINE(&b->machine),
        option_u32("prompt", &b->n_prompt, 1, MAX_TOKENS),
        option_u32("generate", &b->n_generate, 1, MAX_TOKENS),
        option_u32("depth", &b->depth, 0, MAX_TOKENS),
        {.name = "text", .kind = OPTION_TEXTS, .value = &b->texts, .given = &for_tokenizer},
        option_flag("tokenizer", &b->tokenizer),
        option_int("repeat", &b->limits.n_repeats, 1, SUMMARY_MAX_RUNS),
        option_int("seconds", &b->limits.max_s, 0, MAX_SECONDS),
        option_flag("json", &b->json),
        {.name = NULL},
    };
    for (int i = 0; !options[i].given; i++) /* those before --text */
        options[i].given = &for_model;
    int code = options_parse(&verb_bench, options, argc, argv);
    if (code >= 0)
        return code;
    if (for_tokenizer && !b->tokenizer)
        return options_wrong(&verb_bench, "--text: goes with --tokenizer only");
    if (for_model && b->tokenizer)
        return options_wrong(&verb_bench,
                             "--tokenizer: goes with --text, --repeat, --seconds and --json only");
    return -1;
}

/* Measures and prints what was asked for; what there is of it when Ctrl-C came. */
static bool measure_and_print(struct bench *b, struct err *err)
{
    if (b->tokenizer)
        return bench_tokenizer(
            &(struct bench_tokenizer_options){b->path, b->texts, b->limits, b->json}, err);
    bool ok = measure(b, err);
    if (ok || err->code == ERR_CANCELLED)
        (b->json ? print_json : print_verdict)(b);
    return ok;
}

static int bench(int argc, char **argv)
{
    struct bench b = {.n_prompt = 512, .n_generate = 128, .limits = {.n_repeats = 5, .max_s = 60}};
    int code = parse(&b, &argc, argv);
    if (code >= 0)
        return code;
    if (!b.machine.n_threads)
        b.machine.n_threads = cpus_n_threads();
    b.machine.plan_experts = experts_plan;
    b.machine.context = b.depth + (b.n_prompt > b.n_generate ? b.n_prompt : b.n_generate + 1);
    struct err err = {0};
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    bool ok = bundled_or(argc ? argv[0] : NULL, &path, &err);
    b.path = path.data;
    interrupt_hold();
    ok = ok && measure_and_print(&b, &err);
    interrupt_release();
    if (ok || err.code == ERR_CANCELLED)
        code = console_finish(ok ? EXIT_DONE : EXIT_INTERRUPTED);
    else
        code = console_fail(&err);
    runtime_close(&b.rt);
    free(b.ids);
    buf_free(&path);
    return code;
}

const struct verb verb_bench = {
    .name = "bench",
    .summary = "measure a model's speed here",
    .help =
        "usage: bise bench [options] [MODEL]\n"
        "\n"
        "Measures how long a model takes to load, how fast it takes a prompt (prefill), and how\n"
        "fast it writes (decode), each several times after a warm-up.  Decoding reads every\n"
        "weight for each token, so the machine's memory sets its limit: that is measured too,\n"
        "and decode's share of it printed (1.00 is perfect).  Each row comes when it is measured;\n"
        "Ctrl-C ends with those that are there.\n"
        "\n"
        "    bise bench path/to/model --prompt 1024 --depth 4096\n"
        "    bise bench path/to/tekken.json --tokenizer\n"
        "\n"
        "    --prompt N              prompt tokens of a run (512)\n"
        "    --generate N            tokens written in a run (128)\n"
        "    --depth N               tokens that are there before (0)\n"
        "    --tokenizer             measure the tokenizer alone, on one core: loading, encoding,\n"
        "                            decoding; MODEL may be a tokenizer file\n"
        "    --text FILE             with --tokenizer: measure on this text, not on a mixture of\n"
        "                            words of a few kinds and on texts made to be slow "
        "(repeatable)\n"
        "    --repeat N              runs of each row (5)\n"
        "    --seconds N             no further run of a row after N seconds, but at least one "
        "(60)\n"
        "    --json                  print one JSON object\n" OPTIONS_MACHINE_HELP,
    .max_args = 1,
    .run = bench,
};
