/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "base/monitor.h"
#include "base/turn.h"
#include "engine/scheduler_fixture.h"

enum { N_ANSWERS = 24 };

/* Counts answers that are over; the engine's thread tells, the test waits. */
struct waiter {
    struct monitor *monitor;
    int n_ended;
};

struct heard {
    struct request request;
    struct waiter *waiter;
};

static enum job_go hear_token(void *arg, const struct job_token *token)
{
    struct heard *h = arg;
    return take_token(&h->request, token);
}

static void hear_end(void *arg, const struct job_result *result)
{
    struct heard *h = arg;
    monitor_enter(h->waiter->monitor);
    take_end(&h->request, result);
    h->waiter->n_ended++;
    monitor_change(h->waiter->monitor);
    monitor_leave(h->waiter->monitor);
}

static void wait_for(struct waiter *w, int n)
{
    monitor_enter(w->monitor);
    while (w->n_ended < n)
        monitor_wait(w->monitor, 1000);
    monitor_leave(w->monitor);
}

TEST(engine, two_models_answer_by_turns_and_as_alone)
{
    struct err err = {0};
    struct rig rig[2];
    struct engine *engines[2];
    static struct heard heard[2][N_ANSWERS];
    static struct request requests[N_ANSWERS];
    struct waiter waiter = {.monitor = monitor_open(&err)};
    struct turn *turn = turn_open(&err);
    const struct scheduler_options options = {
        .context = 512, .n_pages = 100, .n_running = 8, .n_waiting = 100, .eos = 2};
    make_requests(requests, N_ANSWERS, 512, 31);
    for (int m = 0; m < 2; m++) {
        rig_open(&rig[m], STORIES, &(struct cpu_options){.n_threads = 2, .flags = cpu_detect()});
        engines[m] = engine_open(rig[m].model, &options, turn, &err);
        assert_non_null(engines[m]);
    }
    for (int i = 0; i < 2 * N_ANSWERS; i++) {
        struct heard *h = &heard[i % 2][i / 2];
        *h = (struct heard){.request = requests[i / 2], .waiter = &waiter};
        const struct job_sink sink = {.token = hear_token, .end = hear_end, .arg = h};
        assert_true(engine_submit(engines[i % 2], &requests[i / 2].params, &sink, NULL, &err));
    }
    wait_for(&waiter, 2 * N_ANSWERS);
    for (int i = 0; i < N_ANSWERS; i++) {
        const struct request *a = &heard[0][i].request, *b = &heard[1][i].request;
        assert_int_equal(a->finish, FINISH_LENGTH);
        assert_int_equal(a->n_answer, requests[i].params.max_tokens);
        assert_memory_equal(a->answer, b->answer, a->n_answer * sizeof *a->answer);
    }
    for (int m = 0; m < 2; m++) {
        engine_close(engines[m]);
        rig_close(&rig[m]);
    }
    turn_close(turn);
    monitor_close(waiter.monitor);
}

TEST(engine, what_is_cancelled_or_left_at_the_end_is_told)
{
    struct err err = {0};
    struct rig rig;
    static struct heard heard[3];
    struct waiter waiter = {.monitor = monitor_open(&err)};
    struct turn *turn = turn_open(&err);
    const struct scheduler_options options = {
        .context = 512, .n_pages = 100, .n_running = 1, .n_waiting = 1, .eos = 2};
    uint64_t id[3];
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    struct engine *engine = engine_open(rig.model, &options, turn, &err);
    assert_non_null(engine);
    for (int i = 0; i < 2; i++) {
        make_requests(&heard[i].request, 1, 512, 40 + (uint64_t)i);
        heard[i].waiter = &waiter;
        heard[i].request.params.max_tokens = 40;
        heard[i].request.wait_after = 2;
        const struct job_sink sink = {.token = hear_token, .end = hear_end, .arg = &heard[i]};
        assert_true(engine_submit(engine, &heard[i].request.params, &sink, &id[i], &err));
    }
    engine_cancel(engine, id[1]);
    wait_for(&waiter, 1);
    assert_int_equal(heard[1].request.finish, FINISH_CANCELLED);
    engine_close(engine);
    assert_int_equal(heard[0].request.finish, FINISH_CANCELLED);
    assert_int_equal(waiter.n_ended, 2);
    rig_close(&rig);
    turn_close(turn);
    monitor_close(waiter.monitor);
}
