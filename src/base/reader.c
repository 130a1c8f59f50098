/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/direct_file.h"
#include "base/limits.h"
#include "base/mem.h"

/* Large enough that a disk reads it at full speed, small enough that all threads share the
 * range that is waited for. */
#define PIECE ((size_t)1 << 20)
_Static_assert(PIECE % DIRECT_BLOCK == 0, "pieces begin at blocks");

struct reader {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct read_range *first, **end; /* ranges of which pieces are to be taken */
    size_t n_left;                   /* bytes of all groups that are not there yet */
    bool quit;
    struct reader_stats stats;
    double busy_since; /* while n_left > 0 */
    int n_threads;
    pthread_t threads[];
};

struct piece {
    struct read_range *range;
    size_t first, size;
};

/* Waits for a piece and takes it.  Returns false when there will be no more.  Under the lock. */
static bool take(struct reader *r, struct piece *piece)
{
    while (!r->first && !r->quit)
        pthread_cond_wait(&r->work, &r->lock);
    struct read_range *range = r->first;
    if (!range)
        return false;
    size_t left = range->size - range->n_taken;
    *piece = (struct piece){range, range->n_taken, left < PIECE ? left : PIECE};
    range->n_taken += piece->size;
    if (range->n_taken == range->size) {
        r->first = range->next;
        if (!r->first)
            r->end = &r->first;
    }
    return true;
}

/* Under the lock.  Afterwards the range may be gone, as its group may be complete. */
static void finish(struct reader *r, const struct piece *piece, bool ok, const struct err *err)
{
    struct read_group *group = piece->range->group;
    if (ok)
        r->stats.n_bytes += piece->size;
    else if (!group->err.code)
        group->err = *err;
    group->n_left -= piece->size;
    r->n_left -= piece->size;
    if (!r->n_left)
        r->stats.busy_s += clock_now() - r->busy_since;
    if (!group->n_left)
        pthread_cond_broadcast(&r->done);
}

static void *thread_main(void *arg)
{
    struct reader *r = arg;
    struct piece piece;
    pthread_mutex_lock(&r->lock);
    while (take(r, &piece)) {
        pthread_mutex_unlock(&r->lock);
        struct err err = {0};
        const struct read_range *range = piece.range;
        bool ok = direct_file_read(range->file, range->offset + piece.first, piece.size,
                                   range->to + piece.first, &err);
        pthread_mutex_lock(&r->lock);
        finish(r, &piece, ok, &err);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct reader *reader_open(int n_threads, struct err *err)
{
    assert(n_threads >= 1 && n_threads <= LIMIT_THREADS);
    struct reader *r = mem_new(1, sizeof *r + (size_t)n_threads * sizeof r->threads[0], err);
    if (!r)
        return NULL;
    r->end = &r->first;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->work, NULL);
    pthread_cond_init(&r->done, NULL);
    for (; r->n_threads < n_threads; r->n_threads++) {
        if (pthread_create(&r->threads[r->n_threads], NULL, thread_main, r) != 0) {
            err_set(err, ERR_LIMIT, "cannot start reading thread %d of %d; see ulimit -u",
                    r->n_threads + 1, n_threads);
            reader_close(r);
            return NULL;
        }
    }
    return r;
}

void reader_close(struct reader *reader)
{
    if (!reader)
        return;
    pthread_mutex_lock(&reader->lock);
    reader->quit = true;
    pthread_cond_broadcast(&reader->work);
    pthread_mutex_unlock(&reader->lock);
    for (int i = 0; i < reader->n_threads; i++)
        pthread_join(reader->threads[i], NULL);
    pthread_mutex_destroy(&reader->lock);
    pthread_cond_destroy(&reader->work);
    pthread_cond_destroy(&reader->done);
    free(reader);
}

void reader_start(struct reader *reader, struct read_range *range)
{
    assert(range->size > 0);
    range->n_taken = 0;
    range->next = NULL;
    pthread_mutex_lock(&reader->lock);
    if (!reader->n_left)
        reader->busy_since = clock_now();
    range->group->n_left += range->size;
    reader->n_left += range->size;
    *reader->end = range;
    reader->end = &range->next;
    pthread_cond_broadcast(&reader->work);
    pthread_mutex_unlock(&reader->lock);
}

bool reader_wait(struct reader *reader, struct read_group *group, struct err *err)
{
    pthread_mutex_lock(&reader->lock);
    while (group->n_left)
        pthread_cond_wait(&reader->done, &reader->lock);
    bool ok = !group->err.code;
    if (!ok)
        *err = group->err;
    group->err = (struct err){0};
    pthread_mutex_unlock(&reader->lock);
    return ok;
}

bool reader_is_done(struct reader *reader, const struct read_group *group)
{
    pthread_mutex_lock(&reader->lock);
    bool done = !group->n_left;
    pthread_mutex_unlock(&reader->lock);
    return done;
}

struct reader_stats reader_stats(struct reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    struct reader_stats stats = reader->stats;
    if (reader->n_left)
        stats.busy_s += clock_now() - reader->busy_since;
    pthread_mutex_unlock(&reader->lock);
    return stats;
}
