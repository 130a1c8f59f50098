/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/block.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/number.h"
#include "test.h"

/* Reference vectors: random blocks and what an independent decoder made of them. */
#define FIXTURE "test/data/quant_blocks.safetensors"

/* Finds a tensor of a well-formed safetensors file in memory; *n: bytes. */
static const char *find(const char *file, const char *name, size_t *n)
{
    uint64_t header;
    char quoted[64];
    unsigned long begin, end;
    memcpy(&header, file, sizeof header);
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *entry = strstr(file + 8, quoted);
    if (!entry)
        fail_msg("no %s in " FIXTURE, name);
    const char *offsets = strstr(entry, "\"data_offsets\"");
    assert_non_null(offsets);
    assert_int_equal(sscanf(strchr(offsets, '['), "[%lu,%lu]", &begin, &end), 2);
    *n = end - begin;
    return file + 8 + header + begin;
}

TEST(block, every_quantised_format_decodes_as_the_reference)
{
    char *file = test_read(FIXTURE, NULL);
    for (int type = DTYPE_Q4_0; type < DTYPE_COUNT; type++) {
        const struct dtype_info *info = dtype_info((enum dtype)type);
        char name[32];
        size_t n_src, n_want;
        snprintf(name, sizeof name, "%s.blocks", info->name);
        const char *src = find(file, name, &n_src);
        snprintf(name, sizeof name, "%s.values", info->name);
        const char *want = find(file, name, &n_want);
        int64_t n = (int64_t)(n_src / (size_t)info->bytes) * info->block;
        assert_true(n > 0);
        assert_int_equal((size_t)n * sizeof(float), n_want);
        float *got = malloc(n_want);
        block_decode((enum dtype)type, src, got, n);
        for (int64_t i = 0; i < n; i++) {
            float value;
            memcpy(&value, want + (size_t)i * sizeof value, sizeof value);
            if (number_bits(got[i]) != number_bits(value))
                fail_msg("%s [%d]: got %.9g, want %.9g", info->name, (int)i, (double)got[i],
                         (double)value);
        }
        free(got);
    }
    free(file);
}

TEST(block, small_floats_decode_as_the_reference)
{
    char *file = test_read(FIXTURE, NULL);
    size_t n;
    float want[256], got[256];
    uint8_t codes[256];
    const char *values = find(file, "e4m3.values", &n);
    assert_int_equal(n, sizeof want);
    memcpy(want, values, n);
    for (int i = 0; i < 256; i++)
        codes[i] = (uint8_t)i;
    block_decode(DTYPE_E4M3, codes, got, 256);
    for (int i = 0; i < 256; i++)
        assert_true(got[i] == want[i] || (isnan(got[i]) && isnan(want[i])));

    values = find(file, "e2m1.values", &n);
    assert_int_equal(n, 16 * sizeof *want);
    memcpy(want, values, n);
    for (int i = 0; i < 8; i++)
        codes[i] = (uint8_t)((2 * i + 1) << 4 | 2 * i); /* the even element lies low */
    block_decode(DTYPE_E2M1, codes, got, 16);
    assert_memory_equal(got, want, n);
    free(file);
}

TEST(block, e4m3_codes_are_those_of_the_reference)
{
    char *file = test_read(FIXTURE, NULL);
    size_t n, n_bytes;
    const char *codes = find(file, "fp8_round.out", &n);
    const char *numbers = find(file, "fp8_round.in", &n_bytes);
    assert_true(n > 0);
    assert_int_equal(n_bytes, n * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        float f;
        memcpy(&f, numbers + i * sizeof f, sizeof f);
        if (number_to_e4m3(f) != (uint8_t)codes[i])
            fail_msg("%.9g: got %02x, want %02x", (double)f, number_to_e4m3(f), (uint8_t)codes[i]);
    }
    free(file);
}

TEST(block, floats_decode_from_any_address)
{
    const float values[3] = {1.5f, -2.0f, 0x1p-14f};
    const uint16_t halves[3] = {0x3e00, 0xc000, 0x0400}, brains[3] = {0x3fc0, 0xc000, 0x3880};
    uint8_t bytes[16];
    float got[3];
    memcpy(bytes + 1, values, sizeof values);
    block_decode(DTYPE_F32, bytes + 1, got, 3);
    assert_memory_equal(got, values, sizeof values);
    memcpy(bytes + 1, halves, sizeof halves);
    block_decode(DTYPE_F16, bytes + 1, got, 3);
    assert_memory_equal(got, values, sizeof values);
    memcpy(bytes + 1, brains, sizeof brains);
    block_decode(DTYPE_BF16, bytes + 1, got, 3);
    assert_memory_equal(got, values, sizeof values);
    block_decode(DTYPE_Q4_K, bytes, got, 0);
}
