/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.h - the parts wired together: checkpoint, tokenizer, backend, model.
 *
 * The one place that names a backend; the command line and the library both
 * start here.  Thread: one thread at a time. */
#ifndef LIB_RUNTIME_H
#define LIB_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

struct adapter;
struct backend;
struct buf;
struct checkpoint;
struct expert_cache;
struct model;
struct read_ahead;
struct token_ids;
struct tokenizer;

struct adapter_option {
    const char *path; /* of an adapter for the model, or what find_adapter finds it by */
    double scale;     /* multiplies its own; 0: opened, but changes nothing */
};

struct runtime_options {
    const char *cpu; /* "auto" (NULL), "c", "avx2", "avx512" */
    int n_threads;   /* 0: one for each core that the process may use */
    bool exact;
    bool kv_q8;            /* keys and values in 8 bits: half the memory */
    bool round_inputs;     /* of quantised matrices, as the checkpoint says */
    float attn_scale_mult; /* replaces the configuration's; 0: leaves it */
    /* Bytes for the experts of a mixture, which are then read when they are chosen; 0: they stay
     * mapped.  plan_experts chooses them once the checkpoint is known, or is NULL; it may want
     * to know for how many tokens the context will be, 0: for the usual number. */
    uint64_t expert_memory;
    uint64_t (*plan_experts)(const struct runtime_options *options, const struct checkpoint *ckpt);
    uint32_t context;
    /* Appends the path that an adapter's name means; NULL: it is the path. */
    bool (*find_adapter)(const char *name, struct buf *path, struct err *err);
    struct adapter_option adapters[LIMIT_ADAPTERS]; /* [n_adapters], their changes add up */
    size_t n_adapters;
};

struct runtime {
    struct checkpoint *ckpt;
    struct tokenizer *tok; /* NULL when the checkpoint has none */
    struct backend *backend;
    struct adapter *adapters; /* or NULL */
    struct model *model;
    struct expert_cache *experts; /* NULL: they are mapped */
    struct read_ahead *ahead;     /* of the mapped weights, or NULL */
    uint64_t n_unpinned; /* bytes that all tokens need and that the system may take from memory */
    double load_s;       /* seconds that runtime_open() took */
};

/* Opens a model directory or .gguf file.  A checkpoint without a tokenizer opens;
 * one with a broken tokenizer does not.  On failure *rt is empty.
 * Owned: runtime_close().  Errors: those of the parts. */
bool runtime_open(struct runtime *rt, const char *path, const struct runtime_options *options,
                  struct err *err) CHECKED;
void runtime_close(struct runtime *rt);

/* Opens the tokenizer of an open checkpoint: inside the GGUF file, or beside the tensors.
 * Owned: tokenizer_close().  Errors: ERR_NOT_FOUND when it has none, else as tokenizer_open(). */
struct tokenizer *runtime_tokenizer(const struct checkpoint *ckpt, struct err *err) CHECKED;

/* Opens the adapters of options on top of each other; NULL in *out when there are none.
 * Owned: adapter_close().  Errors: as adapter_open(). */
bool runtime_adapters(const struct checkpoint *ckpt, const struct runtime_options *options,
                      struct adapter **out, struct err *err) CHECKED;

/* Says whether text can be handled.  Errors: ERR_UNSUPPORTED naming the model. */
bool runtime_has_tokenizer(const struct runtime *rt, struct err *err) CHECKED;

/* Appends the ids of a text that the model shall continue: the start-of-sequence token, where
 * the vocabulary has one, and the text.  text: [n] bytes.
 * Errors: ERR_UNSUPPORTED without a tokenizer, else as tokenizer_encode(). */
bool runtime_prompt(const struct runtime *rt, const char *text, size_t n, struct token_ids *ids,
                    struct err *err) CHECKED;

#endif
