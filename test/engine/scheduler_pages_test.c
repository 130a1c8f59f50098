/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler_fixture.h"

TEST(scheduler_pages, prompts_that_begin_alike_share_pages_within_a_space)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    struct scheduler *sched = open_scheduler(&rig, (struct scheduler_options){.n_pages = 64});
    static struct request r[4];
    make_requests(r, 4, 512, 3);
    for (int i = 0; i < 4; i++) {
        memcpy(r[i].prompt, r[0].prompt, sizeof r[0].prompt);
        r[i].prompt[0] = 1;
        for (int k = 1; k < 64; k++)
            r[i].prompt[k] = 3 + k;
        r[i].params = r[0].params;
        r[i].params.ids = r[i].prompt;
        r[i].params.n = 64;
        r[i].params.max_tokens = 3;
        r[i].params.space = i == 3;
    }
    r[2].prompt[40] = 99;
    for (int i = 0; i < 4; i++)
        add(sched, &r[i]);
    while (scheduler_step(sched)) {
    }
    assert_int_equal(r[0].result.n_cached, 0);
    assert_int_equal(r[1].result.n_cached, 48); /* of 64 one is left to compute */
    assert_int_equal(r[2].result.n_cached, 32);
    assert_int_equal(r[3].result.n_cached, 0);
    scheduler_close(sched);
    rig_close(&rig);
}
