/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/page_cache.h"
#include "base/plural.h"
#include "base/units.h"
#include "cli/bench_about.h"
#include "cli/bench_batch.h"
#include "cli/bench_compare.h"
#include "cli/bench_profile.h"
#include "cli/bench_rows.h"
#include "cli/bench_work.h"
#include "cli/console.h"
#include "cli/disk_speed.h"
#include "cli/experts.h"
#include "cli/machine.h"
#include "cli/notes.h"
#include "engine/generator.h"
#include "model/model.h"

#define MAX_PROFILES     (3 * OPTION_MAX_NUMBERS)
#define STAYED_IN_MEMORY 0.05 /* a share of a file worth saying */

/* What a row is about, and what its runs found. */
struct bench {
    const struct bench_options *options;
    const char *path;
    struct runtime rt;
    struct buf files; /* of weights: paths, each with its NUL */
    struct bench_about about;
    struct bench_rows rows;
    struct bench_stored stored;
    struct bench_limits limits;
    int32_t *ids; /* [the longest prompt or depth] */

    struct generator *gen; /* of the row */
    struct bench_batch *batch;
    uint32_t n; /* its number: tokens of a prompt, tokens before, or sequences */

    /* Shares of the disk's speed, which changes while experts are read: one for each run. */
    double disk_parts[SUMMARY_MAX_RUNS];
    int n_runs;              /* of the row, the warm-up included */
    struct disk_speed *disk; /* NULL: nothing comes from there */
    double disk_read;        /* bytes per second, when last measured */
    double stayed;           /* share of the files that stayed in memory before a cold start */
    bool hides_stayed;       /* the system does not tell that of every file */
    struct expert_cache_stats experts; /* of all decoding that was timed */
    double decode_s;
    uint64_t n_decoded;

    bool knows_peak; /* the limits' own memory is not in the peak */
    uint64_t opened_peak, kv_bytes;
    struct bench_matrices *matrices;
    struct profile *profile; /* of the run that comes, or NULL */
    struct bench_profile_run {
        char name[40];
        struct profile profile;
    } profiles[MAX_PROFILES];
    int n_profiles;
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

/* Brings the row's sequence back to its first n tokens, which it computed before if it could hold
 * them. */
static bool go_back(struct bench *b, uint32_t n, struct err *err)
{
    uint32_t n_kept = (uint32_t)generator_rewind(b->gen, b->ids, n);
    return feed(b->gen, b->ids + n_kept, n - n_kept, err);
}

static bool open_sequence(struct bench *b, uint32_t context, struct err *err)
{
    struct generator_options options = {
        .sampler = SAMPLER_DEFAULT, .no_loop_guard = true, .context = context};
    b->gen = generator_open(b->rt.model, NULL, &options, err);
    if (!b->gen)
        return false;
    size_t kv_bytes = generator_stats(b->gen).kv_bytes;
    b->kv_bytes = kv_bytes > b->kv_bytes ? kv_bytes : b->kv_bytes;
    return true;
}

static void close_sequences(struct bench *b)
{
    generator_close(b->gen);
    bench_batch_close(b->batch);
    b->gen = NULL;
    b->batch = NULL;
}

/* Begin and end what is measured of a run.  end_clock() returns seconds. */
static double begin_clock(struct bench *b)
{
    if (b->profile)
        profile_begin(b->profile, b->rt.backend, bench_matrices_classify, b->matrices);
    return clock_now();
}

static double end_clock(struct bench *b, double start)
{
    double seconds = clock_now() - start;
    if (b->profile)
        profile_end(b->profile);
    return seconds;
}

static bool time_load(void *arg, double *seconds, struct err *err)
{
    struct bench *b = arg;
    runtime_close(&b->rt);
    if (!runtime_open(&b->rt, b->path, &b->options->machine, err))
        return false;
    *seconds = b->rt.load_s;
    return true;
}

static struct expert_cache_stats read_experts(const struct bench *b)
{
    return b->rt.experts ? expert_cache_stats(b->rt.experts) : (struct expert_cache_stats){0};
}

/* Measures the disk for the run that follows, where experts come from there. */
static bool measure_disk(struct bench *b, struct err *err)
{
    return !b->rt.experts || disk_speed_measure(b->disk, &b->disk_read, err);
}

/* Notes the share of the disk's speed at which n_bytes came.  The first run only warms up, and
 * that which is taken apart comes after the others. */
static void note_disk(struct bench *b, double n_bytes, double seconds)
{
    if (b->n_runs > 0 && !b->profile)
        b->disk_parts[b->n_runs - 1] = units_rate(n_bytes, b->disk_read * seconds);
    b->n_runs++;
}

/* From nothing to the logits of a first token: what a user waits for. */
static bool time_start(void *arg, double *seconds, struct err *err)
{
    struct bench *b = arg;
    double load_s;
    if (!measure_disk(b, err))
        return false;
    double start = clock_now();
    bool ok =
        time_load(b, &load_s, err) && open_sequence(b, 2, err) && feed(b->gen, b->ids, 1, err);
    *seconds = clock_now() - start;
    close_sequences(b);
    note_disk(b, (double)read_experts(b).n_read, *seconds);
    return ok;
}

static bool time_cold(void *arg, double *seconds, struct err *err)
{
    struct bench *b = arg;
    double stayed, most = 0;
    int n_runs = b->n_runs;
    runtime_close(&b->rt);
    for (size_t i = 0; i < b->files.len; i += strlen(b->files.data + i) + 1) {
        if (!page_cache_drop(b->files.data + i, &stayed, err))
            return false;
        b->hides_stayed |= isnan(stayed);
        most = stayed > most ? stayed : most;
    }
    b->stayed = most > b->stayed ? most : b->stayed;
    if (!disk_speed_measure(b->disk, &b->disk_read, err) || !time_start(b, seconds, err))
        return false;
    b->n_runs = n_runs;
    note_disk(b, bench_step_bytes(b->rt.ckpt, b->rt.backend->kv_type, 0, 1), *seconds);
    return true;
}

static bool time_prefill(void *arg, double *rate, struct err *err)
{
    struct bench *b = arg;
    (void)generator_rewind(b->gen, b->ids, 1);
    if (!measure_disk(b, err))
        return false;
    uint64_t n_read = read_experts(b).n_read;
    double start = begin_clock(b);
    bool ok = feed(b->gen, b->ids, b->n, err);
    double seconds = end_clock(b, start);
    *rate = units_rate(b->n, seconds);
    note_disk(b, (double)(read_experts(b).n_read - n_read), seconds);
    return ok;
}

static void count_experts(struct bench *b, const struct expert_cache_stats *before, double seconds)
{
    struct expert_cache_stats now = read_experts(b), s = experts_between(before, &now);
    if (b->n_runs > 0 && !b->profile) {
        b->experts.hits += s.hits;
        b->experts.misses += s.misses;
        b->experts.n_read += s.n_read;
        b->experts.read_s += s.read_s;
        b->decode_s += seconds;
        b->n_decoded += b->options->n_generate;
    }
    note_disk(b, (double)s.n_read, seconds);
}

/* Writes tokens behind depth others; the first needs no step: its logits came with the prompt. */
static bool time_decode(void *arg, double *rate, struct err *err)
{
    struct bench *b = arg;
    int32_t id;
    struct buf text; /* stays empty: there is no tokenizer */
    uint32_t n = b->options->n_generate;
    buf_init(&text, 0);
    if (!go_back(b, b->n ? b->n : 1, err) || !generator_next(b->gen, &id, &text, err) ||
        !measure_disk(b, err))
        return false;
    bool ok = true;
    struct expert_cache_stats before = read_experts(b);
    double start = begin_clock(b);
    for (uint32_t i = 0; ok && i < n; i++)
        ok = generator_next(b->gen, &id, &text, err) && summary_go_on(err);
    double seconds = end_clock(b, start);
    *rate = units_rate(n, seconds);
    count_experts(b, &before, seconds);
    return ok;
}

static bool time_batch(void *arg, double *rate, struct err *err)
{
    struct bench *b = arg;
    if (!measure_disk(b, err))
        return false;
    uint64_t n_read = read_experts(b).n_read;
    double start = begin_clock(b);
    bool ok = bench_batch_run(b->batch, err);
    double seconds = end_clock(b, start);
    *rate = units_rate((double)b->n * b->options->n_generate, seconds);
    note_disk(b, (double)(read_experts(b).n_read - n_read), seconds);
    return ok;
}

static double disk_part(struct bench *b, const struct bench_row *row)
{
    return row->value.n_runs ? summary_of(b->disk_parts, row->value.n_runs).median : 0;
}

/* Ends a row of which per_s steps took a second, each with so many operations and bytes of memory,
 * where no cache holds them: sets what limits it, and adds it. */
static bool end_row(struct bench *b, struct bench_row *row, bool ok, double bytes, double flops,
                    double per_s, struct err *err)
{
    double from_memory = bytes > (double)machine_cache(0) ? bytes : 0;
    row->share = bench_share(&b->limits, from_memory * per_s, flops * per_s, disk_part(b, row));
    close_sequences(b);
    b->n_runs = 0;
    return bench_rows_add(&b->rows, row, ok, err);
}

/* Measures one more run with a clock around each operation. */
static bool take_apart(struct bench *b, const struct bench_row *row, summary_fn *fn,
                       struct err *err)
{
    struct bench_profile_run *run = &b->profiles[b->n_profiles];
    double unused;
    snprintf(run->name, sizeof run->name, "%s", row->name);
    console_progress("%s: profile", row->name);
    b->profile = &run->profile;
    bool ok = fn(b, &unused, err);
    b->profile = NULL;
    console_progress_end();
    b->n_profiles += ok;
    return ok;
}

static bool measure(struct bench *b, struct bench_row *row, summary_fn *fn, struct err *err)
{
    bool ok = summary_measure(&row->value, row->name, &b->options->limits, fn, b, err);
    if (ok && b->options->profile)
        ok = take_apart(b, row, fn, err);
    return ok;
}

static struct bench_row begin_row(const char *unit, const char *fmt, ...) PRINTF(2, 3);
static struct bench_row begin_row(const char *unit, const char *fmt, ...)
{
    struct bench_row row = {.unit = bench_unit(unit)};
    va_list args;
    va_start(args, fmt);
    vsnprintf(row.name, sizeof row.name, fmt, args);
    va_end(args);
    return row;
}

static bool measure_prefill(struct bench *b, uint32_t n, struct err *err)
{
    struct bench_row row = begin_row("tokens/s", "prefill %u", n);
    b->n = n;
    bool ok = open_sequence(b, n + 1, err) && measure(b, &row, time_prefill, err);
    /* A step reads the weights once, of experts those that its tokens choose. */
    uint32_t n_steps = (n + MODEL_MAX_TOKENS - 1) / MODEL_MAX_TOKENS;
    double bytes = bench_step_bytes(b->rt.ckpt, b->rt.backend->kv_type, 0, (int)(n / n_steps));
    return end_row(b, &row, ok, bytes, bench_flops(b->rt.ckpt, 0, n, false) / n_steps,
                   row.value.median * n_steps / n, err);
}

static bool measure_decode(struct bench *b, uint32_t depth, struct err *err)
{
    uint32_t n = b->options->n_generate;
    struct bench_row row = begin_row("tokens/s", "decode %u at %u", n, depth);
    b->n = depth;
    bool ok =
        open_sequence(b, (depth ? depth : 1) + n + 1, err) && measure(b, &row, time_decode, err);
    double bytes = bench_step_bytes(b->rt.ckpt, b->rt.backend->kv_type, depth + n / 2.0, 1);
    return end_row(b, &row, ok, bytes, bench_flops(b->rt.ckpt, depth + n / 2, 1, true),
                   row.value.median, err);
}

static bool measure_batch(struct bench *b, uint32_t n_seqs, struct err *err)
{
    uint32_t n = b->options->n_generate;
    struct bench_row row = begin_row("tokens/s", "batch %u", n_seqs);
    b->n = n_seqs;
    b->batch = bench_batch_open(b->rt.model, n_seqs, n, err);
    bool ok = b->batch && measure(b, &row, time_batch, err);
    if (b->batch && bench_batch_kv_bytes(b->batch) > b->kv_bytes)
        b->kv_bytes = bench_batch_kv_bytes(b->batch);
    double bytes = bench_step_bytes(b->rt.ckpt, b->rt.backend->kv_type, n / 2.0, (int)n_seqs);
    return end_row(b, &row, ok, bytes, n_seqs * bench_flops(b->rt.ckpt, n / 2, 1, true),
                   row.value.median / n_seqs, err);
}

/* A row of memory has one figure, known exactly. */
static bool add_memory(struct bench *b, const char *name, uint64_t n_bytes, struct err *err)
{
    struct bench_row row = bench_row_of(name, "B", (double)n_bytes);
    return !n_bytes || bench_rows_add(&b->rows, &row, true, err);
}

static bool measure_memory(struct bench *b, struct err *err)
{
    struct machine_resident r = machine_resident();
    if (!b->knows_peak || !r.peak)
        return true;
    uint64_t of_experts = expert_cache_sizes(b->rt.ckpt).slot_bytes * read_experts(b).n_slots;
    uint64_t known = r.files + b->kv_bytes + of_experts;
    return add_memory(b, "resident after load", b->opened_peak, err) &&
           add_memory(b, "resident at most", r.peak, err) &&
           add_memory(b, "resident: files", r.files, err) &&
           add_memory(b, "resident: KV cache", b->kv_bytes, err) &&
           add_memory(b, "resident: experts", of_experts, err) &&
           add_memory(b, "resident: rest", r.peak > known ? r.peak - known : 0, err);
}

/* Speed does not depend on which tokens, nor on whether the model was made for so many: any
 * sequence will do, the same each time. */
static bool make_ids(struct bench *b, struct err *err)
{
    const struct option_numbers *lists[] = {&b->options->prompts, &b->options->depths};
    uint32_t n = 1, n_vocab = model_config(b->rt.model)->n_vocab;
    uint64_t state = 1;
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < lists[i]->n; k++)
            n = lists[i]->items[k] > n ? lists[i]->items[k] : n;
    b->ids = mem_new(n, sizeof *b->ids, err);
    if (!b->ids)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        b->ids[i] = (int32_t)((state >> 33) % n_vocab);
    }
    return true;
}

/* Opens the largest file for measuring the disk, and remembers the others for cold starts. */
static bool find_files(struct bench *b, struct err *err)
{
    const struct tensor_store *store = b->rt.ckpt->tensors;
    size_t largest = 0;
    for (size_t i = 0; i < store->n_files; i++) {
        if (!buf_add(&b->files, store->paths[i], strlen(store->paths[i]) + 1, err))
            return false;
        if (store->files[i].size > store->files[largest].size)
            largest = i;
    }
    if (!b->rt.experts && !b->options->cold)
        return true;
    b->disk = disk_speed_open(store->paths[largest], err);
    return b->disk && disk_speed_measure(b->disk, &b->disk_read, err);
}

static bool print_limits(const struct bench *b, struct err *err)
{
    if (b->rows.form != BENCH_TEXT)
        return true;
    printf("%-24s %12.1f  GB/s\n", "limit: memory", b->limits.read / 1e9);
    printf("limit: %-17s %12.1f  G%s\n", b->limits.compute_name, b->limits.compute / 1e9,
           b->limits.compute_unit);
    if (b->disk)
        printf("%-24s %12.3f  GB/s\n", "limit: disk", b->disk_read / 1e9);
    summary_print_head(" share of the nearest limit");
    return console_flush(err);
}

/* What should be known before the time is spent. */
static void note(const struct bench *b)
{
    char text[BENCH_ABOUT_TEXT];
    const struct runtime_options *machine = &b->options->machine;
    notes_context(b->rt.ckpt, machine->context - 1);
    notes_rounding(b->rt.ckpt, machine);
    experts_note(&b->rt, machine);
    if (b->options->compare && *bench_about_differ(text, &b->about, &b->stored.about))
        console_note("%s differs: %s", b->options->compare, text);
}

/* Opens the model once, so that what is wrong with it is said before anything is measured. */
static bool begin(struct bench *b, struct err *err)
{
    double load_s;
    if (b->options->compare && !bench_compare_read(&b->stored, b->options->compare, err))
        return false;
    if (!time_load(b, &load_s, err))
        return false;
    b->about = bench_about(b->options, b->path, &b->rt);
    if (b->rows.form == BENCH_TEXT)
        printf("%s, %s, %u thread%s\n", b->path, b->about.backend, b->about.n_threads,
               plural(b->about.n_threads));
    note(b);
    if (!console_flush(err) ||
        !bench_limits_measure(&b->limits, &b->options->machine, model_has_blocks(b->rt.model),
                              err) ||
        !find_files(b, err))
        return false;
    b->knows_peak = machine_forget_peak();
    return print_limits(b, err) && make_ids(b, err);
}

static bool measure_start(struct bench *b, summary_fn *fn, const char *name, struct err *err)
{
    struct bench_row row = begin_row("s", "%s", name);
    bool ok = summary_measure(&row.value, name, &b->options->limits, fn, b, err);
    double bytes = 0, flops = 0;
    if (fn == time_start && row.value.n_runs && b->rt.ckpt) {
        bytes = bench_step_bytes(b->rt.ckpt, b->rt.backend->kv_type, 0, 1);
        flops = bench_flops(b->rt.ckpt, 0, 1, true);
    }
    return end_row(b, &row, ok, bytes, flops, units_rate(1, row.value.median), err);
}

static bool measure_all(struct bench *b, struct err *err)
{
    const struct bench_options *o = b->options;
    if (!begin(b, err) || !measure_start(b, time_load, "load", err))
        return false;
    b->opened_peak = machine_resident().peak;
    if (!measure_start(b, time_start, "first token", err) ||
        (o->cold && !measure_start(b, time_cold, "first token cold", err)))
        return false;
    if (b->hides_stayed)
        console_note("cold: how much of the files stayed in memory is unknown, as they belong to "
                     "another user; measure as that user to see it");
    if (b->stayed > STAYED_IN_MEMORY)
        console_note("cold: %.0f %% of a file stayed in memory; stop what else uses the model",
                     100 * b->stayed);
    if (o->profile && !(b->matrices = bench_matrices_open(b->rt.ckpt, err)))
        return false;
    for (size_t i = 0; i < o->prompts.n; i++)
        if (!measure_prefill(b, o->prompts.items[i], err))
            return false;
    for (size_t i = 0; i < o->depths.n; i++)
        if (!measure_decode(b, o->depths.items[i], err))
            return false;
    for (size_t i = 0; i < o->batches.n; i++)
        if (!measure_batch(b, o->batches.items[i], err))
            return false;
    return measure_memory(b, err);
}

static void print_experts(const struct bench *b)
{
    char text[UNITS_TEXT];
    printf(
        "experts: %.1f %% of those chosen are in memory; a token reads %s from disk, at %.0f MB/s "
        "in %.0f %% of the time\n",
        100 * experts_hit_rate(&b->experts),
        units_bytes(text, (uint64_t)units_rate((double)b->experts.n_read, (double)b->n_decoded)),
        units_rate((double)b->experts.n_read, b->experts.read_s) / 1e6,
        100 * units_rate(b->experts.read_s, b->decode_s));
}

static bool print_text(const struct bench *b, struct err *err)
{
    if (b->n_decoded && b->rt.experts)
        print_experts(b);
    for (int i = 0; i < b->n_profiles; i++)
        if (!bench_profile_text(&b->profiles[i].profile, b->profiles[i].name, &b->limits, err))
            return false;
    if (b->options->compare && b->rows.n)
        bench_compare_print(&b->about, &b->rows, &b->limits, &b->stored, b->options->compare);
    return true;
}

/* What was not measured is left out. */
static void print_json(const struct bench *b)
{
    const struct bench_options *o = b->options;
    putchar('{');
    bench_about_json(&b->about, b->path);
    if (b->limits.compute_name)
        printf(",\"limits\":{\"read_bytes_per_s\":%.6g,\"compute\":\"%s\","
               "\"compute_flops_per_s\":%.6g}",
               b->limits.read, b->limits.compute_name, b->limits.compute);
    bench_rows_json(&b->rows);
    if (b->n_decoded && b->rt.experts)
        printf(",\"experts\":{\"hit_rate\":%.4g,\"disk_bytes_per_token\":%.6g,"
               "\"disk_busy\":%.4g}",
               experts_hit_rate(&b->experts),
               units_rate((double)b->experts.n_read, (double)b->n_decoded),
               units_rate(b->experts.read_s, b->decode_s));
    if (o->profile) {
        printf(",\"profiles\":[");
        for (int i = 0; i < b->n_profiles; i++) {
            fputs(i ? "," : "", stdout);
            bench_profile_json(&b->profiles[i].profile, b->profiles[i].name);
        }
        printf("]");
    }
    puts("}");
}

static void close_all(struct bench *b)
{
    bench_matrices_close(b->matrices);
    disk_speed_close(b->disk);
    runtime_close(&b->rt);
    buf_free(&b->files);
    free(b->ids);
    free(b);
}

bool bench_model(const struct bench_options *options, const char *path, struct err *err)
{
    struct bench *b = mem_new(1, sizeof *b, err);
    if (!b)
        return false;
    b->options = options;
    b->path = path;
    b->rows.form = options->form;
    buf_init(&b->files, LIMIT_JSON_BYTES);
    bool ok = measure_all(b, err);
    if (ok || err->code == ERR_CANCELLED) {
        if (options->form == BENCH_JSON)
            print_json(b);
        else if (options->form == BENCH_CSV)
            bench_rows_csv(&b->rows);
        else
            ok = print_text(b, err) && ok;
    }
    close_all(b);
    return ok;
}
