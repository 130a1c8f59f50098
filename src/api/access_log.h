/* SPDX-License-Identifier: Apache-2.0 */
/* access_log.h - one line of JSON for each request: never a prompt, an answer or a key. */
#ifndef API_ACCESS_LOG_H
#define API_ACCESS_LOG_H

struct api;
struct call;
struct http_access;

/* call may be NULL: the request never came to a route. */
void access_log_write(const struct api *api, const struct call *call,
                      const struct http_access *access);

#endif
