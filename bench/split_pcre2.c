/* SPDX-License-Identifier: Apache-2.0 */
/* split_pcre2.c - the splitter of src/text/split.c beside PCRE2 with the same pattern.
 *
 * Each pass runs all three in turn over the whole file, so that what else the machine does
 * meets all alike; the median of the passes is printed.  All must cut at the same places.
 *
 *     build/release/bench_split_pcre2 FILE [PASSES] */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "data/utf8.h"
#include "text/split_exact.h"
#include "text/split_int.h"

enum { MAX_PASSES = 1001 };

struct bench {
    struct buf text;
    char *classes; /* [text.len + 1] */
    pcre2_code *plain, *jit;
    pcre2_match_data *data;
};

/* What the cuts were: their number, and a sum that depends on where they are. */
struct cuts {
    size_t n;
    uint64_t sum;
};

static void note(struct cuts *cuts, size_t end)
{
    cuts->n++;
    cuts->sum = cuts->sum * 31 + end;
}

static struct cuts split_ours(const struct bench *b)
{
    struct cuts cuts = {0};
    const struct split split = {b->text.data, b->classes, b->text.len};
    split_classify(b->text.data, b->text.len, b->classes);
    for (size_t i = 0; i < split.n; note(&cuts, i))
        i = split_next(&split, i);
    return cuts;
}

/* The text is checked once, outside: checking again at each match would be quadratic. */
static struct cuts split_theirs(const struct bench *b, const pcre2_code *code)
{
    struct cuts cuts = {0};
    for (size_t i = 0; i < b->text.len; note(&cuts, i)) {
        if (pcre2_match(code, (PCRE2_SPTR)b->text.data, b->text.len, i, PCRE2_NO_UTF_CHECK, b->data,
                        NULL) != 1)
            return (struct cuts){0};
        i = pcre2_get_ovector_pointer(b->data)[1];
    }
    return cuts;
}

static bool prepare(struct bench *b, const char *path)
{
    struct err err = {0};
    int error;
    size_t at;
    buf_init(&b->text, LIMIT_TEXT_BYTES);
    if (!file_read(&b->text, path, &err)) {
        fprintf(stderr, "bench_split_pcre2: %s\n", err.text);
        return false;
    }
    if (!b->text.len || !utf8_valid(b->text.data, b->text.len)) {
        fprintf(stderr, "bench_split_pcre2: %s: no UTF-8 text\n", path);
        return false;
    }
    pcre2_code **codes[] = {&b->plain, &b->jit};
    for (int i = 0; i < 2; i++)
        *codes[i] = pcre2_compile((PCRE2_SPTR)SPLIT_EXACT, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
    b->data = b->plain ? pcre2_match_data_create_from_pattern(b->plain, NULL) : NULL;
    b->classes = malloc(b->text.len + 1);
    if (b->jit && b->data && b->classes && pcre2_jit_compile(b->jit, PCRE2_JIT_COMPLETE) == 0)
        return true;
    fputs("bench_split_pcre2: no memory, or PCRE2 without JIT\n", stderr);
    return false;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure(const struct bench *b, int n_passes)
{
    static const char *const names[] = {"bise", "pcre2-jit", "pcre2"};
    static double seconds[3][MAX_PASSES];
    struct cuts cuts[3];
    for (int pass = 0; pass < n_passes; pass++) {
        for (int k = 0; k < 3; k++) {
            double start = clock_now();
            cuts[k] = k ? split_theirs(b, k == 1 ? b->jit : b->plain) : split_ours(b);
            seconds[k][pass] = clock_now() - start;
        }
    }
    printf("# %zu bytes, %zu words, %d passes\nsplitter,mb_s,least,most\n", b->text.len, cuts[0].n,
           n_passes);
    for (int k = 0; k < 3; k++) {
        double *s = seconds[k], size = (double)b->text.len / 1e6;
        qsort(s, (size_t)n_passes, sizeof *s, by_size);
        printf("%s,%.1f,%.1f,%.1f\n", names[k], size / s[n_passes / 2], size / s[n_passes - 1],
               size / s[0]);
        if (cuts[k].n != cuts[0].n || cuts[k].sum != cuts[0].sum)
            return fprintf(stderr, "bench_split_pcre2: %s cuts elsewhere\n", names[k]) < 0;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    long n_passes = argc > 2 ? strtol(argv[2], NULL, 10) : 11;
    if (argc < 2 || n_passes < 1 || n_passes > MAX_PASSES) {
        fprintf(stderr, "usage: bench_split_pcre2 FILE [PASSES]\n");
        return 2;
    }
    bool ok = prepare(&b, argv[1]) && measure(&b, (int)n_passes);
    pcre2_match_data_free(b.data);
    pcre2_code_free(b.plain);
    pcre2_code_free(b.jit);
    free(b.classes);
    buf_free(&b.text);
    return ok ? 0 : 1;
}
