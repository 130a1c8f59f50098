/* SPDX-License-Identifier: Apache-2.0 */
/* served.h - the models of a server: opened, named, each with an engine. */
#ifndef CLI_SERVED_H
#define CLI_SERVED_H

#include "api/api.h"
#include "base/buf.h"
#include "engine/scheduler.h"
#include "lib/runtime.h"

struct token_trie;
struct turn;

struct served_options {
    struct runtime_options machine;
    struct scheduler_options scheduler; /* without what depends on the model */
    uint32_t context;                   /* 0: the model's, at most GENERATOR_DEFAULT_CONTEXT */
    uint64_t kv_memory;                 /* bytes for keys and values of each model; 0: chosen */
    uint32_t n_contexts;                /* for which it is chosen, where memory allows; 0: a few */
    int version;                        /* of the prompt format; 0: what the files say */
};

struct served {
    struct runtime rt;
    struct prompt_format format;
    struct token_trie *trie;
    struct engine *engine;
    struct buf path, name, about;
};

/* Opens the model that what means, a path or a name in the store, NULL for the bundled one, and
 * fills in how it is served; its arrays borrow from served.
 * Owned: served_close(), also after a failure.  Errors: those of the parts. */
bool served_open(struct served *served, const char *what, const struct served_options *options,
                 struct turn *turn, struct api_model *model, struct err *err) CHECKED;
void served_close(struct served *served);

#endif
