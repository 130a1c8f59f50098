/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/profile.h"

#include <string.h>

#include "base/clock.h"
#include "test.h"

static int n_called;

static void wait_ms(double ms)
{
    double until = clock_now() + ms / 1e3;
    while (clock_now() < until)
        ;
}

static void slow_matmul(struct backend *b, const struct matmul_args *args)
{
    assert_non_null(b->profile);
    n_called += args->n_tok;
    wait_ms(3);
}

static void slow_read(struct backend *b, void *host, const void *device, size_t n_bytes)
{
    (void)b;
    memcpy(host, device, n_bytes);
}

static void slow_attention(struct backend *b, const struct attention_args *args)
{
    (void)b;
    n_called += args->n_spans;
    wait_ms(1);
}

static void no_experts(struct backend *b, const struct experts_args *args)
{
    (void)b;
    n_called += args->n_groups;
}

static enum profile_op classify(void *arg, const struct tensor *w)
{
    return w == arg ? PROFILE_DOWN : PROFILE_PRODUCT;
}

static struct backend fake(void)
{
    return (struct backend){.matmul = slow_matmul,
                            .read = slow_read,
                            .attention = slow_attention,
                            .experts = no_experts};
}

TEST(profile, counts_products_and_their_work)
{
    static const float data[2 * 32];
    struct backend b = fake(), before = b;
    struct tensor down = {.data = data, .dtype = DTYPE_F32, .n_rows = 2, .n_cols = 32};
    struct tensor other = {.data = data, .dtype = DTYPE_Q8_0, .n_rows = 1, .n_cols = 32};
    struct matmul_args args = {.n_tok = 3, .n_in = 32, .n_out = 2, .out = {{&down}, {&other}}};
    struct profile p;
    n_called = 0;
    profile_begin(&p, &b, classify, &down);
    b.matmul(&b, &args);
    args.out[0].w = &other;
    args.n_out = 1;
    b.matmul(&b, &args);
    profile_end(&p);
    assert_int_equal(n_called, 6);
    assert_memory_equal(&b, &before, sizeof b);
    assert_int_equal(p.sums[PROFILE_DOWN].n_calls, 1);
    /* 2 x 32 floats and one block of 34 bytes; 3 tokens of 3 rows of 32. */
    assert_true(p.sums[PROFILE_DOWN].bytes == 256 + 34);
    assert_true(p.sums[PROFILE_DOWN].flops == 2 * 3 * 3 * 32);
    assert_true(p.sums[PROFILE_PRODUCT].bytes == 34);
    assert_true(p.sums[PROFILE_PRODUCT].flops == 2 * 3 * 32);
    assert_true(p.sums[PROFILE_DOWN].seconds >= 3e-3);
}

TEST(profile, its_parts_are_the_whole)
{
    struct backend b = fake();
    struct tensor w = {.dtype = DTYPE_F32, .n_rows = 1, .n_cols = 1};
    struct matmul_args args = {.n_tok = 1, .n_in = 1, .n_out = 1, .out = {{&w}}};
    struct profile p;
    char byte;
    double start = clock_now();
    profile_begin(&p, &b, classify, NULL);
    wait_ms(2);
    b.matmul(&b, &args);
    b.read(&b, &byte, "x", 1);
    wait_ms(4);
    b.matmul(&b, &args);
    profile_end(&p);
    double took = clock_now() - start;
    /* What follows the reading of logits is the choice of a token. */
    assert_true(p.sums[PROFILE_SAMPLING].seconds >= 4e-3);
    assert_int_equal(p.sums[PROFILE_SAMPLING].n_calls, 1);
    assert_true(p.sums[PROFILE_OTHER].seconds >= 2e-3);
    assert_true(p.sums[PROFILE_PRODUCT].seconds >= 6e-3);
    assert_true(p.seconds >= 12e-3 && p.seconds <= took);
    assert_int_equal(byte, 'x');
}

/* Two queries at 4 and 5 see 5 + 6 keys, or 3 + 3 in a window of 3, of 6 or of 4 that are held; a
 * query at 0 sees one. */
TEST(profile, counts_the_keys_that_are_seen)
{
    struct backend b = fake();
    struct kv_view kv = {.dtype = DTYPE_BF16, .n_kv_heads = 2, .head_dim = 8};
    struct kv_span spans[] = {{.pos0 = 4, .n_tok = 2}, {.pos0 = 0, .n_tok = 1}};
    struct attention_args args = {.kv = &kv, .spans = spans, .n_spans = 2, .n_heads = 4};
    struct profile p;
    profile_begin(&p, &b, classify, NULL);
    b.attention(&b, &args);
    profile_end(&p);
    assert_true(p.sums[PROFILE_ATTENTION].bytes == 2 * (6 + 1) * 2 * 8 * 2);
    assert_true(p.sums[PROFILE_ATTENTION].flops == 4 * (5 + 6 + 1) * 4 * 8);
    args.window = 3;
    profile_begin(&p, &b, classify, NULL);
    b.attention(&b, &args);
    profile_end(&p);
    assert_true(p.sums[PROFILE_ATTENTION].bytes == 2 * (4 + 1) * 2 * 8 * 2);
    assert_true(p.sums[PROFILE_ATTENTION].flops == 4 * (3 + 3 + 1) * 4 * 8);
}

TEST(profile, counts_the_experts_that_are_read)
{
    struct backend b = fake();
    struct tensor w = {.dtype = DTYPE_BF16, .n_rows = 4, .n_cols = 4};
    struct ffn_tensors ffn = {w, w, w};
    struct expert_group groups[] = {{.ffn = &ffn, .n = 5}, {.ffn = &ffn, .first = 5, .n = 1}};
    struct experts_args args = {.dim = 4, .ffn_dim = 4, .n_groups = 2, .groups = groups};
    struct profile p;
    profile_begin(&p, &b, classify, NULL);
    b.experts(&b, &args);
    profile_end(&p);
    assert_true(p.sums[PROFILE_EXPERTS].bytes == 2 * 3 * 32);
    assert_true(p.sums[PROFILE_EXPERTS].flops == 2 * 3 * 16 * 6);
}

TEST(profile, every_operation_has_a_name)
{
    for (int i = 0; i < PROFILE_OPS; i++)
        assert_true(strlen(profile_name((enum profile_op)i)) > 0);
    assert_string_equal(profile_name(PROFILE_OTHER), "other");
}
