/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_merge_test.c - merged models against the reference logits, and their numbers against sums
 * in double. */
#include "model/adapter_merge.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter_fixture.h"
#include "base/map_guard.h"
#include "base/mem.h"
#include "model/expert_cache.h"
#include "model/poison.h"
#include "tensor/block.h"
#include "tensor/number.h"

static const enum checkpoint_layout layouts[] = {CHECKPOINT_NATIVE, CHECKPOINT_HF};
static const struct merge_options to_f32 = {.convert = true, .dtype = DTYPE_F32};

/* Merges into a new folder and returns its path. */
static const char *merged(const char *model, const char *adapter, double scale,
                          const struct merge_options *options)
{
    static int n;
    char name[32];
    struct err err = {0};
    snprintf(name, sizeof name, "merged-%d", n++);
    const char *out = test_tmp(name);
    struct checkpoint *ckpt = checkpoint_open(model, &err);
    struct adapter *ad = ckpt ? lora_open(ckpt, adapter, scale, NULL) : NULL;
    if (!ad || !adapter_merge(ckpt, ad, out, options, NULL, &err))
        fail_msg("%s", err.text);
    adapter_close(ad);
    checkpoint_close(ckpt);
    return out;
}

TEST(adapter_merge, float32_has_the_logits_of_the_reference)
{
    static const char *const adapters[] = {LORA_PEFT, LORA_NATIVE};
    for (int i = 0; i < 4; i++) {
        char dir[512];
        struct rig rig;
        oracle_copy("mistral-lora", layouts[i % 2], dir);
        rig_open(&rig, merged(dir, adapters[i / 2], 1, &to_f32),
                 &(struct cpu_options){.n_threads = 1, .exact = true});
        assert_int_equal(rig.ckpt->layout, layouts[i % 2]);
        double d = lora_distance(&rig);
        if (!(d <= LORA_EXACT))
            fail_msg("%s: off by %g", rig.ckpt->path, d);
        rig_close(&rig);
    }
}

TEST(adapter_merge, shards_hold_the_same)
{
    struct rig rig;
    struct merge_options options = to_f32;
    char path[600];
    options.shard_bytes = 100000;
    const char *out = merged(LORA_CASE, LORA_NATIVE, 1, &options);
    snprintf(path, sizeof path, "%s/consolidated.safetensors.index.json", out);
    free(test_read(path, NULL));
    rig_open(&rig, out, &(struct cpu_options){.n_threads = 1, .exact = true});
    assert_in_range(rig.ckpt->tensors->n_files, 4, 20);
    assert_true(lora_distance(&rig) <= LORA_EXACT);
    rig_close(&rig);
}

static double value(const struct tensor *t, int64_t row, int64_t col)
{
    float x;
    int64_t i = t->transposed ? col * t->n_rows + row : row * t->n_cols + col;
    block_decode(t->dtype, (const uint8_t *)t->data + dtype_bytes(t->dtype, i), &x, 1);
    return t->scale == 0.0F ? (double)x : (double)x * (double)t->scale;
}

/* Expects got = want + scale * b a, rounded once to got's format, to the last bit but float32's. */
static void assert_sum(const struct tensor *got, const struct tensor *base, const struct tensor *a,
                       const struct tensor *b, double scale)
{
    for (int64_t i = 0; i < base->n_rows; i++) {
        for (int64_t j = 0; j < base->n_cols; j++) {
            double sum = value(base, i, j);
            for (int64_t k = 0; a && k < a->n_rows; k++)
                sum += scale * value(b, i, k) * value(a, k, j);
            double step = got->dtype == DTYPE_BF16 ? 0x1p-8 : 0x1p-11;
            double limit = got->dtype == DTYPE_F32 ? 1e-6 : step * fabs(sum) * 1.001 + 1e-7;
            if (!(fabs(value(got, i, j) - sum) <= limit))
                fail_msg("row %d, column %d: %g, not %g", (int)i, (int)j, value(got, i, j), sum);
        }
    }
}

TEST(adapter_merge, bf16_is_rounded_once)
{
    struct err err = {0};
    const struct merge_options as_is = {0};
    struct checkpoint *base = checkpoint_open(LORA_CASE, &err);
    struct adapter *ad = lora_open(base, LORA_NATIVE, 0.5, NULL);
    struct checkpoint *got = checkpoint_open(merged(LORA_CASE, LORA_NATIVE, 0.5, &as_is), &err);
    for (uint32_t i = 0; i < 2; i++) {
        const struct layer_weights *from = &base->weights.layers[i], *to = &got->weights.layers[i];
        const struct lora *q = adapter_find(ad, &from->wq);
        const struct lora *down = adapter_find(ad, &from->ffn.w_down);
        assert_int_equal(to->wq.dtype, DTYPE_BF16);
        assert_sum(&to->wq, &from->wq, &q->a, &q->b, 1);
        assert_sum(&to->ffn.w_down, &from->ffn.w_down, &down->a, &down->b, 1);
        assert_memory_equal(to->ffn_norm.data, from->ffn_norm.data, tensor_bytes(&to->ffn_norm));
    }
    assert_memory_equal(got->weights.embedding.data, base->weights.embedding.data,
                        tensor_bytes(&got->weights.embedding));
    adapter_close(ad);
    checkpoint_close(got);
    checkpoint_close(base);
}

/* Where experts share a tensor, only the matrix that is meant changes. */
TEST(adapter_merge, one_expert_of_many_changes)
{
    static float values[3 * (40 + 64)];
    struct err err = {0};
    struct merge_options options = to_f32;
    for (int i = 0; i < 2; i++) {
        char dir[512];
        oracle_copy(i ? "mistral4" : "mixtral", CHECKPOINT_HF, dir);
        struct checkpoint *base = checkpoint_open(dir, &err);
        if (!base)
            fail_msg("%s", err.text);
        int ffn_dim = (int)base->config.moe.ffn_dim;
        const struct lora_pair pair = {i ? "layers.1.experts.3.w2.lora_A.weight"
                                         : "layers.1.feed_forward.experts.3.w2.lora_A.weight",
                                       i ? "layers.1.experts.3.w2.lora_B.weight"
                                         : "layers.1.feed_forward.experts.3.w2.lora_B.weight",
                                       64, ffn_dim};
        const char *folder = lora_random(&pair, 1, 1, values);
        struct checkpoint *got = checkpoint_open(merged(dir, folder, 1, &options), &err);
        if (!got)
            fail_msg("%s", err.text);
        const struct tensor a = {values, DTYPE_F32, .n_rows = 3, .n_cols = ffn_dim};
        const struct tensor b = {values + 3 * ffn_dim, DTYPE_F32, .n_rows = 64, .n_cols = 3};
        for (uint32_t e = 0; e < base->config.moe.n_experts; e++) {
            const struct ffn_tensors *from = &base->weights.layers[1].experts[e];
            const struct ffn_tensors *to = &got->weights.layers[1].experts[e];
            assert_sum(&to->w_down, &from->w_down, e == 3 ? &a : NULL, &b, 2);
            assert_sum(&to->w_gate, &from->w_gate, NULL, NULL, 0);
        }
        checkpoint_close(got);
        checkpoint_close(base);
    }
}

TEST(adapter_merge, embeddings_and_latent_heads_change)
{
    static float values[3 * (256 + 160)];
    struct err err = {0};
    struct checkpoint *base = checkpoint_open("test/data/oracle/mistral4", &err);
    const struct lora_pair embedding = {"base_model.model.model.embed_tokens.lora_embedding_A",
                                        "base_model.model.model.embed_tokens.lora_embedding_B", 64,
                                        256};
    const char *folder = lora_random(&embedding, 1, 1, values);
    struct checkpoint *got =
        checkpoint_open(merged("test/data/oracle/mistral4", folder, 1, &to_f32), &err);
    assert_true(base && got);
    const struct tensor *from = &base->weights.embedding, *to = &got->weights.embedding;
    for (int64_t v = 0; v < 256; v++) {
        for (int64_t d = 0; d < 64; d++) {
            double sum = value(from, v, d);
            for (int k = 0; k < 3; k++) /* scale 2 */
                sum += 2 * (double)values[3 * 256 + d * 3 + k] * (double)values[k * 256 + v];
            assert_true(fabs(value(to, v, d) - sum) <= 1e-6);
        }
    }
    checkpoint_close(got);
    int n_rows = (int)base->weights.layers[0].k_b.w.n_rows; /* 4 heads of 16 + 24 */
    assert_int_equal(n_rows, 160);
    const struct lora_pair heads = {"layers.0.attention.wkv_b.lora_A.weight",
                                    "layers.0.attention.wkv_b.lora_B.weight", n_rows, 32};
    folder = lora_random(&heads, 1, 1, values);
    got = checkpoint_open(merged("test/data/oracle/mistral4", folder, 1, &to_f32), &err);
    assert_non_null(got);
    const struct tensor a = {values, DTYPE_F32, .n_rows = 3, .n_cols = 32};
    const struct tensor b = {values + 96, DTYPE_F32, .n_rows = n_rows, .n_cols = 3};
    assert_sum(&got->weights.layers[0].v_b.w, &base->weights.layers[0].v_b.w, &a, &b, 2);
    checkpoint_close(got);
    checkpoint_close(base);
}

#define NATIVE(m) m ".lora_A.weight", m ".lora_B.weight"
#define PEFT(m)   NATIVE("base_model.model.model." m)

/* One of every kind of matrix that a mixture and a latent model have, with its shape. */
static const struct lora_pair mixtral_native[] = {
    {NATIVE("layers.0.attention.wq"), 128, 64},
    {NATIVE("layers.1.attention.wk"), 64, 64},
    {NATIVE("layers.0.feed_forward.gate"), 8, 64},
    {NATIVE("layers.0.feed_forward.experts.0.w1"), 40, 64},
    {NATIVE("layers.0.feed_forward.experts.7.w2"), 64, 40},
    {NATIVE("layers.1.feed_forward.experts.3.w3"), 40, 64},
};
static const struct lora_pair mixtral_peft[] = {
    {PEFT("layers.0.self_attn.q_proj"), 128, 64},
    {PEFT("layers.1.self_attn.o_proj"), 64, 128},
    {PEFT("layers.0.block_sparse_moe.experts.1.w1"), 40, 64},
    {PEFT("layers.1.block_sparse_moe.experts.2.w2"), 64, 40},
    {PEFT("layers.1.block_sparse_moe.experts.2.w3"), 40, 64},
};
static const struct lora_pair mistral4_native[] = {
    {NATIVE("layers.0.attention.wq_a"), 40, 64},
    {NATIVE("layers.0.attention.wq_b"), 128, 40},
    {NATIVE("layers.1.attention.wkv_a_with_mqa"), 48, 64},
    {NATIVE("layers.0.attention.wkv_b"), 160, 32},
    {NATIVE("layers.1.attention.wo"), 64, 96},
    {NATIVE("layers.0.gate"), 8, 64},
    {NATIVE("layers.0.experts.5.w2"), 64, 32},
    {NATIVE("layers.1.shared_experts.w1"), 32, 64},
    {NATIVE("output"), 256, 64},
};
static const struct lora_pair mistral4_peft[] = {
    {PEFT("layers.1.self_attn.q_b_proj"), 128, 40},
    {PEFT("layers.1.self_attn.kv_b_proj"), 160, 32},
    {PEFT("layers.0.mlp.experts.1.gate_proj"), 32, 64},
    {PEFT("layers.1.mlp.experts.6.down_proj"), 64, 32},
    {PEFT("layers.1.mlp.shared_experts.up_proj"), 32, 64},
};

/* Runs both sequences of an oracle case; logits: [2][LORA_FLOATS_MAX]. */
static void run_case(struct rig *rig, const char *name, float (*logits)[LORA_FLOATS_MAX])
{
    char dir[512];
    snprintf(dir, sizeof dir, "test/data/oracle/%s", name);
    for (int i = 0; i < ORACLE_SEQUENCES; i++) {
        struct oracle oracle;
        oracle_open(&oracle, dir, "logits", i);
        memset(logits[i], 0, sizeof logits[i]);
        rig_run(rig, oracle.ids, oracle.n, oracle.n / 2, MODEL_MAX_TOKENS, logits[i]);
        oracle_close(&oracle);
    }
}

static double farthest(float (*x)[LORA_FLOATS_MAX], float (*y)[LORA_FLOATS_MAX])
{
    double max = 0;
    for (int i = 0; i < ORACLE_SEQUENCES; i++)
        for (int k = 0; k < LORA_FLOATS_MAX; k++)
            max = fmax(max, fabs((double)x[i][k] - (double)y[i][k]));
    return max;
}

/* What is added to products must be what is added to weights: for experts, some of which many
 * tokens choose and some none, and for heads whose keys are never computed.  Experts that
 * come from a cache are the same to the bit. */
TEST(adapter_merge, mixtures_and_latent_models_run_as_their_merged_ones)
{
    static const struct {
        const char *name;
        const struct lora_pair *pairs;
        int n;
    } cases[] = {{"mixtral", mixtral_native, 6},
                 {"mixtral", mixtral_peft, 5},
                 {"mistral4", mistral4_native, 9},
                 {"mistral4", mistral4_peft, 5}};
    static float values[16000];
    static float base[2][LORA_FLOATS_MAX], run[2][LORA_FLOATS_MAX], want[2][LORA_FLOATS_MAX];
    const struct cpu_options exact = {.n_threads = 1, .flags = cpu_detect(), .exact = true};
    for (int i = 0; i < 8; i++) {
        char dir[512];
        struct rig rig;
        struct err err = {0};
        const char *name = cases[i / 2].name;
        oracle_copy(name, layouts[i % 2], dir);
        const char *folder = lora_random(cases[i / 2].pairs, cases[i / 2].n, 0.3F, values);
        rig_open(&rig, dir, &exact);
        run_case(&rig, name, base);
        struct adapter *ad = lora_open(rig.ckpt, folder, 1, NULL);
        lora_attach(&rig, ad);
        run_case(&rig, name, run);
        struct expert_cache *cache =
            expert_cache_open(rig.ckpt, ad, 5 * expert_cache_sizes(rig.ckpt).slot_bytes, &err);
        assert_non_null(cache);
        model_set_expert_cache(rig.model, cache);
        run_case(&rig, name, want);
        assert_memory_equal(want, run, sizeof run);
        expert_cache_close(cache);
        rig_close(&rig);
        adapter_close(ad);
        rig_open(&rig, merged(dir, folder, 1, &to_f32), &exact);
        run_case(&rig, name, want);
        rig_close(&rig);
        double off = farthest(run, want), change = farthest(base, want);
        if (!(off <= LORA_EXACT) || !(change > 0.1))
            fail_msg("%s: off by %g, changed by %g", dir, off, change);
    }
}

static const struct lora_pair ministral3_native[] = {
    {NATIVE("layers.0.attention.wq"), 128, 64},    {NATIVE("layers.1.attention.wk"), 64, 64},
    {NATIVE("layers.2.attention.wo"), 64, 128},    {NATIVE("layers.0.feed_forward.w1"), 112, 64},
    {NATIVE("layers.2.feed_forward.w2"), 64, 112}, {NATIVE("output"), 256, 64},
};
static const struct lora_pair large3_native[] = {
    {NATIVE("layers.0.attention.wq_b"), 128, 40},   {NATIVE("layers.0.attention.wkv_b"), 160, 32},
    {NATIVE("layers.1.attention.wkv_b"), 160, 32},  {NATIVE("layers.0.feed_forward.w2"), 64, 96},
    {NATIVE("layers.1.experts.5.w2"), 64, 32},      {NATIVE("layers.1.experts.2.w1"), 32, 64},
    {NATIVE("layers.1.shared_experts.w3"), 32, 64}, {NATIVE("layers.1.attention.wo"), 64, 96},
};

/* Quantised models with adapters of each. */
static const struct quantised {
    const char *name;
    const struct lora_pair *pairs;
    int n;
    enum checkpoint_layout layout;
    bool is_moe;           /* a rounding may choose another expert */
    const char *reference; /* logits of these files */
} quantised[] = {
    {"ministral3-fp8", ministral3_native, 6, CHECKPOINT_NATIVE, false, "logits"},
    {"ministral3-fp8", ministral3_native, 6, CHECKPOINT_HF, false, "logits"},
    {"ministral3-nvfp4", ministral3_native, 6, CHECKPOINT_HF, false, "logits"},
    {"mistral4-fp8", mistral4_native, 9, CHECKPOINT_NATIVE, true, "logits"},
    {"mistral4-fp8", mistral4_peft, 5, CHECKPOINT_HF, true, "logits_hf"},
    {"large3-fp8block", large3_native, 8, CHECKPOINT_NATIVE, true, "logits"},
};
enum { N_QUANTISED = sizeof quantised / sizeof *quantised };

/* Expects logits of two ways to one model, one of which rounds weights to bf16, as near as the
 * reference allows. */
static void assert_near(const struct quantised *q, struct oracle *oracle, const float *got,
                        bool rounded)
{
    struct distance d = oracle_distance(oracle, got);
    if (rounded ? !(d.kl_mean <= 2e-3) || d.same_share < 0.9 : !(d.max <= LORA_EXACT))
        fail_msg("%s, layout %d: off by %g, KL %g, same %g", q->name, (int)q->layout, d.max,
                 d.kl_mean, d.same_share);
}

/* Opens what a merged model's folder holds, of which nothing may be quantised. */
static void open_plain(struct rig *rig, const char *folder, enum dtype dtype)
{
    const struct quant_config none = {0};
    const char *name = dtype_info(dtype)->name;
    rig_open(rig, folder,
             &(struct cpu_options){.n_threads = 1, .flags = cpu_detect(), .exact = true});
    const struct tensor_store *s = rig->ckpt->tensors;
    assert_memory_equal(&rig->ckpt->config.quant, &none, sizeof none);
    assert_false(rig->ckpt->rounds_inputs);
    for (size_t i = 0; i < s->n; i++) {
        const char *file_name = s->entries[i].name;
        bool scale = strstr(file_name, "scale") || strstr(file_name, "packed");
        /* Norms and routers keep their format unless all are converted. */
        if (scale || (strcmp(s->entries[i].type, name) != 0 && !strstr(file_name, "norm")))
            fail_msg("%s: %s: %s", folder, file_name, s->entries[i].type);
    }
}

/* With nothing to add, a merged model is the quantised one in another format. */
TEST(adapter_merge, quantised_models_keep_the_logits_of_the_reference)
{
    static float got[LORA_FLOATS_MAX], values[16000];
    const struct merge_options as_is = {0};
    for (int i = 0; i < 2 * N_QUANTISED; i++) {
        const struct quantised *q = &quantised[i / 2];
        char dir[512], from[512];
        struct rig rig;
        bool rounded = i % 2;
        oracle_copy(q->name, q->layout, dir);
        snprintf(from, sizeof from, "test/data/oracle/%s", q->name);
        const char *folder = lora_random(q->pairs, q->n, 0.3F, values);
        open_plain(&rig, merged(dir, folder, 0, rounded ? &as_is : &to_f32),
                   rounded ? DTYPE_BF16 : DTYPE_F32);
        assert_int_equal(rig.ckpt->layout, q->layout);
        for (int k = 0; k < ORACLE_SEQUENCES && !(rounded && q->is_moe); k++) {
            struct oracle oracle;
            oracle_open(&oracle, from, q->reference, k);
            rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, got);
            assert_near(q, &oracle, got, rounded);
            oracle_close(&oracle);
        }
        rig_close(&rig);
    }
}

TEST(adapter_merge, quantised_models_run_as_their_merged_ones)
{
    static float base[2][LORA_FLOATS_MAX], run[2][LORA_FLOATS_MAX], got[2][LORA_FLOATS_MAX];
    static float values[16000];
    const struct merge_options as_is = {0};
    for (int i = 0; i < 2 * N_QUANTISED; i++) {
        const struct quantised *q = &quantised[i / 2];
        char dir[512];
        struct rig rig;
        bool rounded = i % 2;
        if (rounded && q->is_moe)
            continue;
        oracle_copy(q->name, q->layout, dir);
        const char *folder = lora_random(q->pairs, q->n, 0.3F, values);
        rig_open(&rig, dir,
                 &(struct cpu_options){.n_threads = 1, .flags = cpu_detect(), .exact = true});
        run_case(&rig, q->name, base);
        struct adapter *ad = lora_open(rig.ckpt, folder, 1, NULL);
        lora_attach(&rig, ad);
        run_case(&rig, q->name, run);
        rig_close(&rig);
        adapter_close(ad);
        open_plain(&rig, merged(dir, folder, 1, rounded ? &as_is : &to_f32),
                   rounded ? DTYPE_BF16 : DTYPE_F32);
        run_case(&rig, q->name, got);
        rig_close(&rig);
        for (int k = 0; k < ORACLE_SEQUENCES; k++) {
            struct oracle oracle;
            snprintf(dir, sizeof dir, "test/data/oracle/%s", q->name);
            oracle_open(&oracle, dir, "logits", k);
            oracle.logits = run[k];
            assert_near(q, &oracle, got[k], rounded);
            oracle_close(&oracle);
        }
        assert_true(farthest(base, got) > 0.1);
    }
}

/* Both spellings of packed numbers, in a model of which a part is quantised. */
TEST(adapter_merge, packed_numbers_get_a_plain_name)
{
    static const char *const names[] = {"modelopt", "nvfp4"};
    static const struct lora_pair heads = {NATIVE("layers.1.attention.wkv_b"), 44, 16};
    static float got[LORA_FLOATS_MAX], values[300];
    const char *const weight = "model.layers.1.self_attn.kv_b_proj.weight";
    for (int i = 0; i < 2; i++) {
        char dir[512];
        struct rig rig;
        snprintf(dir, sizeof dir, "test/data/layouts/latent-%s", names[i]);
        open_plain(&rig, merged(dir, lora_random(&heads, 1, 1, values), 0, &to_f32), DTYPE_F32);
        const struct tensor_entry *e = tensor_store_find(rig.ckpt->tensors, weight);
        assert_true(e && e->n_dims == 2 && e->shape[0] == 44 && e->shape[1] == 16);
        for (int k = 0; k < ORACLE_SEQUENCES; k++) {
            struct oracle oracle;
            oracle_open(&oracle, dir, "logits", k);
            rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, got);
            assert_true(oracle_distance(&oracle, got).max <= LORA_EXACT);
            oracle_close(&oracle);
        }
        rig_close(&rig);
    }
}

/* Each number of a tensor that was quantised is rounded once: of scaled E4M3 in double, as the
 * file has them. */
TEST(adapter_merge, decoded_numbers_are_rounded_once)
{
    static float values[16000];
    struct err err = {0};
    const struct merge_options as_is = {0};
    const char *from = "test/data/oracle/ministral3-fp8";
    const char *folder = lora_random(ministral3_native, 6, 1, values);
    struct checkpoint *base = checkpoint_open(from, &err);
    struct checkpoint *got = checkpoint_open(merged(from, folder, 1, &as_is), &err);
    assert_true(base && got);
    const struct tensor a = {values, DTYPE_F32, .n_rows = 3, .n_cols = 64};
    const struct tensor b = {values + 192, DTYPE_F32, .n_rows = 128, .n_cols = 3};
    const struct layer_weights *was = base->weights.layers, *is = got->weights.layers;
    assert_int_equal(is->wq.dtype, DTYPE_BF16);
    assert_true(was->wq.dtype == DTYPE_E4M3 && was->wq.scale > 0);
    assert_sum(&is->wq, &was->wq, &a, &b, 2);
    assert_sum(&is->wv, &was->wv, NULL, NULL, 0);
    assert_sum(&is->ffn.w_up, &was->ffn.w_up, NULL, NULL, 0);
    assert_memory_equal(is->ffn_norm.data, was->ffn_norm.data, tensor_bytes(&is->ffn_norm));
    checkpoint_close(got);
    checkpoint_close(base);
}

static void assert_refused(const char *model, const char *adapter, const char *out,
                           const struct merge_options *options, enum err_code code,
                           const char *want)
{
    struct err err = {0};
    struct stat st;
    struct checkpoint *ckpt = checkpoint_open(model, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    struct adapter *ad = lora_open(ckpt, adapter, 1, NULL);
    if (adapter_merge(ckpt, ad, out, options, NULL, &err))
        fail_msg("accepted, but should say: %s", want);
    if (err.code != code || !strstr(err.text, want))
        fail_msg("got %d \"%s\", want \"%s\"", (int)err.code, err.text, want);
    if (code != ERR_ARG)
        assert_int_equal(lstat(out, &st), -1);
    adapter_close(ad);
    checkpoint_close(ckpt);
}

TEST(adapter_merge, what_a_format_cannot_hold_is_refused)
{
    static float values[3 * (256 + 112)];
    const struct merge_options as_is = {0}, to_f16 = {.convert = true, .dtype = DTYPE_F16};
    const struct lora_pair output = {"output.lora_A.weight", "output.lora_B.weight", 256, 64};
    const struct lora_pair smaller = {output.a, output.b, 160, 64};
    const char *folder = lora_random(&smaller, 1, 1, values);
    assert_refused("test/data/oracle-gguf/mistral-q8_0", folder, test_tmp("x"), &as_is,
                   ERR_UNSUPPORTED,
                   "published, then make a smaller file of it with 'bise quantize'");
    folder = lora_random(&output, 1, 1, values);
    /* A part that is not the decoder's would lose what says what its numbers mean. */
    char tower[512];
    oracle_copy("ministral3-fp8", CHECKPOINT_NATIVE, tower);
    edit_header(tower, "consolidated.safetensors",
                "layers.0.attention.wq.qscale_act\":{\"dtype\":\"F32\",\"shape\":[]",
                "vision_encoder.x.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[4]");
    assert_refused(tower, folder, test_tmp("x"), &as_is, ERR_UNSUPPORTED,
                   "vision_encoder.x.weight: has the format F8_E4M3 and is no part of the text");
    assert_refused("test/data/oracle/ministral3-tied", folder, test_tmp("x"), &as_is,
                   ERR_UNSUPPORTED, "is both embedding and output");
    /* 65520 is the least that rounds to infinity in binary16. */
    char path[600];
    edit_copy(LORA_NATIVE, edit_folder("large"));
    const char *large = test_tmp("large");
    snprintf(path, sizeof path, "%s/params.json", large);
    test_write(path, "{\"lora\": {\"scaling\": 1e6}}", 26);
    assert_refused(LORA_CASE, large, test_tmp("x"), &to_f16, ERR_FORMAT,
                   "a number of the result is too large for F16; take --dtype f32");
}

/* No other format would help. */
TEST(adapter_merge, a_base_that_holds_no_numbers_is_refused)
{
    const struct merge_options as_is = {0};
    char base[512], file[600];
    oracle_copy("mistral-lora", CHECKPOINT_NATIVE, base);
    snprintf(file, sizeof file, "%s/consolidated.safetensors", base);
    poison(base, file, "layers.0.attention.wq.weight", 3, &(const uint16_t){0x7fc0}, 2);
    assert_refused(base, LORA_NATIVE, test_tmp("x"), &as_is, ERR_FORMAT,
                   "layers.0.attention.wq.weight: a number of the result is nan; check the model");
}

static bool stop(void *arg, size_t n_done, size_t n, struct err *err)
{
    (void)arg;
    return n_done < n / 2 || err_set(err, ERR_CANCELLED, "stopped");
}

TEST(adapter_merge, stopped_half_way_leaves_nothing)
{
    const struct merge_options options = {.go_on = stop};
    const char *out = test_tmp("stopped/merged");
    const char *folder = edit_folder("stopped");
    assert_refused(LORA_CASE, LORA_PEFT, out, &options, ERR_CANCELLED, "stopped");
    assert_int_equal(rmdir(folder), 0); /* empty */
}

/* Lets each allocation of a merge fail once. */
static void assert_survives(const char *model, const char *adapter,
                            const struct merge_options *options)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(model, &err);
    struct adapter *ad = lora_open(ckpt, adapter, 1, NULL);
    char out[600];
    const char *folder = edit_folder(options->convert ? "memory" : "memory-as-is");
    snprintf(out, sizeof out, "%s/merged", folder);
    size_t n = 0;
    for (bool done = false; !done; n++) {
        err = (struct err){0};
        mem_fail_once(n);
        bool ok = adapter_merge(ckpt, ad, out, options, NULL, &err);
        done = mem_n_failed() == 0;
        mem_fail_never();
        if (ok != done || err.code != (done ? ERR_NONE : ERR_LIMIT))
            fail_msg("allocation %zu: %d %s", n, (int)err.code, err.text);
        if (!done)
            assert_int_equal(rmdir(folder), 0);
        mkdir(folder, 0700);
    }
    assert_in_range(n, 10, 10000);
    adapter_close(ad);
    checkpoint_close(ckpt);
}

TEST(adapter_merge, a_lost_file_is_no_result)
{
    char dir[512], path[600];
    struct err err = {0};
    map_guard_uninstall(); /* of another test */
    map_guard_install();
    oracle_copy("mistral-lora", CHECKPOINT_NATIVE, dir);
    snprintf(path, sizeof path, "%s/consolidated.safetensors", dir);
    struct checkpoint *ckpt = checkpoint_open(dir, &err);
    struct adapter *ad = lora_open(ckpt, LORA_NATIVE, 1, NULL);
    const char *out = test_tmp("lost/merged"), *folder = edit_folder("lost");
    assert_int_equal(truncate(path, 4096), 0);
    /* Most tensors are written from the mapping as they are. */
    assert_false(adapter_merge(ckpt, ad, out, &(struct merge_options){0}, NULL, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "/consolidated.safetensors: reading at byte "));
    assert_int_equal(rmdir(folder), 0); /* empty */
    adapter_close(ad);
    checkpoint_close(ckpt);
}

TEST(adapter_merge, a_lost_adapter_is_no_result)
{
    struct err err = {0};
    struct rig rig;
    size_t n;
    static const int32_t ids[] = {1, 2, 3};
    map_guard_uninstall(); /* of another test */
    map_guard_install();
    char *bytes = test_read(LORA_NATIVE, &n);
    const char *path = test_write(test_tmp("short.safetensors"), bytes, n);
    free(bytes);
    rig_open(&rig, LORA_CASE, &(struct cpu_options){.n_threads = 1});
    struct adapter *ad = lora_open(rig.ckpt, path, 1, NULL);
    lora_attach(&rig, ad);
    assert_int_equal(truncate(path, 0), 0);
    const struct kv_span span = {.page_ids = rig.page_ids, .n_tok = 3};
    const struct model_step step = {.ids = ids, .spans = &span, .n_spans = 1, .kv_data = rig.kv};
    assert_false(model_step(rig.model, &step, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "/short.safetensors: reading at byte "));
    const char *out = test_tmp("short/merged");
    edit_folder("short");
    assert_false(adapter_merge(rig.ckpt, ad, out, &(struct merge_options){0}, NULL, &err));
    assert_non_null(strstr(err.text, "/short.safetensors: reading at byte "));
    rig_close(&rig);
    adapter_close(ad);
}

TEST(adapter_merge, short_memory_is_an_error_each_time)
{
    static float values[16000];
    const struct merge_options as_is = {0};
    assert_survives(LORA_CASE, LORA_PEFT, &to_f32);
    assert_survives("test/data/oracle/ministral3-nvfp4",
                    lora_random(ministral3_native, 6, 1, values), &as_is);
}
