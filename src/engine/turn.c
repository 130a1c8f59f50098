/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/turn.h"

void turn_init(struct turn *turn)
{
    *turn = (struct turn){0};
    pthread_mutex_init(&turn->lock, NULL);
    pthread_cond_init(&turn->next, NULL);
}

void turn_free(struct turn *turn)
{
    pthread_cond_destroy(&turn->next);
    pthread_mutex_destroy(&turn->lock);
}

void turn_take(struct turn *turn)
{
    pthread_mutex_lock(&turn->lock);
    uint64_t mine = turn->n_taken++;
    while (turn->n_served != mine)
        pthread_cond_wait(&turn->next, &turn->lock);
    pthread_mutex_unlock(&turn->lock);
}

void turn_give(struct turn *turn)
{
    pthread_mutex_lock(&turn->lock);
    turn->n_served++;
    pthread_cond_broadcast(&turn->next);
    pthread_mutex_unlock(&turn->lock);
}
