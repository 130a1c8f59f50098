/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan.h"

#include "engine/generator.h"
#include "model/model.h"

static uint64_t kv_bytes(const struct model_config *c, uint32_t context, enum dtype kv_type)
{
    return (uint64_t)generator_pages(c, context, MODEL_MAX_TOKENS) * config_page_bytes(c, kv_type);
}

/* The model's activations, and the logits that the generator holds. */
static uint64_t work_bytes(const struct model_config *c)
{
    return config_scratch_bytes(c) + (uint64_t)MODEL_LOGIT_ROWS * c->n_vocab * sizeof(float);
}

/* The longest context up to high whose keys and values take at most room bytes. */
static uint32_t longest_fit(const struct model_config *c, uint32_t high, enum dtype kv_type,
                            uint64_t room)
{
    uint32_t low = 0;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (kv_bytes(c, middle, kv_type) <= room)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

struct plan plan_memory(const struct checkpoint *ckpt, uint32_t context, enum dtype kv_type,
                        uint64_t available)
{
    const struct model_config *c = &ckpt->config;
    struct plan plan = {
        .context = context,
        .weights = ckpt->n_weight_bytes,
        .kv = kv_bytes(c, context, kv_type),
        .work = work_bytes(c),
        .available = available,
    };
    uint64_t fixed = plan.weights + plan.work;
    plan.needed = fixed + plan.kv;
    plan.fits = !available || plan.needed <= available;
    if (plan.fits)
        plan.fitting_context = context;
    else if (fixed < available)
        plan.fitting_context = longest_fit(c, context, kv_type, available - fixed);
    return plan;
}
