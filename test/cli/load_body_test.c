/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_body.h"

#include <jansson.h>
#include <string.h>

#include "base/limits.h"
#include "test.h"

static const struct load_words words = {.seed = 1, .shared = 1, .own = 2};
static const struct load_accepts every = {true, true, true};

/* Parses a request with another reader than the one that wrote it. */
static json_t *parse(const struct buf *out)
{
    json_t *root = json_loads(out->data, JSON_REJECT_DUPLICATES, NULL);
    if (!root)
        fail_msg("no JSON: %s", out->data);
    return root;
}

static json_t *words_request(const struct load_body *body)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, LIMIT_REQUEST_BYTES);
    assert_true(load_body_words(body, &words, 3, &out, &err));
    json_t *root = parse(&out);
    buf_free(&out);
    return root;
}

TEST(load_body, writes_requests_of_words)
{
    struct load_body body = {
        .model = "a \"b\"", .stream = true, .n_generate = 9, .temperature = -1, .accepts = every};
    json_t *root = words_request(&body);
    json_t *message = json_array_get(json_object_get(root, "messages"), 0);
    assert_string_equal(json_string_value(json_object_get(message, "role")), "user");
    assert_non_null(strchr(json_string_value(json_object_get(message, "content")), ' '));
    assert_string_equal(json_string_value(json_object_get(root, "model")), "a \"b\"");
    assert_int_equal(json_integer_value(json_object_get(root, "max_tokens")), 9);
    assert_true(json_is_true(json_object_get(root, "stream")));
    assert_true(json_is_true(json_object_get(root, "ignore_eos")));
    assert_true(json_is_integer(json_object_get(root, "seed")));
    json_t *options = json_object_get(root, "stream_options");
    assert_true(json_is_true(json_object_get(options, "include_usage")));
    assert_null(json_object_get(options, "continuous_usage_stats"));
    assert_null(json_object_get(root, "temperature"));
    json_decref(root);

    body = (struct load_body){.endpoint = LOAD_COMPLETIONS, .temperature = 0.5, .n_generate = 1};
    root = words_request(&body);
    assert_true(json_is_string(json_object_get(root, "prompt")));
    assert_true(json_is_false(json_object_get(root, "stream")));
    assert_true(json_real_value(json_object_get(root, "temperature")) == 0.5);
    assert_int_equal(json_object_size(root), 4); /* nothing that the server refused */
    json_decref(root);
}

static bool open_text(struct request_file *file, const char *text, enum load_endpoint endpoint,
                      struct err *err)
{
    return load_file_open(file, test_write(test_tmp("requests.jsonl"), text, strlen(text)),
                          endpoint, err);
}

static json_t *line_request(const struct load_body *body, const struct request_file *file,
                            uint64_t index)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, LIMIT_REQUEST_BYTES);
    assert_true(load_body_line(body, file, index, &out, &err));
    json_t *root = parse(&out);
    buf_free(&out);
    return root;
}

TEST(load_body, sends_the_lines_of_a_file)
{
    static const char text[] =
        "{\"messages\":[],\"stream\":false,\"model\":\"own\",\"max_tokens\":5,\"extra\":[1,null]}\n"
        "{\"custom_id\":\"x\",\"body\":{\"messages\":[1],\"max_completion_tokens\":6}}";
    struct request_file file;
    struct err err = {0};
    assert_true(open_text(&file, text, LOAD_CHAT, &err));
    assert_int_equal(file.n_lines, 2);

    struct load_body as_is = {.stream = true, .temperature = -1, .accepts = every};
    json_t *root = line_request(&as_is, &file, 2); /* the first again */
    assert_string_equal(json_string_value(json_object_get(root, "model")), "own");
    assert_int_equal(json_integer_value(json_object_get(root, "max_tokens")), 5);
    assert_int_equal(json_array_size(json_object_get(root, "extra")), 2);
    assert_true(json_is_true(json_object_get(root, "stream")));
    assert_null(json_object_get(root, "ignore_eos"));
    assert_null(json_object_get(root, "seed"));
    json_decref(root);

    struct load_body ours = as_is;
    ours.model = "m";
    ours.n_generate = 7;
    root = line_request(&ours, &file, 0);
    assert_string_equal(json_string_value(json_object_get(root, "model")), "m");
    assert_int_equal(json_integer_value(json_object_get(root, "max_tokens")), 7);
    json_decref(root);
    root = line_request(&ours, &file, 1);
    assert_int_equal(json_array_size(json_object_get(root, "messages")), 1);
    assert_null(json_object_get(root, "max_completion_tokens"));
    assert_null(json_object_get(root, "custom_id"));
    json_decref(root);
    request_file_close(&file);
}

TEST(load_body, refuses_files_by_line)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "requests.jsonl: it has no request"},
        {"{\"messages\":[]}\n\n", "line 2: expected a JSON object"},
        {"{\"messages\":[]}\n{\"messages\":[}", "line 2: expected a JSON object: column 14"},
        {"{\"messages\":[]}\n{\"prompt\":\"a\"}\n",
         "line 2: expected a request with messages; see"},
        {"{}\n", "line 1: expected a request with messages"},
        {"[1]\n", "line 1: expected a JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request_file file;
        struct err err = {0};
        assert_false(open_text(&file, cases[i].text, LOAD_CHAT, &err));
        if (!strstr(err.text, cases[i].why))
            fail_msg("%zu: %s", i, err.text);
        request_file_close(&file);
    }
}
