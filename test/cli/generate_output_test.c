/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate_output.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test.h"

static void open_input(struct generate_input *in)
{
    static const char text[] = "{\"custom_id\":\"a\",\"prompt\":\"x\"}\n"
                               "{\"custom_id\":\"b\",\"prompt\":\"x\"}\n"
                               "{\"custom_id\":\"c\",\"prompt\":\"x\"}\n";
    struct err err = {0};
    assert_true(generate_input_open(in, test_write(test_tmp("in"), text, strlen(text)), &err));
}

static bool open_output(struct generate_output *out, const char *path, struct generate_input *in,
                        size_t *n_cut, struct err *err)
{
    *n_cut = 0;
    return generate_output_open(out, path, in, n_cut, err);
}

TEST(generate_output, goes_on_wherever_it_was_cut)
{
    struct generate_input in;
    struct generate_output out;
    struct err err = {0};
    size_t n_cut, n, n_all;
    char path[300], errors[320];
    snprintf(path, sizeof path, "%s", test_tmp("out"));
    snprintf(errors, sizeof errors, "%s.errors", path);
    open_input(&in);
    assert_true(open_output(&out, path, &in, &n_cut, &err));
    assert_true(generate_output_add(&out, SPAN("a"), 200, SPAN("{\"x\":\n1}"), NULL, &err));
    assert_true(generate_output_add(&out, SPAN("c"), 400, SPAN("{}"), "why \"not\"", &err));
    assert_true(generate_output_add(&out, SPAN("b"), 200, SPAN("{}"), NULL, &err));
    generate_output_close(&out);
    char *whole = test_read(path, &n_all), *other = test_read(errors, &n);
    assert_non_null(strstr(whole, "\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"body\":{"
                                  "\"x\": 1}},\"error\":null}\n"));
    assert_non_null(strstr(other,
                           "\"custom_id\":\"c\",\"response\":{\"status_code\":400,\"body\":{}}"
                           ",\"error\":{\"code\":\"400\",\"message\":\"why \\\"not\\\"\"}}\n"));
    size_t n_first = (size_t)(strchr(whole, '\n') + 1 - whole);
    for (size_t cut = 0; cut <= n_all; cut++) {
        memset(in.done, 0, 3 * sizeof *in.done);
        test_write(path, whole, cut);
        if (!open_output(&out, path, &in, &n_cut, &err))
            fail_msg("cut at %zu: %s", cut, err.text);
        size_t left = cut == n_all ? n_all : cut >= n_first ? n_first : 0;
        assert_int_equal(n_cut, cut - left);
        assert_int_equal(in.done[0], cut >= n_first);
        assert_int_equal(in.done[1], cut == n_all);
        assert_int_equal(in.done[2], false);
        generate_output_close(&out);
        free(test_read(path, &n));
        assert_int_equal(n, left);
    }
    assert_int_equal(access(errors, F_OK), -1);
    free(whole);
    free(other);
    generate_input_close(&in);
}

TEST(generate_output, leaves_files_alone_that_are_not_its_own)
{
    static const char *const texts[] = {"{\"a\":1}",
                                        "{\"a\":1}\n",
                                        "hello",
                                        "hello\n{\"id\":\"",
                                        "{\"id\":\"x\",\"custom_id\":\"a\"}\n",
                                        "\n"};
    struct generate_input in;
    open_input(&in);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct generate_output out;
        struct err err = {0};
        size_t n_cut, n;
        char path[300];
        snprintf(path, sizeof path, "%s", test_tmp("foreign"));
        test_write(path, texts[i], strlen(texts[i]));
        assert_false(open_output(&out, path, &in, &n_cut, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        generate_output_close(&out);
        char *after = test_read(path, &n);
        assert_string_equal(after, texts[i]);
        free(after);
    }
    generate_input_close(&in);
}

TEST(generate_output, has_one_writer)
{
    struct generate_input in;
    struct generate_output out, second;
    struct err err = {0};
    size_t n_cut;
    char path[300];
    snprintf(path, sizeof path, "%s", test_tmp("locked"));
    open_input(&in);
    assert_true(open_output(&out, path, &in, &n_cut, &err));
    assert_false(open_output(&second, path, &in, &n_cut, &err));
    assert_int_equal(err.code, ERR_BUSY);
    generate_output_close(&second);
    generate_output_close(&out);
    assert_false(open_output(&out, in.file.path, &in, &n_cut, &err));
    generate_output_close(&out);
    generate_input_close(&in);
}

/* A full disk is like a limit for files: a part of a line is written, then nothing. */
TEST(generate_output, ends_with_a_whole_line_when_the_disk_is_full)
{
    struct generate_input in;
    struct generate_output out;
    struct err err = {0};
    struct rlimit before, small;
    size_t n_cut, n;
    char path[300], body[2000];
    snprintf(path, sizeof path, "%s", test_tmp("full"));
    memset(body, '1', sizeof body);
    open_input(&in);
    assert_true(open_output(&out, path, &in, &n_cut, &err));
    assert_true(generate_output_add(&out, SPAN("a"), 200, SPAN("{}"), NULL, &err));
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN); /* as the program does */
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &small);
    bool ok =
        generate_output_add(&out, SPAN("b"), 200, (struct span){body, sizeof body}, NULL, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    assert_false(ok);
    assert_int_equal(err.code, ERR_IO);
    generate_output_close(&out);
    char *after = test_read(path, &n);
    assert_true(n > 0 && n < 300 && after[n - 1] == '\n');
    free(after);
    generate_input_close(&in);
}
