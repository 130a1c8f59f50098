/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/backend.h"

static size_t smaller(int a, int b)
{
    return (size_t)(a < b ? a : b);
}

int kv_span_tokens(const struct kv_span *spans, int n)
{
    int n_tok = 0;
    for (int i = 0; i < n; i++)
        n_tok += spans[i].n_tok;
    return n_tok;
}

size_t latent_work_floats(int n_heads, int nope_dim, int rope_dim, int v_dim, int kv_rank,
                          int max_tok)
{
    size_t heads = (size_t)n_heads, nope = (size_t)nope_dim, rope = (size_t)rope_dim;
    size_t v = (size_t)v_dim, rank = (size_t)kv_rank;
    size_t expanded =
        LATENT_KEYS * (rank + rope + heads * (nope + rope + v)) + 2 * heads * (size_t)max_tok;
    size_t folded = smaller(max_tok, LATENT_TOKENS) * heads * (2 * rank + rope);
    return expanded > folded ? expanded : folded;
}

size_t experts_work_floats(int n_choices, int dim, int ffn_dim)
{
    return smaller(n_choices, EXPERT_CHOICES) * ((size_t)dim + 2 * (size_t)ffn_dim);
}
