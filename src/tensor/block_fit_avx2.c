/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include "tensor/block_fit_body_int.h"

const struct fit_ops fit_ops_avx2 = FIT_BODY_OPS;

#endif
