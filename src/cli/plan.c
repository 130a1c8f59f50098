/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan.h"

#include "model/model.h"

/* Bytes of keys and values.  Pages that no layer can see any more are given back, so a model
 * whose layers all have a window needs no more than the widest and one step. */
static uint64_t kv_bytes(const struct model_config *c, uint64_t context)
{
    uint64_t widest = 0;
    for (uint32_t i = 0; i < c->n_layers; i++) {
        uint64_t window = c->windows[i] ? c->windows[i] : UINT32_MAX;
        widest = window > widest ? window : widest;
    }
    uint64_t seen = widest + MODEL_MAX_TOKENS + BACKEND_PAGE_TOKENS;
    if (seen < context)
        context = seen;
    return (context + BACKEND_PAGE_TOKENS - 1) / BACKEND_PAGE_TOKENS * config_page_bytes(c, false);
}

/* Two rows of each kind of activation for each token of a step, as model.c and the backend hold
 * them, and the logits. */
static uint64_t work_bytes(const struct model_config *c)
{
    uint64_t q = (uint64_t)c->n_heads * c->head_dim;
    uint64_t kv = (uint64_t)c->n_kv_heads * c->head_dim;
    uint64_t row = 2 * (c->dim + q + kv + c->ffn_dim) + c->head_dim;
    return (MODEL_MAX_TOKENS * row + (uint64_t)2 * MODEL_LOGIT_ROWS * c->n_vocab) * sizeof(float);
}

/* The longest context up to high whose keys and values take at most room bytes. */
static uint32_t longest_fit(const struct model_config *c, uint32_t high, uint64_t room)
{
    uint32_t low = 0;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (kv_bytes(c, middle) <= room)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

struct plan plan_memory(const struct checkpoint *ckpt, uint32_t context, uint64_t available)
{
    const struct model_config *c = &ckpt->config;
    struct plan plan = {
        .context = context,
        .weights = ckpt->n_weight_bytes,
        .kv = kv_bytes(c, context),
        .work = work_bytes(c),
        .available = available,
    };
    uint64_t fixed = plan.weights + plan.work;
    plan.needed = fixed + plan.kv;
    plan.fits = !available || plan.needed <= available;
    if (plan.fits)
        plan.fitting_context = context;
    else if (fixed < available)
        plan.fitting_context = longest_fit(c, context, available - fixed);
    return plan;
}
