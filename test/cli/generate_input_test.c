/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate_input.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "test.h"

static bool open_text(struct generate_input *in, const char *text, struct err *err)
{
    return generate_input_open(in, test_write(test_tmp("in.jsonl"), text, strlen(text)), err);
}

/* Writes request index for the model "ours" and parses it with another reader. */
static json_t *request(const struct generate_input *in, size_t index, const char *path)
{
    struct buf body, at;
    struct err err = {0};
    buf_init(&body, LIMIT_REQUEST_BYTES);
    buf_init(&at, 300);
    assert_true(generate_input_write(in, index, "ours", &body, &at, &err));
    assert_string_equal(at.data, path);
    json_t *root = json_loads(body.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "model")), "ours");
    buf_free(&body);
    buf_free(&at);
    return root;
}

TEST(generate_input, takes_requests_and_the_lines_of_batches)
{
    static const char text[] =
        "{\"messages\":[1],\"stream\":true,\"stream_options\":{},\"model\":\"theirs\"}\n"
        "{\"custom_id\":\"a\\u00e9\",\"body\":{\"prompt\":\"x\",\"model\":\"theirs\",\"n\":2}}\r\n"
        "{\"custom_id\":\"fim\",\"body\":{\"prompt\":\"x\",\"suffix\":\"y\"}}\n"
        "{\"custom_id\":\"url\",\"method\":\"POST\",\"url\":\"/v1/x\",\"body\":{\"input\":\"x\"}}\n"
        "{\"input\":[\"x\"]}";
    struct generate_input in;
    struct err err = {0};
    assert_true(open_text(&in, text, &err));
    assert_int_equal(in.file.n_lines, 5);
    assert_true(span_is(in.ids[0], "1"));
    assert_true(span_is(in.ids[1], "a\xc3\xa9"));
    assert_int_equal(generate_input_find(&in, SPAN("url")), 3);
    assert_int_equal(generate_input_find(&in, SPAN("2")), SIZE_MAX);
    assert_false(in.done[3]);

    json_t *root = request(&in, 0, "/v1/chat/completions");
    assert_int_equal(json_object_size(root), 2); /* messages and model */
    json_decref(root);
    root = request(&in, 1, "/v1/completions");
    assert_int_equal(json_integer_value(json_object_get(root, "n")), 2);
    json_decref(root);
    json_decref(request(&in, 2, "/v1/fim/completions"));
    json_decref(request(&in, 3, "/v1/x"));
    json_decref(request(&in, 4, "/v1/embeddings"));
    generate_input_close(&in);
}

TEST(generate_input, refuses_lines_by_number)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "in.jsonl: it has no request"},
        {"{\"prompt\":\"x\"}\n{}", "in.jsonl: line 2: expected a request"},
        {"{\"prompt\":\"x\"}\n\n", "in.jsonl: line 2: expected a JSON object"},
        {"{\"custom_id\":7,\"prompt\":\"x\"}\n", "line 1: custom_id: expected a text"},
        {"{\"custom_id\":\"\",\"prompt\":\"x\"}\n", "line 1: custom_id: expected a text"},
        {"{\"prompt\":\"x\"}\n{\"custom_id\":\"1\",\"prompt\":\"x\"}",
         "'1' is that of line 1, too"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct generate_input in;
        struct err err = {0};
        assert_false(open_text(&in, cases[i].text, &err));
        if (!strstr(err.text, cases[i].why))
            fail_msg("%zu: %s", i, err.text);
        generate_input_close(&in);
    }
}

TEST(generate_input, refuses_paths_that_are_none)
{
    static const char *const urls[] = {"http://x", "", "/", "/a b", "/\\u0001", "/\\u00e9"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct generate_input in;
        struct buf body, path;
        struct err err = {0};
        char text[100];
        buf_init(&body, 1000);
        buf_init(&path, 300);
        snprintf(text, sizeof text, "{\"url\":\"%s\",\"body\":{\"prompt\":\"x\"}}", urls[i]);
        assert_true(open_text(&in, text, &err));
        assert_false(generate_input_write(&in, 0, "m", &body, &path, &err));
        assert_int_equal(err.code, ERR_ARG);
        generate_input_close(&in);
        buf_free(&body);
        buf_free(&path);
    }
}

TEST(generate_input, finds_each_of_many_names)
{
    enum { N = 3000 };
    static char text[N * 40];
    struct generate_input in;
    struct err err = {0};
    size_t n = 0;
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "{\"custom_id\":\"r%d\",\"prompt\":\"\"}\n", i * 7);
    assert_true(open_text(&in, text, &err));
    for (int i = 0; i < 7 * N; i++) {
        char name[20];
        int k = snprintf(name, sizeof name, "r%d", i);
        size_t at = generate_input_find(&in, (struct span){name, (size_t)k});
        assert_true(at == (i % 7 ? SIZE_MAX : (size_t)i / 7));
    }
    generate_input_close(&in);
}
