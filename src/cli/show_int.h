/* SPDX-License-Identifier: Apache-2.0 */
/* show_int.h - what "bise show" found out, and the two ways to print it. */
#ifndef CLI_SHOW_INT_H
#define CLI_SHOW_INT_H

#include <stdbool.h>

#include "cli/plan.h"
#include "cli/weight_shares.h"

struct facts {
    const struct checkpoint *ckpt;
    struct weight_shares shares;
    uint64_t n_file_bytes;
    uint64_t n_token_bytes; /* of keys and values, in all layers */
    char tokenizer[256], prompts[128];
    bool checked, kv_q8;
    struct plan plan;
};

/* Returns "GGUF" and the like.  Borrowed: static. */
const char *show_layout(const struct checkpoint *ckpt);

/* Returns the number of layers with a window, and stores the widest in *widest: [1]. */
int show_windows(const struct model_config *c, uint32_t *widest);

/* Print what is known: all of it, or the two lines about the tokenizer. */
void show_table(const struct facts *f);
void show_table_tokenizer(const struct facts *f);

/* The same as a JSON object. */
void show_json(const struct facts *f);
void show_json_tokenizer(const struct facts *f);

#endif
