/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rounded activations, on AVX-512. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "cpu/cpu_panel_avx512.h"

#define GROUP_BYTES_MAX 272 /* of 256 weights: Q8_0 */

INLINE void dot(const struct panel *panel, const struct panel_format *format,
                const struct panel_tokens *tokens, int first, int n_tok, bool mins, bool sixteens)
{
    const size_t stride = tokens->act_stride, width = sixteens ? 16 : 32;
    const int8_t *first_act = tokens->act + (size_t)first * stride;
    float *totals = tokens->sums + PANEL_LANES * (size_t)first;
    __m512 total[8];
#pragma GCC unroll 8
    for (int t = 0; t < n_tok; t++)
        total[t] = _mm512_load_ps(totals + PANEL_LANES * (size_t)t);
#pragma GCC unroll 16
    for (size_t b = 0; b < ACT_GROUP / width; b++) {
        __m512i q[8];
#pragma GCC unroll 8
        for (size_t i = 0; i < width / 4; i++)
            q[i] = _mm512_load_si512(panel->q[b * width / 4 + i]);
#pragma GCC unroll 8
        for (int t = 0; t < n_tok; t++) {
            const struct act_group *act = act_group(first_act + (size_t)t * stride, 0);
            __m512i product = _mm512_setzero_si512();
#pragma GCC unroll 8
            for (size_t i = 0; i < width / 4; i++)
                product = dot_four(product, q[i], act->q + b * width + 4 * i);
            total[t] = add_block(total[t], product, panel, format, act, b, mins, sixteens);
        }
    }
#pragma GCC unroll 8
    for (int t = 0; t < n_tok; t++)
        _mm512_store_ps(totals + PANEL_LANES * (size_t)t, total[t]);
}

INLINE void dot_tokens(const struct panel *panel, const struct panel_format *format,
                       const struct panel_tokens *tokens, bool mins, bool sixteens)
{
    int t = 0;
    for (; t + 8 <= tokens->n; t += 8)
        dot(panel, format, tokens, t, 8, mins, sixteens);
    for (; t + 4 <= tokens->n; t += 4)
        dot(panel, format, tokens, t, 4, mins, sixteens);
    for (; t + 2 <= tokens->n; t += 2)
        dot(panel, format, tokens, t, 2, mins, sixteens);
    if (t < tokens->n)
        dot(panel, format, tokens, t, 1, mins, sixteens);
}

void cpu_panel_dot_avx512(const struct panel *panel, const struct panel_format *format,
                          const struct panel_tokens *tokens)
{
    if (format->mins)
        dot_tokens(panel, format, tokens, true, false);
    else if (format->sixteens)
        dot_tokens(panel, format, tokens, false, true);
    else
        dot_tokens(panel, format, tokens, false, false);
}

/* Unpacks columns k..k+255 of rows first.. of the job, zeros where it has no such rows or columns:
 * zero bytes are finite weights in every format. */
static void unpack(const struct narrow_job *job, const struct panel_format *format, int first,
                   size_t k, struct panel *panel)
{
    const uint8_t *src =
        job->w + (size_t)first * job->row_bytes + dtype_bytes(job->type, (int64_t)k);
    int n_rows = job->n_rows - first < PANEL_LANES ? job->n_rows - first : PANEL_LANES;
    size_t n = (size_t)job->n - k < ACT_GROUP ? (size_t)job->n - k : ACT_GROUP;
    if (n_rows == PANEL_LANES && n == ACT_GROUP) {
        format->unpack(src, job->row_bytes, panel);
        return;
    }
    uint8_t part[PANEL_LANES][GROUP_BYTES_MAX] = {{0}};
    for (int r = 0; r < n_rows; r++)
        memcpy(part[r], src + (size_t)r * job->row_bytes, dtype_bytes(job->type, (int64_t)n));
    format->unpack(part[0], GROUP_BYTES_MAX, panel);
}

/* Where the rows begin that are read behind those of a panel, or NULL. */
static const uint8_t *rows_after(const struct narrow_job *job, int first)
{
    if (first + 2 * PANEL_LANES <= job->n_rows)
        return job->w + (size_t)(first + PANEL_LANES) * job->row_bytes;
    return first + PANEL_LANES == job->n_rows ? job->ahead : NULL;
}

/* Products of up to 16 rows with up to PANEL_SPAN tokens. */
static void multiply_panels(const struct narrow_job *job, int first, int t0, int n_tok,
                            panel_dot_fn *dot_fn)
{
    const struct panel_format *format = cpu_panel_format(job->type);
    _Alignas(64) float sums[PANEL_SPAN][PANEL_LANES];
    struct panel panel;
    size_t group_bytes = dtype_bytes(job->type, ACT_GROUP), act_stride = act_bytes(job->n);
    const size_t ahead = PANEL_LANES * group_bytes;
    const int8_t *act = job->act + (size_t)t0 * act_stride;
    memset(sums, 0, (size_t)n_tok * sizeof sums[0]);
    struct panel_tokens tokens = {.sums = sums[0], .act_stride = act_stride, .n = n_tok};
    size_t k = 0;
    const uint8_t *next = rows_after(job, first);
    if (n_tok <= PANEL_FEW && job->n_rows - first >= PANEL_LANES) {
        struct panel_few few = {.src = job->w + (size_t)first * job->row_bytes,
                                .act = act,
                                .sums = sums[0],
                                .row_bytes = job->row_bytes,
                                .group_bytes = group_bytes,
                                .act_stride = act_stride,
                                .n = (size_t)job->n / ACT_GROUP * ACT_GROUP,
                                .n_tok = n_tok};
        few.ahead = next ? next : few.src;
        format->dot_few(&few);
        k = few.n;
    }
    for (; k < (size_t)job->n; k += ACT_GROUP) {
        unpack(job, format, first, k, &panel);
        for (size_t i = 0; next && t0 == 0 && i < ahead; i += 64)
            _mm_prefetch((const char *)next + k / ACT_GROUP * ahead + i, _MM_HINT_T1);
        tokens.act = act + k / ACT_GROUP * sizeof(struct act_group);
        dot_fn(&panel, format, &tokens);
    }
    __mmask16 m = job->n_rows - first >= PANEL_LANES
                      ? (__mmask16)0xffff
                      : (__mmask16)((1 << (job->n_rows - first)) - 1);
    for (int t = 0; t < n_tok; t++)
        _mm512_mask_storeu_ps(job->y + (size_t)(t0 + t) * job->y_stride + first, m,
                              _mm512_mul_ps(_mm512_load_ps(sums[t]), _mm512_set1_ps(job->scale)));
}

void cpu_panel_products(const struct narrow_job *job, panel_dot_fn *dot_fn)
{
    for (int r = 0; r < job->n_rows; r += PANEL_LANES)
        for (int t = 0; t < job->n_tok; t += PANEL_SPAN) {
            int n_tok = job->n_tok - t < PANEL_SPAN ? job->n_tok - t : PANEL_SPAN;
            multiply_panels(job, r, t, n_tok, dot_fn);
        }
}

static void narrow_rounded_avx512(const struct narrow_job *job)
{
    cpu_panel_products(job, cpu_panel_dot_avx512);
}

void cpu_rounded_avx512(struct cpu_ops *ops)
{
    ops->narrow_rounded = narrow_rounded_avx512;
    ops->rounds_prompts = true;
}

#endif
