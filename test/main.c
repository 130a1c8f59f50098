/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - runs every registered test; "build/release/unit 'gguf.*'" runs some, and with
 * TEST_PART=2/3 in the environment every third from the second on. */
#include <fnmatch.h>
#include <ftw.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#define MAX_TESTS 4096

static struct CMUnitTest tests[MAX_TESTS];
static size_t n_tests;
static char tmp_dir[256];

void test_add(const char *name, CMUnitTestFunction run)
{
    if (n_tests == MAX_TESTS)
        abort();
    tests[n_tests++] = (struct CMUnitTest){.name = name, .test_func = run};
}

void assert_near_f32(const float *got, const float *want, size_t n, float atol, float rtol)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= atol + rtol * fabsf(want[i])))
            fail_msg("[%zu]: got %.9g, want %.9g", i, (double)got[i], (double)want[i]);
}

const char *test_tmp(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", tmp_dir, name);
    return path;
}

const char *test_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    return path;
}

char *test_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *bytes = calloc(1, (size_t)size + 1);
    assert_int_equal(fread(bytes, 1, (size_t)size, f), size);
    fclose(f);
    if (n)
        *n = (size_t)size;
    return bytes;
}

uint32_t test_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

float test_random_f32(uint64_t *state)
{
    return (float)(test_random(state) >> 8) / 8388608.0f - 1.0f;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* A filter that selects nothing is a mistake, not a success. */
static bool selects_any(const char *filter)
{
    for (size_t i = 0; i < n_tests; i++)
        if (fnmatch(filter, tests[i].name, 0) == 0)
            return true;
    return false;
}

/* Keeps every n-th test, from the i-th on, as TEST_PART says: i/n. */
static bool keep_part(void)
{
    const char *part = getenv("TEST_PART");
    unsigned i, n;
    if (!part)
        return true;
    if (sscanf(part, "%u/%u", &i, &n) != 2 || i < 1 || i > n) {
        fprintf(stderr, "TEST_PART: expected i/n, not %s\n", part);
        return false;
    }
    size_t n_kept = 0;
    for (size_t k = i - 1; k < n_tests; k += n)
        tests[n_kept++] = tests[k];
    n_tests = n_kept;
    return true;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !selects_any(argv[1])) {
        fprintf(stderr, "no test is called %s\n", argv[1]);
        return 2;
    }
    if (!keep_part())
        return 2;
    const char *base = getenv("TMPDIR");
    snprintf(tmp_dir, sizeof tmp_dir, "%s/bise-test-XXXXXX", base ? base : P_tmpdir);
    if (!mkdtemp(tmp_dir)) {
        perror(tmp_dir);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int n_failed = _cmocka_run_group_tests("all", tests, n_tests, NULL, NULL);
    nftw(tmp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return n_failed != 0; /* 256 failures would be exit code 0 */
}
