/* SPDX-License-Identifier: Apache-2.0 */
/* experts.h - how much memory the experts of a mixture get, and what is said about it. */
#ifndef CLI_EXPERTS_H
#define CLI_EXPERTS_H

#include <stdint.h>

#include "model/expert_cache.h"

struct runtime;
struct runtime_options;

#define EXPERTS_AUTO UINT64_MAX /* as runtime_options.expert_memory: what is left */

/* Chooses the bytes, 0 for experts that stay mapped: the size that options give; else, or with
 * EXPERTS_AUTO, nothing where the whole model fits into the available memory, and what the rest
 * of it leaves where it does not.  available: of the machine, 0 when not known. */
uint64_t experts_room(const struct runtime_options *options, const struct checkpoint *ckpt,
                      uint64_t available);

/* The same on this machine, as runtime_options.plan_experts. */
uint64_t experts_plan(const struct runtime_options *options, const struct checkpoint *ckpt);

/* Notes that experts are read from disk where nobody asked for it, and what the system did not
 * let us keep in memory. */
void experts_note(const struct runtime *rt, const struct runtime_options *options);

/* Returns what was done between two readings. */
struct expert_cache_stats experts_between(const struct expert_cache_stats *before,
                                          const struct expert_cache_stats *after);

/* Returns the share of hits, from 0 to 1. */
double experts_hit_rate(const struct expert_cache_stats *stats);

#endif
