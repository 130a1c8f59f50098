/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turn.h"

#include "base/mem.h"
#include "base/thread.h"
#include "test.h"

enum { N_THREADS = 4, N_ROUNDS = 2000 };

struct shared {
    struct turn *turn;
    int n; /* not atomic: the turn is what keeps it right */
};

static void work(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < N_ROUNDS; i++) {
        turn_take(shared->turn);
        shared->n++;
        turn_give(shared->turn);
    }
}

TEST(turn, is_one_threads_at_a_time)
{
    struct err err = {0};
    struct shared shared = {.turn = turn_open(&err)};
    struct thread *threads[N_THREADS];
    assert_non_null(shared.turn);
    for (int i = 0; i < N_THREADS; i++)
        assert_non_null(threads[i] = thread_open("turn", work, &shared, &err));
    for (int i = 0; i < N_THREADS; i++)
        thread_close(threads[i]);
    assert_int_equal(shared.n, N_THREADS * N_ROUNDS);
    turn_close(shared.turn);
    turn_close(NULL);
    for (size_t n = 0; n < 2; n++) {
        mem_fail_after(n);
        assert_null(turn_open(&err));
        mem_fail_never();
    }
}
