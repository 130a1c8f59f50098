/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - one line per event on stderr: time, level, event name, key=value. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Drops events below level.  Thread: before any other thread starts. */
void log_set_level(enum log_level level);

/* Writes one line.  event is "module.noun_verb"; fmt holds "key=%u ..." pairs.
 * Never log prompts, outputs or keys: they belong to the user. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);

#endif
