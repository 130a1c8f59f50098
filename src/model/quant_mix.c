/* SPDX-License-Identifier: Apache-2.0 */
#include "model/quant_mix.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum mix {
    MIX_F32,
    MIX_F16,
    MIX_BF16,
    MIX_Q8_0,
    MIX_Q6_K,
    MIX_Q5_K_M,
    MIX_Q5_K_S,
    MIX_Q4_K_M,
    MIX_Q4_K_S,
    MIX_Q4_0,
    MIX_IQ4_NL,
    MIX_IQ4_XS,
    MIX_MXFP4,
    N_MIXES,
};

/* The numbers are those of the file format's general.file_type. */
static const struct quant_mix mixes[N_MIXES] = {
    [MIX_F32] = {"F32", DTYPE_F32, 0},           [MIX_F16] = {"F16", DTYPE_F16, 1},
    [MIX_BF16] = {"BF16", DTYPE_BF16, 32},       [MIX_Q8_0] = {"Q8_0", DTYPE_Q8_0, 7},
    [MIX_Q6_K] = {"Q6_K", DTYPE_Q6_K, 18},       [MIX_Q5_K_M] = {"Q5_K_M", DTYPE_Q5_K, 17},
    [MIX_Q5_K_S] = {"Q5_K_S", DTYPE_Q5_K, 16},   [MIX_Q4_K_M] = {"Q4_K_M", DTYPE_Q4_K, 15},
    [MIX_Q4_K_S] = {"Q4_K_S", DTYPE_Q4_K, 14},   [MIX_Q4_0] = {"Q4_0", DTYPE_Q4_0, 2},
    [MIX_IQ4_NL] = {"IQ4_NL", DTYPE_IQ4_NL, 25}, [MIX_IQ4_XS] = {"IQ4_XS", DTYPE_IQ4_XS, 30},
    [MIX_MXFP4] = {"MXFP4", DTYPE_MXFP4, 38},
};

const struct quant_mix *quant_mix_find(const char *name, struct err *err)
{
    char names[160] = "";
    size_t n = 0;
    for (int i = 0; i < N_MIXES; i++) {
        if (strcasecmp(mixes[i].name, name) == 0)
            return &mixes[i];
        n += (size_t)snprintf(names + n, sizeof names - n, " %s", mixes[i].name);
    }
    err_set(err, ERR_ARG, "type '%.40s' is none of%s", name, names);
    return NULL;
}

/* The first and last eighth of the layers, and every third between. */
static bool is_sensitive(const struct quant_place *p)
{
    uint32_t eighth = p->n_layers / 8;
    return p->layer < eighth || p->layer >= 7 * p->n_layers / 8 || (p->layer - eighth) % 3 == 2;
}

/* In a mixture of many experts attention is a small part, so bits cost little there. */
static bool is_mixture(const struct quant_place *p)
{
    return p->n_experts >= 8;
}

static enum dtype choose_values(enum mix mix, const struct quant_place *p)
{
    if (is_mixture(p))
        return DTYPE_Q8_0;
    if ((mix == MIX_Q4_K_M || mix == MIX_Q5_K_M) && is_sensitive(p))
        return DTYPE_Q6_K;
    if ((mix == MIX_Q4_K_S && p->layer < 4) ||
        ((mix == MIX_IQ4_NL || mix == MIX_IQ4_XS) && p->n_sharing >= 4))
        return DTYPE_Q5_K;
    return mixes[mix].type;
}

static enum dtype choose_down(enum mix mix, const struct quant_place *p)
{
    bool early = p->layer < p->n_layers / 8;
    if ((mix == MIX_Q4_K_M || mix == MIX_Q5_K_M) && is_sensitive(p))
        return DTYPE_Q6_K;
    if (early &&
        (mix == MIX_Q4_K_S || ((mix == MIX_IQ4_NL || mix == MIX_IQ4_XS) && !p->has_importance)))
        return DTYPE_Q5_K;
    return early && mix == MIX_Q4_0 && p->has_importance ? DTYPE_Q4_1 : mixes[mix].type;
}

static enum dtype choose(enum mix mix, const struct quant_place *p)
{
    enum dtype type = mixes[mix].type;
    if (mix <= MIX_Q8_0)
        return type;
    /* MXFP4 has four bits for what is most of a model, and no mix for the rest. */
    if (mix == MIX_MXFP4)
        return (p->role == QUANT_FFN || p->role == QUANT_FFN_DOWN) &&
                       (p->is_routed || !p->n_experts)
                   ? type
                   : DTYPE_Q8_0;
    switch (p->role) {
    case QUANT_OUTPUT:
        return p->n_cols % dtype_info(type)->block ? DTYPE_Q8_0 : DTYPE_Q6_K;
    case QUANT_ATTN_V:
        return choose_values(mix, p);
    case QUANT_ATTN_K:
        return is_mixture(p) ? DTYPE_Q8_0 : type;
    case QUANT_ATTN_OUTPUT:
        return is_mixture(p) && mix >= MIX_Q4_K_M && mix != MIX_Q4_0 ? DTYPE_Q5_K : type;
    case QUANT_FFN_DOWN:
        return choose_down(mix, p);
    default:
        return type;
    }
}

static bool fits(enum dtype type, int64_t n_cols)
{
    return n_cols % dtype_info(type)->block == 0;
}

/* The nearest format with blocks of 32. */
static enum dtype with_small_blocks(enum dtype type)
{
    switch (type) {
    case DTYPE_Q4_K:
        return DTYPE_Q5_0;
    case DTYPE_IQ4_XS:
        return DTYPE_IQ4_NL;
    case DTYPE_Q5_K:
        return DTYPE_Q5_1;
    case DTYPE_Q6_K:
        return DTYPE_Q8_0;
    default:
        return type;
    }
}

enum dtype quant_mix_choose(const struct quant_mix *mix, const struct quant_place *place,
                            bool *fell_back)
{
    *fell_back = false;
    if (place->role == QUANT_PLAIN)
        return DTYPE_F32;
    enum dtype type = choose((enum mix)(mix - mixes), place);
    if (fits(type, place->n_cols))
        return type;
    *fell_back = true;
    type = with_small_blocks(type);
    return fits(type, place->n_cols) ? type : DTYPE_F16;
}
