/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf.h - reads the wire format of protocol buffers, field by field.
 *
 *     struct protobuf in = {bytes, n};
 *     struct protobuf_field f;
 *     while (protobuf_next(&in, &f, err)) ...
 *     if (in.n) failed
 *
 * Nothing is copied and nothing is trusted: a length is compared with what is
 * left before it is used.  Groups (wire types 3 and 4) are refused. */
#ifndef DATA_PROTOBUF_H
#define DATA_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct protobuf {
    const uint8_t *p; /* [n] */
    size_t n;         /* left to read; 0 at the end, not 0 after a failure */
};

enum protobuf_wire { PROTOBUF_VARINT = 0, PROTOBUF_I64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_I32 = 5 };

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value;        /* varint, or the bits of I64 and I32 */
    struct protobuf bytes; /* content of PROTOBUF_BYTES */
};

/* Reads the next field and moves on.  Returns false at the end (in->n is 0, err
 * untouched) or on a fault (in->n is not 0).
 * Errors: ERR_FORMAT. */
bool protobuf_next(struct protobuf *in, struct protobuf_field *field, struct err *err) CHECKED;

/* Returns the bits of an I32 field as float. */
float protobuf_f32(const struct protobuf_field *field);

#endif
