/* SPDX-License-Identifier: Apache-2.0 */
#include "data/protobuf.h"

#include <string.h>

#include "base/plural.h"
#include "data/little_endian.h"

enum { VARINT_BYTES = 10, MAX_NUMBER = (1 << 29) - 1 };

/* Reads 7 bits per byte, the lowest first; a tenth byte may only hold bit 63. */
static bool varint(struct protobuf *in, uint64_t *out, struct err *err)
{
    uint64_t value = 0;
    for (size_t i = 0; i < VARINT_BYTES; i++) {
        if (i == in->n)
            return err_set(err, ERR_FORMAT, "cut off inside a number");
        uint8_t b = in->p[i];
        if (i == VARINT_BYTES - 1 && b > 1)
            break;
        value |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b & 0x80)
            continue;
        *in = (struct protobuf){in->p + i + 1, in->n - i - 1};
        *out = value;
        return true;
    }
    return err_set(err, ERR_FORMAT, "a number has more than 64 bits");
}

static bool fixed(struct protobuf *in, size_t size, uint64_t *out, struct err *err)
{
    if (in->n < size)
        return err_set(err, ERR_FORMAT, "cut off inside a field");
    *out = load_little_endian(in->p, size);
    *in = (struct protobuf){in->p + size, in->n - size};
    return true;
}

static bool bytes(struct protobuf *in, struct protobuf *out, struct err *err)
{
    uint64_t n = 0;
    if (!varint(in, &n, err))
        return false;
    if (n > in->n)
        return err_set(err, ERR_FORMAT, "a field of %llu byte%s with %zu left",
                       (unsigned long long)n, plural(n), in->n);
    *out = (struct protobuf){in->p, (size_t)n};
    *in = (struct protobuf){in->p + n, in->n - (size_t)n};
    return true;
}

static bool content(struct protobuf *in, struct protobuf_field *field, unsigned wire,
                    struct err *err)
{
    switch (wire) {
    case PROTOBUF_VARINT:
        return varint(in, &field->value, err);
    case PROTOBUF_I64:
        return fixed(in, 8, &field->value, err);
    case PROTOBUF_BYTES:
        return bytes(in, &field->bytes, err);
    case PROTOBUF_I32:
        return fixed(in, 4, &field->value, err);
    default:
        return err_set(err, ERR_FORMAT, "field %u has unknown wire type %u", field->number, wire);
    }
}

bool protobuf_next(struct protobuf *in, struct protobuf_field *field, struct err *err)
{
    if (!in->n)
        return false;
    /* Only a whole field moves *in, so that a fault leaves in->n above 0. */
    struct protobuf rest = *in;
    uint64_t tag = 0;
    if (!varint(&rest, &tag, err))
        return false;
    if (tag >> 3 == 0 || tag >> 3 > MAX_NUMBER)
        return err_set(err, ERR_FORMAT, "field number %llu", (unsigned long long)(tag >> 3));
    unsigned wire = tag & 7;
    *field = (struct protobuf_field){.number = (uint32_t)(tag >> 3), .wire = wire};
    if (!content(&rest, field, wire, err))
        return false;
    *in = rest;
    return true;
}

float protobuf_f32(const struct protobuf_field *field)
{
    uint32_t bits = (uint32_t)field->value;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
