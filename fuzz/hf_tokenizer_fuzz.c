/* SPDX-License-Identifier: Apache-2.0 */
/* Opens any tokenizer.json.  JSON that parsed is UTF-8, so any of it is a text for what opened. */
#include "round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    round_trip(tokenizer_from_hf("f", data, size, &err), data, size);
    return 0;
}
