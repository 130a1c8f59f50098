/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_fixture.h - the case with an adapter: its base in every layout, run with and without. */
#ifndef ADAPTER_FIXTURE_H
#define ADAPTER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "model/adapter.h"
#include "oracle.h"
#include "test.h"

#define LORA_CASE   "test/data/oracle/mistral-lora"
#define LORA_PEFT   LORA_CASE "/peft"
#define LORA_NATIVE LORA_CASE "/lora.safetensors"
#define LORA_EXACT  2e-4 /* what the reference allows for float32 */

enum { LORA_VOCAB = 256, LORA_FLOATS_MAX = ORACLE_MAX_TOK * LORA_VOCAB };

/* Opens sequence i with the logits of the merged model instead of the base's. */
static inline void lora_oracle(struct oracle *oracle, int i)
{
    oracle_open(oracle, LORA_CASE, "logits_lora", i);
}

/* Gives an open model adapters. */
static inline void lora_attach(struct rig *rig, struct adapter *adapters)
{
    struct err err = {0};
    model_close(rig->model);
    if (!adapter_adopt(adapters, rig->backend, &err))
        fail_msg("%s", err.text);
    rig->model = model_open(rig->ckpt, adapters, rig->backend, &err);
    if (!rig->model)
        fail_msg("%s", err.text);
}

/* Opens one more adapter, which must work. */
static inline struct adapter *lora_open(const struct checkpoint *ckpt, const char *path,
                                        double scale, struct adapter *below)
{
    struct err err = {0};
    struct adapter *ad = adapter_open(ckpt, path, scale, below, &err);
    if (!ad)
        fail_msg("%s", err.text);
    return ad;
}

/* Returns how far the logits of both sequences are from the reference of the merged model. */
static inline double lora_distance(struct rig *rig)
{
    static float logits[LORA_FLOATS_MAX];
    double max = 0;
    for (int i = 0; i < ORACLE_SEQUENCES; i++) {
        struct oracle oracle;
        lora_oracle(&oracle, i);
        rig_run(rig, oracle.ids, oracle.n, oracle.n / 2, MODEL_MAX_TOKENS, logits);
        struct distance d = oracle_distance(&oracle, logits);
        max = d.max <= max ? max : d.max;
        oracle_close(&oracle);
    }
    return max;
}

/* Two matrices of an adapter by their names. */
struct lora_pair {
    const char *a, *b;
    int n_out, n_in;
};

enum { LORA_RANK = 3 };

/* Writes a native or PEFT adapter of random numbers up to size, its scale is 2.  Returns its
 * folder. values: what the pairs hold, a before b. */
static inline const char *lora_random(const struct lora_pair *pairs, int n_pairs, float size,
                                      float *values)
{
    char path[600], header[8192] = "", *at = header + 8;
    uint64_t seed = 7;
    const char *folder = edit_folder("random");
    int n = 0;
    for (int i = 0; i < 2 * n_pairs; i++) {
        const struct lora_pair *p = &pairs[i / 2];
        int n_rows = i % 2 ? p->n_out : LORA_RANK, n_cols = i % 2 ? LORA_RANK : p->n_in;
        at += snprintf(at, (size_t)(header + sizeof header - at),
                       "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]}",
                       i ? ',' : '{', i % 2 ? p->b : p->a, n_rows, n_cols, 4 * n,
                       4 * (n + n_rows * n_cols));
        for (int end = n + n_rows * n_cols; n < end; n++)
            values[n] = size * test_random_f32(&seed);
    }
    *at++ = '}';
    size_t n_header = (size_t)(at - header), n_bytes = n_header + 4 * (size_t)n;
    header[0] = (char)((n_header - 8) & 255);
    header[1] = (char)((n_header - 8) >> 8);
    char *bytes = malloc(n_bytes);
    memcpy(bytes, header, n_header);
    memcpy(bytes + n_header, values, 4 * (size_t)n);
    bool peft = strncmp(pairs->a, "base_model", 10) == 0;
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, peft ? "adapter_model" : "lora");
    test_write(path, bytes, n_bytes);
    free(bytes);
    snprintf(path, sizeof path, "%s/adapter_config.json", folder);
    if (peft)
        test_write(path, "{\"peft_type\": \"LORA\", \"r\": 3, \"lora_alpha\": 6}", 46);
    return folder;
}

#endif
