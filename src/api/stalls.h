/* SPDX-License-Identifier: Apache-2.0 */
/* stalls.h - answers that wait because their clients read too slowly.
 *
 * A thread looks which of them have taken what was written and lets those go on.
 * Thread: any. */
#ifndef API_STALLS_H
#define API_STALLS_H

#include <stdint.h>

#include "base/err.h"

struct engine;
struct http_exchange;
struct stalls;

/* Bytes that may wait for a client before its answer does, and how few let it go on. */
enum { STALL_BYTES = 65536, STALL_OVER_BYTES = 16384 };

/* Owned: stalls_close().  Errors: ERR_LIMIT. */
struct stalls *stalls_open(struct err *err) CHECKED;

/* Every answer that was added has ended or will not be woken. */
void stalls_close(struct stalls *stalls);

/* Remembers that answer id of engine waits for x, which is held until it goes on or its client is
 * gone.  Returns false without memory: then it must not wait. */
bool stalls_add(struct stalls *stalls, struct http_exchange *x, struct engine *engine,
                uint64_t id) CHECKED;

#endif
