/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_ops.h"

void cpu_quant_avx2(struct cpu_ops *ops)
{
    (void)ops;
}
