/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_work.h"

#include "test.h"

/* Two layers of 100 parameters each, 10 tokens in the vocabulary, all bf16. */
static struct checkpoint make(bool tied)
{
    struct checkpoint c = {.config = {.dim = 8,
                                      .n_layers = 2,
                                      .n_heads = 4,
                                      .n_kv_heads = 2,
                                      .head_dim = 2,
                                      .n_vocab = 10,
                                      .tied = tied}};
    c.weights.embedding = (struct tensor){.dtype = DTYPE_BF16, .n_rows = 10, .n_cols = 8};
    c.n_active_params = 2 * 100 + 10 * 8 * (tied ? 1 : 2);
    c.n_weight_bytes = 2 * c.n_active_params;
    return c;
}

TEST(bench_work, a_step_reads_every_weight_and_the_cache)
{
    struct checkpoint c = make(false);
    /* Layers and the output matrix, a row of the embedding, 2 layers x 2 heads x (k, v) x 2 bf16.
     */
    assert_true(bench_step_bytes(&c, DTYPE_BF16, 0, 1) == 2 * (200 + 80 + 8));
    assert_true(bench_step_bytes(&c, DTYPE_BF16, 5, 1) ==
                2 * (200 + 80 + 8) + 5 * 2 * 2 * 2 * 2 * 2);
    c.config.windows[1] = 3;
    assert_true(bench_step_bytes(&c, DTYPE_BF16, 5, 1) == 2 * (200 + 80 + 8) + (5 + 3) * 16);
    assert_true(bench_step_bytes(&c, DTYPE_BF16, 5, 4) ==
                2 * (200 + 80 + 4 * 8) + 4 * (5 + 3) * 16);
    c = make(true);
    assert_true(bench_step_bytes(&c, DTYPE_BF16, 0, 1) == 2 * (200 + 80));
}

TEST(bench_work, operations_are_products_and_attention)
{
    struct checkpoint c = make(false);
    /* 3 tokens behind 2 see 3 + 4 + 5 keys in 2 layers of 4 heads of 2. */
    double attention = 4.0 * 2 * 4 * 2 * (3 + 4 + 5);
    assert_true(bench_flops(&c, 2, 3, false) == 2 * 200 * 3 + attention);
    assert_true(bench_flops(&c, 2, 3, true) == 2 * 280 * 3 + attention);
    c.config.windows[0] = 4;
    assert_true(bench_flops(&c, 2, 3, false) ==
                2 * 200 * 3 + 4.0 * 2 * 4 * ((3 + 4 + 4) + (3 + 4 + 5)));
    c = make(true);
    assert_true(bench_flops(&c, 2, 3, true) == 2 * 280 * 3 + attention);
}

/* Experts that are not chosen are not read; two tokens choose more of them than one. */
TEST(bench_work, experts_are_read_when_they_are_chosen)
{
    struct checkpoint c = make(true);
    static const uint8_t bytes[2];
    struct file_map file = {.data = bytes, .size = sizeof bytes};
    struct tensor_store store = {.files = &file, .n_files = 1};
    struct tensor w = {.dtype = DTYPE_BF16, .n_rows = 1, .n_cols = 1, .data = bytes};
    struct ffn_tensors experts[4] = {{w, w, w}, {w, w, w}, {w, w, w}, {w, w, w}};
    struct layer_weights layers[2] = {{.experts = NULL}, {.experts = experts}};
    c.weights.layers = layers;
    c.experts = experts;
    c.tensors = &store;
    c.config.is_moe = true;
    c.config.moe = (struct moe_config){.n_experts = 4, .n_used = 1, .ffn_dim = 1, .n_dense = 1};
    double all = 2.0 * 280, of_experts = 4 * 3 * 2;
    assert_true(bench_step_bytes(&c, DTYPE_BF16, 0, 1) == all - of_experts * 3 / 4);
    assert_true(bench_step_bytes(&c, DTYPE_BF16, 0, 2) == all - of_experts * 9 / 16);
}
