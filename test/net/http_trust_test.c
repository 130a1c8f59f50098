/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_trust.h"

#include <string.h>

#include "test.h"

TEST(http_trust, the_host_the_cause_and_the_remedy)
{
    /* Numbers as in the manual of "openssl verify". */
    static const struct {
        long reason;
        const char *says;
    } cases[] = {
        {0, "the certificate of hub:1 is for another host; check"},
        {1, "is for another host; check"},
        {9, "is not valid yet; check the clock"},
        {10, "has expired; check the clock"},
        {18, "by nobody whom this machine trusts; install"},
        {19, "by nobody whom this machine trusts; install"},
        {20, "by nobody whom this machine trusts; install"},
        {62, "is for another host; check"},
        {64, "is for another host; check"},
        {HTTP_TRUST_UNKNOWN, "hub:1 is not trusted; check the address and the clock"},
        {23, "cannot be trusted (certificate revoked); use another mirror"},
    };
    char text[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_distrust(text, sizeof text, "https://hub:1/a/b", cases[i].reason);
        if (!strstr(text, cases[i].says))
            fail_msg("%ld: %s", cases[i].reason, text);
    }
    http_distrust(text, 16, "https://hub:1/a/b", 0);
    assert_string_equal(text, "the certificate");
}
