/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_retry.h"

bool http_retry_status(long status)
{
    return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

double http_retry_delay(int n_failed, long asked)
{
    double delay = n_failed > 6 ? 60 : (double)(1L << (n_failed - 1));
    return delay < (double)asked ? (double)asked : delay < 60 ? delay : 60;
}
