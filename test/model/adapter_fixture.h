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

#endif
