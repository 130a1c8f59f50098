/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused stays so with more behind it, and is never a file of the formats. */
#include <stdint.h>
#include <string.h>

#include "data/stand_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    bool passes = stand_in_check("f", data, size, &err);
    if (passes != (err.code == ERR_NONE))
        __builtin_trap();
    if (passes && size && !stand_in_check("f", data, size - 1, &err))
        __builtin_trap();
    if (!passes && (data[0] == '{' || (size >= 4 && memcmp(data, "GGUF", 4) == 0)))
        __builtin_trap();
    return 0;
}
