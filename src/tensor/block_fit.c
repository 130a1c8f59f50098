/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/block_fit_body_int.h"

const struct fit_ops fit_ops_c = FIT_BODY_OPS;

const struct fit_ops *fit_ops(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return &fit_ops_avx2;
#endif
    return &fit_ops_c;
}
