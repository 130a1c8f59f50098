/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_batch.h"

#include "base/mem.h"
#include "lib/runtime.h"
#include "model/model.h"
#include "test.h"

enum { N_SEQS = 18, N_TOK = 20 }; /* more than a block of logits, and than a page of a sequence */

static void open_model(struct runtime *rt)
{
    struct err err = {0};
    struct runtime_options options = {.n_threads = 1, .cpu = "c"};
    assert_true(runtime_open(rt, "models/stories260K.gguf", &options, &err));
}

TEST(bench_batch, runs_again_from_the_start)
{
    struct runtime rt;
    struct err err = {0};
    open_model(&rt);
    struct bench_batch *batch = bench_batch_open(rt.model, N_SEQS, N_TOK, &err);
    assert_non_null(batch);
    size_t n_pages = N_SEQS * ((N_TOK + BACKEND_PAGE_TOKENS - 1) / BACKEND_PAGE_TOKENS);
    assert_int_equal(bench_batch_kv_bytes(batch), n_pages * model_page_bytes(rt.model));
    for (int i = 0; i < 2; i++)
        assert_true(bench_batch_run(batch, &err));
    bench_batch_close(batch);
    runtime_close(&rt);
}

TEST(bench_batch, every_allocation_can_fail)
{
    struct runtime rt;
    struct bench_batch *batch = NULL;
    open_model(&rt);
    size_t n = 0;
    for (; !batch; n++) {
        struct err err = {0};
        mem_fail_after(n);
        batch = bench_batch_open(rt.model, N_SEQS, N_TOK, &err);
        mem_fail_never();
        assert_int_equal(err.code, batch ? ERR_NONE : ERR_LIMIT);
    }
    assert_true(n > N_SEQS);
    bench_batch_close(batch);
    runtime_close(&rt);
}
