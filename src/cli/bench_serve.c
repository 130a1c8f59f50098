/* SPDX-License-Identifier: Apache-2.0 */
/* bench_serve.c - "bise bench serve": loads a server and says how fast it answers. */
#include "cli/bench_serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "bise.h"
#include "cli/bench_limits.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/load_report.h"
#include "cli/load_run.h"
#include "cli/options.h"

enum {
    MAX_TOKENS = LIMIT_CONTEXT / 4,
    MAX_REQUESTS = 1000000000,
    MAX_SECONDS = 1000000,
    MAX_KEY = 4096,
    PER_PLACE = 4, /* requests for each at a time, where nothing is said */
    WITH_RATE = 100,
    MOST_WITH_RATE = 1000,
};

struct bench_serve {
    struct load_options load;
    struct option_numbers concurrency;
    float rate, temperature;
    uint32_t n_requests, seconds;
    const char *key_file, *endpoint;
    bool no_stream, json, csv;
    bool has_concurrency, has_prompt, has_shared, has_generate, has_temperature;
    char agent[64];
    struct buf key;
};

/* --- options -------------------------------------------------------------------------------- */

static int check(const struct bench_serve *b)
{
    const struct load_options *o = &b->load;
    const struct verb *verb = &verb_bench_serve;
    if (b->json && b->csv)
        return options_wrong(verb, "--json, --csv: choose one");
    if (b->rate > 0 && b->concurrency.n > 1)
        return options_wrong(verb, "--rate: goes with one --concurrency, the most at a time");
    if (b->n_requests && b->seconds)
        return options_wrong(verb, "--requests, --duration: choose one");
    if (o->file && (b->has_prompt || b->has_shared))
        return options_wrong(verb, "--file: goes without --prompt-tokens and --shared-prefix");
    if (o->n_shared > o->n_prompt)
        return options_wrong(verb, "--shared-prefix: more than --prompt-tokens, %u", o->n_prompt);
    if (o->check_text && o->file)
        return options_wrong(verb, "--check-text: goes without --file");
    if (o->check_text && b->no_stream)
        return options_wrong(verb, "--check-text: goes without --no-stream");
    return -1;
}

static struct option noting(struct option option, bool *given)
{
    option.given = given;
    return option;
}

static int parse(struct bench_serve *b, int *argc, char **argv)
{
    static const char *const endpoints[] = {"chat", "completions", NULL};
    struct load_options *o = &b->load;
    const struct option options[] = {
        option_text("url", &o->url),
        option_text("model", &o->model),
        option_text("key-file", &b->key_file),
        {.name = "endpoint",
         .kind = OPTION_WORD,
         .value = &b->endpoint,
         .words = endpoints,
         .expected = "chat or completions"},
        noting(option_numbers("concurrency", &b->concurrency, 1, LIMIT_CALLS), &b->has_concurrency),
        {.name = "rate",
         .kind = OPTION_F32,
         .value = &b->rate,
         .min = 0,
         .max = 100000,
         .above_min = true},
        option_u32("requests", &b->n_requests, 1, MAX_REQUESTS),
        option_u32("duration", &b->seconds, 1, MAX_SECONDS),
        noting(option_u32("prompt-tokens", &o->n_prompt, 1, MAX_TOKENS), &b->has_prompt),
        noting(option_u32("shared-prefix", &o->n_shared, 0, MAX_TOKENS), &b->has_shared),
        noting(option_u32("generate", &o->n_generate, 1, MAX_TOKENS), &b->has_generate),
        option_text("file", &o->file),
        option_flag("no-stream", &b->no_stream),
        option_u32("warmup", &o->n_warmup, 0, MAX_REQUESTS),
        noting(option_f32("temperature", &b->temperature, 0, 2), &b->has_temperature),
        {.name = "seed",
         .kind = OPTION_U64,
         .value = &o->seed,
         .expected = "a whole number below 2^64"},
        option_int("timeout", &o->most_s, 1, MAX_SECONDS),
        option_flag("check", &o->check),
        option_flag("check-text", &o->check_text),
        option_flag("json", &b->json),
        option_flag("csv", &b->csv),
        {.name = NULL},
    };
    int code = options_parse(&verb_bench_serve, options, argc, argv);
    return code >= 0 ? code : check(b);
}

/* What follows from what was given. */
static void settle(struct bench_serve *b)
{
    struct load_options *o = &b->load;
    o->endpoint = strcmp(b->endpoint, "chat") == 0 ? LOAD_CHAT : LOAD_COMPLETIONS;
    o->stream = !b->no_stream;
    o->check = o->check || o->check_text;
    o->temperature = b->has_temperature ? (double)b->temperature : o->check_text ? 0 : -1;
    if (!b->has_generate && o->file)
        o->n_generate = 0;
    if (!b->has_concurrency)
        b->concurrency = (struct option_numbers){{b->rate > 0 ? MOST_WITH_RATE : 1}, 1};
    for (size_t i = 0; i < b->concurrency.n; i++)
        o->n_most = b->concurrency.items[i] > o->n_most ? b->concurrency.items[i] : o->n_most;
    snprintf(b->agent, sizeof b->agent, "bise/%s", bise_version());
    o->agent = b->agent;
}

/* Reads the key of the file, or of the environment. */
static bool read_key(struct bench_serve *b, struct err *err)
{
    const char *text = getenv("BISE_API_KEY");
    buf_init(&b->key, MAX_KEY);
    bool ok = b->key_file ? file_read(&b->key, b->key_file, err)
                          : !text || buf_add(&b->key, text, strlen(text), err);
    while (ok && b->key.len && strchr(" \t\r\n", b->key.data[b->key.len - 1]))
        b->key.data[--b->key.len] = '\0';
    for (size_t i = 0; ok && i < b->key.len; i++)
        if (b->key.data[i] <= ' ' || b->key.data[i] > '~')
            return err_set(err, ERR_FORMAT, "%s: expected one key on one line",
                           b->key_file ? b->key_file : "BISE_API_KEY");
    b->load.key = b->key.len ? b->key.data : NULL;
    return ok;
}

/* --- measuring ------------------------------------------------------------------------------ */

static struct load_shape shape_of(const struct bench_serve *b, size_t i)
{
    struct load_shape shape = {.concurrency = b->concurrency.items[i],
                               .rate = (double)b->rate,
                               .n_requests = b->n_requests,
                               .seconds = b->seconds};
    if (!b->n_requests && !b->seconds)
        shape.n_requests = b->rate > 0 ? WITH_RATE : (uint64_t)PER_PLACE * shape.concurrency;
    return shape;
}

/* Runs the loads; n_rows of rows are filled then, also on failure. */
static bool run_all(const struct bench_serve *b, struct load *load,
                    const struct load_report *report, struct load_row *rows, int *n_rows,
                    struct err *err)
{
    bool text = !b->json && !b->csv, ok = !text || load_report_head(report, err);
    for (size_t i = 0; ok && i < b->concurrency.n; i++) {
        struct load_row *row = &rows[*n_rows];
        struct load_shape shape = shape_of(b, i);
        struct err unseen;
        ok = load_run(load, &shape, row, err);
        *n_rows += row->n_begun > 0;
        if (row->n_begun && text && !load_report_row(report, row, ok ? err : &unseen))
            ok = false;
    }
    return ok;
}

static bool all_good(const struct load_report *report, const struct load_row *rows, int n)
{
    for (int i = 0; i < n; i++)
        if (!load_report_is_good(report, &rows[i]))
            return false;
    return true;
}

/* Measures and prints; *good says whether the server did what it should. */
static bool measure(const struct bench_serve *b, bool *good, struct err *err)
{
    int n_rows = 0;
    struct load *load = load_open(&b->load, err);
    struct load_row *rows = load ? mem_new(b->concurrency.n, sizeof *rows, err) : NULL;
    if (!rows) {
        load_close(load);
        return false;
    }
    const struct load_report report = {
        .options = &b->load, .model = load_model(load), .accepts = load_accepted(load)};
    bool ok = run_all(b, load, &report, rows, &n_rows, err);
    if (b->json)
        load_report_json(&report, rows, n_rows);
    else if (b->csv)
        load_report_csv(rows, n_rows);
    *good = all_good(&report, rows, n_rows);
    free(rows);
    load_close(load);
    return ok;
}

static int bench_serve(int argc, char **argv)
{
    struct bench_serve b = {.load = {.url = "http://127.0.0.1:8080",
                                     .n_prompt = 128,
                                     .n_generate = 128,
                                     .n_warmup = 1,
                                     .seed = 1,
                                     .most_s = 600},
                            .endpoint = "chat"};
    struct err err = {0};
    bool good = false;
    int code = parse(&b, &argc, argv);
    if (code >= 0)
        return code;
    settle(&b);
    interrupt_hold();
    bool ok = read_key(&b, &err) && measure(&b, &good, &err);
    interrupt_release();
    buf_free(&b.key);
    if (ok || err.code == ERR_CANCELLED)
        return console_finish(ok ? (good ? EXIT_DONE : EXIT_FAILED) : EXIT_INTERRUPTED);
    return console_fail(&err);
}

const struct verb verb_bench_serve = {
    .name = "bench serve",
    .summary = "measure a server's speed",
    .help =
        "usage: bise bench serve [options]\n"
        "\n"
        "Sends requests to a server that speaks the Mistral or OpenAI API, bise's own or another,\n"
        "many at a time, and prints how fast it answers: tokens per second, the time to the\n"
        "first text, between texts, per token and for whole answers, each as the time that half,\n"
        "90 % and 99 % of them did not exceed, and the longest.  Tokens are those that the server\n"
        "counts (usage); where it does not, the pieces in which text comes.  Prompts are common\n"
        "words in random order, no two alike.  Ctrl-C ends with what is there.\n"
        "\n"
        "    bise bench serve --concurrency 1,4,16 --prompt-tokens 512 --generate 128\n"
        "    bise bench serve --url http://127.0.0.1:8000 --rate 2.5 --duration 60 --json\n"
        "    bise bench serve --concurrency 256 --duration 600 --check-text\n"
        "\n"
        "    --url URL              the server, with or without /v1 (http://127.0.0.1:8080)\n"
        "    --model NAME           the model (default: the first that the server lists)\n"
        "    --key-file FILE        a file with the key; else $BISE_API_KEY, if that is set\n"
        "    --endpoint NAME        chat or completions (chat)\n"
        "    --concurrency N,N,...  requests at a time, a row each (1)\n"
        "    --rate R               instead, R requests a second that come at random, whatever\n"
        "                           the server does, at most --concurrency (1000) at a time;\n"
        "                           times count from when a request was due\n"
        "    --requests N           requests of each row (4 for each at a time, or 100)\n"
        "    --duration S           instead, requests begin for S seconds\n"
        "    --prompt-tokens N      tokens of each prompt, by the server's count (128)\n"
        "    --shared-prefix N      tokens with which all prompts begin (0)\n"
        "    --generate N           tokens to write, also past the model's end where the server\n"
        "                           can do that (128; with --file what its lines say)\n"
        "    --file FILE            requests to send, one in each line as JSON, in turn; also the\n"
        "                           lines of a batch\n"
        "    --no-stream            ask for whole answers\n"
        "    --warmup N             requests before each row (1)\n"
        "    --temperature T        of the sampler (default: the server's own)\n"
        "    --seed N               of prompts, arrivals and samplers (1)\n"
        "    --timeout S            seconds that a request may take (600)\n"
        "    --check                mind every event: its order, one finish_reason, [DONE], "
        "usage;\n"
        "                           what is lost, reordered or unfinished is counted, and the "
        "exit\n"
        "                           code is 1 if anything failed\n"
        "    --check-text           also compare each text with that of the same request alone,\n"
        "                           without a stream, at temperature 0\n"
        "    --json, --csv          print one JSON object, or a line for each row\n",
    .max_args = 0,
    .run = bench_serve,
};
