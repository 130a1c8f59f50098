/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_peak.h"

#include <stdlib.h>
#include <string.h>

#include "backends.h"

/* Every multiply-add that a loop counts adds one to an accumulator, so their sum says whether it
 * did what it claims. */
TEST(cpu_peak, a_loop_does_the_operations_that_it_counts)
{
    struct cpu_peak peaks[CPU_PEAK_MAX];
    unsigned masks[MAX_MASKS];
    void *ones = aligned_alloc(64, CPU_PEAK_BYTES);
    int n_masks = cpu_masks(masks), n_before = 0;
    for (int m = 0; m < n_masks; m++) {
        int n = cpu_peaks(masks[m], peaks);
        assert_in_range(n, n_before + 1, CPU_PEAK_MAX);
        n_before = n;
        for (int i = 0; i < n; i++) {
            cpu_peak_fill(peaks[i].type, ones);
            for (int n_rounds = 1; n_rounds <= 1000; n_rounds *= 10)
                assert_true(peaks[i].run(n_rounds, ones) == n_rounds * peaks[i].adds);
        }
    }
    free(ones);
}

TEST(cpu_peak, the_longest_run_is_counted_exactly)
{
    struct cpu_peak peaks[CPU_PEAK_MAX];
    void *ones = aligned_alloc(64, CPU_PEAK_BYTES);
    int n = cpu_peaks(cpu_detect(), peaks);
    for (int i = 0; i < n; i++) {
        cpu_peak_fill(peaks[i].type, ones);
        assert_true(peaks[i].run(CPU_PEAK_ROUNDS, ones) == CPU_PEAK_ROUNDS * peaks[i].adds);
    }
    free(ones);
}

TEST(cpu_peak, readers_see_every_byte)
{
    unsigned masks[MAX_MASKS];
    size_t size = 3 * CPU_READ_STEP;
    uint8_t *bytes = aligned_alloc(64, size);
    int n_masks = cpu_masks(masks);
    memset(bytes, 0, size);
    for (int m = 0; m < n_masks; m++) {
        cpu_read_fn *read = cpu_reader(masks[m]);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = 0x40;
            assert_true(read(bytes, size) == (uint64_t)0x40 << 8 * (i % 8));
            assert_true(read(bytes, i / CPU_READ_STEP * CPU_READ_STEP) == 0);
            bytes[i] = 0;
        }
    }
    free(bytes);
}
