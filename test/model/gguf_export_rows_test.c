/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "model/export_fixture.h"
#include "oracle.h"
#include "poison.h"
#include "test.h"

/* The reference logits come out of the file that either layout becomes. */
TEST(gguf_export_rows, has_the_reference_logits)
{
    static float logits[ORACLE_MAX_TOK * 1024];
    static const enum checkpoint_layout layouts[] = {CHECKPOINT_NATIVE, CHECKPOINT_HF};
    for (int i = 0; i < 2 * ORACLE_CASES; i++) {
        char dir[512];
        struct rig rig;
        const struct oracle_case *c = &oracle_cases[i / 2];
        const char *name = c->name;
        enum checkpoint_layout layout = layouts[i % 2];
        if (!oracle_has(c, layout))
            continue;
        const char *path = fixture_export_case(name, layout, "F32");
        rig_open(&rig, path, &(struct cpu_options){.n_threads = 1, .exact = true});
        snprintf(dir, sizeof dir, "test/data/oracle/%s", name);
        const char *what = layout == CHECKPOINT_HF && c->hf_logits ? c->hf_logits : "logits";
        for (int sequence = 0; sequence < ORACLE_SEQUENCES; sequence++) {
            struct oracle oracle;
            oracle_open(&oracle, dir, what, sequence);
            rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
            struct distance d = oracle_distance(&oracle, logits);
            if (!(d.max <= 2e-4))
                fail_msg("%s: off by %g", path, d.max);
            oracle_close(&oracle);
        }
        rig_close(&rig);
    }
}

/* A file that is written again is the same file, whatever the number of threads. */
TEST(gguf_export_rows, again_and_with_other_threads_it_is_the_same)
{
    static const char *const names[] = {"mistral4", "mixtral", "ministral3"};
    for (int i = 0; i < 3; i++) {
        char dir[512];
        oracle_copy(names[i], CHECKPOINT_NATIVE, dir);
        const char *one = test_tmp("one.gguf"), *three = test_tmp("three.gguf");
        const char *again = test_tmp("again.gguf");
        fixture_export(dir, one, "Q4_K_M", 1);
        fixture_export(dir, three, "Q4_K_M", 3);
        size_t n, m;
        char *a = test_read(one, &n), *b = test_read(three, &m);
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n);
        free(a);
        free(b);
        fixture_export(dir, one, "BF16", 1);
        fixture_export(one, again, "BF16", 2);
        struct gguf x = fixture_gguf(one), y = fixture_gguf(again);
        assert_same_tensors(&x, &y);
        gguf_close(&x);
        gguf_close(&y);
    }
}

static const char remedy[] =
    "check the model with 'bise show --check-tensors', or download it again";

/* Converted or copied, a bad number is named as the input has it, and what to do: also where rows
 * change places, and where several tensors become one. */
TEST(gguf_export_rows, a_number_that_cannot_be_written_is_named)
{
    static const char up[] = "model.layers.1.mlp.up_proj.weight", norm[] = "model.norm.weight";
    static const char q[] = "model.layers.1.self_attn.q_proj.weight";
    static const char expert[] = "model.layers.0.block_sparse_moe.experts.2.w1.weight";
    static const struct {
        const char *model, *type, *tensor;
        int64_t i;
        uint16_t value; /* bf16 */
        bool is_finite;
        const char *item;
    } cases[] = {
        {"mistral", "F32", q, 64 * 5 + 1, 0x7fc0, false, "row 5: element 1 is nan; "},
        {"mixtral", "F32", expert, 64 * 3 + 2, 0x7fc0, false, "row 3: element 2 is nan; "},
        {"mixtral", "Q8_0", expert, 64 * 3 + 2, 0x7fc0, false, "row 3: element 2 is nan; "},
        {"mistral", "Q4_0", up, 0, 0x7fc0, false, "row 0: element 0 is nan; "},
        {"mistral", "F32", up, 64 * 3 + 5, 0x7f80, false,
         "row 3: element 5 is inf; "}, /* rows of 64 */
        {"mistral", "BF16", up, 64 * 111, 0xffc1, false,
         "row 111: element 0 is -nan; "}, /* copied */
        {"mistral", "Q8_0", norm, 63, 0xff80, false, "row 0: element 63 is -inf; "},
        {"mistral", "F16", up, 64 + 2, 0x7180, true,
         "row 1: element 2, 1.26765e+30, exceeds 65504, the most of F16; take the type BF16 or "
         "F32"},
    };
    struct err err = {0};
    struct pool *pool = pool_open(2, &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char dir[512], file[600], want[1500];
        struct buf out;
        oracle_copy(cases[i].model, CHECKPOINT_HF, dir);
        snprintf(file, sizeof file, "%s/model.safetensors", dir);
        poison(dir, file, cases[i].tensor, cases[i].i, &cases[i].value, sizeof(uint16_t));
        struct checkpoint *ckpt = checkpoint_open(dir, &err);
        assert_non_null(ckpt);
        buf_init(&out, 1 << 24);
        assert_false(fixture_export_to(ckpt, cases[i].type, pool, &out, &err));
        assert_int_equal(err.code, cases[i].is_finite ? ERR_UNSUPPORTED : ERR_FORMAT);
        snprintf(want, sizeof want, "%s: %s: %s%s", file, cases[i].tensor, cases[i].item,
                 cases[i].is_finite ? "" : remedy);
        assert_string_equal(err.text, want);
        buf_free(&out);
        checkpoint_close(ckpt);
    }
    pool_close(pool);
}
