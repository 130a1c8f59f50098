/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as adapter_config.json; the first line of it as a pattern of modules, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter_peft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match(const uint8_t *data, size_t size)
{
    struct err err = {0};
    char pattern[LIMIT_PATTERN_BYTES + 1] = "";
    bool matches;
    memcpy(pattern, data, size < LIMIT_PATTERN_BYTES ? size : LIMIT_PATTERN_BYTES);
    pattern[strcspn(pattern, "\n")] = '\0';
    bool ok = peft_matches(pattern, "model.layers.10.self_attn.q_proj", &matches, &err);
    if (ok != (err.code == ERR_NONE))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct peft_config config;
    double rank, scale;
    match(data, size);
    struct json_doc *doc = json_parse("f", data, size, &err);
    if (!doc)
        return 0;
    if (peft_read(&config, doc, &err) &&
        peft_scale(&config, "model.layers.0.mlp.up_proj", &rank, &scale, &err) &&
        (!isfinite(scale) || !(rank >= 1 && rank <= LIMIT_LORA_RANK)))
        abort();
    json_close(doc);
    return 0;
}
