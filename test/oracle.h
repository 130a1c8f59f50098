/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.h - tiny random models with reference logits, and models opened for tests.
 *
 * The reference logits come from an independent float64 implementation; each case
 * holds the same weights in several layouts. */
#ifndef ORACLE_H
#define ORACLE_H

#include "cpu/cpu_backend.h"
#include "data/tensor_store.h"
#include "model/checkpoint.h"
#include "model/model.h"

#define ORACLE_CASES     16
#define ORACLE_FLAGS     4
#define ORACLE_SEQUENCES 2
#define ORACLE_MAX_TOK   512

struct oracle_case {
    const char *name; /* of a folder in test/data/oracle */
    bool is_moe;      /* a rounding may choose another expert, so only exact logits agree */
    const char *only; /* begin of the names of the only weights; NULL: both layouts are there */
    const char *hf_logits; /* what the Hugging Face files give, if not "logits" */
};
extern const struct oracle_case oracle_cases[ORACLE_CASES];

/* Says whether the case has that layout of safetensors. */
bool oracle_has(const struct oracle_case *c, enum checkpoint_layout layout);

/* A sequence of tokens with the logits that every position must have. */
struct oracle {
    struct tensor_store store;
    const int32_t *ids;  /* [n] */
    const float *logits; /* [n][n_vocab] */
    int n, n_vocab;
};

/* Opens DIR/expected.safetensors and finds sequence i in it with its "logits", or another kind. */
void oracle_open(struct oracle *oracle, const char *dir, const char *what, int i);
void oracle_close(struct oracle *oracle);

/* Copies the files of one layout of a case into a folder of its own, so that only they
 * can be opened, and writes its path to dir: [512]. */
void oracle_copy(const char *name, enum checkpoint_layout layout, char *dir);

/* Returns sets of enum cpu_flag that this machine has, from none to all, and their number. */
int oracle_flags(unsigned flags[ORACLE_FLAGS]);

/* How far logits are from the reference. */
struct distance {
    double max;         /* largest absolute difference */
    double max_but_one; /* the same without the row where it is largest */
    double kl_mean;     /* mean over the rows of the divergence of the softmaxes */
    double same_share;  /* share of rows with the same largest logit */
};

/* Compares got: [n][n_vocab] with the oracle's. */
struct distance oracle_distance(const struct oracle *oracle, const float *got);

/* A model with room for one sequence, whose pages lie in an unusual order. */
struct rig {
    struct checkpoint *ckpt;
    struct backend *backend;
    struct model *model;
    void *kv;
    size_t kv_bytes;
    uint32_t page_ids[ORACLE_MAX_TOK / BACKEND_PAGE_TOKENS];
};

/* Opens the model at path; any failure fails the test. */
void rig_open(struct rig *rig, const char *path, const struct cpu_options *options);
void rig_close(struct rig *rig);

/* Runs n tokens: the first n_prompt as a prompt in steps of chunk, the others one by
 * one as if generated.  Nothing may be allocated.  logits: [n][n_vocab]. */
void rig_run(struct rig *rig, const int32_t *ids, int n, int n_prompt, int chunk, float *logits);

#endif
