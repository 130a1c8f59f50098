/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/export_fixture.h"
#include "oracle.h"
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
