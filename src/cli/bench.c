/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - "bise bench": how fast a model is here, and how near to the machine's limit. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cpus.h"
#include "base/limits.h"
#include "cli/bench_limits.h"
#include "cli/bench_model.h"
#include "cli/bench_serve.h"
#include "cli/bench_tokenizer.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/experts.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "model/model.h"

enum {
    MAX_SECONDS = 1000000,
    MAX_TOKENS = LIMIT_CONTEXT / 4, /* so that their sum is a context */
};

struct bench {
    struct bench_options model;
    bool json, csv;
    bool full;      /* every row */
    bool limits;    /* measure the machine alone */
    bool tokenizer; /* measure that alone */
    struct option_texts texts;
};

/* Which options were given, by what they go with. */
struct given {
    bool text;
    bool machine; /* --threads, --cpu */
    bool model;   /* others that say how a model is computed */
    bool runs, rows;
};

static const struct option_numbers full_prompts = {{512, 2048, 8192}, 3};
static const struct option_numbers full_depths = {{0, 4096, 32768}, 3};
static const struct option_numbers full_batches = {{1, 2, 4, 8, 16, 32, 64}, 7};

static struct option noting(struct option option, bool *given)
{
    option.given = given;
    return option;
}

static int check(const struct bench *b, const struct given *given, int n_args)
{
    if (b->limits &&
        (b->tokenizer || given->text || given->model || given->runs || given->rows || n_args))
        return options_wrong(&verb_bench,
                             "--limits: goes with --threads, --cpu, --json and --csv only");
    if (given->text && !b->tokenizer)
        return options_wrong(&verb_bench, "--text: goes with --tokenizer only");
    if (b->tokenizer && (given->machine || given->model || given->rows || b->csv))
        return options_wrong(&verb_bench,
                             "--tokenizer: goes with --text, --repeat, --seconds and --json only");
    if (b->json && b->csv)
        return options_wrong(&verb_bench, "--json, --csv: choose one");
    if (b->csv && b->model.profile)
        return options_wrong(&verb_bench, "--profile: goes with text and --json, not with --csv");
    if (b->model.compare && !*b->model.compare)
        return options_wrong(&verb_bench, "--compare: its value is missing");
    if (b->model.compare && (b->json || b->csv))
        return options_wrong(&verb_bench, "--compare: prints text; not with --json or --csv");
    return -1;
}

/* --full stands for the lists that are not given. */
static void fill_lists(struct bench *b, bool prompts, bool depths, bool batches)
{
    struct bench_options *o = &b->model;
    if (!b->full)
        return;
    if (!prompts)
        o->prompts = full_prompts;
    if (!depths)
        o->depths = full_depths;
    if (!batches)
        o->batches = full_batches;
    o->cold = true;
}

static int parse(struct bench *b, int *argc, char **argv)
{
    struct bench_options *o = &b->model;
    struct given given = {0};
    bool prompts = false, depths = false, batches = false;
    struct option options[] = {
        OPTIONS_MACHINE(&o->machine),
        noting(option_numbers("prompt", &o->prompts, 1, MAX_TOKENS), &prompts),
        noting(option_numbers("depth", &o->depths, 0, MAX_TOKENS), &depths),
        noting(option_numbers("batch", &o->batches, 1, MODEL_MAX_TOKENS), &batches),
        noting(option_u32("generate", &o->n_generate, 1, MAX_TOKENS), &given.rows),
        noting(option_flag("full", &b->full), &given.rows),
        noting(option_flag("cold", &o->cold), &given.rows),
        noting(option_flag("profile", &o->profile), &given.rows),
        noting(option_text("compare", &o->compare), &given.rows),
        noting(option_int("repeat", &o->limits.n_repeats, 1, SUMMARY_MAX_RUNS), &given.runs),
        noting(option_int("seconds", &o->limits.max_s, 0, MAX_SECONDS), &given.runs),
        {.name = "text", .kind = OPTION_TEXTS, .value = &b->texts, .given = &given.text},
        option_flag("limits", &b->limits),
        option_flag("tokenizer", &b->tokenizer),
        option_flag("json", &b->json),
        option_flag("csv", &b->csv),
        {.name = NULL},
    };
    for (int i = 0; !options[i].given; i++) /* those of the machine, which come first */
        options[i].given = i < 2 ? &given.machine : &given.model;
    int code = options_parse(&verb_bench, options, argc, argv);
    if (code >= 0)
        return code;
    given.rows = given.rows || prompts || depths || batches;
    fill_lists(b, prompts, depths, batches);
    o->form = b->json ? BENCH_JSON : b->csv ? BENCH_CSV : BENCH_TEXT;
    return check(b, &given, *argc);
}

static uint32_t largest(const struct option_numbers *numbers)
{
    uint32_t most = 0;
    for (size_t i = 0; i < numbers->n; i++)
        most = numbers->items[i] > most ? numbers->items[i] : most;
    return most;
}

static bool measure(struct bench *b, const char *arg, struct err *err)
{
    struct buf path;
    bool ok;
    if (b->limits)
        return bench_limits_print(&b->model.machine, b->model.form, err);
    buf_init(&path, LIMIT_JSON_BYTES);
    ok = bundled_or(arg, &path, err);
    if (ok && b->tokenizer)
        ok = bench_tokenizer(
            &(struct bench_tokenizer_options){path.data, b->texts, b->model.limits, b->json}, err);
    else if (ok)
        ok = bench_model(&b->model, path.data, err);
    buf_free(&path);
    return ok;
}

static int bench(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return verb_bench_serve.run(argc - 1, argv + 1);
    struct bench b = {.model = {.prompts = {{512}, 1},
                                .depths = {{0}, 1},
                                .n_generate = 128,
                                .limits = {.n_repeats = 5, .max_s = 60}}};
    struct bench_options *o = &b.model;
    int code = parse(&b, &argc, argv);
    if (code >= 0)
        return code;
    if (!o->machine.n_threads)
        o->machine.n_threads = cpus_n_threads();
    o->machine.plan_experts = experts_plan;
    uint32_t for_prompt = largest(&o->prompts), for_answer = largest(&o->depths) + o->n_generate;
    /* The last token that is chosen takes room and is not computed. */
    o->machine.context = (for_prompt > for_answer ? for_prompt : for_answer) + 1;
    struct err err = {0};
    interrupt_hold();
    bool ok = measure(&b, argc ? argv[0] : NULL, &err);
    interrupt_release();
    if (ok || err.code == ERR_CANCELLED)
        return console_finish(ok ? EXIT_DONE : EXIT_INTERRUPTED);
    return console_fail(&err);
}

const struct verb verb_bench = {
    .name = "bench",
    .summary = "measure a model's speed here",
    .help =
        "usage: bise bench [options] [MODEL]\n"
        "       bise bench serve [options]      a server's speed; see 'bise help bench serve'\n"
        "\n"
        "Measures how long a model takes to load and to give a first token, how fast it takes a\n"
        "prompt (prefill), how fast it writes (decode, batch), each several times after a "
        "warm-up,\n"
        "and how much memory it takes.  Before that it measures what the machine can do at most:\n"
        "writing reads every weight for each token, so memory is its limit, and prompts have that\n"
        "of the units that multiply.  Each figure is printed with its share of the limit that it\n"
        "is nearest to (1.00 is perfect).  Each row comes when it is measured; Ctrl-C ends with\n"
        "those that are there.\n"
        "\n"
        "    bise bench path/to/model --prompt 512,8192 --depth 0,4096 --batch 1,16\n"
        "    bise bench path/to/model --json >before.json\n"
        "    bise bench path/to/model --compare before.json\n"
        "    bise bench --limits\n"
        "    bise bench path/to/tekken.json --tokenizer\n"
        "\n"
        "    --prompt N,N,...        prompt tokens, a row each (512)\n"
        "    --depth N,N,...         write behind so many tokens, a row each (0)\n"
        "    --batch N,N,...         write so many sequences in the same steps, a row each (none)\n"
        "    --generate N            tokens that are written (128)\n"
        "    --full                  prompts of 512, 2048, 8192; depths 0, 4096, 32768; batches 1 "
        "to\n"
        "                            64; --cold: long, for a model of billions of parameters\n"
        "    --cold                  a first token with nothing of the model in memory, too\n"
        "    --profile               take one more run of each row apart, by operation: the\n"
        "                            longest first, and as other what lies between them\n"
        "    --compare FILE          print each row beside a run that --json stored, and what\n"
        "                            differs between the runs: model, threads and so on\n"
        "    --limits                measure the machine alone: reading from memory and caches,\n"
        "                            and what each instruction set multiplies\n"
        "    --tokenizer             measure the tokenizer alone, on one core: loading, encoding,\n"
        "                            decoding; MODEL may be a tokenizer file\n"
        "    --text FILE             with --tokenizer: measure on this text, not on a mixture of\n"
        "                            words of a few kinds and on texts made to be slow "
        "(repeatable)\n"
        "    --repeat N              runs of each row (5)\n"
        "    --seconds N             no further run of a row after N seconds, but at least one "
        "(60)\n"
        "    --json, --csv           print one JSON object, or a line for each "
        "row\n" OPTIONS_MACHINE_HELP,
    .max_args = 1,
    .run = bench,
};
