/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    int n_places, first, n_used;
    bool ended;
    void *places[];
};

struct queue *queue_open(int n_places, struct err *err)
{
    assert(n_places > 0);
    struct queue *q = mem_new(1, sizeof *q + (size_t)n_places * sizeof q->places[0], err);
    if (!q)
        return NULL;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
    q->n_places = n_places;
    return q;
}

void queue_close(struct queue *queue)
{
    if (!queue)
        return;
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->filled);
    free(queue);
}

bool queue_push(struct queue *queue, void *message, struct err *err)
{
    bool ok = true;
    assert(message);
    pthread_mutex_lock(&queue->lock);
    if (queue->ended) {
        ok = err_set(err, ERR_CANCELLED, "the queue has ended");
    } else if (queue->n_used == queue->n_places) {
        ok = err_set(err, ERR_BUSY, "all %d places of the queue are taken", queue->n_places);
    } else {
        queue->places[(queue->first + queue->n_used++) % queue->n_places] = message;
        pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    return ok;
}

void *queue_pop(struct queue *queue)
{
    void *message = NULL;
    pthread_mutex_lock(&queue->lock);
    while (!queue->n_used && !queue->ended)
        pthread_cond_wait(&queue->filled, &queue->lock);
    if (queue->n_used) {
        message = queue->places[queue->first];
        queue->first = (queue->first + 1) % queue->n_places;
        queue->n_used--;
    }
    pthread_mutex_unlock(&queue->lock);
    return message;
}

void queue_end(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->ended = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}
