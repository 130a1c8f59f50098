/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_trust.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

/* Returns what is wrong with a certificate, and the remedy behind ';'. */
static const char *describe(long reason)
{
    switch (reason) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* what stands there before names are compared */
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "is for another host; check the address";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "has expired; check the clock of this machine, or use another mirror until its "
               "owner renews it";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "is not valid yet; check the clock of this machine";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return "is signed by nobody whom this machine trusts; install ca-certificates, or set "
               "SSL_CERT_FILE to a file that has the certificate of who signed it";
    case HTTP_TRUST_UNKNOWN:
        return "is not trusted; check the address and the clock of this machine, install "
               "ca-certificates, or set SSL_CERT_FILE to a file that has the certificate of who "
               "signed it";
    default:
        return NULL;
    }
}

void http_distrust(char *text, size_t size, const char *url, long reason)
{
    const char *host = strstr(url, "://"), *what = describe(reason);
    host = host ? host + 3 : url;
    int n = snprintf(text, size, "the certificate of %.*s ", (int)strcspn(host, "/?#"), host);
    if (n < 0 || (size_t)n >= size)
        return;
    if (what)
        snprintf(text + n, size - (size_t)n, "%s", what);
    else
        snprintf(text + n, size - (size_t)n, "cannot be trusted (%s); use another mirror",
                 X509_verify_cert_error_string(reason));
}
