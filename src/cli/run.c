/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - "bise run": continues a text, token by token, as it comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/notes.h"
#include "cli/options.h"
#include "cli/units.h"
#include "data/utf8.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/model.h"
#include "text/tokenizer.h"

enum { DEFAULT_MAX_TOKENS = 256 };

struct session {
    struct runtime_options machine;
    struct generator_options wanted;
    struct option_texts stop;
    bool stats, json;
    bool max_given, seed_given;
    const char *word; /* a prompt that could be a mistyped MODEL, or NULL */
    bool announced;
    struct runtime rt;
};

struct answer {
    struct generator *gen;
    struct token_ids prompt;
    struct buf text; /* the whole answer for JSON, else the newest piece */
    char last;       /* character that was printed */
    bool interrupted;
};

static bool print(struct answer *a, const char *text, size_t n, struct err *err)
{
    if (n)
        a->last = text[n - 1];
    return console_text(text, n, err);
}

/* Prints the prompt with U+FFFD for what is ill-formed, as the model gets it. */
static bool echo(struct answer *a, const char *text, size_t n, struct err *err)
{
    size_t begin = 0;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        if (utf8_decode(text + i, n - i, &code, &len) == UTF8_OK)
            continue;
        if (!print(a, text + begin, i - begin, err) || !print(a, "\xef\xbf\xbd", 3, err))
            return false;
        begin = i + len;
    }
    return print(a, text + begin, n - begin, err);
}

/* Tokens that the sequence has room for. */
static uint32_t room(const struct session *s)
{
    return generator_context(model_config(s->rt.model), s->wanted.context);
}

/* Says whether a larger context is one that the model can use. */
static bool may_grow(const struct session *s)
{
    const struct model_config *c = model_config(s->rt.model);
    return c->context_assumed || room(s) < c->context;
}

static bool check_prompt(const struct session *s, const struct answer *a, struct err *err)
{
    if (!a->prompt.n)
        return err_set(err, ERR_ARG, "the prompt is empty and this model needs one; give a text");
    if (a->prompt.n <= room(s))
        return true;
    return err_set(err, ERR_LIMIT, "the prompt has %zu tokens and the context %u; shorten it%s",
                   a->prompt.n, room(s), may_grow(s) ? " or ask for a larger --context" : "");
}

/* What to know before the first text, and not before an error. */
static void announce(struct session *s)
{
    if (s->announced)
        return;
    s->announced = true;
    if (s->word)
        console_note("'%s' is no file or folder, so it is the prompt", s->word);
    notes_skipped(s->rt.ckpt);
    notes_context(s->rt.ckpt, room(s));
    console_note("this version has no chat formats: the model continues your text");
}

/* In the steps that the model takes anyway, so that Ctrl-C needs to wait for one only. */
static bool feed_prompt(struct answer *a, struct err *err)
{
    for (size_t i = 0, n; i < a->prompt.n && !a->interrupted; i += n) {
        n = a->prompt.n - i < MODEL_MAX_TOKENS ? a->prompt.n - i : MODEL_MAX_TOKENS;
        if (!generator_prompt(a->gen, a->prompt.ids + i, n, err))
            return false;
        a->interrupted = interrupt_came();
    }
    return true;
}

static bool stream_answer(const struct session *s, struct answer *a, struct err *err)
{
    for (int32_t id = 0; id >= 0 && !a->interrupted; a->interrupted = interrupt_came()) {
        if (!s->json)
            buf_clear(&a->text);
        if (!generator_next(a->gen, &id, &a->text, err))
            return false;
        if (!s->json && !print(a, a->text.data, a->text.len, err))
            return false;
    }
    return true;
}

static const char *finish_name(const struct answer *a)
{
    if (a->interrupted)
        return "interrupted";
    switch (generator_finish(a->gen)) {
    case FINISH_STOP:
        return "stop";
    case FINISH_LOOP:
        return "loop";
    case FINISH_LENGTH:
        return "length";
    case FINISH_NONE:
        break;
    }
    return "none";
}

static void print_json(const struct session *s, const struct answer *a)
{
    struct generator_stats stats = generator_stats(a->gen);
    printf("{\"text\":");
    json_text(a->text.data, a->text.len);
    printf(",\"finish_reason\":\"%s\"", finish_name(a));
    if (s->wanted.sampler.temperature > 0)
        printf(",\"seed\":%llu", (unsigned long long)s->wanted.sampler.seed);
    printf(",\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u}}\n",
           stats.n_prompt, stats.n_answer, stats.n_prompt + stats.n_answer);
}

static void print_stats(const struct session *s, const struct answer *a)
{
    struct generator_stats stats = generator_stats(a->gen);
    char size[UNITS_TEXT];
    fprintf(stderr, "load    %.3f s\n", s->rt.load_s);
    fprintf(stderr, "prompt  %u tokens in %.3f s, %.1f tokens/s\n", stats.n_prompt, stats.prompt_s,
            units_rate(stats.n_prompt, stats.prompt_s));
    fprintf(stderr, "answer  %u tokens in %.3f s, %.1f tokens/s; ended by: %s\n", stats.n_answer,
            stats.answer_s, units_rate(stats.n_answer, stats.answer_s), finish_name(a));
    fprintf(stderr, "memory  %s reserved for keys and values\n", units_bytes(size, stats.kv_bytes));
    if (s->wanted.sampler.temperature > 0)
        fprintf(stderr, "seed    %llu\n", (unsigned long long)s->wanted.sampler.seed);
}

/* Says why a text ends in the middle, where the user did not ask for that. */
static void explain_end(const struct session *s, const struct answer *a)
{
    enum finish_reason why = generator_finish(a->gen);
    if (why == FINISH_LOOP)
        console_note("stopped because the text repeats itself; --no-loop-guard goes on");
    if (why != FINISH_LENGTH || a->interrupted)
        return;
    if (generator_stats(a->gen).n_answer < s->wanted.max_tokens || !s->wanted.max_tokens)
        console_note("stopped because the context of %u tokens is full%s", room(s),
                     may_grow(s) ? "; --context N allows more" : "");
    else if (!s->max_given)
        console_note("stopped after %u tokens; --max-tokens N allows more", s->wanted.max_tokens);
}

/* Prints the answer to one prompt.  Returns the exit code. */
static int answer(struct session *s, const char *prompt, size_t n)
{
    struct err err = {0};
    struct answer a = {0};
    int code;
    buf_init(&a.text, LIMIT_TEXT_BYTES);
    interrupt_hold();
    if (!runtime_prompt(&s->rt, prompt, n, &a.prompt, &err))
        goto out;
    a.gen = generator_open(s->rt.model, s->rt.tok, &s->wanted, &err);
    if (!a.gen || !check_prompt(s, &a, &err))
        goto out;
    announce(s);
    if (!s->json && !echo(&a, prompt, n, &err))
        goto out;
    if (!feed_prompt(&a, &err) || !stream_answer(s, &a, &err))
        goto out;
    if (s->json)
        print_json(s, &a);
out:
    /* Text that came before a failure stays, on a line of its own. */
    if (a.last && a.last != '\n')
        putchar('\n');
    if (err.code) {
        fflush(stdout);
        code = console_fail(&err);
    } else {
        code = console_finish(a.interrupted ? EXIT_INTERRUPTED : EXIT_DONE);
        explain_end(s, &a);
        if (s->stats)
            print_stats(s, &a);
    }
    interrupt_release();
    generator_close(a.gen);
    token_ids_free(&a.prompt);
    buf_free(&a.text);
    return code;
}

/* One prompt from a pipe or file.  The newline that ends its last line is no part of it. */
static int answer_input(struct session *s)
{
    struct err err = {0};
    struct buf prompt;
    int code;
    buf_init(&prompt, LIMIT_TEXT_BYTES);
    if (input_read(&prompt, &err)) {
        if (prompt.len && prompt.data[prompt.len - 1] == '\n')
            prompt.len--;
        code = answer(s, prompt.data, prompt.len);
    } else {
        code = console_fail(&err);
    }
    buf_free(&prompt);
    return code;
}

/* Each line that is typed is a prompt of its own, and a failure concerns that line alone.
 * Ctrl-C drops a line or stops an answer; Ctrl-D ends. */
static int answer_lines(struct session *s)
{
    char *line = NULL;
    size_t size = 0;
    for (ssize_t n; (n = input_line(&line, &size)) >= 0;)
        if (n)
            (void)answer(s, line, (size_t)n);
    free(line);
    return EXIT_DONE;
}

/* Fills in what a run without --seed draws with. */
static bool choose_seed(struct session *s, struct err *err)
{
    uint64_t *seed = &s->wanted.sampler.seed;
    if (s->seed_given || s->wanted.sampler.temperature <= 0)
        return true;
    if (getrandom(seed, sizeof *seed, 0) != (ssize_t)sizeof *seed)
        return err_set(err, ERR_IO, "the system gives no random numbers; set --seed");
    return true;
}

/* Opens the model and answers prompt, or standard input where it is NULL. */
static int session_run(struct session *s, const char *model, const char *prompt)
{
    struct err err = {0};
    struct buf path;
    int code;
    buf_init(&path, LIMIT_JSON_BYTES);
    if (!choose_seed(s, &err) || !bundled_or(model, &path, &err) ||
        !runtime_open(&s->rt, path.data, &s->machine, &err)) {
        code = console_fail(&err);
        goto out;
    }
    if (prompt)
        code = answer(s, prompt, strlen(prompt));
    else
        code = input_is_terminal() ? answer_lines(s) : answer_input(s);
    runtime_close(&s->rt);
out:
    buf_free(&path);
    return code;
}

static int parse(struct session *s, int *argc, char **argv)
{
    struct sampler_params *p = &s->wanted.sampler;
    struct generator_options *g = &s->wanted;
    struct option top_p = option_f32("top-p", &p->top_p, 0, 1);
    struct option repetition = option_f32("repetition-penalty", &p->repetition_penalty, 0, 10);
    struct option max_tokens = option_u32("max-tokens", &g->max_tokens, 0, UINT32_MAX);
    const struct option seed = {.name = "seed",
                                .kind = OPTION_U64,
                                .value = &p->seed,
                                .given = &s->seed_given,
                                .expected = "a whole number below 2^64"};
    top_p.above_min = repetition.above_min = true;
    max_tokens.given = &s->max_given;
    const struct option options[] = {
        option_threads(&s->machine),
        option_cpu(&s->machine),
        option_exact(&s->machine),
        option_context(&g->context),
        option_f32("temperature", &p->temperature, 0, 100),
        option_u32("top-k", &p->top_k, 0, UINT32_MAX),
        top_p,
        option_f32("min-p", &p->min_p, 0, 1),
        repetition,
        option_f32("presence-penalty", &p->presence_penalty, -2, 2),
        option_f32("frequency-penalty", &p->frequency_penalty, -2, 2),
        seed,
        {.name = "stop", .kind = OPTION_TEXTS, .value = &s->stop},
        max_tokens,
        option_flag("ignore-eos", &g->ignore_eos),
        option_flag("no-loop-guard", &g->no_loop_guard),
        option_flag("stats", &s->stats),
        option_flag("json", &s->json),
        {.name = NULL},
    };
    return options_parse(&verb_run, options, argc, argv);
}

static int run(int argc, char **argv)
{
    struct session s = {.wanted = {.sampler = SAMPLER_DEFAULT,
                                   .max_tokens = DEFAULT_MAX_TOKENS,
                                   .continues_text = true}};
    int code = parse(&s, &argc, argv);
    if (code >= 0)
        return code;
    for (size_t i = 0; i < s.stop.n; i++)
        if (!s.stop.items[i][0] || strlen(s.stop.items[i]) > LIMIT_STOP_BYTES)
            return options_wrong(&verb_run, "--stop: expected 1 to %d bytes", LIMIT_STOP_BYTES);
    s.wanted.stop = s.stop.items;
    s.wanted.n_stop = s.stop.n;
    if (argc == 2)
        return session_run(&s, argv[0], argv[1]);
    if (argc == 1 && !bundled_looks_like_model(argv[0])) {
        if (*argv[0] && !strpbrk(argv[0], " \t\n"))
            s.word = argv[0];
        return session_run(&s, NULL, argv[0]);
    }
    return session_run(&s, argc ? argv[0] : NULL, NULL);
}

const struct verb verb_run = {
    .name = "run",
    .summary = "let a model continue a text",
    .help =
        "usage: bise run [options] [MODEL] [PROMPT]\n"
        "\n"
        "Prints PROMPT and what the model writes after it.  Without PROMPT the text comes from\n"
        "standard input (one newline at its end is left out); on a terminal each line that you\n"
        "type is continued, Ctrl-C stops the text and Ctrl-D the program.  A single argument is\n"
        "the MODEL if it exists, ends in .gguf, or has a slash and no space; else the PROMPT.\n"
        "Without MODEL the bundled one is used; if the environment variable BISE_MODELS names a\n"
        "folder, it is looked for there.\n"
        "\n"
        "    bise run \"Once upon a time\"\n"
        "    bise run --max-tokens 60 --temperature 0.8 path/to/model \"The sea is\"\n"
        "    bise run path/to/model < letter.txt\n"
        "\n"
        "how much:\n"
        "    --max-tokens N          stop after N tokens (256; 0: when the context is full)\n"
        "    --stop TEXT             stop before TEXT; up to 16 times\n"
        "    --ignore-eos            go on after the model's end token\n"
        "    --no-loop-guard         go on although the text repeats itself\n"
        "    --context N             room for prompt and answer, in tokens (default: what the\n"
        "                            model was made for, at most 32768)\n"
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
        "    --json                  print one JSON object with text, finish_reason and usage\n"
        "                            at the end; text is the answer without PROMPT\n"
        "machine:\n"
        "    --threads N             compute threads (default: every processor)\n"
        "    --cpu NAME              auto, c, avx2 or avx512\n"
        "    --exact                 compute in float32: slower\n"
        "\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.\n",
    .max_args = 2,
    .run = run,
};
