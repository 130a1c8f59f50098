/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

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
