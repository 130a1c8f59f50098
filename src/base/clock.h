/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - time that only goes forward, for measuring. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Returns seconds since an arbitrary start.  Never jumps. */
double clock_now(void);

#endif
