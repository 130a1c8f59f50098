/* SPDX-License-Identifier: Apache-2.0 */
/* forward_test.c - the whole decoder against the reference logits of every architecture.
 * The limits are those that the reference states for each arithmetic. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "oracle.h"
#include "test.h"

static float logits[ORACLE_MAX_TOK * 1024];

static const enum checkpoint_layout layouts[] = {CHECKPOINT_NATIVE, CHECKPOINT_HF};

TEST(forward, exact_logits_are_the_reference_logits)
{
    unsigned flags[3];
    int n_flags = oracle_flags(flags);
    double worst = 0.0;
    for (int c = 0; c < ORACLE_CASES; c++) {
        char from[512];
        snprintf(from, sizeof from, "test/data/oracle/%s", oracle_cases[c]);
        for (int k = 0; k < 2 * n_flags; k++) {
            char dir[512];
            struct rig rig;
            oracle_copy(oracle_cases[c], layouts[k % 2], dir);
            rig_open(&rig, dir, &(struct cpu_options){1, flags[k / 2], true});
            assert_int_equal(rig.ckpt->layout, layouts[k % 2]);
            for (int i = 0; i < ORACLE_SEQUENCES; i++) {
                struct oracle oracle;
                oracle_open(&oracle, from, i);
                rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
                struct distance d = oracle_distance(&oracle, logits);
                if (!(d.max <= 2e-4))
                    fail_msg("%s layout %d flags %u: off by %g", oracle_cases[c], layouts[k % 2],
                             flags[k / 2], d.max);
                worst = d.max > worst ? d.max : worst;
                oracle_close(&oracle);
            }
            rig_close(&rig);
        }
    }
    print_message("largest difference %.2g\n", worst);
}
