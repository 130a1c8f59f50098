/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.h - one thread at a time in what it guards, and waiting for a change there.
 * Thread: any. */
#ifndef BASE_MONITOR_H
#define BASE_MONITOR_H

#include "base/err.h"

struct monitor;

/* Owned: monitor_close(), when nobody is inside.  Errors: ERR_LIMIT. */
struct monitor *monitor_open(struct err *err) CHECKED;
void monitor_close(struct monitor *monitor);

/* Enters, after who is inside has left; one thread does not enter twice. */
void monitor_enter(struct monitor *monitor);
void monitor_leave(struct monitor *monitor);

/* Leaves, waits for monitor_change() for timeout_ms at most, and enters again.  May return early:
 * ask again for what is waited for. */
void monitor_wait(struct monitor *monitor, int timeout_ms);

/* Wakes all who wait.  From inside. */
void monitor_change(struct monitor *monitor);

#endif
