/* SPDX-License-Identifier: Apache-2.0 */
/* generate.c - "bise generate": answers a file of requests, and goes on where it was stopped.
 *
 * The requests are those of the server, so the server's interface answers them: it listens at a
 * socket in a folder of its own, which nobody else may enter. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "base/limits.h"
#include "base/plural.h"
#include "base/random.h"
#include "base/turn.h"
#include "base/units.h"
#include "bise.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/generate_run.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/out_check.h"
#include "cli/served.h"

enum { DEFAULT_PARALLEL = 64, SOME_MORE = 16, MAX_PATH = 90, NAME_CHARS = 12 };

struct generate {
    struct served_options how;
    const char *input, *output;
    bool json;

    struct served served;
    struct api_model model;
    struct turn *turn;
    struct api *api;
    char folder[MAX_PATH], socket[MAX_PATH + 8];
    struct generate_input in;
    struct generate_output out;
    struct generate_counts counts;
};

/* As many as are written at the same time, and some that wait for their turn. */
static uint32_t n_at_a_time(const struct generate *g)
{
    return g->how.scheduler.n_running + SOME_MORE;
}

static bool make_folder(struct generate *g, struct err *err)
{
    char name[NAME_CHARS + 1];
    const char *tmp = getenv("TMPDIR");
    if (!random_text(name, NAME_CHARS, "0123456789abcdef", 16, err))
        return false;
    int n = snprintf(g->folder, sizeof g->folder, "%s/bise-%s", tmp && *tmp ? tmp : "/tmp", name);
    if (n < 0 || (size_t)n >= sizeof g->folder || mkdir(g->folder, 0700) != 0) {
        *g->folder = '\0';
        return err_set(err, ERR_IO, "no folder can be made for a socket; see TMPDIR");
    }
    snprintf(g->socket, sizeof g->socket, "%s/socket", g->folder);
    return true;
}

static bool open_api(struct generate *g, struct err *err)
{
    struct api_options o = {
        .models = &g->model, .n_models = 1, .no_auth = true, .version = bise_version()};
    http_limits_default(&o.http.limits);
    o.http.limits.memory_bytes = LIMIT_REQUEST_BYTES;
    o.http.limits.n_connections = o.http.limits.n_per_address = 2 * n_at_a_time(g);
    o.http.unix_path = g->socket;
    o.http.unix_mode = 0600;
    g->api = make_folder(g, err) ? api_open(&o, err) : NULL;
    return g->api != NULL;
}

/* Opens files before the model: what is wrong with them is soon told. */
static bool open_files(struct generate *g, struct err *err)
{
    size_t n_cut = 0;
    bool ok = generate_input_open(&g->in, g->input, err) &&
              generate_output_open(&g->out, g->output, &g->in, &n_cut, err);
    if (ok && n_cut)
        console_note("%s: a part of a line at its end is removed", g->output);
    return ok;
}

static size_t count_done(const struct generate_input *in)
{
    size_t n = 0;
    for (size_t i = 0; i < in->file.n_lines; i++)
        n += in->done[i];
    return n;
}

static void report(const struct generate *g)
{
    const struct generate_counts *c = &g->counts;
    double written = units_rate((double)c->n_output, c->seconds);
    double all = units_rate((double)(c->n_output + c->n_prompt), c->seconds);
    char before[64] = "", failed[300] = "";
    if (c->n_found)
        snprintf(before, sizeof before, ", %" PRIu64 " were there", c->n_found);
    if (c->n_failed)
        snprintf(failed, sizeof failed, ", %" PRIu64 " failed: see %.200s", c->n_failed,
                 g->out.errors.data);
    console_note("%s: %" PRIu64 " answer%s in %.1f s%s%s", g->output, c->n_done, plural(c->n_done),
                 c->seconds, before, failed);
    if (c->n_done)
        console_note("%" PRIu64 " tokens written, %.1f per second; %" PRIu64 " of prompts, %" PRIu64
                     " of them cached; %.1f per second in all",
                     c->n_output, written, c->n_prompt, c->n_cached, all);
    if (g->json)
        printf("{\"requests\":%zu,\"found\":%" PRIu64 ",\"done\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"seconds\":%.6g,\"output_tokens\":%" PRIu64 ",\"prompt_tokens\":%" PRIu64
               ",\"cached_tokens\":%" PRIu64
               ",\"output_tokens_per_s\":%.6g,\"total_tokens_per_s\":%.6g}\n",
               g->in.file.n_lines, c->n_found, c->n_done, c->n_failed, c->seconds, c->n_output,
               c->n_prompt, c->n_cached, written, all);
}

static bool answer_all(struct generate *g, const char *what, struct err *err)
{
    if (!open_files(g, err))
        return false;
    g->counts.n_found = count_done(&g->in);
    if (g->counts.n_found == g->in.file.n_lines)
        return true;
    g->turn = turn_open(err);
    if (!g->turn || !served_open(&g->served, what, &g->how, g->turn, &g->model, err) ||
        !out_check_model(g->output, g->served.rt.ckpt, err) || !open_api(g, err))
        return false;
    return generate_run(g->socket, g->model.name, n_at_a_time(g), &g->in, &g->out, &g->counts, err);
}

static void close_all(struct generate *g)
{
    /* The engine first: what it still answers ends. */
    served_close(&g->served);
    api_close(g->api);
    turn_close(g->turn);
    generate_output_close(&g->out);
    generate_input_close(&g->in);
    if (!*g->folder)
        return;
    unlink(g->socket);
    rmdir(g->folder);
}

static int run_all(struct generate *g, const char *what)
{
    struct err err = {0};
    g->out.fd = g->out.errors_fd = -1;
    signal(SIGPIPE, SIG_IGN);
    interrupt_hold_all();
    bool ok = answer_all(g, what, &err), stopped = !ok && err.code == ERR_CANCELLED;
    if (ok || stopped)
        report(g);
    if (stopped)
        console_note("interrupted; the same command goes on where this one ended");
    int code =
        ok ? console_finish(g->counts.n_failed ? EXIT_FAILED : EXIT_DONE) : console_fail(&err);
    interrupt_release();
    close_all(g);
    return code;
}

static int generate(int argc, char **argv)
{
    struct generate g = {0};
    struct scheduler_options *o = &g.how.scheduler;
    *o = (struct scheduler_options){.n_running = DEFAULT_PARALLEL};
    const struct option options[] = {
        {.name = "input", .letter = 'i', .kind = OPTION_TEXT, .value = &g.input},
        {.name = "output", .letter = 'o', .kind = OPTION_TEXT, .value = &g.output},
        option_flag("json", &g.json),
        option_context(&g.how.context),
        {.name = "kv-memory",
         .kind = OPTION_SIZE,
         .value = &g.how.kv_memory,
         .expected = "a size such as 500M, 1.5G or 24GiB"},
        option_u32("parallel", &o->n_running, 1, SCHEDULER_RUNNING),
        option_u32("speculate", &o->n_draft, 0, SCHEDULER_DRAFT),
        option_flag("no-prefix-cache", &o->no_prefix_cache),
        option_format(&g.how.version),
        OPTIONS_MACHINE(&g.how.machine),
        {.name = NULL},
    };
    int code = options_parse(&verb_generate, options, &argc, argv);
    if (code >= 0)
        return code;
    if (!g.input || !g.output)
        return options_wrong(&verb_generate, "expected -i FILE and -o FILE");
    o->n_waiting = 2 * n_at_a_time(&g);
    g.how.n_contexts = o->n_running;
    return run_all(&g, argc ? argv[0] : NULL);
}

const struct verb verb_generate = {
    .name = "generate",
    .summary = "answer a file of requests, many at a time",
    .help =
        "usage: bise generate [options] [MODEL] -i REQUESTS.jsonl -o ANSWERS.jsonl\n"
        "\n"
        "Answers a request in each line of a file, as many at a time as serve the machine best,\n"
        "and writes a line for each as soon as it is answered.  When it is stopped, even by a\n"
        "kill, the same command goes on: what has an answer in the file is not asked again.\n"
        "\n"
        "    bise generate path/to/model -i requests.jsonl -o answers.jsonl\n"
        "\n"
        "A line is a request of the server's interface, or one of a batch, which has it as body:\n"
        "\n"
        "    {\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"max_tokens\":100}\n"
        "    {\"custom_id\":\"a1\",\"body\":{\"prompt\":\"Once upon a time\",\"max_tokens\":100}}\n"
        "\n"
        "With messages it is a chat; with a prompt, text to be continued; with a suffix, too, a\n"
        "middle to fill in; with input, embeddings; \"url\" beside the body names another path.\n"
        "MODEL answers, whatever model a request names.  Answers come in the order in which they\n"
        "are done, as lines of a batch: custom_id (where a line has none, its number) and the\n"
        "response with its body.  Requests that fail are written to ANSWERS.jsonl.errors, are\n"
        "asked again by the same command, and make the exit code 1.\n"
        "\n"
        "    -i, --input FILE        the requests\n"
        "    -o, --output FILE       the answers\n"
        "    --json                  print what was done and how fast as JSON on stdout\n"
        "    --context N             tokens of a request with its answer (the model's, at\n"
        "                            most 32768)\n"
        "    --kv-memory SIZE        memory for keys and values (for all that are written at the\n"
        "                            same time, at most half of what is left)\n"
        "    --parallel N            answers that are written at the same time (64)\n"
        "    --speculate N           try out N tokens at a time that the text or a request's\n"
        "                            prediction suggests: answers stay the same (0)\n"
        "    --no-prefix-cache       compute every prompt anew\n"
        "    --format V              prompt format, such as v7 (what the model's files "
        "say)\n" OPTIONS_MACHINE_HELP,
    .max_args = 1,
    .run = generate,
};
