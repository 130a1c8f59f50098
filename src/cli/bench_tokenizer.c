/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_tokenizer.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/units.h"
#include "cli/bench_text.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "data/json.h"
#include "text/tokenizer.h"

enum { MAX_TEXTS = OPTION_MAX_TEXTS > BENCH_TEXTS ? OPTION_MAX_TEXTS : BENCH_TEXTS };

struct text_row {
    const char *name;
    size_t n_bytes, n_ids;
    struct summary encode, decode; /* in bytes of text per second */
};

struct bench {
    const struct bench_tokenizer_options *options;
    struct tokenizer *tok;
    struct buf json_path; /* of the file, where it is JSON; else empty */
    struct summary load_s, json_s;
    struct text_row rows[MAX_TEXTS];
    int n_rows;

    struct buf text, decoded;
    struct token_ids ids;
};

static bool time_load(void *arg, double *seconds, struct err *err)
{
    struct bench *b = arg;
    tokenizer_close(b->tok);
    double start = clock_now();
    b->tok = tokenizer_open(b->options->path, err);
    *seconds = clock_now() - start;
    return b->tok != NULL;
}

static bool time_json(void *arg, double *seconds, struct err *err)
{
    struct bench *b = arg;
    double start = clock_now();
    struct json_doc *doc = json_open(b->json_path.data, err);
    json_close(doc);
    *seconds = clock_now() - start;
    return doc != NULL;
}

static bool time_encode(void *arg, double *rate, struct err *err)
{
    struct bench *b = arg;
    double start = clock_now();
    b->ids.n = 0;
    if (!tokenizer_encode(b->tok, b->text.data, b->text.len, &b->ids, err))
        return false;
    *rate = units_rate((double)b->text.len, clock_now() - start);
    return true;
}

static bool time_decode(void *arg, double *rate, struct err *err)
{
    struct bench *b = arg;
    struct text_decoder decoder;
    double start = clock_now();
    buf_clear(&b->decoded);
    text_decoder_init(&decoder, b->tok);
    for (size_t i = 0; i < b->ids.n; i++)
        if (!text_decoder_add(&decoder, b->ids.ids[i], &b->decoded, err))
            return false;
    if (!text_decoder_end(&decoder, &b->decoded, err))
        return false;
    *rate = units_rate((double)b->decoded.len, clock_now() - start);
    return true;
}

/* Finds the file that is opened, if it is JSON. */
static bool find_json(struct bench *b, struct err *err)
{
    char name[256];
    const char *path = b->options->path;
    bool ok = file_is_dir(path) ? tokenizer_choose(path, name, sizeof name, err) &&
                                      file_join(&b->json_path, path, name, err)
                                : buf_add(&b->json_path, path, strlen(path), err);
    const char *dot = ok ? strrchr(b->json_path.data, '.') : NULL;
    if (!dot || strcmp(dot, ".json") != 0)
        buf_clear(&b->json_path);
    return ok;
}

static bool measure(struct bench *b, struct summary *out, const char *what, const char *name,
                    summary_fn *fn, struct err *err)
{
    char label[64];
    bool is_time = fn == time_load || fn == time_json;
    snprintf(label, sizeof label, "%s%s%s", what, *name ? " " : "", name);
    bool ok = summary_measure(out, label, &b->options->limits, fn, b, err);
    if (b->options->json)
        return ok;
    return summary_print_row(out, ok, label, is_time ? 1e3 : 1e-6, is_time ? "ms" : "MB/s", "",
                             err);
}

static bool measure_load(struct bench *b, struct err *err)
{
    /* Once before, so that the head of the table can say what it is about. */
    double seconds;
    if (!find_json(b, err) || !time_load(b, &seconds, err))
        return false;
    if (!b->options->json) {
        printf("%s, %s\n", b->options->path, tokenizer_describe(b->tok));
        summary_print_head("");
    }
    return measure(b, &b->load_s, "load", "", time_load, err) &&
           (!b->json_path.len || measure(b, &b->json_s, "of it JSON", "", time_json, err));
}

/* Fills b->text with what row i is about, and names it. */
static bool get_text(struct bench *b, int i, struct text_row *row, struct err *err)
{
    const struct option_texts *texts = &b->options->texts;
    buf_clear(&b->text);
    if (!texts->n) {
        row->name = bench_text(i, &b->text, err);
        return row->name != NULL;
    }
    const char *path = texts->items[i], *slash = strrchr(path, '/');
    row->name = slash ? slash + 1 : path;
    return file_read(&b->text, path, err) &&
           (b->text.len || err_set(err, ERR_ARG, "%s: an empty text; give another", path));
}

/* What cannot be read is said before anything is measured. */
static bool check_texts(struct bench *b, struct err *err)
{
    struct text_row row;
    for (size_t i = 0; i < b->options->texts.n; i++)
        if (!get_text(b, (int)i, &row, err))
            return false;
    return true;
}

static bool measure_texts(struct bench *b, struct err *err)
{
    int n = b->options->texts.n ? (int)b->options->texts.n : BENCH_TEXTS;
    for (int i = 0; i < n; i++) {
        struct text_row *row = &b->rows[i];
        if (!get_text(b, i, row, err))
            return false;
        b->n_rows++;
        bool ok = measure(b, &row->encode, "encode", row->name, time_encode, err);
        row->n_bytes = b->text.len;
        row->n_ids = b->ids.n;
        if (!ok || !measure(b, &row->decode, "decode", row->name, time_decode, err))
            return false;
    }
    return true;
}

/* The least of many runs is what other work on the machine disturbs the least: a difference of
 * medians would show that work. */
static void print_verdict(const struct bench *b)
{
    if (b->json_s.n_runs)
        printf("loading takes %.1f ms beyond the parsing of JSON (least beside least)\n",
               1e3 * (b->load_s.min - b->json_s.min));
}

/* What was not measured is left out. */
static void print_json(const struct bench *b)
{
    printf("{\"tokenizer\":");
    json_text(b->options->path, strlen(b->options->path));
    if (b->tok) {
        printf(",\"kind\":");
        json_text(tokenizer_describe(b->tok), strlen(tokenizer_describe(b->tok)));
    }
    printf(",\"repeats\":%d", b->options->limits.n_repeats);
    summary_print_json(&b->load_s, "load_s");
    summary_print_json(&b->json_s, "json_s");
    printf(",\"texts\":[");
    for (int i = 0; i < b->n_rows; i++) {
        const struct text_row *row = &b->rows[i];
        printf("%s{\"name\":", i ? "," : "");
        json_text(row->name, strlen(row->name));
        printf(",\"bytes\":%zu,\"tokens\":%zu", row->n_bytes, row->n_ids);
        summary_print_json(&row->encode, "encode_bytes_per_s");
        summary_print_json(&row->decode, "decode_bytes_per_s");
        printf("}");
    }
    puts("]}");
}

bool bench_tokenizer(const struct bench_tokenizer_options *options, struct err *err)
{
    struct bench b = {.options = options};
    buf_init(&b.json_path, LIMIT_JSON_BYTES);
    buf_init(&b.text, LIMIT_TEXT_BYTES);
    buf_init(&b.decoded, LIMIT_TEXT_BYTES);
    bool ok = check_texts(&b, err) && measure_load(&b, err) && measure_texts(&b, err);
    if (ok || err->code == ERR_CANCELLED)
        (options->json ? print_json : print_verdict)(&b);
    tokenizer_close(b.tok);
    token_ids_free(&b.ids);
    buf_free(&b.json_path);
    buf_free(&b.text);
    buf_free(&b.decoded);
    return ok;
}
