/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cpu/backends.h"
#include "cpu/cpu_int.h"
#include "cpu/operands.h"
#include "tensor/block.h"

enum { ROW = 5, MOST = 1024 };

/* Room of tiles, none of it written yet. */
static struct guarded tiles_for(int n)
{
    size_t bytes = (size_t)((n + TILE_COLS - 1) / TILE_COLS) * TILE_INPUTS * sizeof(uint16_t);
    struct guarded g = guarded_new(bytes);
    memset(g.p, 0x55, bytes);
    return g;
}

/* Stored weights in tiles are those that the plain decoder gives, times the scale, rounded: in
 * their row, and nothing beside it. */
static bool same_as_decoded(const struct cpu_ops *ops, const struct cpu_ops *plain, enum dtype type,
                            float scale, int n, const uint8_t *src)
{
    struct guarded got = tiles_for(n), want = tiles_for(n);
    float decoded[MOST];
    uint16_t *row = (uint16_t *)got.p + (size_t)ROW * TILE_COLS;
    bool done = ops->tile_stored && ops->tile_stored(row, type, src, scale, n);
    block_decode(type, src, decoded, n);
    for (int i = 0; i < n; i++)
        decoded[i] *= scale;
    plain->tile_weights((uint16_t *)want.p + (size_t)ROW * TILE_COLS, decoded, n);
    for (size_t i = 0; done && i < (size_t)((n + 31) / 32) * TILE_INPUTS; i++) {
        uint16_t a = ((uint16_t *)got.p)[i], b = ((uint16_t *)want.p)[i];
        bool nans = isnan(number_from_bf16(a)) && isnan(number_from_bf16(b));
        bool zeros = number_from_bf16(a) == 0.0f && number_from_bf16(b) == 0.0f;
        assert_true(a == b || nans || zeros);
    }
    guarded_free(&got);
    guarded_free(&want);
    return done;
}

TEST(cpu_stored, weights_in_tiles_are_the_decoded_ones_rounded)
{
    static const float scales[] = {1.0f, 0.3f, -0x1.8p-20f};
    uint64_t seed = 1;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks), n_done = 0;
    struct cpu_ops plain, ops;
    cpu_ops_init(&plain, 0);
    for (int m = 0; m < n_masks; m++) {
        cpu_ops_init(&ops, masks[m]);
        for (int type = 0; type < DTYPE_COUNT; type++)
            for (int n = 256; n <= MOST; n += 256)
                for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
                    struct guarded w = guarded_weights((enum dtype)type, n, &seed);
                    n_done += same_as_decoded(&ops, &plain, (enum dtype)type, scales[s], n, w.p);
                    guarded_free(&w);
                }
    }
    /* With AMX all but F32, E2M1 and MXFP4, and BF16 only as it is. */
    int on_amx = (13 * 3 + 1) * (MOST / 256);
    assert_int_equal(n_done, masks[n_masks - 1] & CPU_AMX ? on_amx : 0);
}

/* Whatever the bytes are: no number of theirs, NaN or infinity is lost. */
TEST(cpu_stored, any_code_of_e4m3_and_any_half_keep_their_value)
{
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    struct cpu_ops plain, ops;
    cpu_ops_init(&plain, 0);
    cpu_ops_init(&ops, masks[n_masks - 1]);
    struct guarded codes = guarded_new(256), halves = guarded_new(2 * MOST);
    for (int i = 0; i < 256; i++)
        ((uint8_t *)codes.p)[i] = (uint8_t)i;
    bool amx = masks[n_masks - 1] & CPU_AMX;
    assert_int_equal(same_as_decoded(&ops, &plain, DTYPE_E4M3, 0x1.2p3f, 256, codes.p), amx);
    for (int begin = 0; begin < 65536; begin += MOST) {
        for (int i = 0; i < MOST; i++)
            ((uint16_t *)halves.p)[i] = (uint16_t)(begin + i);
        assert_int_equal(same_as_decoded(&ops, &plain, DTYPE_F16, 1.0f, MOST, halves.p), amx);
    }
    guarded_free(&codes);
    guarded_free(&halves);
}

/* Of formats without blocks any number of whole tiles will do. */
TEST(cpu_stored, whole_groups_are_needed_where_there_are_blocks)
{
    static const enum dtype plain_types[] = {DTYPE_F16, DTYPE_BF16, DTYPE_E4M3};
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    uint64_t seed = 2;
    struct cpu_ops plain, ops;
    cpu_ops_init(&plain, 0);
    cpu_ops_init(&ops, masks[n_masks - 1]);
    if (!ops.tile_stored)
        return;
    for (int n = 32; n < 256; n += 32) {
        for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++) {
            struct guarded w = guarded_weights(plain_types[i], n, &seed);
            assert_true(same_as_decoded(&ops, &plain, plain_types[i], 1.0f, n, w.p));
            guarded_free(&w);
        }
        struct guarded w = guarded_weights(DTYPE_Q4_0, n, &seed);
        assert_false(same_as_decoded(&ops, &plain, DTYPE_Q4_0, 1.0f, n, w.p));
        guarded_free(&w);
    }
    struct guarded w = guarded_weights(DTYPE_BF16, 40, &seed);
    assert_false(same_as_decoded(&ops, &plain, DTYPE_BF16, 1.0f, 40, w.p));
    guarded_free(&w);
}
