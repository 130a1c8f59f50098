/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_about.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

static struct bench_about read_text(const char *text)
{
    struct bench_about about;
    struct err err = {0};
    struct json_doc *doc = json_parse("stored.json", text, strlen(text), &err);
    assert_non_null(doc);
    struct json root = json_root(doc);
    assert_true(bench_about_read(&about, &root, &err));
    json_close(doc);
    return about;
}

/* A run of m.gguf as it would be stored, with some members changed. */
static struct bench_about stored(const char *model, const char *more)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"version\":\"0.1.0\",\"model\":\"%s\",\"weight_bytes\":488000000,"
             "\"threads\":2,\"adapters\":0,\"generate\":128,%s}",
             model, more);
    return read_text(text);
}

#define SAME                                                                                       \
    "\"backend\":\"cpu amx\",\"kv_type\":\"BF16\",\"exact\":false,\"round_activations\":false,"    \
    "\"expert_bytes\":0"

TEST(bench_about, each_difference_is_named)
{
    char text[BENCH_ABOUT_TEXT];
    struct bench_about a = stored("/models/m.gguf", SAME), b = stored("m.gguf", SAME);
    assert_string_equal(bench_about_differ(text, &a, &b), "");
    b = stored("folder/other/", SAME);
    assert_string_equal(bench_about_differ(text, &a, &b),
                        "model other of 488 MB, now m.gguf of 488 MB");
    b = stored("m.gguf", "\"backend\":\"cpu c\",\"kv_type\":\"Q8_0\",\"exact\":true,"
                         "\"round_activations\":true,\"expert_bytes\":2000000000");
    assert_string_equal(bench_about_differ(text, &a, &b),
                        "cpu c, now cpu amx; keys and values Q8_0, now BF16; --exact on, now off; "
                        "--round-activations on, now off; memory for experts 2.00 GB, now for all");
    a.n_bytes = 1500000000;
    a.n_threads = 1;
    a.n_adapters = 3;
    a.n_generate = 16;
    strcpy(a.version, "0.2.0");
    b = stored("m.gguf", SAME);
    assert_string_equal(bench_about_differ(text, &a, &b),
                        "version 0.1.0, now 0.2.0; model m.gguf of 488 MB, now m.gguf of 1.50 GB; "
                        "threads 2, now 1; adapters 0, now 3; --generate 128, now 16");
}

/* A version that stored less of it: what is not known is not called different. */
TEST(bench_about, what_is_not_stored_is_not_compared)
{
    char text[BENCH_ABOUT_TEXT];
    struct bench_about a = stored("m.gguf", SAME), b = read_text("{}");
    a.exact = true;
    assert_string_equal(bench_about_differ(text, &a, &b), "version not stated, now 0.1.0");
    b = read_text("{\"model\":\"n.gguf\",\"backend\":\"cpu avx2\",\"threads\":8}");
    assert_string_equal(bench_about_differ(text, &a, &b),
                        "version not stated, now 0.1.0; model n.gguf, now m.gguf of 488 MB; "
                        "cpu avx2, now cpu amx; threads 8, now 2");
}

TEST(bench_about, a_member_of_another_kind_is_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"model\":1}", "stored.json: model: expected a string"},
        {"{\"threads\":0}", "stored.json: threads: expected a whole number from 1 to 1024"},
        {"{\"exact\":0}", "stored.json: exact: expected true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench_about about;
        struct err err = {0};
        struct json_doc *doc =
            json_parse("stored.json", cases[i].text, strlen(cases[i].text), &err);
        struct json root = json_root(doc);
        assert_false(bench_about_read(&about, &root, &err));
        assert_string_equal(err.text, cases[i].message);
        json_close(doc);
    }
}
