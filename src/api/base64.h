/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h - bytes as text (RFC 4648, section 4). */
#ifndef API_BASE64_H
#define API_BASE64_H

#include "api/json_out.h"

/* Appends bytes: [n]. */
void base64_write(const unsigned char *bytes, size_t n, struct json_out *o);

#endif
