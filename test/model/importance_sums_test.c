/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/importance.h"
#include "oracle.h"
#include "test.h"

static bool add_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

/* Two tokens for a matrix and three for an expert: sums worked out by hand. */
static bool make_file(const struct checkpoint *ckpt, struct gguf_export *e, struct buf *out,
                      struct err *err)
{
    static const struct importance_facts facts = {"text.txt", 3, 512};
    static float x[3 * 4096];
    const struct layer_weights *layer = &ckpt->weights.layers[1];
    struct importance_sums sums;
    for (int i = 0; i < 3 * 4096; i++)
        x[i] = (float)(i % 7) - 2.0f;
    if (!gguf_export_open(e, ckpt, err))
        return false;
    bool ok = importance_sums_open(&sums, e, err);
    if (ok) {
        importance_observe(&sums, &layer->wo, x, 2);
        importance_observe(&sums, &layer->experts[3].w_down, x, 3);
        importance_observe(&sums, &(struct tensor){.data = x, .n_cols = 4}, x, 1);
        ok = importance_write(&sums, &facts, add_bytes, out, err);
    }
    importance_sums_close(&sums);
    return ok;
}

static const struct export_tensor *find(const struct gguf_export *e, const char *name)
{
    for (size_t i = 0; i < e->n; i++)
        if (strcmp(e->tensors[i].entry.name, name) == 0)
            return &e->tensors[i];
    fail_msg("no %s", name);
    return NULL;
}

/* What the second line of x has in column c, for rows of n columns. */
static float at(int64_t row, int64_t n, int64_t c)
{
    return (float)((row * n + c) % 7) - 2.0f;
}

TEST(importance_sums, come_back_as_means)
{
    struct err err = {0};
    struct buf out;
    struct gguf_export e;
    struct importance file;
    struct checkpoint *ckpt = checkpoint_open("test/data/oracle/mixtral", &err);
    assert_non_null(ckpt);
    buf_init(&out, 1 << 24);
    assert_true(make_file(ckpt, &e, &out, &err));
    const char *path = test_write(test_tmp("i.gguf"), out.data, out.len);
    if (!importance_open(&file, path, &e, &err))
        fail_msg("%s", err.text);
    float *weights;
    const struct export_tensor *t = find(&e, "blk.1.attn_output.weight");
    assert_true(importance_read(&file, t, &weights, &err));
    int64_t n = t->n_cols;
    for (int64_t c = 0; c < n; c++)
        assert_true(weights[c] == (at(0, n, c) * at(0, n, c) + at(1, n, c) * at(1, n, c)) / 2);
    free(weights);
    t = find(&e, "blk.1.ffn_down_exps.weight");
    assert_true(importance_read(&file, t, &weights, &err));
    n = t->n_cols;
    for (int64_t c = 0; c < n; c++) {
        float sum = 0;
        for (int row = 0; row < 3; row++)
            sum += at(row, n, c) * at(row, n, c);
        assert_true(weights[3 * n + c] == sum / 3);
        assert_true(weights[c] == 1.0f); /* nothing met expert 0 */
    }
    free(weights);
    assert_true(importance_read(&file, find(&e, "blk.0.attn_q.weight"), &weights, &err));
    assert_null(weights);
    importance_close(&file);
    gguf_export_close(&e);
    checkpoint_close(ckpt);
    buf_free(&out);
}

/* Of what no logits tell: NaN, and squares that float32 does not hold. */
TEST(importance_sums, that_are_not_finite_are_not_written)
{
    static const struct importance_facts facts = {"text.txt", 1, 2};
    static const float bad[] = {__builtin_nanf(""), __builtin_inff(), 1e30f};
    for (int i = 0; i < 3; i++) {
        struct err err = {0};
        struct buf out;
        struct gguf_export e;
        struct importance_sums sums;
        static float x[4096];
        struct checkpoint *ckpt = checkpoint_open("test/data/oracle/mixtral", &err);
        assert_non_null(ckpt);
        buf_init(&out, 1 << 24);
        assert_true(gguf_export_open(&e, ckpt, &err) && importance_sums_open(&sums, &e, &err));
        x[ckpt->weights.layers[1].wo.n_cols - 1] = bad[i];
        importance_observe(&sums, &ckpt->weights.layers[1].wo, x, 1);
        assert_false(importance_write(&sums, &facts, add_bytes, &out, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_string_equal(err.text,
                            "test/data/oracle/mixtral: blk.1.attn_output.weight: its inputs are "
                            "not finite: the weights hold NaN or infinite numbers; check them "
                            "with 'bise show --check-tensors'");
        assert_int_equal(out.len, 0);
        importance_sums_close(&sums);
        gguf_export_close(&e);
        checkpoint_close(ckpt);
        buf_free(&out);
    }
}

TEST(importance_sums, survives_any_failed_allocation)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open("test/data/oracle/mixtral", &err);
    assert_non_null(ckpt);
    bool ok = false;
    for (size_t n = 0; !ok && n < 1000; n++) {
        struct buf out;
        struct gguf_export e = {0};
        buf_init(&out, 1 << 24);
        mem_fail_after(n);
        ok = make_file(ckpt, &e, &out, &err);
        mem_fail_never();
        assert_true(ok || err.code == ERR_LIMIT);
        gguf_export_close(&e);
        buf_free(&out);
    }
    assert_true(ok);
    checkpoint_close(ckpt);
}
