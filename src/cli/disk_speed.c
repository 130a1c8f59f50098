/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/disk_speed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/direct_file.h"
#include "base/mem.h"
#include "base/reader.h"

#define N_THREADS   8 /* as the cache of experts has */
#define N_RANGES    32
#define RANGE_BYTES ((size_t)8 << 20) /* about an expert */

struct disk_speed {
    struct direct_file file;
    struct reader *reader;
    uint8_t *memory; /* [N_RANGES * RANGE_BYTES] */
    uint64_t at;     /* where the next part begins */
};

struct disk_speed *disk_speed_open(const char *path, struct err *err)
{
    struct disk_speed *disk = mem_new(1, sizeof *disk, err);
    if (!disk)
        return NULL;
    if (!direct_file_open(&disk->file, path, err))
        goto fail;
    disk->memory = mem_map(N_RANGES * RANGE_BYTES, err);
    if (!disk->memory)
        goto fail;
    disk->reader = reader_open(N_THREADS, err);
    if (!disk->reader)
        goto fail;
    return disk;
fail:
    disk_speed_close(disk);
    return NULL;
}

void disk_speed_close(struct disk_speed *disk)
{
    if (!disk)
        return;
    reader_close(disk->reader);
    mem_unmap(disk->memory, N_RANGES * RANGE_BYTES);
    direct_file_close(&disk->file);
    free(disk);
}

bool disk_speed_measure(struct disk_speed *disk, double *bytes_per_s, struct err *err)
{
    struct read_range ranges[N_RANGES];
    struct read_group group = {0};
    uint64_t n_started = 0;
    double start = clock_now();
    if (disk->at >= disk->file.size)
        disk->at = 0;
    for (int i = 0; i < N_RANGES && disk->at < disk->file.size; i++) {
        uint64_t left = disk->file.size - disk->at;
        ranges[i] = (struct read_range){.file = &disk->file,
                                        .offset = disk->at,
                                        .size = left < RANGE_BYTES ? (size_t)left : RANGE_BYTES,
                                        .to = disk->memory + (size_t)i * RANGE_BYTES,
                                        .group = &group};
        disk->at += ranges[i].size;
        n_started += ranges[i].size;
        reader_start(disk->reader, &ranges[i]);
    }
    bool ok = reader_wait(disk->reader, &group, err);
    *bytes_per_s = (double)n_started / (clock_now() - start);
    return ok;
}
