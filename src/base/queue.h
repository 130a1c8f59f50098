/* SPDX-License-Identifier: Apache-2.0 */
/* queue.h - messages between threads; ownership moves with the message.
 *
 * First in, first out, with a fixed number of places: a full queue refuses, so
 * that the sender decides, and nothing grows without bound. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/err.h"

struct queue;

/* Makes an empty queue with n_places > 0 places.
 * Owned: queue_close().  Errors: ERR_LIMIT. */
struct queue *queue_open(int n_places, struct err *err) CHECKED;

/* Frees the queue; messages still in it remain their senders' problem.
 * Thread: when no other thread uses the queue any more. */
void queue_close(struct queue *queue);

/* Appends message (not NULL).  Thread: any.
 * Errors: ERR_BUSY when every place is taken, ERR_CANCELLED after queue_end(). */
bool queue_push(struct queue *queue, void *message, struct err *err) CHECKED;

/* Waits for a message.  Returns NULL once the queue has ended and is empty.
 * Owned: the caller now owns the message.  Thread: any. */
void *queue_pop(struct queue *queue) CHECKED;

/* Refuses new messages and lets the readers run dry.  Thread: any. */
void queue_end(struct queue *queue);

#endif
