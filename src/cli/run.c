/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - "bise run": a conversation with a model, or the continuation of a text. */
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/experts.h"
#include "cli/run_int.h"
#include "text/tokenizer.h"
#include "text/traits.h"

enum { DEFAULT_TEXT_TOKENS = 256 };

/* Fills in what a run without --seed draws with. */
static bool choose_seed(struct run *run, struct err *err)
{
    uint64_t *seed = &run->wanted.sampler.seed;
    if (run->seed_given || run->wanted.sampler.temperature <= 0)
        return true;
    if (getrandom(seed, sizeof *seed, 0) != (ssize_t)sizeof *seed)
        return err_set(err, ERR_IO, "the system gives no random numbers; set --seed");
    return true;
}

/* The prompt format to chat in: 0 for none. */
static int chat_version(const struct run *run)
{
    if (run->plain || !run->rt.tok)
        return 0;
    if (run->version)
        return run->version;
    const struct traits *traits = tokenizer_traits(run->rt.tok);
    return traits->version >= 2 || traits->has_template ? traits->version : 0;
}

static bool has_chat_options(const struct run *run)
{
    return run->system || run->system_file || run->tools || run->effort || run->load ||
           run->think_tags;
}

#define CHAT_OPTIONS "--system, --system-file, --tools, --load, --reasoning-effort and --think-tags"

/* Says why the text is continued, and how it would not be. */
static const char *explain_plain(const struct run *run)
{
    const struct traits *traits = run->rt.tok ? tokenizer_traits(run->rt.tok) : NULL;
    if (traits && traits->has_template)
        return "its chat template is not known, so the model continues your text; --format "
               "chooses a prompt format";
    if (traits && traits->version)
        return "no chat format is known for these weights: the text is continued; --format v1 "
               "chats";
    return "this is no chat model: it continues your text";
}

/* Continues the text, as nothing says how to chat. */
static int run_plain(struct run *run, const char *prompt)
{
    if (has_chat_options(run)) {
        bool is_v1 = run->rt.tok && tokenizer_traits(run->rt.tok)->version == 1;
        console_error("bise: " CHAT_OPTIONS " need a prompt format, and this model names none; %s",
                      is_v1 ? "--format v1 chats" : "choose one with --format");
        return EXIT_FAILED;
    }
    if (!run->max_given)
        run->wanted.max_tokens = DEFAULT_TEXT_TOKENS;
    run->wanted.continues_text = true;
    run->wanted.stop = run->stop.items;
    run->wanted.n_stop = run->stop.n;
    if (!run->plain)
        run->note = explain_plain(run);
    return run_text(run, prompt);
}

/* Opens the model and answers prompt, or standard input where it is NULL. */
static int run_model(struct run *run, const char *model, const char *prompt)
{
    struct err err = {0};
    struct buf path;
    int code;
    buf_init(&path, LIMIT_JSON_BYTES);
    run->machine.plan_experts = experts_plan;
    run->machine.context = run->wanted.context;
    if (!choose_seed(run, &err) || !bundled_or(model, &path, &err) ||
        !runtime_open(&run->rt, path.data, &run->machine, &err)) {
        code = console_fail(&err);
        goto out;
    }
    int version = chat_version(run);
    code = version ? run_chat(run, version, prompt) : run_plain(run, prompt);
    runtime_close(&run->rt);
out:
    buf_free(&path);
    return code;
}

static int parse(struct run *run, int *argc, char **argv)
{
    struct sampler_params *p = &run->wanted.sampler;
    struct generator_options *g = &run->wanted;
    struct option top_p = option_f32("top-p", &p->top_p, 0, 1);
    struct option repetition = option_f32("repetition-penalty", &p->repetition_penalty, 0, 10);
    struct option max_tokens = option_u32("max-tokens", &g->max_tokens, 0, UINT32_MAX);
    const struct option seed = {.name = "seed",
                                .kind = OPTION_U64,
                                .value = &p->seed,
                                .given = &run->seed_given,
                                .expected = "a whole number below 2^64"};
    top_p.above_min = repetition.above_min = true;
    max_tokens.given = &run->max_given;
    const struct option options[] = {
        option_text("system", &run->system),
        option_text("system-file", &run->system_file),
        option_text("tools", &run->tools),
        option_text("load", &run->load),
        option_text("reasoning-effort", &run->effort),
        option_flag("think-tags", &run->think_tags),
        option_flag("hide-thinking", &run->hide_thinking),
        option_flag("plain", &run->plain),
        option_format(&run->version),
        OPTIONS_MACHINE(&run->machine),
        option_flag("deterministic", &g->deterministic),
        option_context(&g->context),
        option_f32("temperature", &p->temperature, 0, 100),
        option_u32("top-k", &p->top_k, 0, UINT32_MAX),
        top_p,
        option_f32("min-p", &p->min_p, 0, 1),
        repetition,
        option_f32("presence-penalty", &p->presence_penalty, -2, 2),
        option_f32("frequency-penalty", &p->frequency_penalty, -2, 2),
        seed,
        {.name = "stop", .kind = OPTION_TEXTS, .value = &run->stop},
        max_tokens,
        option_flag("ignore-eos", &g->ignore_eos),
        option_flag("no-loop-guard", &g->no_loop_guard),
        option_flag("stats", &run->stats),
        option_flag("json", &run->json),
        {.name = NULL},
    };
    return options_parse(&verb_run, options, argc, argv);
}

static int run_main(int argc, char **argv)
{
    struct run run = {.wanted = {.sampler = SAMPLER_DEFAULT}};
    int code = parse(&run, &argc, argv);
    if (code >= 0)
        return code;
    for (size_t i = 0; i < run.stop.n; i++)
        if (!run.stop.items[i][0] || strlen(run.stop.items[i]) > LIMIT_STOP_BYTES)
            return options_wrong(&verb_run, "--stop: expected 1 to %d bytes", LIMIT_STOP_BYTES);
    if (run.plain && (run.version || has_chat_options(&run)))
        return options_wrong(&verb_run,
                             "--plain: a continued text has no --format, --system, --system-file, "
                             "--tools, --load, --reasoning-effort or --think-tags");
    if (run.system && run.system_file)
        return options_wrong(&verb_run, "--system-file: there is --system already");
    if (argc == 2)
        return run_model(&run, argv[0], argv[1]);
    if (argc == 1 && !bundled_looks_like_model(argv[0])) {
        if (*argv[0] && !strpbrk(argv[0], " \t\n"))
            run.word = argv[0];
        return run_model(&run, NULL, argv[0]);
    }
    return run_model(&run, argc ? argv[0] : NULL, NULL);
}

const struct verb verb_run = {
    .name = "run",
    .summary = "chat with a model, or let it continue a text",
    .help =
        "usage: bise run [options] [MODEL] [PROMPT]\n"
        "\n"
        "Prints the model's answer to PROMPT.  Without PROMPT it is what comes from standard\n"
        "input (one newline at its end is left out); on a terminal you type a conversation:\n"
        "Ctrl-C stops an answer, Ctrl-D the program, arrow keys and Ctrl-R edit and find lines,\n"
        "and /help lists the commands that it knows, which the first line of a message may be,\n"
        "no other.  A model whose files name no prompt format continues the text instead, and\n"
        "PROMPT is printed before it.\n"
        "A single argument is the MODEL if it exists, ends in .gguf, or has a slash and no space;\n"
        "else the PROMPT.  Without MODEL the bundled one is used; if the environment variable\n"
        "BISE_MODELS names a folder, it is looked for there.  Text that is not UTF-8 is read with\n"
        "U+FFFD in the place of what is not.\n"
        "\n"
        "    bise run path/to/model\n"
        "    bise run --system \"Answer in French.\" path/to/model \"Why is the sky blue?\"\n"
        "    bise run path/to/model < letter.txt\n"
        "    bise run --json --load request.json path/to/model < /dev/null\n"
        "    bise run \"Once upon a time\"\n"
        "\n"
        "conversation:\n"
        "    --system TEXT           what the model is told before everything else\n"
        "    --system-file FILE      the same from a file, as SYSTEM_PROMPT.txt beside a model,\n"
        "                            whose [THINK]...[/THINK] shows a model of v13 how to think\n"
        "    --tools FILE            JSON list of tool definitions, as in the API.  Calls are\n"
        "                            printed, a line each; on a terminal you are asked for their\n"
        "                            results\n"
        "    --load FILE             go on with a conversation: what /save wrote, or any request\n"
        "                            as in the API.  PROMPT or standard input is its next\n"
        "                            message; without either its last one is answered, the user's\n"
        "                            or a result.  Its system text, tools and effort come before\n"
        "                            the options'\n"
        "    --reasoning-effort X    none, high, or what else the model lists\n"
        "    --hide-thinking         leave out thoughts, which are dimmed on a terminal and else\n"
        "                            go to standard error\n"
        "    --think-tags            thoughts stand between <think> and </think> written as text\n"
        "    --format V              prompt format v1, v2, v3, v7, v11, v13 or v15 (default: what\n"
        "                            the model's files name)\n"
        "    --plain                 continue the text, whatever the files name\n"
        "    --deterministic         compute earlier answers again as part of the prompt, so that\n"
        "                            each answer is what a fresh start would give: slower\n"
        "how much:\n"
        "    --max-tokens N          stop after N tokens (continued text: 256; else, and with 0,\n"
        "                            when the context is full)\n"
        "    --stop TEXT             stop before TEXT; up to 16 times; not looked for in thoughts\n"
        "    --ignore-eos            go on after the model's end token\n"
        "    --no-loop-guard         go on although the text repeats itself\n"
        "    --context N             room for the conversation or text, in tokens (default: what\n"
        "                            the model was made for, at most 32768)\n"
        "which words:\n"
        "    --temperature X         0 (default): always the likeliest token; up to 100\n"
        "    --top-k N               draw from the N likeliest only (0: all)\n"
        "    --top-p X               draw from the likeliest that together have share X (1: all)\n"
        "    --min-p X               leave out those below X times the likeliest (0: none)\n"
        "    --repetition-penalty X  above 1: avoid what was there before (1: off)\n"
        "    --presence-penalty X    from -2 to 2: avoid what the answer has (0: off)\n"
        "    --frequency-penalty X   from -2 to 2: the same, more for each time (0: off)\n"
        "    --seed N                repeat a draw; left out, each run is different\n"
        "output:\n"
        "    --stats                 print times and speeds to standard error\n"
        "    --json                  print one JSON object at the end with message (or text, the\n"
        "                            continuation without PROMPT), finish_reason and usage\n"
        "machine:\n" OPTIONS_MACHINE_HELP "\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.\n",
    .max_args = 2,
    .run = run_main,
};
