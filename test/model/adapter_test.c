/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_test.c - adapters of every dialect on bases of every layout, against the reference
 * logits of the merged model. */
#include "model/adapter.h"

#include <math.h>

#include "adapter_fixture.h"
#include "base/mem.h"
#include "model/export_fixture.h"

static const enum checkpoint_layout layouts[] = {CHECKPOINT_NATIVE, CHECKPOINT_HF};
static const struct cpu_options exact = {.n_threads = 1, .exact = true};

static float logits[LORA_FLOATS_MAX], others[LORA_FLOATS_MAX];

TEST(adapter, logits_are_those_of_the_merged_model)
{
    static const char *const paths[] = {LORA_PEFT, LORA_NATIVE};
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    for (int i = 0; i < 4 * n_flags; i++) {
        char dir[512];
        struct rig rig;
        oracle_copy("mistral-lora", layouts[i % 2], dir);
        rig_open(&rig, dir,
                 &(struct cpu_options){.n_threads = 1, .flags = flags[i / 4], .exact = true});
        struct adapter *ad = lora_open(rig.ckpt, paths[i / 2 % 2], 1, NULL);
        double base = lora_distance(&rig);
        lora_attach(&rig, ad);
        double d = lora_distance(&rig);
        if (!(d <= LORA_EXACT) || !(base > 1))
            fail_msg("%s on %s: off by %g, without it by %g", paths[i / 2 % 2], dir, d, base);
        rig_close(&rig);
        adapter_close(ad);
    }
}

TEST(adapter, halves_add_up_to_the_whole)
{
    /* Two with half the scale, and one more that takes away what another brings. */
    static const double scales[] = {0.5, 0.75, 0.5, -0.75};
    for (int i = 0; i < 2; i++) {
        char dir[512];
        struct rig rig;
        struct adapter *ad = NULL;
        oracle_copy("mistral-lora", layouts[i], dir);
        rig_open(&rig, dir, &exact);
        for (int k = 0; k < 4; k++)
            ad = lora_open(rig.ckpt, k % 2 ? LORA_NATIVE : LORA_PEFT, scales[k], ad);
        lora_attach(&rig, ad);
        double d = lora_distance(&rig);
        if (!(d <= LORA_EXACT))
            fail_msg("off by %g", d);
        rig_close(&rig);
        adapter_close(ad);
    }
}

TEST(adapter, scale_zero_leaves_every_bit)
{
    struct rig rig;
    struct oracle oracle;
    lora_oracle(&oracle, 1);
    rig_open(&rig, LORA_CASE, &exact);
    rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
    struct adapter *ad = lora_open(rig.ckpt, LORA_PEFT, 0, NULL);
    ad = lora_open(rig.ckpt, LORA_NATIVE, 1e-60, ad); /* no number of float32 */
    assert_null(adapter_find(ad, &rig.ckpt->weights.layers[0].wq));
    lora_attach(&rig, ad);
    rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, others);
    assert_memory_equal(logits, others, (size_t)oracle.n * LORA_VOCAB * sizeof *logits);
    rig_close(&rig);
    adapter_close(ad);
    oracle_close(&oracle);
}

TEST(adapter, default_arithmetic_stays_near)
{
    struct rig rig;
    struct oracle oracle;
    lora_oracle(&oracle, 1);
    rig_open(&rig, LORA_CASE, &(struct cpu_options){.n_threads = 2, .flags = cpu_detect()});
    struct adapter *ad = lora_open(rig.ckpt, LORA_PEFT, 1, NULL);
    lora_attach(&rig, ad);
    rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
    struct distance d = oracle_distance(&oracle, logits);
    if (!(d.kl_mean <= 2e-3) || d.same_share < 0.9) /* the reference's limits for bf16 */
        fail_msg("KL %g, same %g", d.kl_mean, d.same_share);
    rig_close(&rig);
    adapter_close(ad);
    oracle_close(&oracle);
}

/* Of latent attention a GGUF file holds keys, turned round, and values apart; the adapter changes
 * both, as it changes the one matrix of the published file. */
TEST(adapter, changes_heads_that_are_split)
{
    static const struct lora_pair pairs[] = {
        {"layers.0.attention.wkv_b.lora_A.weight", "layers.0.attention.wkv_b.lora_B.weight", 160,
         32},
        {"layers.1.attention.wkv_b.lora_A.weight", "layers.1.attention.wkv_b.lora_B.weight", 160,
         32},
    };
    static float base[LORA_FLOATS_MAX], values[2 * 3 * (160 + 32)];
    const char *const dir = "test/data/oracle/mistral4";
    char gguf[512];
    snprintf(gguf, sizeof gguf, "%s", fixture_export_case("mistral4", CHECKPOINT_NATIVE, "F32"));
    const char *folder = lora_random(pairs, 2, 0.5F, values);
    for (int i = 0; i < ORACLE_SEQUENCES; i++) {
        struct oracle oracle;
        struct adapter *ads[2];
        struct rig rigs[2];
        oracle_open(&oracle, dir, "logits", i);
        for (int k = 0; k < 2; k++) {
            rig_open(&rigs[k], k ? gguf : dir, &exact);
            rig_run(&rigs[k], oracle.ids, oracle.n, oracle.n / 2, MODEL_MAX_TOKENS, base);
            ads[k] = lora_open(rigs[k].ckpt, folder, 1, NULL);
            ads[k] = lora_open(rigs[k].ckpt, folder, -0.25, ads[k]);
            lora_attach(&rigs[k], ads[k]);
            rig_run(&rigs[k], oracle.ids, oracle.n, oracle.n / 2, MODEL_MAX_TOKENS,
                    k ? others : logits);
        }
        assert_true(rigs[1].ckpt->weights.layers[0].k_b.transposed);
        oracle.logits = logits;
        double change = oracle_distance(&oracle, base).max;
        double off = oracle_distance(&oracle, others).max;
        if (!(off <= LORA_EXACT) || !(change > 0.1))
            fail_msg("off by %g, changed by %g", off, change);
        for (int k = 0; k < 2; k++) {
            rig_close(&rigs[k]);
            adapter_close(ads[k]);
        }
        oracle_close(&oracle);
    }
}

/* Expects that the adapter does not fit the model. */
static void assert_refused(const char *model, const char *path, double scale, enum err_code code,
                           const char *want)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(model, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    if (adapter_open(ckpt, path, scale, NULL, &err))
        fail_msg("accepted, but should say: %s", want);
    if (err.code != code || !strstr(err.text, want) || strncmp(err.text, "adapter", 7) != 0)
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
    checkpoint_close(ckpt);
}

TEST(adapter, of_another_model_is_refused_with_both_shapes)
{
    assert_refused("test/data/oracle/mistral-sharded", LORA_PEFT, 1, ERR_FORMAT,
                   "adapter: " LORA_PEFT "/adapter_model.safetensors: "
                   "base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight: shape is "
                   "64 x 4, for the model's matrix of 48 x 64 it would be 48 x 4; the adapter is "
                   "for another model");
    assert_refused("test/data/oracle/mixtral", LORA_NATIVE, 1, ERR_FORMAT,
                   "layers.0.feed_forward.w1.lora_A.weight: the model has no such matrix; the "
                   "adapter is for another model");
    assert_refused("test/data/oracle/mistral4", LORA_NATIVE, 1, ERR_FORMAT,
                   "layers.0.attention.wk.lora_A.weight: the model has no such matrix");
    assert_refused(LORA_CASE, LORA_NATIVE, 1e300, ERR_FORMAT, "its scale 2 times 1e+300 is too");
}

TEST(adapter, names_no_layer_that_is_not_there)
{
    const char *folder = edit_folder("layers");
    edit_copy(LORA_NATIVE, folder);
    edit_header(folder, "lora.safetensors", "layers.1.attention.wq.lora_A",
                "layers.2.attention.wq.lora_A");
    edit_header(folder, "lora.safetensors", "layers.1.attention.wq.lora_B",
                "layers.2.attention.wq.lora_B");
    assert_refused(LORA_CASE, folder, 1, ERR_FORMAT,
                   "layers.2.attention.wq.lora_A.weight: the model has no such matrix");
}

TEST(adapter, one_matrix_has_one_pair)
{
    const char *folder = edit_folder("twice");
    edit_copy(LORA_PEFT "/adapter_config.json", folder);
    edit_copy(LORA_PEFT "/adapter_model.safetensors", folder);
    for (int i = 0; i < 2; i++)
        edit_header(folder, "adapter_model.safetensors",
                    i ? "model.model.layers.0.self_attn.v_proj.lora_A"
                      : "model.model.layers.0.self_attn.v_proj.lora_B",
                    i ? "model.language_model.model.layers.0.self_attn.k_proj.lora_A"
                      : "model.language_model.model.layers.0.self_attn.k_proj.lora_B");
    assert_refused(LORA_CASE, folder, 1, ERR_FORMAT, "two pairs of matrices for one of the model");
}

TEST(adapter, opens_below_stay_open_after_a_failure)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(LORA_CASE, &err);
    struct adapter *ad = lora_open(ckpt, LORA_PEFT, 1, NULL);
    assert_null(adapter_open(ckpt, "test/data/oracle/mistral", 1, ad, &err));
    const struct lora *lora = adapter_find(ad, &ckpt->weights.layers[1].ffn.w_down);
    assert_non_null(lora);
    assert_null(lora->next);
    assert_int_equal(lora->a.n_rows, 4);
    assert_true(lora->b.scale == 2.0F);
    assert_null(adapter_find(ad, &ckpt->weights.embedding));
    assert_null(adapter_find(NULL, &ckpt->weights.embedding));
    adapter_close(ad);
    adapter_close(NULL);
    checkpoint_close(ckpt);
}

/* Lets every allocation fail once, alone or with all that follow. */
static void assert_survives(const struct checkpoint *ckpt, const char *path,
                            void (*make_fail)(size_t))
{
    size_t n = 0;
    for (bool done = false; !done; n++) {
        struct err err = {0};
        make_fail(n);
        struct adapter *ad = adapter_open(ckpt, path, 1, NULL, &err);
        done = mem_n_failed() == 0;
        mem_fail_never();
        adapter_close(ad);
        if (err.code != (done ? ERR_NONE : ERR_LIMIT) || (ad != NULL) != done)
            fail_msg("allocation %zu: %d %s", n, (int)err.code, ad ? "accepted" : err.text);
    }
    assert_in_range(n, 5, 100000);
}

TEST(adapter, short_memory_is_an_error_each_time)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(LORA_CASE, &err);
    assert_non_null(ckpt);
    assert_survives(ckpt, LORA_PEFT, mem_fail_after);
    assert_survives(ckpt, LORA_PEFT, mem_fail_once);
    assert_survives(ckpt, LORA_NATIVE, mem_fail_once);
    checkpoint_close(ckpt);
}
