/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "base/units.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/summary.h"

static const double parts[] = {0.5, 0.9, 0.99, 1};

enum { N_PARTS = sizeof parts / sizeof *parts };

static double output_rate(const struct load_row *row)
{
    return units_rate((double)row->n_output, row->seconds);
}

static double total_rate(const struct load_row *row)
{
    return units_rate((double)(row->n_output + row->n_prompt), row->seconds);
}

static double own_share(const struct load_row *row)
{
    return units_rate(row->cpu_s, row->seconds);
}

/* Returns who counted the tokens.  Borrowed: static. */
static const char *counted_by(const struct load_row *row)
{
    return row->n_counted == row->n_done ? "usage" : row->n_counted ? "both" : "chunks";
}

bool load_report_is_good(const struct load_report *report, const struct load_row *row)
{
    return report->options->check ? row->n_begun > 0 && !row->n_failed : row->n_done > 0;
}

/* --- text ----------------------------------------------------------------------------------- */

bool load_report_head(const struct load_report *report, struct err *err)
{
    const struct load_options *o = report->options;
    char url[300], model[200];
    snprintf(url, sizeof url, "%s", o->url);
    snprintf(model, sizeof model, "%s", report->model ? report->model : "the models of its lines");
    console_clean(url);
    console_clean(model);
    printf("%s, %s\n%s, %s, ", url, model, o->endpoint == LOAD_CHAT ? "chat" : "completions",
           o->stream ? "streamed" : "not streamed");
    if (o->file)
        printf("requests of %s", o->file);
    else
        printf("prompts of %u token%s, %u of them shared", o->n_prompt, plural(o->n_prompt),
               o->n_shared);
    if (o->n_generate)
        printf(", %u token%s to write%s", o->n_generate, plural(o->n_generate),
               report->accepts->ignore_eos ? "" : " at most");
    printf("\n");
    return console_flush(err);
}

static void print_times(const char *name, const struct latency *latency)
{
    bool long_ones = latency->max >= 10;
    if (!latency->n)
        return;
    printf("    %-16s", name);
    for (int i = 0; i < N_PARTS; i++) {
        double value = (long_ones ? 1 : 1e3) * latency_at(latency, parts[i]);
        printf(" %9.*f", summary_decimals(value), value);
    }
    printf("  %s\n", long_ones ? "s" : "ms");
}

static void print_counts(const struct load_row *row)
{
    char shape[64];
    if (row->rate > 0)
        snprintf(shape, sizeof shape, "%g per second", row->rate);
    else
        snprintf(shape, sizeof shape, "%u at a time", row->concurrency);
    printf("\n%s: %" PRIu64 " done, %" PRIu64 " failed", shape, row->n_done, row->n_failed);
    if (row->n_left)
        printf(", %" PRIu64 " interrupted", row->n_left);
    printf(" in %.*f s\n", summary_decimals(row->seconds), row->seconds);
    if (!row->n_done)
        return;
    printf("    %.1f tokens/s written, %.1f with prompts; %.2f requests/s; own CPU %.1f %%\n",
           output_rate(row), total_rate(row), units_rate((double)row->n_done, row->seconds),
           100 * own_share(row));
    printf("    tokens per request: ");
    if (row->n_counted && row->least_prompt == row->most_prompt)
        printf("%u of prompt, ", row->least_prompt);
    else if (row->n_counted)
        printf("%u to %u of prompt, ", row->least_prompt, row->most_prompt);
    if (row->n_cached)
        printf("%.1f cached, ", (double)row->n_cached / (double)row->n_done);
    printf("%.1f written", (double)row->n_output / (double)row->n_done);
    if (row->n_counted < row->n_done)
        printf(" (of %" PRIu64 " the chunks, since the server does not count)",
               row->n_done - row->n_counted);
    printf("; ended by");
    for (int i = 0; i < row->finishes.n; i++) {
        char name[LOAD_TALLY_NAME];
        snprintf(name, sizeof name, "%s", row->finishes.items[i].name);
        console_clean(name);
        printf("%s %s %" PRIu64, i ? "," : "", name, row->finishes.items[i].n);
    }
    printf("\n");
}

static void print_errors(const struct load_row *row)
{
    for (int i = 0; i < row->errors.n; i++) {
        char text[LOAD_TALLY_TEXT];
        snprintf(text, sizeof text, "%s", row->errors.items[i].text);
        console_clean(text);
        printf("    %" PRIu64 " failed: %s: %s\n", row->errors.items[i].n,
               row->errors.items[i].name, text);
    }
}

static void print_check(const struct load_row *row)
{
    const uint64_t *kinds = row->kinds;
    uint64_t n = row->n_done + row->n_failed;
    uint64_t damaged = kinds[LOAD_LOST] + kinds[LOAD_REORDERED] + kinds[LOAD_UNFINISHED];
    printf("    checked %" PRIu64 ": %" PRIu64 " lost, %" PRIu64 " reordered, %" PRIu64
           " unfinished, %" PRIu64 " failed otherwise\n",
           n, kinds[LOAD_LOST], kinds[LOAD_REORDERED], kinds[LOAD_UNFINISHED],
           row->n_failed - damaged);
}

bool load_report_row(const struct load_report *report, const struct load_row *row, struct err *err)
{
    print_counts(row);
    if (row->n_done) {
        printf("    %-16s %9s %9s %9s %9s\n", "", "p50", "p90", "p99", "max");
        print_times("first text", &row->first);
        print_times("between texts", &row->gap);
        print_times("per token", &row->token);
        print_times("whole answer", &row->whole);
    }
    if (report->options->check)
        print_check(row);
    print_errors(row);
    return console_flush(err);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void json_string(const char *key, const char *text)
{
    printf("\"%s\":", key);
    if (text)
        json_text(text, strlen(text));
    else
        printf("null");
}

static void json_times(const char *key, const struct latency *latency)
{
    static const char *const names[N_PARTS] = {"p50", "p90", "p99", "max"};
    if (!latency->n)
        return;
    printf(",\"%s\":{\"n\":%" PRIu64 ",\"mean\":%.6g", key, latency->n, latency_mean(latency));
    for (int i = 0; i < N_PARTS; i++)
        printf(",\"%s\":%.6g", names[i], latency_at(latency, parts[i]));
    printf("}");
}

static void json_tally(const char *key, const struct load_tally *tally, bool texts)
{
    printf(",\"%s\":[", key);
    for (int i = 0; i < tally->n; i++) {
        printf("%s{", i ? "," : "");
        json_string("name", tally->items[i].name);
        printf(",\"n\":%" PRIu64, tally->items[i].n);
        if (texts) {
            printf(",");
            json_string("first", tally->items[i].text);
        }
        printf("}");
    }
    printf("]");
}

static void json_row(const struct load_row *row, bool check)
{
    const uint64_t *kinds = row->kinds;
    printf("{\"concurrency\":%u,", row->concurrency);
    if (row->rate > 0)
        printf("\"rate\":%g,", row->rate);
    printf("\"seconds\":%.6g,\"begun\":%" PRIu64 ",\"done\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"interrupted\":%" PRIu64,
           row->seconds, row->n_begun, row->n_done, row->n_failed, row->n_left);
    printf(",\"requests_per_s\":%.6g,\"output_tokens_per_s\":%.6g,\"total_tokens_per_s\":%.6g",
           units_rate((double)row->n_done, row->seconds), output_rate(row), total_rate(row));
    printf(",\"output_tokens\":%" PRIu64 ",\"prompt_tokens\":%" PRIu64 ",\"cached_tokens\":%" PRIu64
           ",\"counted_by\":\"%s\",\"own_cpu\":%.4g",
           row->n_output, row->n_prompt, row->n_cached, counted_by(row), own_share(row));
    json_times("first_text_s", &row->first);
    json_times("between_texts_s", &row->gap);
    json_times("per_token_s", &row->token);
    json_times("whole_answer_s", &row->whole);
    json_tally("ended_by", &row->finishes, false);
    json_tally("errors", &row->errors, true);
    if (check)
        printf(",\"lost\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"unfinished\":%" PRIu64,
               kinds[LOAD_LOST], kinds[LOAD_REORDERED], kinds[LOAD_UNFINISHED]);
    printf("}");
}

void load_report_json(const struct load_report *report, const struct load_row *rows, int n)
{
    const struct load_options *o = report->options;
    printf("{");
    json_string("url", o->url);
    printf(",");
    json_string("model", report->model);
    printf(",\"endpoint\":\"%s\",\"stream\":%s,\"check\":%s",
           o->endpoint == LOAD_CHAT ? "chat" : "completions", o->stream ? "true" : "false",
           o->check ? "true" : "false");
    if (o->file) {
        printf(",");
        json_string("file", o->file);
    } else {
        printf(",\"prompt\":%u,\"shared_prefix\":%u", o->n_prompt, o->n_shared);
    }
    if (o->n_generate)
        printf(",\"generate\":%u", o->n_generate);
    printf(",\"ignore_eos\":%s,\"seed\":%" PRIu64 ",\"rows\":[",
           report->accepts->ignore_eos ? "true" : "false", o->seed);
    for (int i = 0; i < n; i++) {
        printf("%s", i ? "," : "");
        json_row(&rows[i], o->check);
    }
    puts("]}");
}

/* --- CSV ------------------------------------------------------------------------------------ */

static void csv_times(const struct latency *latency)
{
    for (int i = 0; i < N_PARTS; i++)
        if (latency->n)
            printf(",%.6g", latency_at(latency, parts[i]));
        else
            printf(",");
}

void load_report_csv(const struct load_row *rows, int n)
{
    static const char *const names[] = {"first_text", "between_texts", "per_token", "whole_answer"};
    printf("concurrency,rate,seconds,done,failed,interrupted,requests_per_s,output_tokens_per_s,"
           "total_tokens_per_s,output_tokens,prompt_tokens,cached_tokens,counted_by,own_cpu,lost,"
           "reordered,unfinished");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        printf(",%s_p50_s,%s_p90_s,%s_p99_s,%s_max_s", names[i], names[i], names[i], names[i]);
    puts("");
    for (const struct load_row *row = rows; row < rows + n; row++) {
        printf("%u,%g,%.6g,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.6g,%.6g,%.6g", row->concurrency,
               row->rate, row->seconds, row->n_done, row->n_failed, row->n_left,
               units_rate((double)row->n_done, row->seconds), output_rate(row), total_rate(row));
        printf(",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,%.4g,%" PRIu64 ",%" PRIu64 ",%" PRIu64,
               row->n_output, row->n_prompt, row->n_cached, counted_by(row), own_share(row),
               row->kinds[LOAD_LOST], row->kinds[LOAD_REORDERED], row->kinds[LOAD_UNFINISHED]);
        csv_times(&row->first);
        csv_times(&row->gap);
        csv_times(&row->token);
        csv_times(&row->whole);
        puts("");
    }
}
