/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <pthread.h>

#include "test.h"

TEST(queue, is_first_in_first_out_and_bounded)
{
    struct err err = {0};
    int items[4];
    struct queue *q = queue_open(3, &err);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            assert_true(queue_push(q, &items[i], &err));
        assert_false(queue_push(q, &items[3], &err));
        assert_int_equal(err.code, ERR_BUSY);
        for (int i = 0; i < 3; i++)
            assert_ptr_equal(queue_pop(q), &items[i]);
    }
    assert_true(queue_push(q, &items[0], &err));
    queue_end(q);
    assert_false(queue_push(q, &items[1], &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_ptr_equal(queue_pop(q), &items[0]);
    assert_null(queue_pop(q));
    queue_close(q);
    queue_close(NULL);
}

static void *drain(void *arg)
{
    size_t n = 0;
    while (queue_pop(arg))
        n++;
    return (void *)n;
}

TEST(queue, hands_every_message_to_one_reader)
{
    struct err err = {0};
    static char message;
    struct queue *q = queue_open(8, &err);
    pthread_t readers[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, drain, q), 0);
    for (int sent = 0; sent < 5000;)
        sent += queue_push(q, &message, &err);
    queue_end(q);
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        void *result;
        pthread_join(readers[i], &result);
        n += (size_t)result;
    }
    assert_int_equal(n, 5000);
    queue_close(q);
}
