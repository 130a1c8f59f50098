/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan.h"

#include "model/model.h"
#include "test.h"

/* Mistral 7B in 4.11 GB; its published shapes. */
static void fill_7b(struct checkpoint *ckpt)
{
    *ckpt = (struct checkpoint){
        .config = {.dim = 4096,
                   .n_layers = 32,
                   .n_heads = 32,
                   .n_kv_heads = 8,
                   .head_dim = 128,
                   .ffn_dim = 14336,
                   .n_vocab = 32768,
                   .context = 32768},
        .n_weight_bytes = 4110000000,
    };
}

TEST(plan, counts_keys_and_values)
{
    static struct checkpoint ckpt;
    fill_7b(&ckpt);
    struct plan plan = plan_memory(&ckpt, 32768, DTYPE_BF16, 0);
    /* 2 of 32 layers x 8 heads x 128 x bf16: 128 KiB for each token. */
    assert_int_equal(plan.kv, (uint64_t)32768 * 131072);
    assert_int_equal(plan.needed, plan.weights + plan.kv + plan.work);
    /* For 512 tokens: the stream and its norm, gate and up, where queries, keys, values and what
     * they find were before, rotations; and twice 16 rows of logits. */
    assert_int_equal(plan.work, 4 * (512 * (2 * (4096 + 14336) + 128) + 32 * 32768));
    assert_true(plan.fits);
}

TEST(plan, says_which_context_fits)
{
    static struct checkpoint ckpt;
    fill_7b(&ckpt);
    struct plan plan = plan_memory(&ckpt, 32768, DTYPE_BF16, 6000000000);
    assert_false(plan.fits);
    assert_in_range(plan.fitting_context, 10000, 15000);
    assert_true(plan_memory(&ckpt, plan.fitting_context, DTYPE_BF16, 6000000000).fits);
    assert_false(plan_memory(&ckpt, plan.fitting_context + 1, DTYPE_BF16, 6000000000).fits);
    plan = plan_memory(&ckpt, 32768, DTYPE_BF16, 4000000000);
    assert_int_equal(plan.fitting_context, 0);
    plan = plan_memory(&ckpt, 65536, DTYPE_BF16, 16000000000);
    assert_true(plan.fits);
    assert_int_equal(plan.fitting_context, 65536);
}

TEST(plan, windows_in_every_layer_bound_the_cache)
{
    static struct checkpoint ckpt;
    fill_7b(&ckpt);
    for (int i = 0; i < 32; i++)
        ckpt.config.windows[i] = 4096;
    struct plan plan = plan_memory(&ckpt, 32768, DTYPE_BF16, 0);
    assert_int_equal(plan.kv, (uint64_t)(4096 + 512 + 16) * 131072);
    ckpt.config.windows[5] = 0;
    plan = plan_memory(&ckpt, 32768, DTYPE_BF16, 0);
    assert_int_equal(plan.kv, (uint64_t)32768 * 131072);
}
