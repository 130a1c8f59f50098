/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler_fixture.h"

TEST(scheduler_write, who_waits_is_woken_who_is_cancelled_ends)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    struct scheduler *sched =
        open_scheduler(&rig, (struct scheduler_options){.n_pages = 64, .n_running = 2});
    static struct request r[4];
    make_requests(r, 4, 512, 9);
    for (int i = 0; i < 4; i++)
        r[i].params.max_tokens = 20;
    r[0].wait_after = 5;
    r[1].stop_after = 7;
    for (int i = 0; i < 4; i++)
        add(sched, &r[i]);
    for (int i = 0; i < 4; i++)
        scheduler_step(sched);
    scheduler_cancel(sched, r[3].id);
    assert_int_equal(r[3].finish, FINISH_CANCELLED);
    scheduler_cancel(sched, r[3].id);
    while (scheduler_step(sched)) {
    }
    assert_int_equal(r[0].n_answer, 5);
    assert_int_equal(r[0].n_ends, 0);
    assert_int_equal(r[1].n_answer, 7);
    assert_int_equal(r[1].finish, FINISH_STOP);
    assert_int_equal(r[2].n_answer, 20);
    scheduler_wake(sched, r[0].id);
    while (scheduler_step(sched)) {
    }
    assert_int_equal(r[0].n_answer, 20);
    scheduler_close(sched);
    rig_close(&rig);
}
