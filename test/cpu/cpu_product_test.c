/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cpu/backends.h"
#include "cpu/cpu_int.h"
#include "cpu/operands.h"
#include "tensor/block.h"

/* Values by hand: codes 0x38 = 1, 0x40 = 2, 0xc0 = -2 of E4M3. */
TEST(cpu_product, a_decoded_row_has_scale_and_scales)
{
    static const uint8_t codes[2][5] = {{0x38, 0x38, 0x38, 0x40, 0xc0},
                                        {0x38, 0x40, 0xc0, 0x40, 0xc0}};
    static const float entries[2][3] = {{3.0f, 5.0f, 9.0f}, {7.0f, 11.0f, 9.0f}};
    struct tensor w = {.data = codes, .dtype = DTYPE_E4M3, .n_rows = 2, .n_cols = 5};
    struct backend *b = open_cpu(cpu_detect(), 1, false);
    const struct cpu_backend *cpu = (struct cpu_backend *)(void *)b;
    float row[5];
    cpu_decode_row(cpu, &w, 1, 1, 3, row);
    assert_true(row[0] == 2.0f && row[1] == -2.0f && row[2] == 2.0f);
    w.scale = 0.5f;
    cpu_decode_row(cpu, &w, 1, 1, 3, row);
    assert_true(row[0] == 1.0f && row[1] == -1.0f && row[2] == 1.0f);
    w.scales = (struct tensor_scales){
        .data = entries, .dtype = DTYPE_F32, .n_rows = 1, .n_cols = 3, .stride = 3};
    cpu_decode_row(cpu, &w, 0, 0, 5, row);
    assert_true(row[2] == 1.5f && row[3] == 5.0f && row[4] == -5.0f);
    cpu_decode_row(cpu, &w, 1, 2, 2, row);
    assert_true(row[0] == -7.0f && row[1] == 11.0f);
    b->close(b);
}
