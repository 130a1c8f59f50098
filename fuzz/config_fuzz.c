/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as params.json and as config.json, any GGUF file; what is accepted must be usable. */
#include <math.h>
#include <stdlib.h>

#include "data/gguf.h"
#include "data/json.h"
#include "model/rope_freq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct model_config *config)
{
    static double freq[LIMIT_HEAD_DIM / 2];
    rope_freq(config, freq);
    for (uint32_t i = 0; i < config->head_dim / 2; i++)
        if (!isfinite(freq[i]))
            abort();
    if (!config->head_dim || !config->n_layers || config->n_heads % config->n_kv_heads ||
        config->head_dim > LIMIT_HEAD_DIM || config->n_layers > LIMIT_LAYERS ||
        !(config->rope_magnitude > 0.0f))
        abort();
}

static void read_gguf(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct model_config config;
    struct gguf gguf;
    if (!gguf_parse(&gguf, "f", data, size, &err))
        return;
    if (config_from_gguf(&config, &gguf, &err))
        use(&config);
    gguf_close(&gguf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct model_config config;
    read_gguf(data, size);
    struct json_doc *doc = json_parse("fuzz.json", data, size, &err);
    if (!doc)
        return 0;
    if (config_from_params(&config, doc, &err))
        use(&config);
    if (config_from_hf(&config, doc, &err))
        use(&config);
    json_close(doc);
    return 0;
}
