/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as params.json and as config.json, any GGUF file; what is accepted must be usable. */
#include <math.h>
#include <stdlib.h>

#include "data/gguf.h"
#include "data/json.h"
#include "model/rope_freq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_parts(const struct model_config *c)
{
    const struct moe_config *m = &c->moe;
    if (c->is_latent &&
        (c->latent.nope_dim + c->latent.rope_dim != c->head_dim || !c->latent.q_rank ||
         !c->latent.kv_rank || !c->latent.v_dim || c->latent.v_dim > LIMIT_HEAD_DIM ||
         c->latent.kv_rank > LIMIT_LATENT || c->n_kv_heads != c->n_heads || c->windows[0]))
        abort();
    if (c->is_moe && (m->n_experts < 2 || m->n_experts > LIMIT_EXPERTS || !m->n_used ||
                      m->n_used > m->n_experts / m->n_groups * m->n_groups_used || !m->ffn_dim ||
                      m->n_dense >= c->n_layers || !(m->routed_scale > 0.0f)))
        abort();
    if (!c->quant.block_rows != !c->quant.block_cols)
        abort();
}

static void use(const struct model_config *config)
{
    static double freq[LIMIT_HEAD_DIM / 2];
    rope_freq(config, freq);
    for (uint32_t i = 0; i < config_rope_dim(config) / 2; i++)
        if (!isfinite(freq[i]))
            abort();
    if (!config->head_dim || !config->n_layers || config->n_heads % config->n_kv_heads ||
        config->head_dim > LIMIT_HEAD_DIM || config->n_layers > LIMIT_LAYERS ||
        config_rope_dim(config) % 2 || !(config->rope_magnitude > 0.0f) ||
        !(config->attn_scale_mult > 0.0f))
        abort();
    use_parts(config);
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
