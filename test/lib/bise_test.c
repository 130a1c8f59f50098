/* SPDX-License-Identifier: Apache-2.0 */
/* Uses the public header, as any program would; others only to read what must come. */
#include "bise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map_guard.h"
#include "data/safetensors.h"
#include "test.h"

#define MODEL "models/stories260K.gguf"

static struct bise_model *open_model(void)
{
    struct bise_error error = {0};
    struct bise_model *model = bise_model_open(MODEL, NULL, &error);
    if (!model)
        fail_msg("%s", error.text);
    return model;
}

/* Appends a whole answer to text: [max] with a NUL, and returns how many tokens it had. */
static int read_answer(struct bise_answer *answer, char *text, size_t max)
{
    struct bise_error error = {0};
    struct bise_piece piece = {0};
    size_t n = strlen(text);
    int n_tokens = 0;
    do {
        assert_int_equal(bise_answer_next(answer, &piece, &error), BISE_OK);
        assert_true(n + piece.n_text < max);
        assert_int_equal(piece.text[piece.n_text], '\0');
        memcpy(text + n, piece.text, piece.n_text + 1);
        n += piece.n_text;
        n_tokens += piece.id >= 0;
        assert_int_equal(piece.is_last, piece.id < 0);
    } while (!piece.is_last);
    return n_tokens;
}

/* The story as the model's first publisher printed it; the fixture has it behind the ids. */
TEST(bise, tells_the_published_story)
{
    char *golden = test_read("test/data/stories260K/stories260K-f32.tokens.txt", NULL);
    char text[2048] = "Once upon a time";
    struct bise_model *model = open_model();
    struct bise_answer_options options = {.max_tokens = 60};
    struct bise_answer *answer = bise_answer_open(model, text, &options, NULL);
    assert_non_null(answer);
    assert_int_equal(bise_answer_finish(answer), BISE_FINISH_NONE);
    assert_int_equal(read_answer(answer, text, sizeof text), 60);
    assert_int_equal(bise_answer_finish(answer), BISE_FINISH_LENGTH);
    const char *want = strstr(golden, "Once upon");
    assert_non_null(want);
    assert_memory_equal(text, want, strlen(text));
    assert_true(strlen(text) > 150);
    bise_answer_close(answer);
    bise_model_close(model);
    free(golden);
}

TEST(bise, an_answer_that_is_over_stays_over)
{
    struct bise_model *model = open_model();
    struct bise_answer_options options = {.max_tokens = 2};
    struct bise_answer *answer = bise_answer_open(model, "Once", &options, NULL);
    char text[256] = "";
    assert_int_equal(read_answer(answer, text, sizeof text), 2);
    text[0] = '\0';
    assert_int_equal(read_answer(answer, text, sizeof text), 0);
    assert_string_equal(text, "");
    bise_answer_close(answer);
    bise_model_close(model);
}

TEST(bise, stop_strings_end_an_answer_and_are_not_part_of_it)
{
    const char *const stop[] = {"nothing of the kind", " little girl"};
    struct bise_model *model = open_model();
    struct bise_answer_options options = {.stop = stop, .n_stop = 2};
    struct bise_answer *answer = bise_answer_open(model, "Once upon a time", &options, NULL);
    char text[1024] = "";
    assert_non_null(answer);
    read_answer(answer, text, sizeof text);
    assert_string_equal(text, ", there was a");
    assert_int_equal(bise_answer_finish(answer), BISE_FINISH_STOP);
    bise_answer_close(answer);
    bise_model_close(model);
}

TEST(bise, a_seed_repeats_a_draw_and_two_answers_do_not_disturb_each_other)
{
    struct bise_model *model = open_model();
    struct bise_answer_options options = {.temperature = 1.5f, .seed = 5, .max_tokens = 30};
    struct bise_answer *a = bise_answer_open(model, "Once", &options, NULL);
    struct bise_answer *b = bise_answer_open(model, "Once", &options, NULL);
    struct bise_piece x = {0}, y = {0};
    while (!x.is_last) {
        assert_int_equal(bise_answer_next(a, &x, NULL), BISE_OK);
        assert_int_equal(bise_answer_next(b, &y, NULL), BISE_OK);
        assert_int_equal(x.id, y.id);
    }
    bise_answer_close(a);
    bise_answer_close(b);
    options.seed = 6;
    a = bise_answer_open(model, "Once", &options, NULL);
    options.seed = 5;
    b = bise_answer_open(model, "Once", &options, NULL);
    char other[1024] = "", again[1024] = "";
    read_answer(a, other, sizeof other);
    read_answer(b, again, sizeof again);
    assert_string_not_equal(other, again);
    bise_answer_close(a);
    bise_answer_close(b);
    bise_model_close(model);
}

TEST(bise, ids_and_text_are_each_others_inverse)
{
    static const char text[] = "Once upon a time";
    static const int32_t want[] = {403, 407, 261, 378};
    struct bise_model *model = open_model();
    int32_t ids[8] = {0};
    char back[64] = "";
    assert_int_equal(bise_tokenize(model, text, strlen(text), NULL, 0, NULL), 4);
    assert_int_equal(bise_tokenize(model, text, strlen(text), ids, 2, NULL), 4);
    assert_int_equal(ids[2], 0);
    assert_int_equal(bise_tokenize(model, text, strlen(text), ids, 8, NULL), 4);
    assert_memory_equal(ids, want, sizeof want);
    assert_int_equal(bise_detokenize(model, ids, 4, NULL, 0, NULL), strlen(text));
    assert_int_equal(bise_detokenize(model, ids, 4, back, 4, NULL), strlen(text));
    assert_string_equal(back, "Once");
    assert_int_equal(bise_detokenize(model, ids, 4, back, sizeof back, NULL), strlen(text));
    assert_memory_equal(back, text, strlen(text));
    assert_int_equal(bise_tokenize(model, "", 0, ids, 8, NULL), 0);
    bise_model_close(model);
}

TEST(bise, an_answer_can_start_from_ids)
{
    static const int32_t ids[] = {1, 403, 407, 261, 378};
    struct bise_model *model = open_model();
    struct bise_answer_options options = {.max_tokens = 4};
    char text[256] = "", same[256] = "";
    struct bise_answer *answer = bise_answer_from_ids(model, ids, 5, &options, NULL);
    read_answer(answer, text, sizeof text);
    bise_answer_close(answer);
    answer = bise_answer_open(model, "Once upon a time", &options, NULL);
    read_answer(answer, same, sizeof same);
    assert_string_equal(text, same);
    bise_answer_close(answer);
    bise_model_close(model);
}

TEST(bise, facts_of_a_model)
{
    struct bise_model *model = open_model();
    assert_int_equal(bise_model_vocabulary(model), 512);
    assert_in_range(bise_model_context(model), 128, 512);
    bise_model_close(model);
    assert_true(strlen(bise_version()) >= 5);
}

TEST(bise, says_what_is_wrong_with_a_model)
{
    struct bise_error error = {0};
    struct bise_model_options options = {.n_threads = -1};
    assert_null(bise_model_open("none/such.gguf", NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.text, "none/such.gguf"));
    assert_null(bise_model_open(MODEL, &options, &error));
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    assert_null(bise_model_open(test_write(test_tmp("bad.gguf"), "GGUF", 4), NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_FORMAT);
    options = (struct bise_model_options){.cpu = "abacus"};
    assert_null(bise_model_open(MODEL, &options, &error));
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    assert_null(bise_model_open("none/such.gguf", NULL, NULL));
}

TEST(bise, says_what_is_wrong_with_an_answer)
{
    static const int32_t outside[] = {1, 512};
    struct bise_error error = {0};
    struct bise_model *model = open_model();
    struct bise_answer_options options = {.top_p = 1.5f};
    assert_null(bise_answer_open(model, "Once", &options, &error));
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    options = (struct bise_answer_options){.context = 3};
    assert_null(bise_answer_open(model, "Once upon a time", &options, &error));
    assert_int_equal(error.code, BISE_ERROR_LIMIT);
    assert_null(bise_answer_from_ids(model, outside, 2, NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    error.code = BISE_OK;
    assert_int_equal(bise_detokenize(model, outside, 2, NULL, 0, &error), -1);
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    assert_int_equal(bise_detokenize(model, &(int32_t){-1}, 1, NULL, 0, &error), -1);
    options = (struct bise_answer_options){.temperature = nanf("")};
    assert_null(bise_answer_open(model, "Once", &options, &error));
    assert_string_equal(error.text, "temperature: expected a number from 0 to 100");
    bise_model_close(model);
}

TEST(bise, a_prompt_without_tokens_is_refused)
{
    struct bise_error error = {0};
    struct bise_model *model = open_model();
    assert_null(bise_answer_from_ids(model, NULL, 0, NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    assert_string_equal(error.text, "the prompt has no tokens");
    assert_null(bise_answer_from_ids(model, &(int32_t){1}, 0, NULL, &error));
    assert_string_equal(error.text, "the prompt has no tokens");
    bise_model_close(model);
}

TEST(bise, a_missing_argument_is_an_error_and_no_crash)
{
    static const int32_t ids[] = {1, 403};
    const char *const stop[] = {"a", NULL};
    struct bise_error error = {0};
    struct bise_piece piece;
    struct bise_model *model = open_model();
    struct bise_answer_options no_list = {.n_stop = 1}, no_entry = {.stop = stop, .n_stop = 2};
    assert_null(bise_model_open(NULL, NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    assert_string_equal(error.text, "path: is NULL");
    assert_null(bise_answer_open(NULL, "Once", NULL, &error));
    assert_string_equal(error.text, "model: is NULL");
    assert_null(bise_answer_open(model, NULL, NULL, &error));
    assert_string_equal(error.text, "prompt: is NULL");
    assert_null(bise_answer_from_ids(NULL, ids, 2, NULL, &error));
    assert_string_equal(error.text, "model: is NULL");
    assert_null(bise_answer_from_ids(model, NULL, 2, NULL, &error));
    assert_string_equal(error.text, "ids: is NULL");
    assert_null(bise_answer_open(model, "Once", &no_list, &error));
    assert_string_equal(error.text, "stop: is NULL");
    assert_null(bise_answer_open(model, "Once", &no_entry, &error));
    assert_string_equal(error.text, "stop: string 2 is NULL");
    assert_int_equal(bise_tokenize(NULL, "a", 1, NULL, 0, &error), -1);
    assert_int_equal(bise_tokenize(model, NULL, 1, NULL, 0, &error), -1);
    assert_int_equal(bise_tokenize(model, "a", 1, NULL, 1, &error), -1);
    assert_string_equal(error.text, "ids: is NULL");
    assert_int_equal(bise_tokenize(model, NULL, 0, NULL, 0, &error), 0);
    assert_int_equal(bise_detokenize(NULL, ids, 2, NULL, 0, &error), -1);
    assert_int_equal(bise_detokenize(model, NULL, 2, NULL, 0, &error), -1);
    assert_int_equal(bise_detokenize(model, ids, 2, NULL, 1, &error), -1);
    assert_string_equal(error.text, "text: is NULL");
    assert_int_equal(bise_answer_next(NULL, &piece, &error), BISE_ERROR_ARGUMENT);
    assert_true(piece.is_last);
    struct bise_answer *answer = bise_answer_from_ids(model, ids, 2, NULL, NULL);
    assert_int_equal(bise_answer_next(answer, NULL, NULL), BISE_ERROR_ARGUMENT);
    bise_answer_close(answer);
    bise_model_close(model);
}

TEST(bise, a_model_without_tokenizer_takes_ids_and_refuses_text)
{
    static const int32_t ids[] = {1, 158};
    struct bise_error error = {0};
    struct bise_answer_options options = {.max_tokens = 3};
    struct bise_model *model = bise_model_open("test/data/oracle/mistral", NULL, &error);
    assert_non_null(model);
    assert_null(bise_answer_open(model, "text", NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_UNSUPPORTED);
    assert_int_equal(bise_tokenize(model, "text", 4, NULL, 0, &error), -1);
    assert_int_equal(bise_detokenize(model, ids, 2, NULL, 0, &error), -1);
    struct bise_answer *answer = bise_answer_from_ids(model, ids, 2, &options, &error);
    char text[16] = "";
    assert_int_equal(read_answer(answer, text, sizeof text), 3);
    assert_string_equal(text, "");
    bise_answer_close(answer);
    bise_model_close(model);
}

TEST(bise, nothing_can_be_closed)
{
    bise_answer_close(NULL);
    bise_model_close(NULL);
}

/* The reference's best token behind the first sequence of the case, with the adapter merged. */
TEST(bise, adapters_change_what_comes_next)
{
    static const char dir[] = "test/data/oracle/mistral-lora";
    static const int n_tok = 12, n_vocab = 256;
    struct bise_adapter adapters[2] = {{"test/data/oracle/mistral-lora/peft", 0}, {dir, NAN}};
    struct bise_model_options options = {.exact = 1, .adapters = adapters, .n_adapters = 1};
    struct bise_error error = {0};
    struct tensor_store store = {0};
    struct err err = {0};
    int32_t first[2];
    assert_true(safetensors_open(&store, dir, "expected", &err));
    const int32_t *ids = (const void *)tensor_store_find(&store, "tokens.0")->data;
    for (int k = 0; k < 2; k++) {
        const float *row =
            (const float *)(const void *)tensor_store_find(&store, k ? "logits_lora.0" : "logits.0")
                ->data +
            (ptrdiff_t)(n_tok - 1) * n_vocab;
        int best = 0;
        for (int i = 1; i < n_vocab; i++)
            best = row[i] > row[best] ? i : best;
        options.n_adapters = (size_t)k;
        struct bise_model *model = bise_model_open(dir, &options, &error);
        if (!model)
            fail_msg("%s", error.text);
        struct bise_answer *answer = bise_answer_from_ids(model, ids, (size_t)n_tok, NULL, &error);
        struct bise_piece piece;
        assert_int_equal(bise_answer_next(answer, &piece, &error), BISE_OK);
        assert_int_equal(piece.id, best);
        first[k] = piece.id;
        bise_answer_close(answer);
        bise_model_close(model);
    }
    assert_int_not_equal(first[0], first[1]);
    tensor_store_free(&store);
    options.n_adapters = 2;
    assert_null(bise_model_open(dir, &options, &error));
    assert_non_null(strstr(error.text, "scale: expected -1000 to 1000"));
    options.n_adapters = 17;
    assert_null(bise_model_open(dir, &options, &error));
    assert_non_null(strstr(error.text, "n_adapters: expected 0 to 16"));
    options.adapters = NULL;
    options.n_adapters = 1;
    assert_null(bise_model_open(dir, &options, &error));
    assert_non_null(strstr(error.text, "adapters: is NULL"));
}

TEST(bise, a_lost_file_fails_the_answer_and_its_model_only)
{
    struct bise_error error = {0};
    struct bise_piece piece = {0};
    size_t n = 0;
    char *bytes = test_read(MODEL, &n), text[700];
    const char *path = test_write(test_tmp("lost.gguf"), bytes, n);
    struct bise_model *other = open_model(), *model = bise_model_open(path, NULL, &error);
    assert_non_null(model);
    struct bise_answer *answer = bise_answer_open(model, "Once upon a time", NULL, &error);
    assert_non_null(answer);
    assert_int_equal(bise_answer_next(answer, &piece, &error), BISE_OK);
    map_guard_uninstall(); /* of another test */
    bise_guard_files();
    assert_int_equal(truncate(path, (off_t)(n / 2)), 0);
    snprintf(text, sizeof text, "%s: reading at byte ", path);
    test_write(path, bytes, n); /* cut to nothing in between */
    assert_int_equal(bise_answer_next(answer, &piece, &error), BISE_OK);
    assert_int_equal(truncate(path, (off_t)(n / 2)), 0);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(bise_answer_next(answer, &piece, &error), BISE_ERROR_SYSTEM);
        assert_memory_equal(error.text, text, strlen(text));
        assert_non_null(strstr(error.text, " failed: the file changed or its disk failed; "));
        test_write(path, bytes, n);
    }
    assert_null(bise_answer_open(model, "Once upon a time", NULL, &error));
    assert_memory_equal(error.text, text, strlen(text));
    bise_answer_close(answer);
    bise_model_close(model);
    free(bytes);
    model = bise_model_open(path, NULL, &error);
    assert_non_null(model);
    for (int i = 0; i < 2; i++) {
        char story[200] = "";
        const struct bise_answer_options options = {.max_tokens = 20};
        answer = bise_answer_open(i ? other : model, "Once upon a time", &options, &error);
        assert_non_null(answer);
        read_answer(answer, story, sizeof story);
        assert_memory_equal(story, ", there was a little girl named", 31);
        bise_answer_close(answer);
    }
    bise_model_close(model);
    bise_model_close(other);
}
