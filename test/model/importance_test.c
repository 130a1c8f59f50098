/* SPDX-License-Identifier: Apache-2.0 */
#include "model/importance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/gguf_builder.h"
#include "oracle.h"
#include "test.h"

/* A file with the sums of one tensor, as llama.cpp writes it. */
struct sums_file {
    const char *type, *name;
    uint64_t n_cols, n_counts;
    float sum, count;
};

static const char *write_file(const struct sums_file *f)
{
    struct gguf_builder b;
    char name[64];
    put_header(&b, 2, 1);
    put_kv_string(&b, "general.type", f->type);
    snprintf(name, sizeof name, "%s.in_sum2", f->name);
    put_tensor(&b, name, f->n_cols, 0, 0);
    snprintf(name, sizeof name, "%s.counts", f->name);
    put_tensor(&b, name, f->n_counts, 0, (f->n_cols * 4 + 31) / 32 * 32);
    put_padding(&b, 32);
    for (uint64_t i = 0; i < f->n_cols; i++)
        put(&b, &f->sum, 4);
    put_padding(&b, 32);
    for (uint64_t i = 0; i < f->n_counts; i++)
        put(&b, &f->count, 4);
    put_padding(&b, 32);
    return test_write(test_tmp("sums.gguf"), b.bytes, b.n);
}

TEST(importance, refuses_what_is_not_of_the_model)
{
    static const struct {
        struct sums_file file;
        const char *want; /* NULL: accepted; then the mean is 3 */
    } cases[] = {
        {{"imatrix", "blk.0.attn_q.weight", 0, 1, 6, 2}, NULL},
        {{"model", "blk.0.attn_q.weight", 0, 1, 6, 2}, "no importance file"},
        {{"imatrix", "blk.9.attn_q.weight", 0, 1, 6, 2}, "blk.9.attn_q.weight: the model has no"},
        {{"imatrix", "blk.0.attn_q.weight", 7, 1, 6, 2}, "blk.0.attn_q.weight: 7 sums"},
        {{"imatrix", "blk.0.attn_q.weight", 0, 2, 6, 2}, "blk.0.attn_q.weight: its counts"},
        {{"imatrix", "blk.0.attn_q.weight", 0, 1, -6, 2}, "blk.0.attn_q.weight: a sum of squares"},
    };
    struct err err = {0};
    struct gguf_export e;
    struct checkpoint *ckpt = checkpoint_open("test/data/oracle/mistral", &err);
    assert_true(ckpt && gguf_export_open(&e, ckpt, &err));
    const struct export_tensor *q = NULL;
    for (size_t i = 0; i < e.n; i++)
        if (strcmp(e.tensors[i].entry.name, "blk.0.attn_q.weight") == 0)
            q = &e.tensors[i];
    assert_non_null(q);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sums_file f = cases[i].file;
        struct importance file;
        float *weights = NULL;
        err = (struct err){0};
        f.n_cols = f.n_cols ? f.n_cols : (uint64_t)q->n_cols;
        bool ok = importance_open(&file, write_file(&f), &e, &err);
        if (ok) {
            ok = importance_read(&file, q, &weights, &err);
            importance_close(&file);
        }
        assert_int_equal(ok, cases[i].want == NULL);
        if (cases[i].want && !strstr(err.text, cases[i].want))
            fail_msg("got \"%s\", want \"%s\"", err.text, cases[i].want);
        if (ok)
            assert_true(weights[0] == 3.0f && weights[q->n_cols - 1] == 3.0f);
        free(weights);
    }
    gguf_export_close(&e);
    checkpoint_close(ckpt);
}
