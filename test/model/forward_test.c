/* SPDX-License-Identifier: Apache-2.0 */
/* forward_test.c - the whole decoder against the reference logits of every architecture.
 * The limits are those that the reference states for each arithmetic. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map_guard.h"
#include "base/mem.h"
#include "oracle.h"
#include "test.h"

enum { MAX_VOCAB = 1024 };

static float logits[ORACLE_MAX_TOK * MAX_VOCAB], others[ORACLE_MAX_TOK * MAX_VOCAB];

static const enum checkpoint_layout layouts[] = {CHECKPOINT_NATIVE, CHECKPOINT_HF};

/* The reference's limits: float32, bf16 and 8-bit activations. */
static const double max_exact = 2e-4, max_rounded = 1e-3, max_flipped = 0.1, kl_bf16 = 2e-3,
                    kl_q8_0 = 3e-2, same_bf16 = 0.9;

/* Small models in other layouts; their logits are those of the weights as stored. */
static const char *const other_cases[] = {
    "oracle-gguf/ministral3-f32", "oracle-gguf/ministral3-bf16",
    "oracle-gguf/ministral3-f16", "oracle-gguf/ministral3-q8_0",
    "oracle-gguf/mistral-f32",    "oracle-gguf/mistral-bf16",
    "oracle-gguf/mistral-f16",    "oracle-gguf/mistral-q8_0",
    "oracle-gguf/mixtral-bf16",   "oracle-gguf/mistral4-bf16",
    "oracle-gguf/large3-bf16",    "layouts/latent",
    "layouts/latent-deepseek2",   "layouts/latent-modelopt",
    "layouts/latent-nvfp4",       "layouts/mixtral",
    "layouts/mixtral-first",      "layouts/mixtral-fused",
    "layouts/mixtral-fused-gguf", "layouts/mixtral-nvfp4-gguf",
    "layouts/mixtral-old-gguf",
};

enum { N_CASES = ORACLE_CASES + sizeof other_cases / sizeof *other_cases };

static void case_dir(char dir[512], int i)
{
    if (i < ORACLE_CASES)
        snprintf(dir, 512, "test/data/oracle/%s", oracle_cases[i].name);
    else
        snprintf(dir, 512, "test/data/%s", other_cases[i - ORACLE_CASES]);
}

/* Opens the model of a case: as it lies, so the native layout where there are two. */
static void open_case(struct rig *rig, int i, unsigned flags, bool exact, int n_threads)
{
    char path[512];
    case_dir(path, i);
    rig_open(rig, path,
             &(struct cpu_options){.n_threads = n_threads, .flags = flags, .exact = exact});
}

/* Runs a whole sequence of a case as one prompt, and compares with logits of that kind. */
static struct distance prompt_distance(struct rig *rig, int i, const char *what, int sequence)
{
    char dir[512];
    struct oracle oracle;
    case_dir(dir, i);
    oracle_open(&oracle, dir, what, sequence);
    rig_run(rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
    struct distance d = oracle_distance(&oracle, logits);
    oracle_close(&oracle);
    return d;
}

static void check(struct rig *rig, int i, const char *what, double max)
{
    for (int sequence = 0; sequence < ORACLE_SEQUENCES; sequence++) {
        struct distance d = prompt_distance(rig, i, what, sequence);
        if (!(d.max <= max))
            fail_msg("%s on %s: off by %g", rig->ckpt->path, rig->backend->name, d.max);
    }
}

TEST(forward, exact_logits_are_the_reference_logits)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < ORACLE_CASES; i++) {
        const struct oracle_case *c = &oracle_cases[i];
        for (int k = 0; k < 2 * n_flags; k++) {
            char dir[512];
            struct rig rig;
            enum checkpoint_layout layout = layouts[k % 2];
            if (!oracle_has(c, layout))
                continue;
            oracle_copy(c->name, layout, dir);
            rig_open(&rig, dir,
                     &(struct cpu_options){.n_threads = 1, .flags = flags[k / 2], .exact = true});
            assert_int_equal(rig.ckpt->layout, layout);
            check(&rig, i, layout == CHECKPOINT_HF && c->hf_logits ? c->hf_logits : "logits",
                  max_exact);
            rig_close(&rig);
        }
    }
}

TEST(forward, rounded_inputs_give_the_logits_that_the_checkpoint_was_made_for)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < ORACLE_CASES; i++) {
        const struct oracle_case *c = &oracle_cases[i];
        if (strcmp(c->name, "ministral3-fp8") != 0 && strcmp(c->name, "mistral4-fp8") != 0)
            continue;
        for (int k = 0; k < n_flags; k++) {
            char dir[512];
            struct rig rig;
            oracle_copy(c->name, CHECKPOINT_NATIVE, dir);
            rig_open(&rig, dir,
                     &(struct cpu_options){
                         .n_threads = 1, .flags = flags[k], .exact = true, .round_inputs = true});
            for (int sequence = 0; sequence < ORACLE_SEQUENCES; sequence++) {
                /* An input at the border between two codes may fall to either side. */
                struct distance d = prompt_distance(&rig, i, "logits_actq", sequence);
                if (!(d.max_but_one <= max_rounded && d.max <= max_flipped))
                    fail_msg("%s on %s: off by %g", dir, rig.backend->name, d.max);
            }
            rig_close(&rig);
        }
    }
}

TEST(forward, exact_logits_of_other_layouts_are_those_of_their_stored_weights)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = ORACLE_CASES; i < N_CASES; i++) {
        for (int k = 0; k < n_flags; k++) {
            struct rig rig;
            open_case(&rig, i, flags[k], true, 1);
            check(&rig, i, "logits", max_exact);
            rig_close(&rig);
        }
    }
}

TEST(forward, eight_bit_keys_and_values_cost_little_and_the_same_in_any_chunk)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < ORACLE_CASES; i++) {
        /* Heads of 16 are no whole blocks. */
        if (oracle_cases[i].is_moe || strcmp(oracle_cases[i].name, "mistral-sharded") == 0)
            continue;
        for (int k = 0; k < n_flags; k++) {
            struct rig rig;
            char dir[512];
            case_dir(dir, i);
            rig_open(&rig, dir,
                     &(struct cpu_options){
                         .n_threads = 1, .flags = flags[k], .exact = true, .kv_q8 = true});
            struct distance d = prompt_distance(&rig, i, "logits", 1);
            if (!(d.kl_mean <= kl_q8_0 && d.max > 0.0))
                fail_msg("%s on %s: KL %g", rig.ckpt->path, rig.backend->name, d.kl_mean);
            struct oracle oracle;
            oracle_open(&oracle, dir, "logits", 1);
            rig_run(&rig, oracle.ids, oracle.n, oracle.n, 7 + k, others);
            assert_memory_equal(logits, others,
                                (size_t)(oracle.n * oracle.n_vocab) * sizeof *logits);
            oracle_close(&oracle);
            rig_close(&rig);
        }
    }
}

TEST(forward, default_logits_stay_within_the_limits_of_their_arithmetic)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < N_CASES; i++) {
        bool q8_0 = i >= ORACLE_CASES && strstr(other_cases[i - ORACLE_CASES], "q8_0");
        for (int k = 0; k < n_flags; k++) {
            struct rig rig;
            open_case(&rig, i, flags[k], false, 1);
            if (model_config(rig.model)->is_moe) { /* a rounding may choose another expert */
                rig_close(&rig);
                continue;
            }
            struct distance d = prompt_distance(&rig, i, "logits", 1);
            if (!(d.kl_mean <= (q8_0 ? kl_q8_0 : kl_bf16)) || (!q8_0 && d.same_share < same_bf16))
                fail_msg("%s on %s: KL %g, same %g", rig.ckpt->path, rig.backend->name, d.kl_mean,
                         d.same_share);
            rig_close(&rig);
        }
    }
}

TEST(forward, chunks_of_a_prompt_do_not_change_a_bit)
{
    static const int chunks[] = {1, 3, 17, 16}; /* by turns the first and third, or the others */
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < N_CASES; i++) {
        for (int k = 0; k < 2 * n_flags; k++) {
            char dir[512];
            struct rig rig;
            struct oracle oracle;
            case_dir(dir, i);
            oracle_open(&oracle, dir, "logits", 1);
            open_case(&rig, i, flags[k / 2], k % 2, 1);
            size_t n_bytes = (size_t)oracle.n * (size_t)oracle.n_vocab * sizeof *logits;
            rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
            for (size_t c = (size_t)(i + k) % 2; c < 4; c += 2) {
                rig_run(&rig, oracle.ids, oracle.n, oracle.n, chunks[c], others);
                if (memcmp(logits, others, n_bytes) != 0)
                    fail_msg("%s on %s: chunks of %d differ", rig.ckpt->path, rig.backend->name,
                             chunks[c]);
            }
            rig_close(&rig);
            oracle_close(&oracle);
        }
    }
}

TEST(forward, generated_tokens_get_the_logits_of_prompt_tokens)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < N_CASES; i++) {
        for (int k = 0; k < n_flags; k++) {
            char dir[512];
            struct rig rig;
            struct oracle oracle;
            case_dir(dir, i);
            oracle_open(&oracle, dir, "logits", 1);
            open_case(&rig, i, flags[k], true, 1);
            rig_run(&rig, oracle.ids, oracle.n, 5, MODEL_MAX_TOKENS, logits);
            struct distance d = oracle_distance(&oracle, logits);
            if (!(d.max <= max_exact))
                fail_msg("%s on %s: off by %g", rig.ckpt->path, rig.backend->name, d.max);
            rig_close(&rig);
            oracle_close(&oracle);
        }
    }
}

TEST(forward, threads_do_not_change_a_bit)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < N_CASES; i++) {
        for (int k = 0; k < n_flags; k++) {
            char dir[512];
            struct oracle oracle;
            case_dir(dir, i);
            oracle_open(&oracle, dir, "logits", 1);
            size_t n_bytes = (size_t)oracle.n * (size_t)oracle.n_vocab * sizeof *logits;
            for (int n_threads = 1; n_threads <= 3; n_threads++) {
                struct rig rig;
                open_case(&rig, i, flags[k], false, n_threads);
                /* Half as a prompt, half as if generated. */
                rig_run(&rig, oracle.ids, oracle.n, oracle.n / 2, MODEL_MAX_TOKENS,
                        n_threads == 1 ? logits : others);
                if (n_threads > 1)
                    assert_memory_equal(logits, others, n_bytes);
                rig_close(&rig);
            }
            oracle_close(&oracle);
        }
    }
}

TEST(forward, steps_after_logits_of_some_rows_are_the_same)
{
    /* Asking for logits, in any order or twice, must not disturb the sequence. */
    struct rig rig;
    struct err err;
    struct oracle oracle;
    oracle_open(&oracle, "test/data/oracle/mistral", "logits", 0);
    open_case(&rig, 0, 0, true, 1);
    struct kv_span span = {.page_ids = rig.page_ids, .n_tok = 8};
    struct model_step step = {.ids = oracle.ids, .spans = &span, .n_spans = 1, .kv_data = rig.kv};
    assert_true(model_step(rig.model, &step, &err));
    for (int row = 7; row >= 0; row -= 2)
        assert_true(model_logits(rig.model, row, 1, PHASE_PROMPT, others, &err));
    assert_true(model_logits(rig.model, 0, 8, PHASE_PROMPT, others, &err));
    step.ids += 8;
    span.n_tok = oracle.n - 8;
    span.pos0 = 8;
    assert_true(model_step(rig.model, &step, &err));
    size_t n_vocab = (size_t)oracle.n_vocab;
    assert_true(model_logits(rig.model, 0, span.n_tok, PHASE_PROMPT, others + 8 * n_vocab, &err));
    rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
    assert_memory_equal(logits, others, (size_t)oracle.n * n_vocab * sizeof *logits);
    rig_close(&rig);
    oracle_close(&oracle);
}

enum { PARTS = 3, PART_PAGES = 3 };

/* Runs one step of n spans and stores the logits of the last token of each. */
static void run_spans(struct rig *rig, const struct model_step *step, float *rows)
{
    struct err err;
    assert_true(model_step(rig->model, step, &err));
    for (int i = 0; i < step->n_spans; i++)
        assert_true(model_logits(rig->model, kv_span_tokens(step->spans, i + 1) - 1, 1, step->phase,
                                 rows + (size_t)i * model_config(rig->model)->n_vocab, &err));
}

/* Runs parts of the ids as sequences: what came before, then some more of a prompt, then two
 * generated tokens, of all parts in one step or each in its own.
 * rows: [4][PARTS][n_vocab] logits of the last token of each. */
static void run_parts(struct rig *rig, const struct oracle *o, bool together, float *rows)
{
    static const int first[PARTS] = {0, 3, 9};
    static const int n_tok[4][PARTS] = {{5, 2, 17}, {9, 20, 1}, {1, 1, 1}, {1, 1, 1}};
    struct kv_span spans[PARTS] = {0};
    int32_t ids[MODEL_MAX_TOKENS];
    for (int pass = 0; pass < 4; pass++, rows += PARTS * o->n_vocab) {
        struct model_step step = {.ids = ids, .spans = spans, .n_spans = PARTS};
        step.phase = pass < 2 ? PHASE_PROMPT : PHASE_GENERATE;
        step.kv_data = rig->kv;
        for (int i = 0, n = 0; i < PARTS; i++) {
            spans[i].page_ids = rig->page_ids + (together ? i + PARTS : i) * PART_PAGES;
            spans[i].pos0 += spans[i].n_tok;
            spans[i].n_tok = n_tok[pass][i];
            for (int t = 0; t < spans[i].n_tok; t++)
                ids[n++] = o->ids[(first[i] + spans[i].pos0 + t) % o->n];
        }
        if (together) {
            run_spans(rig, &step, rows);
            continue;
        }
        step.n_spans = 1;
        for (int i = 0; i < PARTS; i++, step.ids += (step.spans++)->n_tok)
            run_spans(rig, &step, rows + i * o->n_vocab);
    }
}

TEST(forward, sequences_of_one_step_get_the_bits_they_get_alone)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < N_CASES; i++)
        for (int k = 0; k < 2 * n_flags; k++) {
            char dir[512];
            struct rig rig;
            struct oracle oracle;
            case_dir(dir, i);
            oracle_open(&oracle, dir, "logits", 1);
            open_case(&rig, i, flags[k / 2], k % 2, 2);
            run_parts(&rig, &oracle, false, logits);
            run_parts(&rig, &oracle, true, others);
            assert_memory_equal(logits, others,
                                4 * PARTS * (size_t)oracle.n_vocab * sizeof *logits);
            rig_close(&rig);
            oracle_close(&oracle);
        }
}

/* Runs a step that must fail with the file's name, or must not. */
static void assert_step(struct rig *rig, const struct model_step *step, const char *lost)
{
    struct err err = {0};
    bool ok = model_step(rig->model, step, &err);
    if (lost) {
        assert_false(ok);
        assert_int_equal(err.code, ERR_IO);
        assert_non_null(strstr(err.text, lost));
        assert_non_null(strstr(err.text, ": reading at byte "));
        assert_false(model_logits(rig->model, 0, 1, PHASE_PROMPT, others, &err));
    } else if (!ok || !model_logits(rig->model, 0, 1, PHASE_PROMPT, others, &err)) {
        fail_msg("%s", err.text);
    }
}

TEST(forward, a_lost_file_fails_every_step_until_it_is_opened_again)
{
    static const int n_threads[] = {1, 4};
    char dir[512], path[600];
    struct oracle oracle;
    oracle_open(&oracle, "test/data/oracle/mixtral", "logits", 0);
    oracle_copy("mixtral", CHECKPOINT_NATIVE, dir);
    snprintf(path, sizeof path, "%s/consolidated.safetensors", dir);
    size_t n = 0;
    char *bytes = test_read(path, &n);
    map_guard_uninstall(); /* of another test */
    map_guard_install();
    for (int i = 0; i < 2; i++) {
        struct rig rig;
        const struct cpu_options options = {.n_threads = n_threads[i], .exact = true};
        rig_open(&rig, dir, &options);
        const struct kv_span span = {.page_ids = rig.page_ids, .n_tok = oracle.n};
        const struct model_step step = {
            .ids = oracle.ids, .spans = &span, .n_spans = 1, .kv_data = rig.kv};
        assert_step(&rig, &step, NULL);
        assert_int_equal(truncate(path, (off_t)(n / 2)), 0);
        mem_forbid(true);
        assert_step(&rig, &step, "consolidated.safetensors");
        mem_forbid(false);
        test_write(path, bytes, n);
        assert_step(&rig, &step, "consolidated.safetensors");
        rig_close(&rig);
        rig_open(&rig, dir, &options);
        rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
        assert_true(oracle_distance(&oracle, logits).max <= max_exact);
        rig_close(&rig);
    }
    free(bytes);
    oracle_close(&oracle);
}
