/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - a scheduler with a thread of its own, which other threads ask.
 *
 *     struct engine *engine = engine_open(model, &options, &turn, err);
 *     if (!engine_submit(engine, &params, &sink, &id, err)) ...
 *     engine_cancel(engine, id);          the client left
 *     engine_close(engine);
 *
 * Sinks are called in the engine's thread and must not wait.
 * Thread: any, except for opening and closing. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/scheduler.h"

struct engine;
struct turn;

/* model is the engine's alone, and outlives it, as does turn, which engines of other models share.
 * Owned: engine_close().  Errors: as scheduler_open(); ERR_LIMIT when no thread can start. */
struct engine *engine_open(struct model *model, const struct scheduler_options *options,
                           struct turn *turn, struct err *err) CHECKED;

/* Ends every answer with FINISH_CANCELLED, then the thread. */
void engine_close(struct engine *engine);

/* Queues an answer.  *id, which may be NULL, is set before a sink is called.
 * Errors: as scheduler_add(). */
bool engine_submit(struct engine *engine, const struct job_params *params,
                   const struct job_sink *sink, uint64_t *id, struct err *err) CHECKED;

/* As scheduler_cancel() and scheduler_wake(), soon. */
void engine_cancel(struct engine *engine, uint64_t id);
void engine_wake(struct engine *engine, uint64_t id);

/* As they were after the last step. */
struct scheduler_stats engine_stats(struct engine *engine);

#endif
