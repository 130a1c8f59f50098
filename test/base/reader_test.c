/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/direct_file.h"
#include "base/mem.h"
#include "test.h"

enum { N_RANGES = 24, N_GROUPS = 5, SIZE = 9 << 20 };

struct fixture {
    struct direct_file file;
    uint8_t *want, *got; /* [SIZE], [N_RANGES][SIZE / 4] */
    struct read_group groups[N_GROUPS];
    struct read_range ranges[N_RANGES];
};

static void open_fixture(struct fixture *f)
{
    struct err err = {0};
    uint64_t seed = 7;
    *f = (struct fixture){.want = malloc(SIZE)};
    for (size_t i = 0; i < SIZE; i += 4) {
        uint32_t random = test_random(&seed);
        memcpy(f->want + i, &random, 4);
    }
    assert_true(direct_file_open(&f->file, test_write(test_tmp("many"), f->want, SIZE), &err));
    f->got = mem_map((size_t)N_RANGES * (SIZE / 4), &err);
    assert_non_null(f->got);
    /* Of a few bytes, of a piece, of several. */
    for (int i = 0; i < N_RANGES; i++) {
        size_t size = 1 + test_random(&seed) % (SIZE / 4 - DIRECT_BLOCK) / (i % 3 == 0 ? 100 : 1);
        uint64_t offset = test_random(&seed) % (SIZE - size) / DIRECT_BLOCK * DIRECT_BLOCK;
        f->ranges[i] = (struct read_range){.file = &f->file,
                                           .offset = offset,
                                           .size = size,
                                           .to = f->got + (size_t)i * (SIZE / 4),
                                           .group = &f->groups[i % N_GROUPS]};
    }
}

static void close_fixture(struct fixture *f)
{
    direct_file_close(&f->file);
    mem_unmap(f->got, (size_t)N_RANGES * (SIZE / 4));
    free(f->want);
}

static void assert_group_read(const struct fixture *f, int group)
{
    for (int i = group; i < N_RANGES; i += N_GROUPS)
        assert_memory_equal(f->ranges[i].to, f->want + f->ranges[i].offset, f->ranges[i].size);
}

TEST(reader, reads_every_range_of_every_group)
{
    struct err err = {0};
    struct fixture f;
    open_fixture(&f);
    for (int n_threads = 1; n_threads <= 8; n_threads *= 2) {
        struct reader *r = reader_open(n_threads, &err);
        uint64_t n_bytes = 0;
        memset(f.got, 0, (size_t)N_RANGES * (SIZE / 4));
        mem_forbid(true);
        for (int i = 0; i < N_RANGES; i++) {
            reader_start(r, &f.ranges[i]);
            n_bytes += f.ranges[i].size;
        }
        for (int i = N_GROUPS - 1; i >= 0; i--) {
            assert_true(reader_wait(r, &f.groups[i], &err));
            assert_group_read(&f, i);
        }
        mem_forbid(false);
        struct reader_stats stats = reader_stats(r);
        assert_int_equal(stats.n_bytes, n_bytes);
        assert_true(stats.busy_s > 0);
        reader_close(r);
    }
    close_fixture(&f);
}

TEST(reader, a_failure_concerns_its_group_once)
{
    struct err err = {0};
    struct fixture f;
    open_fixture(&f);
    struct reader *r = reader_open(4, &err);
    for (int fault = 0; fault < 2; fault++) {
        reader_start(r, &f.ranges[0]);
        assert_true(reader_wait(r, &f.groups[0], &err));
        direct_file_fail_after(2, fault ? EIO : 0);
        for (int i = 1; i < N_RANGES; i += N_GROUPS)
            reader_start(r, &f.ranges[i]);
        assert_false(reader_wait(r, &f.groups[1], &err));
        direct_file_fail_never();
        assert_int_equal(err.code, ERR_IO);
        assert_non_null(strstr(err.text, fault ? "Input/output error" : "ends before byte"));
        reader_start(r, &f.ranges[2]);
        assert_true(reader_wait(r, &f.groups[2], &err));
        for (int i = 1; i < N_RANGES; i += N_GROUPS)
            reader_start(r, &f.ranges[i]);
        assert_true(reader_wait(r, &f.groups[1], &err));
        assert_group_read(&f, 1);
    }
    reader_close(r);
    close_fixture(&f);
}

TEST(reader, closing_finishes_what_was_started)
{
    struct err err = {0};
    struct fixture f;
    open_fixture(&f);
    struct reader *r = reader_open(3, &err);
    for (int i = 0; i < N_RANGES; i++)
        reader_start(r, &f.ranges[i]);
    reader_close(r);
    for (int i = 0; i < N_GROUPS; i++)
        assert_group_read(&f, i);
    close_fixture(&f);
    reader_close(NULL);
}

TEST(reader, opening_without_memory_is_an_error)
{
    struct err err = {0};
    mem_fail_after(0);
    struct reader *r = reader_open(2, &err);
    mem_fail_never();
    assert_null(r);
    assert_int_equal(err.code, ERR_LIMIT);
}
