/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_place_test.c - the names of the dialects beside the tensors of the checkpoints that
 * have them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter_int.h"
#include "test.h"

static struct checkpoint *open_case(const char *name)
{
    char path[512];
    struct err err = {0};
    snprintf(path, sizeof path, "test/data/oracle/%s", name);
    struct checkpoint *ckpt = checkpoint_open(path, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    return ckpt;
}

static const char *const cases[] = {"mistral", "ministral3-tied", "mistral3-wrapper",
                                    "mixtral", "mistral4",        "mistral4-wrapper",
                                    "large3"};

/* Every matrix of a native checkpoint has a name that adapters use, and the matrix found by it
 * is the one that lies there. */
TEST(adapter_place, native_names_are_those_of_the_tensors)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *ckpt = open_case(cases[i]);
        int n_found = 0;
        assert_int_equal(ckpt->layout, CHECKPOINT_NATIVE);
        for (size_t k = 0; k < ckpt->tensors->n; k++) {
            const struct tensor_entry *e = &ckpt->tensors->entries[k];
            struct adapter_target target;
            char module[LIMIT_NAME_BYTES];
            snprintf(module, sizeof module, "%.*s", (int)(strlen(e->name) - 7), e->name);
            if (e->n_dims != 2 || strncmp(e->name, "vision", 6) == 0)
                continue;
            if (!adapter_place(ckpt, CHECKPOINT_NATIVE, module, &target))
                fail_msg("%s: %s has no place", cases[i], e->name);
            assert_ptr_equal(target.base->data, e->data);
            assert_int_equal(target.base->n_rows, e->shape[0]);
            assert_int_equal(target.base->n_cols, e->shape[1]);
            n_found++;
        }
        assert_in_range(n_found, 10, 1000);
        checkpoint_close(ckpt);
    }
}

/* The same matrices by the names of the other dialects. */
TEST(adapter_place, dialects_name_the_same_matrices)
{
    static const struct {
        const char *model, *names[3]; /* by enum checkpoint_layout */
    } same[] = {
        {"mistral", {"tok_embeddings", "model.embed_tokens", "token_embd"}},
        {"mistral", {"output", "lm_head", "output"}},
        {"mistral", {"output", "language_model.lm_head", NULL}},
        {"mistral", {"layers.2.attention.wq", "model.layers.2.self_attn.q_proj", "blk.2.attn_q"}},
        {"mistral",
         {"layers.1.attention.wo", "language_model.model.layers.1.self_attn.o_proj",
          "blk.1.attn_output"}},
        {"mistral",
         {"layers.0.feed_forward.w1", "model.language_model.layers.0.mlp.gate_proj",
          "blk.0.ffn_gate"}},
        {"mistral", {"layers.0.feed_forward.w2", "model.layers.0.mlp.down_proj", "blk.0.ffn_down"}},
        {"mistral", {"layers.0.feed_forward.w3", "model.layers.0.mlp.up_proj", "blk.0.ffn_up"}},
        {"mixtral",
         {"layers.1.feed_forward.gate", "model.layers.1.block_sparse_moe.gate",
          "blk.1.ffn_gate_inp"}},
        {"mixtral",
         {"layers.1.feed_forward.experts.7.w3", "model.layers.1.block_sparse_moe.experts.7.w3",
          "blk.1.ffn_up.7"}},
        {"mixtral",
         {"layers.1.feed_forward.experts.0.w2", "model.layers.1.block_sparse_moe.experts.0.w2",
          "blk.1.ffn_down_exps"}},
        {"mistral4",
         {"layers.0.attention.wq_a", "model.layers.0.self_attn.q_a_proj", "blk.0.attn_q_a"}},
        {"mistral4",
         {"layers.0.attention.wkv_b", "model.layers.0.self_attn.kv_b_proj", "blk.0.attn_kv_b"}},
        {"mistral4",
         {"layers.0.attention.wkv_a_with_mqa", "model.layers.0.self_attn.kv_a_proj_with_mqa",
          "blk.0.attn_kv_a_mqa"}},
        {"mistral4", {"layers.0.gate", "model.layers.0.mlp.gate", "blk.0.ffn_gate_inp"}},
        {"mistral4",
         {"layers.1.experts.5.w1", "model.layers.1.mlp.experts.5.gate_proj", "blk.1.ffn_gate.5"}},
        {"large3",
         {"layers.2.shared_experts.w2", "model.layers.2.mlp.shared_experts.down_proj",
          "blk.2.ffn_down_shexp"}},
        {"large3", {"layers.0.feed_forward.w1", "model.layers.0.mlp.gate_proj", "blk.0.ffn_gate"}},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct checkpoint *ckpt = open_case(same[i].model);
        struct adapter_target want, got;
        assert_true(adapter_place(ckpt, CHECKPOINT_NATIVE, same[i].names[0], &want));
        for (enum checkpoint_layout k = CHECKPOINT_HF; k <= CHECKPOINT_GGUF; k++) {
            if (!same[i].names[k])
                continue;
            if (!adapter_place(ckpt, k, same[i].names[k], &got) || got.base != want.base)
                fail_msg("%s: another matrix, or none", same[i].names[k]);
        }
        checkpoint_close(ckpt);
    }
}

TEST(adapter_place, names_of_nothing_have_no_place)
{
    static const struct {
        const char *model, *name;
    } none[] = {
        {"mistral", "layers.3.attention.wq"},
        {"mistral", "layers.00.attention.wq"},
        {"mistral", "layers..attention.wq"},
        {"mistral", "layers.99999.attention.wq"},
        {"mistral", "layers.0.attention.wq.x"},
        {"mistral", "layers.0.attention.w"},
        {"mistral", "layers.0.attention.wq_a"},
        {"mistral", "layers.0.attention.wkv_b"},
        {"mistral", "layers.0.gate"},
        {"mistral", "layers.0.shared_experts.w1"},
        {"mistral", "layers.0.attention_norm"},
        {"mistral", "norm"},
        {"mixtral", "layers.0.feed_forward.w1"},
        {"mixtral", "layers.0.experts.8.w1"},
        {"mixtral", "layers.0.feed_forward.experts.1"},
        {"mistral4", "layers.0.attention.wq"},
        {"large3", "layers.0.experts.0.w1"},
        {"large3", "layers.1.feed_forward.w1"},
        {"mistral", ""},
        {"mixtral", "layers.0.shared_experts.w1"},
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct checkpoint *ckpt = open_case(none[i].model);
        struct adapter_target target;
        if (adapter_place(ckpt, CHECKPOINT_NATIVE, none[i].name, &target))
            fail_msg("%s: %s has a place", none[i].model, none[i].name);
        checkpoint_close(ckpt);
    }
}

TEST(adapter_place, one_pair_may_change_several)
{
    struct adapter_target target;
    struct checkpoint *mixtral = open_case("mixtral"), *latent = open_case("mistral4");
    assert_true(adapter_place(mixtral, CHECKPOINT_GGUF, "blk.1.ffn_up_exps", &target));
    assert_true(target.is_fused && target.n == 8);
    assert_ptr_equal((const char *)target.base + 3 * target.stride,
                     &mixtral->weights.layers[1].experts[3].w_up);
    assert_true(adapter_place(latent, CHECKPOINT_NATIVE, "layers.1.attention.wkv_b", &target));
    assert_true(!target.is_fused && target.n == 2);
    assert_ptr_equal((const char *)target.base + target.stride, &latent->weights.layers[1].v_b.w);
    checkpoint_close(mixtral);
    checkpoint_close(latent);
}
