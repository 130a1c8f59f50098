/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

#include "test.h"

TEST(clock, never_goes_back)
{
    double last = clock_now();
    for (int i = 0; i < 1000; i++) {
        double now = clock_now();
        assert_true(now >= last);
        last = now;
    }
}

TEST(clock, knows_the_calendar)
{
    int64_t before = time(NULL), us = clock_unix_us(), after = time(NULL);
    /* time() may lag by a tick. */
    assert_in_range(us / 1000000, before - 1, after + 1);
}
