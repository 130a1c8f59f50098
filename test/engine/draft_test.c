/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler_fixture.h"

TEST(draft, guesses_that_are_right_save_steps)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    static struct request plain, guessed;
    make_requests(&plain, 1, 512, 5);
    plain.params.max_tokens = 40;
    struct scheduler_stats stats =
        run_all(&rig, (struct scheduler_options){.n_pages = 40}, &plain, 1, 0);
    uint64_t n_plain = stats.n_steps;
    make_requests(&guessed, 1, 512, 5);
    guessed.params.max_tokens = 40;
    guessed.params.prediction = plain.answer;
    guessed.params.n_prediction = plain.n_answer;
    stats = run_all(&rig, (struct scheduler_options){.n_pages = 40, .n_draft = 7}, &guessed, 1, 0);
    assert_int_equal(guessed.n_answer, plain.n_answer);
    assert_memory_equal(guessed.answer, plain.answer, plain.n_answer * sizeof *plain.answer);
    assert_true(stats.n_steps * 4 < n_plain);
    assert_true(guessed.result.n_accepted >= 30);
    rig_close(&rig);
}
