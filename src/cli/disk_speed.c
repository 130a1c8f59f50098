/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/disk_speed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/direct_file.h"
#include "base/mem.h"
#include "base/reader.h"

#define N_THREADS   8 /* as the cache of experts has */
#define N_RANGES    8 /* asked for at a time */
#define RANGE_BYTES ((size_t)4 << 20)
#define PART_BYTES  ((uint64_t)256 << 20) /* of one measurement */

struct disk_speed {
    struct direct_file file;
    struct reader *reader;
    uint8_t *memory; /* [N_RANGES * RANGE_BYTES] */
    struct read_group groups[N_RANGES];
    uint64_t at; /* where the next part begins */
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

/* Asks for the next range of a part, into the memory of range i. */
static void start_range(struct disk_speed *disk, struct read_range *range, int i, uint64_t end)
{
    uint64_t left = end - disk->at;
    *range = (struct read_range){.file = &disk->file,
                                 .offset = disk->at,
                                 .size = left < RANGE_BYTES ? (size_t)left : RANGE_BYTES,
                                 .to = disk->memory + (size_t)i * RANGE_BYTES,
                                 .group = &disk->groups[i]};
    disk->at += range->size;
    reader_start(disk->reader, range);
}

bool disk_speed_measure(struct disk_speed *disk, double *bytes_per_s, struct err *err)
{
    struct read_range ranges[N_RANGES];
    bool ok = true;
    if (disk->at >= disk->file.size)
        disk->at = 0;
    uint64_t begin = disk->at, end = begin + PART_BYTES;
    end = end < disk->file.size ? end : disk->file.size;
    double start = clock_now();
    for (int i = 0; i < N_RANGES && disk->at < end; i++)
        start_range(disk, &ranges[i], i, end);
    for (int i = 0; ok && disk->at < end; i = (i + 1) % N_RANGES) {
        ok = reader_wait(disk->reader, &disk->groups[i], err);
        if (ok)
            start_range(disk, &ranges[i], i, end);
    }
    for (int i = 0; i < N_RANGES; i++) {
        struct err later = {0};
        ok = reader_wait(disk->reader, &disk->groups[i], ok ? err : &later) && ok;
    }
    *bytes_per_s = (double)(disk->at - begin) / (clock_now() - start);
    return ok;
}
