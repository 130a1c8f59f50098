/* SPDX-License-Identifier: Apache-2.0 */
/* http_retry.h - which failures of a transfer pass by themselves, and how long to wait. */
#ifndef NET_HTTP_RETRY_H
#define NET_HTTP_RETRY_H

#include <stdbool.h>

/* The longest wait that a server may ask for, in seconds; past it the transfer fails. */
#define HTTP_RETRY_MOST 300

/* Says whether a response of that status may become another one later. */
bool http_retry_status(long status);

/* Returns the seconds to wait after n_failed failures in a row, 1 or more: 1, 2, 4, ... up to 60,
 * and at least what the server asked for (0: nothing). */
double http_retry_delay(int n_failed, long asked);

#endif
