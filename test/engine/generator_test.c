/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generator.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/direct_file.h"
#include "base/mem.h"
#include "data/utf8.h"
#include "model/expert_cache.h"
#include "oracle.h"
#include "test.h"
#include "text/tokenizer.h"

#define MISTRAL "test/data/oracle/mistral"
#define SWA     "test/data/oracle/mistral-swa"
#define MIXTRAL "test/data/oracle/mixtral"

static const int32_t bos = 1;

static void open_exact(struct rig *rig, const char *path)
{
    rig_open(rig, path,
             &(struct cpu_options){.n_threads = 1, .flags = cpu_detect(), .exact = true});
}

static struct generator *open_generator(struct rig *rig, const struct generator_options *options)
{
    struct err err = {0};
    struct generator *gen = generator_open(rig->model, NULL, options, &err);
    if (!gen)
        fail_msg("%s", err.text);
    return gen;
}

static void prompt(struct generator *gen, const int32_t *ids, size_t n)
{
    struct err err = {0};
    if (!generator_prompt(gen, ids, n, &err))
        fail_msg("%s", err.text);
}

/* Generates without text until the end or n tokens; returns how many there were.
 * Nothing may be allocated. */
static int generate(struct generator *gen, int32_t *ids, int n)
{
    struct err err = {0};
    struct buf text;
    buf_init(&text, 0);
    int i = 0;
    mem_forbid(true);
    for (bool ok = true; i < n; i++) {
        ok = generator_next(gen, &ids[i], &text, &err);
        if (!ok || ids[i] < 0)
            break;
    }
    mem_forbid(false);
    if (err.code)
        fail_msg("%s", err.text);
    assert_int_equal(text.len, 0);
    return i;
}

/* Reads the first line of a file of ids; returns their number. */
static int read_ids(const char *path, int32_t *ids, int n_max)
{
    char *text = test_read(path, NULL), *end = text;
    int n = 0;
    for (char *at = text; *at && *at != '\n' && n < n_max; n++) {
        ids[n] = (int32_t)strtol(at, &end, 10);
        at = end + strspn(end, " ");
    }
    free(text);
    return n;
}

/* Writes the path of the story model in a format: [256]. */
static void story_path(const char *format, char *path)
{
    if (strcmp(format, "f32") == 0)
        snprintf(path, 256, "models/stories260K.gguf");
    else
        snprintf(path, 256, "test/data/stories260K/stories260K-%s.gguf", format);
}

/* Generates 256 tokens greedily from BOS. */
static void greedy_story(const char *format, unsigned flags, bool exact, int32_t ids[256])
{
    char path[256];
    struct rig rig;
    const struct generator_options options = {
        .sampler = SAMPLER_DEFAULT, .context = 512, .max_tokens = 256};
    story_path(format, path);
    rig_open(&rig, path, &(struct cpu_options){.n_threads = 1, .flags = flags, .exact = exact});
    struct generator *gen = open_generator(&rig, &options);
    prompt(gen, &bos, 1);
    assert_int_equal(generate(gen, ids, 256), 256);
    assert_int_equal(generator_finish(gen), FINISH_NONE);
    generator_close(gen);
    rig_close(&rig);
}

/* How long ids agree with those in a file, whose first is BOS. */
static int agreement(const char *format, const char *suffix, const int32_t ids[256])
{
    char path[256];
    int32_t want[257];
    snprintf(path, sizeof path, "test/data/stories260K/stories260K-%s.%s", format, suffix);
    int n = read_ids(path, want, 257) - 1, i = 0;
    while (i < n && ids[i] == want[i + 1])
        i++;
    return i;
}

/* Other implementations round activations of small formats in their own way, so the
 * story parts from theirs at the first close decision: not before these tokens.  Where prompts
 * are rounded, to bf16 or to 8 bits, BOS is, too: 0.08 lie between the best two for token 61 of
 * q8_0. */
static const struct {
    const char *format;
    int n_exact, n_default, n_rounded;
} stories[] = {
    {"f32", 256, 256, 256}, {"f16", 256, 256, 256}, {"bf16", 185, 185, 185},
    {"q8_0", 135, 135, 61}, {"q5_1", 36, 36, 36},   {"q5_0", 61, 61, 61},
    {"q4_1", 27, 27, 27},   {"q4_0", 78, 78, 78},   {"iq4_nl", 55, 55, 55},
};

TEST(generator, greedy_stories_are_the_known_ones)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        /* The formats of published models with every instruction set, the others with one. */
        for (int k = i < 4 ? 0 : 2 * (n_flags - 1); k < 2 * n_flags; k++) {
            int32_t ids[256];
            bool exact = k % 2;
            greedy_story(stories[i].format, flags[k / 2], exact, ids);
            int n = agreement(stories[i].format, "tokens.txt", ids);
            int by_default = flags[k / 2] ? stories[i].n_rounded : stories[i].n_default;
            if (n < (exact ? stories[i].n_exact : by_default))
                fail_msg("%s flags %u exact %d: the story parts at %d", stories[i].format,
                         flags[k / 2], exact, n);
            /* In float64, from the weights as stored. */
            if (exact)
                assert_int_equal(agreement(stories[i].format, "f64.txt", ids), 256);
        }
    }
}

/* Given the tokens of another implementation, each of them must be the best or nearly so:
 * what parts the stories is how that implementation rounds activations, not what the
 * weights mean. */
TEST(generator, the_known_stories_part_at_near_ties_only)
{
    static const struct {
        const char *format;
        int n_others; /* tokens that are not the best here */
    } known[] = {
        {"f32", 0},  {"f16", 0},  {"bf16", 1}, {"q8_0", 1},   {"q5_1", 3},
        {"q5_0", 2}, {"q4_1", 5}, {"q4_0", 2}, {"iq4_nl", 2},
    };
    float *rows = malloc(257 * 512 * sizeof *rows);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char path[256];
        int32_t ids[257];
        struct rig rig;
        story_path(known[i].format, path);
        open_exact(&rig, path);
        snprintf(path, sizeof path, "test/data/stories260K/stories260K-%s.tokens.txt",
                 known[i].format);
        int n = read_ids(path, ids, 257), n_others = 0;
        size_t n_vocab = model_config(rig.model)->n_vocab;
        assert_in_range(n, 200, 257);
        assert_int_equal(n_vocab, 512);
        rig_run(&rig, ids, n, n, MODEL_MAX_TOKENS, rows);
        for (int t = 1; t < n; t++) {
            const float *row = rows + (size_t)(t - 1) * n_vocab;
            float best = row[0];
            for (size_t k = 1; k < n_vocab; k++)
                best = fmaxf(best, row[k]);
            if (!(row[ids[t]] >= best - 0.1f))
                fail_msg("%s: token %d is %g below the best", known[i].format, t,
                         (double)(best - row[ids[t]]));
            n_others += row[ids[t]] < best;
        }
        if (n_others > known[i].n_others)
            fail_msg("%s: %d tokens are not the best", known[i].format, n_others);
        rig_close(&rig);
    }
    free(rows);
}

/* Stores the rows that are handed out, or fails at row fail_at. */
struct rows {
    float *logits;
    size_t n_vocab;
    int n, fail_at;
};

static bool take_row(void *arg, const float *logits, struct err *err)
{
    struct rows *rows = arg;
    if (rows->n == rows->fail_at)
        return err_set(err, ERR_CANCELLED, "enough");
    memcpy(rows->logits + (size_t)rows->n++ * rows->n_vocab, logits,
           rows->n_vocab * sizeof *logits);
    return true;
}

static float logits[128 * 1024], others[128 * 1024];

TEST(generator, every_prompt_token_hands_out_its_logits)
{
    static const int chunks[] = {1, 5, 16, 40, 0};
    static const char *const dirs[] = {MISTRAL, SWA};
    for (size_t d = 0; d < 2; d++) {
        struct rig rig;
        struct oracle oracle;
        struct err err = {0};
        oracle_open(&oracle, dirs[d], "logits", 1);
        open_exact(&rig, dirs[d]);
        size_t n_vocab = (size_t)oracle.n_vocab, n = (size_t)oracle.n;
        rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, others);
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            const struct generator_options options = {.sampler = SAMPLER_DEFAULT,
                                                      .chunk = chunks[i]};
            struct generator *gen = open_generator(&rig, &options);
            struct rows rows = {.logits = logits, .n_vocab = n_vocab, .fail_at = -1};
            /* In two parts: the second continues the first. */
            assert_true(generator_prompt_logits(gen, oracle.ids, 7, take_row, &rows, &err));
            assert_true(generator_prompt_logits(gen, oracle.ids + 7, n - 7, take_row, &rows, &err));
            assert_int_equal(rows.n, n);
            assert_memory_equal(logits, others, n * n_vocab * sizeof *logits);
            assert_true(oracle_distance(&oracle, logits).max <= 2e-4);

            int32_t id, best = 0; /* the answer starts from the last row */
            const float *last = others + (n - 1) * n_vocab;
            for (size_t k = 0; k < n_vocab; k++)
                best = last[k] > last[best] ? (int32_t)k : best;
            assert_int_equal(generate(gen, &id, 1), 1);
            assert_int_equal(id, best);
            generator_close(gen);
        }
        rig_close(&rig);
        oracle_close(&oracle);
    }
}

TEST(generator, what_refuses_a_row_ends_the_prompt)
{
    struct rig rig;
    struct oracle oracle;
    struct err err = {0};
    open_exact(&rig, MISTRAL);
    oracle_open(&oracle, MISTRAL, "logits", 1);
    struct generator *gen =
        open_generator(&rig, &(struct generator_options){.sampler = SAMPLER_DEFAULT, .chunk = 8});
    struct rows rows = {.logits = logits, .n_vocab = (size_t)oracle.n_vocab, .fail_at = 20};
    assert_false(generator_prompt_logits(gen, oracle.ids, 40, take_row, &rows, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_string_equal(err.text, "enough");
    assert_int_equal(rows.n, 20);
    generator_close(gen);
    oracle_close(&oracle);
    rig_close(&rig);
}

TEST(generator, a_continued_sequence_equals_a_fresh_one)
{
    struct rig rig;
    struct oracle oracle;
    int32_t all[200], want[20], got[20];
    open_exact(&rig, MISTRAL);
    oracle_open(&oracle, MISTRAL, "logits", 1);
    const struct generator_options options = {.sampler = SAMPLER_DEFAULT, .max_tokens = 20};

    struct generator *gen = open_generator(&rig, &options);
    prompt(gen, oracle.ids, 10);
    assert_int_equal(generate(gen, all + 10, 20), 20);
    prompt(gen, oracle.ids + 10, 30);
    assert_int_equal(generate(gen, got, 20), 20);
    assert_int_equal(generator_stats(gen).n_prompt, 40);
    assert_int_equal(generator_stats(gen).n_answer, 40);
    assert_true(generator_stats(gen).prompt_s > 0 && generator_stats(gen).answer_s > 0);
    generator_close(gen);

    memcpy(all, oracle.ids, 10 * sizeof *all);
    memcpy(all + 30, oracle.ids + 10, 30 * sizeof *all);
    gen = open_generator(&rig, &options);
    prompt(gen, all, 60);
    assert_int_equal(generate(gen, want, 20), 20);
    assert_memory_equal(got, want, sizeof want);
    generator_close(gen);
    oracle_close(&oracle);
    rig_close(&rig);
}

/* Feeds ids from position n_kept on and compares every row with want: [n][n_vocab]. */
static void expect_rows(struct generator *gen, const struct oracle *oracle, size_t n_kept,
                        const float *want)
{
    struct err err = {0};
    size_t n = (size_t)oracle->n - n_kept, n_vocab = (size_t)oracle->n_vocab;
    struct rows rows = {.logits = logits, .n_vocab = n_vocab, .fail_at = -1};
    if (!generator_prompt_logits(gen, oracle->ids + n_kept, n, take_row, &rows, &err))
        fail_msg("%s", err.text);
    assert_int_equal(rows.n, n);
    assert_memory_equal(logits, want + n_kept * n_vocab, n * n_vocab * sizeof *logits);
}

TEST(generator, a_rewound_sequence_equals_a_fresh_one)
{
    static const char *const dirs[] = {MISTRAL, SWA};
    for (size_t d = 0; d < 2; d++) {
        struct rig rig;
        struct oracle oracle;
        int32_t ids[128], answer[40];
        oracle_open(&oracle, dirs[d], "logits", 1);
        open_exact(&rig, dirs[d]);
        size_t n = (size_t)oracle.n;
        rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, others);
        const struct generator_options options = {.sampler = SAMPLER_DEFAULT, .chunk = 8};
        struct generator *gen = open_generator(&rig, &options);
        assert_int_equal(generator_rewind(gen, oracle.ids, n), 0);
        expect_rows(gen, &oracle, 0, others);
        size_t window = model_config(rig.model)->windows[0];
        static const size_t cuts[] = {1000, 17, 63, 16, 2, 1, 0};
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            /* Another text from the cut on, and an answer to it: both are dropped. */
            size_t n_same = cuts[i] < n ? cuts[i] : n, n_kept;
            memcpy(ids, oracle.ids, n * sizeof *ids);
            for (size_t t = n_same; t < n; t++)
                ids[t] = (ids[t] + 1) % oracle.n_vocab;
            n_kept = generator_rewind(gen, ids, n);
            if (n_kept < n)
                prompt(gen, ids + n_kept, n - n_kept);
            assert_int_equal(generate(gen, answer, 5), 5);
            n_kept = generator_rewind(gen, oracle.ids, n);
            if (!window)
                assert_int_equal(n_kept, n_same < n ? n_same : n - 1);
            else if (n_kept)
                assert_in_range(n - n_kept, 1, window); /* further back the keys are gone */
            expect_rows(gen, &oracle, n_kept, others);
        }
        generator_close(gen);
        oracle_close(&oracle);
        rig_close(&rig);
    }
}

TEST(generator, answers_are_kept_unless_they_shall_be_computed_again)
{
    struct rig rig;
    struct oracle oracle;
    int32_t ids[60], id;
    struct err err = {0};
    oracle_open(&oracle, MISTRAL, "logits", 1);
    rig_open(&rig, MISTRAL, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    rig_run(&rig, oracle.ids, 1, 1, MODEL_MAX_TOKENS, others);
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        struct generator *gen =
            open_generator(&rig, &(struct generator_options){.sampler = SAMPLER_DEFAULT,
                                                             .deterministic = deterministic == 1});
        memcpy(ids, oracle.ids, sizeof ids);
        prompt(gen, ids, 30);
        assert_int_equal(generate(gen, ids + 30, 10), 10);
        /* The last token of an answer has no position yet. */
        size_t n_kept = generator_rewind(gen, ids, 60);
        assert_int_equal(n_kept, deterministic ? 30 : 39);
        assert_false(generator_next(gen, &id, NULL, &err));
        assert_int_equal(err.code, ERR_ARG);
        struct rows rows = {.logits = logits, .n_vocab = (size_t)oracle.n_vocab, .fail_at = -1};
        assert_true(generator_prompt_logits(gen, ids + n_kept, 60 - n_kept, take_row, &rows, &err));
        generator_close(gen);

        gen = open_generator(&rig, &(struct generator_options){.sampler = SAMPLER_DEFAULT});
        rows = (struct rows){.logits = others, .n_vocab = rows.n_vocab, .fail_at = -1};
        assert_true(generator_prompt_logits(gen, ids, 60, take_row, &rows, &err));
        bool same = memcmp(logits, others + n_kept * rows.n_vocab,
                           (60 - n_kept) * rows.n_vocab * sizeof *logits) == 0;
        assert_true(same || !deterministic);
        generator_close(gen);
    }
    oracle_close(&oracle);
    rig_close(&rig);
}

TEST(generator, a_rewind_forgets_what_penalties_count)
{
    struct rig rig;
    struct oracle oracle;
    int32_t want[20], got[20];
    oracle_open(&oracle, MISTRAL, "logits", 1);
    open_exact(&rig, MISTRAL);
    struct generator_options options = {.sampler = SAMPLER_DEFAULT};
    options.sampler.repetition_penalty = 1.8f;
    options.sampler.presence_penalty = 1;
    struct generator *gen = open_generator(&rig, &options);
    prompt(gen, oracle.ids, 20);
    assert_int_equal(generate(gen, want, 20), 20);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(generator_rewind(gen, oracle.ids, 20), 19);
        prompt(gen, oracle.ids + 19, 1);
        assert_int_equal(generate(gen, got, 20), 20);
        assert_memory_equal(got, want, sizeof want);
        prompt(gen, oracle.ids + 20, 40); /* tokens that count no more */
    }
    generator_close(gen);
    oracle_close(&oracle);
    rig_close(&rig);
}

TEST(generator, answers_end_at_max_tokens_and_at_the_context)
{
    struct rig rig;
    int32_t ids[64], id;
    struct err err = {0};
    open_exact(&rig, MISTRAL);
    struct generator *gen = open_generator(
        &rig, &(struct generator_options){.sampler = SAMPLER_DEFAULT, .max_tokens = 5});
    assert_int_equal(generator_finish(gen), FINISH_NONE);
    prompt(gen, &bos, 1);
    assert_int_equal(generate(gen, ids, 64), 5);
    assert_int_equal(generator_finish(gen), FINISH_LENGTH);
    assert_true(generator_next(gen, &id, NULL, &err));
    assert_int_equal(id, -1);
    generator_close(gen);

    /* The last token needs no position: nothing comes after it. */
    gen = open_generator(&rig,
                         &(struct generator_options){.sampler = SAMPLER_DEFAULT, .context = 20});
    prompt(gen, (int32_t[]){1, 5, 6}, 3);
    assert_int_equal(generate(gen, ids, 64), 18);
    assert_int_equal(generator_finish(gen), FINISH_LENGTH);
    assert_false(generator_prompt(gen, &bos, 1, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    generator_close(gen);

    gen =
        open_generator(&rig, &(struct generator_options){.sampler = SAMPLER_DEFAULT, .context = 3});
    prompt(gen, (int32_t[]){1, 5, 6}, 3);
    assert_int_equal(generate(gen, ids, 64), 1);
    generator_close(gen);
    rig_close(&rig);
}

TEST(generator, endless_repetition_ends_unless_it_is_wanted)
{
    enum { N = 3000 };
    static int32_t ids[N];
    struct rig rig;
    open_exact(&rig, MISTRAL);
    struct generator_options options = {.sampler = SAMPLER_DEFAULT, .context = N + 1};
    options.sampler.frequency_penalty = -2; /* the more often, the likelier */
    struct generator *gen = open_generator(&rig, &options);
    prompt(gen, &bos, 1);
    int n = generate(gen, ids, N);
    assert_in_range(n, 256, 400);
    assert_int_equal(generator_finish(gen), FINISH_LOOP);
    generator_close(gen);

    options.no_loop_guard = true;
    gen = open_generator(&rig, &options);
    prompt(gen, &bos, 1);
    assert_true(generate(gen, ids, n + 100) == n + 100);
    generator_close(gen);
    rig_close(&rig);
}

TEST(generator, windows_need_few_pages_and_give_the_same_answer)
{
    enum { N = 400, N_PROMPT = 7 };
    static int32_t ids[N_PROMPT + N];
    struct rig rig;
    struct oracle oracle;
    open_exact(&rig, SWA);
    oracle_open(&oracle, SWA, "logits", 0);
    const struct generator_options options = {
        .sampler = SAMPLER_DEFAULT, .context = 512, .chunk = 4, .no_loop_guard = true};
    struct generator *gen = open_generator(&rig, &options);
    assert_int_equal(generator_stats(gen).kv_bytes, 2 * model_page_bytes(rig.model));
    memcpy(ids, oracle.ids, N_PROMPT * sizeof *ids);
    prompt(gen, ids, N_PROMPT);
    assert_int_equal(generate(gen, ids + N_PROMPT, N), N);
    generator_close(gen);

    /* The rig keeps every page.  Each token must be the best of the row before it. */
    size_t n_vocab = (size_t)oracle.n_vocab;
    float *rows = malloc((N_PROMPT + N) * n_vocab * sizeof *rows);
    rig_run(&rig, ids, N_PROMPT + N, N_PROMPT, 4, rows);
    for (int t = N_PROMPT; t < N_PROMPT + N; t++) {
        const float *row = rows + (size_t)(t - 1) * n_vocab;
        for (size_t i = 0; i < n_vocab; i++)
            assert_true(row[i] <= row[ids[t]]);
    }
    free(rows);
    oracle_close(&oracle);
    rig_close(&rig);
}

TEST(generator, broken_weights_are_an_error_and_not_an_answer)
{
    char dir[512], path[600];
    struct rig rig;
    struct err err = {0};
    size_t n;
    oracle_copy("mistral", CHECKPOINT_NATIVE, dir);
    snprintf(path, sizeof path, "%s/consolidated.safetensors", dir);
    char *bytes = test_read(path, &n);
    uint64_t n_header;
    memcpy(&n_header, bytes, sizeof n_header);
    memset(bytes + 8 + n_header, 0x7f, n - 8 - n_header);
    for (size_t i = 8 + n_header; i + 1 < n; i += 2)
        bytes[i] = (char)0xff; /* bf16 0x7fff: NaN */
    test_write(path, bytes, n);
    free(bytes);

    open_exact(&rig, dir);
    struct generator *gen =
        open_generator(&rig, &(struct generator_options){.sampler = SAMPLER_DEFAULT});
    assert_false(generator_prompt(gen, &bos, 1, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_string_equal(err.text,
                        "logits are not finite: the weights hold NaN or infinite numbers; "
                        "check them with 'bise show --check-tensors'");
    struct rows rows = {.fail_at = 0};
    assert_false(generator_prompt_logits(gen, &bos, 1, take_row, &rows, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    generator_close(gen);
    rig_close(&rig);
}

TEST(generator, a_failing_disk_ends_the_request_and_the_next_one_works)
{
    enum { N = 12 };
    struct rig rig;
    struct err err = {0};
    int32_t want[N], got[N];
    open_exact(&rig, MIXTRAL);
    struct expert_sizes sizes = expert_cache_sizes(rig.ckpt);
    struct expert_cache *cache = expert_cache_open(rig.ckpt, NULL, sizes.min_bytes, &err);
    assert_non_null(cache);
    const struct generator_options options = {.sampler = SAMPLER_DEFAULT, .no_loop_guard = true};
    struct generator *gen = open_generator(&rig, &options);
    const int32_t ids[] = {1, 40, 99, 7};
    prompt(gen, ids, 4);
    assert_int_equal(generate(gen, want, N), N);
    model_set_expert_cache(rig.model, cache);
    for (int fault = 0; fault < 2; fault++) {
        generator_rewind(gen, NULL, 0);
        direct_file_fail_after(2, fault ? EIO : 0);
        assert_false(generator_prompt(gen, ids, 4, &err));
        assert_int_equal(err.code, ERR_IO);
        assert_false(generator_next(gen, got, NULL, &err));
        assert_int_equal(err.code, ERR_ARG);
        direct_file_fail_never();
        generator_rewind(gen, ids, 4);
        prompt(gen, ids, 4);
        assert_int_equal(generate(gen, got, N / 2), N / 2);
        int32_t none;
        direct_file_fail_after(0, fault ? EIO : 0);
        assert_false(generator_next(gen, &none, NULL, &err));
        assert_int_equal(err.code, ERR_IO);
        assert_non_null(strstr(err.text, "consolidated.safetensors: "));
        direct_file_fail_never();
        assert_int_equal(generate(gen, got + N / 2, N - N / 2), N - N / 2);
        assert_memory_equal(got, want, sizeof want);
    }
    generator_close(gen);
    model_set_expert_cache(rig.model, NULL);
    expert_cache_close(cache);
    rig_close(&rig);
}

TEST(generator, wrong_options_and_prompts_are_named)
{
    struct rig rig;
    struct err err = {0};
    const char *stop[] = {"x"};
    open_exact(&rig, MISTRAL);
    const struct {
        struct generator_options options;
        const char *text;
    } bad[] = {
        {{.sampler = SAMPLER_DEFAULT, .chunk = -1}, "chunk -1: "},
        {{.sampler = SAMPLER_DEFAULT, .chunk = MODEL_MAX_TOKENS + 1}, "chunk 513: "},
        {{.sampler = SAMPLER_DEFAULT, .context = LIMIT_CONTEXT + 1}, "context 16777217: "},
        {{.sampler = SAMPLER_DEFAULT, .stop = stop, .n_stop = 1}, "stop: "},
        {{.sampler = {.temperature = -1}}, "temperature: "},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(generator_open(rig.model, NULL, &bad[i].options, &err));
        assert_int_equal(err.code, ERR_ARG);
        assert_memory_equal(err.text, bad[i].text, strlen(bad[i].text));
    }

    struct generator *gen =
        open_generator(&rig, &(struct generator_options){.sampler = SAMPLER_DEFAULT, .context = 8});
    int32_t id;
    assert_false(generator_next(gen, &id, NULL, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_false(generator_prompt(gen, (int32_t[]){1, 256}, 2, &err));
    assert_string_equal(err.text, "prompt token 2: id 256 is not in 0..255");
    assert_false(generator_prompt(gen, (int32_t[]){-1}, 1, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_false(generator_prompt(gen, (int32_t[9]){1}, 9, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    prompt(gen, NULL, 0);
    prompt(gen, (int32_t[8]){1}, 8); /* nothing was fed before */
    generator_close(gen);
    generator_close(NULL);
    rig_close(&rig);
}

TEST(generator, missing_memory_is_an_error)
{
    struct rig rig;
    open_exact(&rig, MISTRAL);
    const struct generator_options options = {.sampler = SAMPLER_DEFAULT};
    for (size_t n = 0;; n++) {
        struct err err = {0};
        mem_fail_after(n);
        struct generator *gen = generator_open(rig.model, NULL, &options, &err);
        mem_fail_never();
        if (gen) {
            assert_in_range(n, 8, 20);
            generator_close(gen);
            break;
        }
        assert_int_equal(err.code, ERR_LIMIT);
    }
    rig_close(&rig);
}

/* Answers a prompt as text.  The model is exact, so the text is the same everywhere. */
struct answer {
    char text[4096]; /* [n_text] and a NUL */
    size_t n_text;
    int n;        /* tokens */
    int32_t last; /* the last of them */
    enum finish_reason finish;
};

static struct answer answer_text(const char *prompt_text, const struct generator_options *options)
{
    struct rig rig;
    struct err err = {0};
    struct token_ids ids = {0};
    struct buf text;
    struct answer answer = {0};
    open_exact(&rig, "models/stories260K.gguf");
    struct tokenizer *tok = tokenizer_from_gguf(&rig.ckpt->gguf, &err);
    assert_non_null(tok);
    assert_true(token_ids_add(&ids, tokenizer_bos(tok), &err));
    assert_true(tokenizer_encode(tok, prompt_text, strlen(prompt_text), &ids, &err));
    struct generator *gen = generator_open(rig.model, tok, options, &err);
    if (!gen)
        fail_msg("%s", err.text);
    prompt(gen, ids.ids, ids.n);
    buf_init(&text, sizeof answer.text - 1);
    for (int32_t id = 0; id >= 0;) {
        if (!generator_next(gen, &id, &text, &err))
            fail_msg("%s", err.text);
        answer.n += id >= 0;
    }
    answer.n_text = text.len;
    if (text.len)
        memcpy(answer.text, text.data, text.len);
    answer.finish = generator_finish(gen);
    buf_free(&text);
    free(ids.ids);
    generator_close(gen);
    tokenizer_close(tok);
    rig_close(&rig);
    return answer;
}

TEST(generator, the_text_of_the_story_is_the_known_one)
{
    char *known = test_read("test/data/stories260K/stories260K-f32.tokens.txt", NULL);
    const struct generator_options options = {
        .sampler = SAMPLER_DEFAULT, .context = 512, .max_tokens = 256};
    struct answer answer = answer_text("", &options);
    /* The known text keeps the space that begins every SentencePiece text. */
    const char *want = strchr(known, '\n') + 2;
    assert_memory_equal(answer.text, want, strlen(answer.text));
    assert_true(strlen(want) <= strlen(answer.text) + 1); /* one newline more */
    assert_int_equal(answer.finish, FINISH_LENGTH);
    assert_int_equal(answer.n, 256);
    free(known);
}

TEST(generator, stop_strings_end_the_text_before_them)
{
    const char *stop[] = {"zebra", "y, she sa"}; /* inside "One day, she saw", over tokens */
    struct generator_options options = {
        .sampler = SAMPLER_DEFAULT, .max_tokens = 100, .stop = stop, .n_stop = 2};
    struct answer answer = answer_text("", &options);
    assert_string_equal(answer.text, "Once upon a time, there was a little girl named Lily. She "
                                     "loved to play outside in the park. One da");
    assert_int_equal(answer.finish, FINISH_STOP);
    assert_true(answer.n < 60);

    /* What looked like one is let go at the end. */
    stop[1] = "there was a little girl named Lucy";
    options.max_tokens = 20;
    answer = answer_text("", &options);
    assert_int_equal(answer.finish, FINISH_LENGTH);
    options.n_stop = 0;
    assert_string_equal(answer.text, answer_text("", &options).text);
}

TEST(generator, an_answer_continues_the_text_only_when_asked)
{
    struct generator_options options = {.sampler = SAMPLER_DEFAULT, .max_tokens = 4};
    struct answer fresh = answer_text("Once upon", &options);
    options.continues_text = true;
    struct answer continued = answer_text("Once upon", &options);
    assert_memory_equal(fresh.text, "a time", 6);
    assert_int_equal(continued.text[0], ' ');
    assert_string_equal(continued.text + 1, fresh.text);
}

TEST(generator, the_end_token_ends_the_answer_unless_ignored)
{
    /* Stories of this model never end; very hot ones are noise in which the end token
     * comes once in some hundred tokens, and bytes that are no UTF-8 all the time. */
    struct generator_options options = {
        .sampler = SAMPLER_DEFAULT, .context = 512, .no_loop_guard = true};
    options.sampler.temperature = 50.0f;
    struct answer answer = {.finish = FINISH_NONE};
    while (answer.finish != FINISH_STOP && options.sampler.seed < 50) {
        options.sampler.seed++;
        answer = answer_text("", &options);
        assert_true(utf8_valid(answer.text, answer.n_text));
    }
    assert_int_equal(answer.finish, FINISH_STOP);
    assert_in_range(answer.n, 1, 511);
    options.ignore_eos = true;
    struct answer longer = answer_text("", &options);
    assert_int_equal(longer.finish, FINISH_LENGTH);
    assert_int_equal(longer.n, 512);
    assert_true(utf8_valid(longer.text, longer.n_text));
    assert_true(longer.n_text > answer.n_text);
}
