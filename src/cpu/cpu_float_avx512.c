/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_ops.h"

void cpu_float_avx512(struct cpu_ops *ops)
{
    (void)ops;
}
