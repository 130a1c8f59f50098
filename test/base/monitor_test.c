/* SPDX-License-Identifier: Apache-2.0 */
#include "base/monitor.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "test.h"

struct shared {
    struct monitor *monitor;
    int n, turn;
};

static void add(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < 10000; i++) {
        monitor_enter(s->monitor);
        s->n++;
        monitor_leave(s->monitor);
    }
}

TEST(monitor, one_at_a_time)
{
    struct err err = {0};
    struct shared s = {.monitor = monitor_open(&err)};
    assert_non_null(s.monitor);
    struct thread *threads[3];
    for (int i = 0; i < 3; i++)
        assert_non_null(threads[i] = thread_open("test", add, &s, &err));
    for (int i = 0; i < 3; i++)
        thread_close(threads[i]);
    assert_int_equal(s.n, 30000);
    monitor_close(s.monitor);
}

static void answer(void *arg)
{
    struct shared *s = arg;
    monitor_enter(s->monitor);
    while (s->turn != 1)
        monitor_wait(s->monitor, 1000);
    s->turn = 2;
    monitor_change(s->monitor);
    monitor_leave(s->monitor);
}

TEST(monitor, waits_for_a_change)
{
    struct err err = {0};
    struct shared s = {.monitor = monitor_open(&err)};
    assert_non_null(s.monitor);
    struct thread *thread = thread_open("test", answer, &s, &err);
    assert_non_null(thread);
    double start = clock_now();
    monitor_enter(s.monitor);
    s.turn = 1;
    monitor_change(s.monitor);
    while (s.turn != 2 && clock_now() - start < 10)
        monitor_wait(s.monitor, 10000);
    monitor_leave(s.monitor);
    thread_close(thread);
    assert_int_equal(s.turn, 2);
    assert_true(clock_now() - start < 9);
    monitor_close(s.monitor);
}

TEST(monitor, waits_no_longer_than_asked)
{
    struct err err = {0};
    struct monitor *m = monitor_open(&err);
    assert_non_null(m);
    double start = clock_now();
    monitor_enter(m);
    monitor_wait(m, 1);
    monitor_wait(m, 999);
    monitor_leave(m);
    assert_true(clock_now() - start < 9);
    monitor_close(m);
}

TEST(monitor, without_memory)
{
    struct err err = {0};
    mem_fail_once(0);
    assert_null(monitor_open(&err));
    mem_fail_never();
    assert_int_equal(err.code, ERR_LIMIT);
    monitor_close(NULL);
}
