/* SPDX-License-Identifier: Apache-2.0 */
/* Reads all fields, and those of fields that may be messages, a few levels deep. */
#include "data/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(struct protobuf in, int depth)
{
    struct err err = {0};
    struct protobuf_field f;
    const uint8_t *end = in.p + in.n;
    while (protobuf_next(&in, &f, &err)) {
        if (in.p + in.n != end || f.number == 0)
            __builtin_trap();
        if (f.wire == PROTOBUF_BYTES && depth < 4)
            visit(f.bytes, depth + 1);
    }
    if ((in.n != 0) != (err.code != ERR_NONE))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t none;
    visit((struct protobuf){size ? data : &none, size}, 0);
    return 0;
}
