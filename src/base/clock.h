/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - time that only goes forward, for measuring; and that of the calendar. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Returns seconds since an arbitrary start.  Never jumps. */
double clock_now(void);

/* Returns microseconds since 1970, for what is stored.  Jumps when the clock is set. */
int64_t clock_unix_us(void);

#endif
