/* SPDX-License-Identifier: Apache-2.0 */
/* merge_folder_test.c - what a merged model's folder gets beside weights, and when it appears. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edit.h"
#include "model/merge_int.h"
#include "test.h"

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_write(path, text, strlen(text));
}

/* Makes a model's folder and copies it to OUT, whose path it returns. */
static const char *copied(const char *config, const struct merge_config *wanted)
{
    struct merge_folder folder;
    struct err err = {0};
    char out[600];
    const char *model = edit_folder("model");
    put_file(model, "config.json", config);
    put_file(model, "tokenizer.model.v3", "any\n");
    put_file(model, "model.safetensors", "weights");
    put_file(model, "model.safetensors.index.json", "{}");
    put_file(model, "lora.safetensors", "adapter");
    put_file(model, "old.bin", "weights");
    put_file(model, ".hidden", "");
    put_file(model, "empty.txt", "");
    snprintf(out, sizeof out, "%s", test_tmp("copied"));
    edit_folder("copied");
    assert_int_equal(rmdir(out), 0);
    if (!merge_folder_open(&folder, model, out, &err) ||
        !merge_folder_copy(&folder, wanted, &err) || !merge_folder_commit(&folder, &err))
        fail_msg("%s", err.text);
    merge_folder_close(&folder);
    return test_tmp("copied");
}

static void assert_config(const char *folder, const char *want)
{
    char path[600];
    snprintf(path, sizeof path, "%s/config.json", folder);
    char *got = test_read(path, NULL);
    assert_string_equal(got, want);
    free(got);
}

static bool has(const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

TEST(merge_folder, gets_everything_but_weights)
{
    const char *config = "{\"torch_dtype\": \"bfloat16\", \"a\": 1.50}";
    const char *out = copied(config, &(struct merge_config){0});
    assert_config(out, config);
    assert_true(has(out, "tokenizer.model.v3") && has(out, "empty.txt"));
    assert_false(has(out, "model.safetensors") || has(out, "model.safetensors.index.json"));
    assert_false(has(out, "lora.safetensors") || has(out, "old.bin") || has(out, ".hidden"));
}

TEST(merge_folder, names_the_new_number_format_and_keeps_the_rest)
{
    static const char *const cases[][2] = {
        {"{\"torch_dtype\": \"bfloat16\",\n \"a\": 1.50}",
         "{\"torch_dtype\": \"float32\",\n \"a\": 1.50}"},
        {" {\"text_config\": {\"dtype\":\"bfloat16\"}, \"dtype\" : \"bfloat16\" } ",
         " {\"text_config\": {\"dtype\":\"float32\"}, \"dtype\" : \"float32\" } "},
        {"{\"torch_dtype\": null, \"other\": {\"dtype\": \"x\"}}",
         "{\"torch_dtype\": null, \"other\": {\"dtype\": \"x\"}}"},
        {"{\"dtype\": \"\\u0062\"}", "{\"dtype\": \"\\u0062\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_config(copied(cases[i][0], &(struct merge_config){.dtype = "float32"}), cases[i][1]);
}

TEST(merge_folder, speaks_no_more_of_what_was_quantised)
{
    static const char *const cases[][2] = {
        {"{\"a\": 1,\n \"quantization\": {\"x\": \"}\\\"\", \"y\": [1, {}]},\n \"b\": 2}",
         "{\"a\": 1,\n \"b\": 2}"},
        {"{\"a\": [1],\n \"quantization_config\": {\"ignore\": [\"re:.*,\"]}\n}", "{\"a\": [1]\n}"},
        {"{ \"quantization\": null }", "{ }"},
        {"{\"text_config\": {\"quantization_config\" : 1 , \"dtype\": \"x\"}, "
         "\"quantization_config\": \"[\"}",
         "{\"text_config\": {\"dtype\": \"bfloat16\"}}"},
        {"{\"other\": {\"quantization\": 1}}", "{\"other\": {\"quantization\": 1}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_config(
            copied(cases[i][0], &(struct merge_config){.dtype = "bfloat16", .is_plain = true}),
            cases[i][1]);
}

static void assert_refused(const char *model, const char *out, const char *want)
{
    struct merge_folder folder;
    struct err err = {0};
    if (merge_folder_open(&folder, model, out, &err))
        fail_msg("accepted: %s", out);
    if (!strstr(err.text, want))
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
    merge_folder_close(&folder);
}

TEST(merge_folder, is_new_and_outside_of_the_model)
{
    char inside[600], link[600], roundabout[700];
    const char *model = edit_folder("model");
    snprintf(inside, sizeof inside, "%s/new", model);
    snprintf(roundabout, sizeof roundabout, "%s/../model/new", model);
    snprintf(link, sizeof link, "%s", test_tmp("link"));
    unlink(link);
    assert_int_equal(symlink("nowhere", link), 0);
    assert_refused(model, inside, "lies in the model's folder");
    assert_refused(model, roundabout, "lies in the model's folder");
    assert_refused(model, model, "is there already");
    assert_refused(model, link, "is there already");
    assert_refused(model, "", "expected the name of a new folder");
    assert_refused(model, "name/", "without a slash");
    assert_refused(model, "none/such/folder",
                   "none/such/folder: there is no folder none/such to hold it");
}

TEST(merge_folder, needs_room_on_its_disk)
{
    struct merge_folder folder;
    struct err err = {0};
    const char *model = edit_folder("model"), *above = edit_folder("above");
    char out[600];
    snprintf(out, sizeof out, "%s/out", above);
    assert_true(merge_folder_open(&folder, model, out, &err));
    assert_true(merge_folder_reserve(&folder, 1, &err));
    assert_false(merge_folder_reserve(&folder, UINT64_MAX, &err));
    assert_non_null(strstr(err.text, "out: needs 18446744 TB, its disk has "));
    merge_folder_close(&folder);
}

TEST(merge_folder, goes_without_a_trace_unless_committed)
{
    struct merge_folder folder;
    struct err err = {0};
    const char *model = edit_folder("model"), *above = edit_folder("above");
    char out[600];
    put_file(model, "config.json", "{}");
    snprintf(out, sizeof out, "%s/out", above);
    assert_true(merge_folder_open(&folder, model, out, &err));
    assert_true(merge_folder_copy(&folder, &(struct merge_config){.dtype = "float16"}, &err));
    assert_true(has(folder.tmp, "config.json"));
    /* Somebody else made one meanwhile. */
    assert_int_equal(mkdir(out, 0700), 0);
    assert_false(merge_folder_commit(&folder, &err));
    assert_non_null(strstr(err.text, "is there already"));
    assert_int_equal(rmdir(out), 0);
    merge_folder_close(&folder);
    assert_int_equal(rmdir(above), 0); /* empty */
}
