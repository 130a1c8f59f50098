/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_retry.h"

#include "test.h"

TEST(http_retry, only_what_may_pass_is_tried_again)
{
    static const long passing[] = {408, 429, 500, 502, 503, 504};
    static const long lasting[] = {0, 200, 206, 301, 400, 401, 403, 404, 410, 416, 451, 501, 505};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        assert_true(http_retry_status(passing[i]));
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        assert_false(http_retry_status(lasting[i]));
}

TEST(http_retry, waits_double_up_to_a_minute_and_honour_the_server)
{
    static const struct {
        int n_failed;
        long asked;
        double want;
    } cases[] = {
        {1, 0, 1},     {2, 0, 2},   {3, 0, 4},   {6, 0, 32},    {7, 0, 60},
        {1000, 0, 60}, {1, 30, 30}, {6, 30, 32}, {1, 300, 300}, {1, -5, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(http_retry_delay(cases[i].n_failed, cases[i].asked) == cases[i].want);
}
