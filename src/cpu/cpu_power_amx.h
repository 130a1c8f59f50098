/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_power_amx.h - powers, for softmax beside tiles.  Thread: any. */
#ifndef CPU_CPU_POWER_AMX_H
#define CPU_CPU_POWER_AMX_H

#if defined(__x86_64__)
#include "cpu/cpu_amx.h"
#include "cpu/cpu_ops.h"

#define LOG2_E 0x1.715476p0f

/* Makes v 2^v for v <= 0, or 0 far below; NaN passes.  The polynomial is much better than bf16. */
INLINE void power_of_2(__m512 *to)
{
    __m512 v = *to;
    __mmask16 some = _mm512_cmp_ps_mask(v, _mm512_set1_ps(ATTEND_NOTHING * LOG2_E), _CMP_NLT_UQ);
    __m512 n = _mm512_roundscale_ps(v, 0), r = _mm512_sub_ps(v, n);
    __m512 e = _mm512_set1_ps(0x1.5d87fep-10f); /* ln(2)^k / k! */
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(0x1.3b2ab6p-7f));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(0x1.c6b08ep-5f));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(0x1.ebfbep-3f));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(0x1.62e43p-1f));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(1.0f));
    *to = _mm512_maskz_scalef_ps(some, e, n);
}

#endif
#endif
