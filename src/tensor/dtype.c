/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/dtype.h"

#include <assert.h>
#include <string.h>

static const struct dtype_info infos[DTYPE_COUNT] = {
    [DTYPE_F32] = {"F32", 1, 4},           [DTYPE_F16] = {"F16", 1, 2},
    [DTYPE_BF16] = {"BF16", 1, 2},         [DTYPE_E4M3] = {"F8_E4M3", 1, 1},
    [DTYPE_E2M1] = {"F4", 2, 1},           [DTYPE_Q4_0] = {"Q4_0", 32, 18},
    [DTYPE_Q4_1] = {"Q4_1", 32, 20},       [DTYPE_Q5_0] = {"Q5_0", 32, 22},
    [DTYPE_Q5_1] = {"Q5_1", 32, 24},       [DTYPE_Q8_0] = {"Q8_0", 32, 34},
    [DTYPE_Q4_K] = {"Q4_K", 256, 144},     [DTYPE_Q5_K] = {"Q5_K", 256, 176},
    [DTYPE_Q6_K] = {"Q6_K", 256, 210},     [DTYPE_IQ4_NL] = {"IQ4_NL", 32, 18},
    [DTYPE_IQ4_XS] = {"IQ4_XS", 256, 136}, [DTYPE_MXFP4] = {"MXFP4", 32, 17},
    [DTYPE_NVFP4] = {"NVFP4", 64, 36},
};

const struct dtype_info *dtype_info(enum dtype type)
{
    assert(type >= 0 && type < DTYPE_COUNT);
    return &infos[type];
}

bool dtype_from_name(const char *name, enum dtype *out)
{
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (!strcmp(infos[i].name, name)) {
            *out = (enum dtype)i;
            return true;
        }
    return false;
}

size_t dtype_bytes(enum dtype type, int64_t n)
{
    const struct dtype_info *info = dtype_info(type);
    assert(n >= 0 && n % info->block == 0);
    return (size_t)(n / info->block) * (size_t)info->bytes;
}
