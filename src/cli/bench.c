/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - "bise bench": how fast a model is here, and how near to the machine's limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/pool.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/machine.h"
#include "cli/options.h"
#include "cli/units.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "tensor/backend.h"

enum {
    MAX_REPEATS = 1000,
    MAX_TOKENS = LIMIT_CONTEXT / 4, /* so that their sum is a context */
};

struct summary {
    double median, min, max;
};

struct bench {
    struct runtime_options machine;
    uint32_t n_prompt, n_generate, depth;
    int n_repeats;
    bool json;

    const char *path;
    struct runtime rt;
    int32_t *ids;                           /* [depth + n_prompt] */
    struct summary load_s, prefill, decode; /* the last two in tokens per second */
    double bandwidth;                       /* bytes per second */
    double token_bytes;                     /* that decoding one token reads */
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts samples: [n], n > 0. */
static struct summary summarise(double *samples, int n)
{
    qsort(samples, (size_t)n, sizeof *samples, by_size);
    return (struct summary){.median = (samples[n / 2] + samples[(n - 1) / 2]) / 2,
                            .min = samples[0],
                            .max = samples[n - 1]};
}

/* Opens a sequence that holds the first n ids. */
static struct generator *open_at(struct bench *b, size_t n, struct err *err)
{
    struct generator_options options = {.sampler = SAMPLER_DEFAULT, .no_loop_guard = true};
    uint32_t for_prompt = b->depth + b->n_prompt, for_answer = b->depth + 1 + b->n_generate;
    options.context = for_prompt > for_answer ? for_prompt : for_answer;
    struct generator *gen = generator_open(b->rt.model, NULL, &options, err);
    if (!gen || generator_prompt(gen, b->ids, n, err))
        return gen;
    generator_close(gen);
    return NULL;
}

/* Stores how many prompt tokens go in per second after depth others. */
static bool time_prefill(struct bench *b, double *rate, struct err *err)
{
    struct generator *gen = open_at(b, b->depth, err);
    if (!gen)
        return false;
    double start = clock_now();
    bool ok = generator_prompt(gen, b->ids + b->depth, b->n_prompt, err);
    *rate = units_rate(b->n_prompt, clock_now() - start);
    generator_close(gen);
    return ok;
}

/* Stores how many tokens come out per second after depth others. */
static bool time_decode(struct bench *b, double *rate, struct err *err)
{
    int32_t id;
    struct buf text; /* stays empty: there is no tokenizer */
    struct generator *gen = open_at(b, b->depth ? b->depth : 1, err);
    if (!gen)
        return false;
    buf_init(&text, 0);
    /* The first token needs no step: its logits came with the prompt. */
    bool ok = generator_next(gen, &id, &text, err);
    double start = clock_now();
    for (uint32_t i = 0; ok && i < b->n_generate; i++)
        ok = generator_next(gen, &id, &text, err);
    *rate = units_rate(b->n_generate, clock_now() - start);
    generator_close(gen);
    return ok;
}

typedef bool sample_fn(struct bench *b, double *value, struct err *err);

/* Samples once to warm up, and then as often as wanted. */
static bool sample(struct bench *b, sample_fn *fn, struct summary *out, struct err *err)
{
    double samples[MAX_REPEATS];
    if (!fn(b, &samples[0], err))
        return false;
    for (int i = 0; i < b->n_repeats; i++)
        if (!fn(b, &samples[i], err))
            return false;
    *out = summarise(samples, b->n_repeats);
    return true;
}

static bool time_load(struct bench *b, double *seconds, struct err *err)
{
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
 * as well), and the keys and values that are seen half way. */
static double bytes_per_token(const struct bench *b)
{
    const struct checkpoint *ckpt = b->rt.ckpt;
    const struct model_config *c = &ckpt->config;
    const struct tensor *embedding = &ckpt->weights.embedding;
    double bytes = (double)ckpt->n_weight_bytes, depth = b->depth + b->n_generate / 2.0;
    double layer_token = (double)config_page_bytes(c, b->machine.exact) /
                         ((double)c->n_layers * BACKEND_PAGE_TOKENS);
    if (!c->tied)
        bytes -= (double)(embedding->n_rows - 1) * (double)tensor_row_bytes(embedding);
    for (uint32_t i = 0; i < c->n_layers; i++)
        bytes += layer_token * (c->windows[i] && c->windows[i] < depth ? c->windows[i] : depth);
    return bytes;
}

static bool measure(struct bench *b, struct err *err)
{
    if (!sample(b, time_load, &b->load_s, err) || !make_ids(b, err))
        return false;
    b->token_bytes = bytes_per_token(b);
    return sample(b, time_prefill, &b->prefill, err) && sample(b, time_decode, &b->decode, err) &&
           machine_bandwidth(b->machine.n_threads, &b->bandwidth, err);
}

static void print_row(const char *name, uint32_t n, const struct summary *s)
{
    char label[32];
    snprintf(label, sizeof label, "%s %u", name, n);
    printf("%-14s %12.1f %12.1f %12.1f  tokens/s\n", label, s->median, s->min, s->max);
}

static void print_table(const struct bench *b)
{
    char text[UNITS_TEXT];
    printf("%s, %s, %d threads, after %u tokens, %d runs\n", b->path, b->rt.backend->name,
           b->machine.n_threads, b->depth, b->n_repeats);
    printf("%-14s %12s %12s %12s\n", "", "median", "least", "most");
    print_row("prefill", b->n_prompt, &b->prefill);
    print_row("decode", b->n_generate, &b->decode);
    printf("%-14s %12.1f %12.1f %12.1f  ms\n", "load", 1e3 * b->load_s.median, 1e3 * b->load_s.min,
           1e3 * b->load_s.max);
    printf("memory is read at %s/s", units_bytes(text, (uint64_t)b->bandwidth));
    printf("; decoding a token reads %s", units_bytes(text, (uint64_t)b->token_bytes));
    if (b->token_bytes > (double)machine_cache())
        printf(": %.2f of that limit\n", b->token_bytes * b->decode.median / b->bandwidth);
    else
        puts(", which the processor's cache holds");
}

static void print_json_summary(const char *key, const struct summary *s)
{
    printf("\"%s\":{\"median\":%.6g,\"min\":%.6g,\"max\":%.6g},", key, s->median, s->min, s->max);
}

static void print_json(const struct bench *b)
{
    printf("{\"model\":");
    json_text(b->path, strlen(b->path));
    printf(",\"backend\":\"%s\",\"threads\":%d,\"repeats\":%d,", b->rt.backend->name,
           b->machine.n_threads, b->n_repeats);
    printf("\"depth\":%u,\"prompt_tokens\":%u,\"generated_tokens\":%u,", b->depth, b->n_prompt,
           b->n_generate);
    print_json_summary("load_s", &b->load_s);
    print_json_summary("prefill_tokens_per_s", &b->prefill);
    print_json_summary("decode_tokens_per_s", &b->decode);
    printf("\"read_bytes_per_s\":%.6g,\"bytes_per_token\":%.6g,\"cache_bytes\":%llu,"
           "\"decode_ratio\":%.4g}\n",
           b->bandwidth, b->token_bytes, (unsigned long long)machine_cache(),
           b->token_bytes * b->decode.median / b->bandwidth);
}

static int parse(struct bench *b, int *argc, char **argv)
{
    const struct option options[] = {
        option_threads(&b->machine),
        option_cpu(&b->machine),
        option_exact(&b->machine),
        option_u32("prompt", &b->n_prompt, 1, MAX_TOKENS),
        option_u32("generate", &b->n_generate, 1, MAX_TOKENS),
        option_u32("depth", &b->depth, 0, MAX_TOKENS),
        option_int("repeat", &b->n_repeats, 1, MAX_REPEATS),
        option_flag("json", &b->json),
        {.name = NULL},
    };
    return options_parse(&verb_bench, options, argc, argv);
}

static int bench(int argc, char **argv)
{
    struct bench b = {.n_prompt = 512, .n_generate = 128, .n_repeats = 5};
    int code = parse(&b, &argc, argv);
    if (code >= 0)
        return code;
    if (!b.machine.n_threads)
        b.machine.n_threads = pool_n_cpus();
    struct err err = {0};
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    bool ok = bundled_or(argc ? argv[0] : NULL, &path, &err);
    b.path = path.data;
    if (ok && measure(&b, &err)) {
        (b.json ? print_json : print_table)(&b);
        code = console_finish(EXIT_DONE);
    } else {
        code = console_fail(&err);
    }
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
        "and decode's share of it printed (1.00 is perfect).\n"
        "\n"
        "    bise bench path/to/model --prompt 1024 --depth 4096\n"
        "\n"
        "    --prompt N     prompt tokens of a run (512)\n"
        "    --generate N   tokens written in a run (128)\n"
        "    --depth N      tokens that are there before (0)\n"
        "    --repeat N     runs of each kind (5)\n"
        "    --threads N    compute threads (default: every processor)\n"
        "    --cpu NAME     auto, c, avx2 or avx512\n"
        "    --exact        compute in float32\n"
        "    --json         print one JSON object\n",
    .max_args = 1,
    .run = bench,
};
