/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turn.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/monitor.h"

enum { LOOK_MS = 1000 }; /* a turn is told; this is for the wait's sake */

struct turn {
    struct monitor *monitor;
    uint64_t n_taken, n_served;
};

struct turn *turn_open(struct err *err)
{
    struct turn *turn = mem_new(1, sizeof *turn, err);
    if (!turn)
        return NULL;
    turn->monitor = monitor_open(err);
    if (turn->monitor)
        return turn;
    free(turn);
    return NULL;
}

void turn_close(struct turn *turn)
{
    if (!turn)
        return;
    monitor_close(turn->monitor);
    free(turn);
}

void turn_take(struct turn *turn)
{
    monitor_enter(turn->monitor);
    uint64_t mine = turn->n_taken++;
    while (turn->n_served != mine)
        monitor_wait(turn->monitor, LOOK_MS);
    monitor_leave(turn->monitor);
}

void turn_give(struct turn *turn)
{
    monitor_enter(turn->monitor);
    turn->n_served++;
    monitor_change(turn->monitor);
    monitor_leave(turn->monitor);
}
