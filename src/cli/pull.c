/* SPDX-License-Identifier: Apache-2.0 */
/* pull.c - "bise pull": brings a model from a hub into the model store. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plural.h"
#include "base/units.h"
#include "bise.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/unfinished.h"
#include "hub/hub_pull.h"
#include "hub/hub_store.h"

enum { MAX_FILES = 16, MAX_TRIES = 100 };

#define LINE_EVERY_S 10.0 /* where no bar can be drawn */
#define BAR_EVERY_S  0.1
#define RATE_OVER_S  2.0 /* what the rate forgets */

/* What is shown while files come. */
struct view {
    bool is_terminal, noted_wait;
    size_t n_found;                  /* files that were there before */
    double shown_at, rated_at, rate; /* bytes per second */
    uint64_t rated_bytes;
};

static void rate(struct view *v, const struct hub_progress *p)
{
    double now = clock_now(), passed = now - v->rated_at;
    if (passed < BAR_EVERY_S)
        return;
    double latest = (double)(p->n_received - v->rated_bytes) / passed;
    double weight = passed < RATE_OVER_S && v->rate > 0 ? passed / RATE_OVER_S : 1;
    v->rate += weight * (latest - v->rate);
    v->rated_at = now;
    v->rated_bytes = p->n_received;
}

/* Writes "4 min 10 s left", or "" when nobody knows. */
static void describe_rest(char *text, size_t size, const struct view *v,
                          const struct hub_progress *p)
{
    double rest = v->rate > 1 ? (double)(p->n_bytes - p->n_done_bytes) / v->rate : 1e9;
    *text = '\0';
    if (rest < 60)
        snprintf(text, size, ", %.0f s left", rest);
    else if (rest < 3600)
        snprintf(text, size, ", %d min %d s left", (int)rest / 60, (int)rest % 60);
    else if (rest < 360000)
        snprintf(text, size, ", %d h %d min left", (int)rest / 3600, (int)rest / 60 % 60);
}

static void draw(const struct view *v, const struct hub_progress *p)
{
    char done[UNITS_TEXT], all[UNITS_TEXT], speed[UNITS_TEXT], rest[40];
    double part = p->n_bytes ? (double)p->n_done_bytes / (double)p->n_bytes : 1;
    describe_rest(rest, sizeof rest, v, p);
    units_bytes(done, p->n_done_bytes);
    units_bytes(all, p->n_bytes);
    units_bytes(speed, (uint64_t)v->rate);
    if (v->is_terminal)
        console_bar(p->repo, part, "%s of %s, %s/s%s", done, all, speed, rest);
    else
        console_note("%s: %.0f %%, %s of %s, %s/s%s", p->repo, 100 * part, done, all, speed, rest);
}

static bool show_progress(void *arg, const struct hub_progress *p)
{
    struct view *v = arg;
    double now = clock_now();
    rate(v, p);
    v->n_found = p->n_found;
    if (p->finished) {
        char size[UNITS_TEXT];
        console_progress_end();
        console_note("%s, %s (%zu of %zu)", p->finished->path,
                     units_bytes(size, p->finished->n_bytes), p->n_done, p->n_files);
    }
    if (p->damaged)
        console_note("%s is damaged in the store; downloading it again", p->damaged->path);
    if (p->waits_for && !v->noted_wait)
        console_note("%s is being downloaded by another program; waiting for it", p->waits_for);
    v->noted_wait = p->waits_for != NULL;
    if (p->n_files && now - v->shown_at >= (v->is_terminal ? BAR_EVERY_S : LINE_EVERY_S)) {
        draw(v, p);
        v->shown_at = now;
    }
    return !interrupt_came();
}

static void note_found(const struct hub_name *name, const struct hub_choice *choice)
{
    char size[UNITS_TEXT];
    console_note("%s: everything is there already, %zu file%s, %s", name->repo, choice->n_files,
                 plural(choice->n_files), units_bytes(size, choice->n_bytes));
}

/* Brings it.  wanted: the options that were given. */
static bool pull_online(const struct hub_name *name, const struct hub_pull_options *wanted,
                        struct buf *path, struct err *err)
{
    char agent[64];
    struct view view = {.is_terminal = isatty(STDERR_FILENO) == 1, .shown_at = clock_now()};
    struct hub_listing listing = {0};
    struct hub_choice choice;
    struct hub_pull_options options = *wanted;
    options.agent = agent;
    options.progress = show_progress;
    options.arg = &view;
    snprintf(agent, sizeof agent, "bise/%s", bise_version());
    view.rated_at = view.shown_at;
    interrupt_hold_all();
    bool ok = hub_pull(&options, name, &listing, &choice, path, err);
    interrupt_release();
    console_progress_end();
    if (ok && view.n_found == choice.n_files)
        note_found(name, &choice);
    if (!ok && err->code == ERR_CANCELLED)
        console_note("interrupted; the same command goes on where this one ended");
    if (ok && choice.projector)
        console_note("%s is left out: a part for pictures", choice.projector);
    hub_listing_free(&listing);
    return ok;
}

static int pull(int argc, char **argv)
{
    bool offline = false;
    struct hub_settings settings;
    struct hub_pull_options wanted = {.settings = &settings, .n_tries = 5, .n_parallel = 4};
    const struct option options[] = {
        option_flag("offline", &offline),
        option_int("parallel", &wanted.n_parallel, 1, MAX_FILES),
        option_int("tries", &wanted.n_tries, 1, MAX_TRIES),
        option_flag("verify", &wanted.verify),
        {.name = NULL},
    };
    int code = options_parse(&verb_pull, options, &argc, argv);
    if (code >= 0)
        return code;
    if (!argc)
        return options_wrong(&verb_pull, "expected ORG/NAME");

    struct err err = {0};
    struct hub_name name;
    struct buf path;
    buf_init(&path, PATH_MAX);
    if (!hub_name_parse(&name, argv[0], &err))
        return options_wrong(&verb_pull, "%s", err.text);
    bool ok = hub_settings_read(&settings, &err);
    if (ok && (offline || settings.offline))
        ok = hub_store_find(&name, &path, &err) || unfinished_explain(&name, argv[0], &err) ||
             err_remedy(&err, ERR_NOT_FOUND, "pull it without --offline and HF_HUB_OFFLINE");
    else
        ok = ok && pull_online(&name, &wanted, &path, &err);
    if (ok)
        puts(path.data);
    code = ok ? console_finish(EXIT_DONE) : console_fail(&err);
    hub_settings_free(&settings);
    buf_free(&path);
    return code;
}

const struct verb verb_pull = {
    .name = "pull",
    .summary = "download a model into the model store",
    .help =
        "usage: bise pull [options] ORG/NAME[@REVISION][:FILE or TYPE]\n"
        "\n"
        "Downloads a model from Hugging Face's hub, checks every file by its hash, and prints\n"
        "where it is.  From then on ORG/NAME stands for it wherever a command takes a MODEL.  Of\n"
        "the layouts that are there one is taken: Mistral's own (params.json), else Hugging\n"
        "Face's (config.json), else a GGUF file; :FILE or :TYPE names one of several.  Files that\n"
        "are there already are not downloaded again, and what was cut off is gone on with.\n"
        "\n"
        "    bise pull mistralai/Mistral-7B-Instruct-v0.3\n"
        "    bise pull ORG/NAME-GGUF:Q4_K_M\n"
        "\n"
        "    --offline      ask nobody: only say where it is, or that it is not there\n"
        "    --parallel N   files at a time (default 4)\n"
        "    --tries N      of each request, before giving up (default 5)\n"
        "    --verify       check the hashes of large files that are there already, too\n"
        "\n"
        "The store is the folder that the hub's own tools use (~/.cache/huggingface/hub).\n"
        "Environment variables: HF_HUB_CACHE or HF_HOME (the store), HF_ENDPOINT (a mirror),\n"
        "HF_TOKEN (for models that are not public), HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT\n"
        "(seconds without data), SSL_CERT_FILE (authorities to trust), https_proxy and no_proxy.\n",
    .max_args = 1,
    .run = pull,
};
