/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - what an operator watches: counters and histograms in Prometheus' text format.
 * Thread: any. */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "base/buf.h"
#include "base/err.h"

struct api;
struct http_access;
struct job_result;
struct metrics;

enum metric_event {
    METRIC_UNKNOWN_FIELD, /* a field of a request that nobody knows */
    METRIC_PARSE_FAILURE, /* an answer that looked like a tool call and was none */
    METRIC_GONE,          /* a client left before its answer was complete */
    N_METRIC_EVENTS,
};

/* Owned: metrics_close().  Errors: ERR_LIMIT. */
struct metrics *metrics_open(struct err *err) CHECKED;
void metrics_close(struct metrics *metrics);

/* Count a request that is over, an answer that is over, or one of the events. */
void metrics_count_request(struct metrics *metrics, const struct http_access *access);
void metrics_count_answer(struct metrics *metrics, const struct job_result *result);
void metrics_count(struct metrics *metrics, enum metric_event event);

/* Appends all of them, and what the engines and the server say now.  prefix: "bise_", or "vllm:"
 * for boards that were made for that.  Errors: ERR_LIMIT. */
bool metrics_write(const struct api *api, const char *prefix, struct buf *out,
                   struct err *err) CHECKED;

#endif
