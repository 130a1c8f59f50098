/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outfile.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "test.h"

/* Nobody reads from it. */
TEST(outfile, waiting_for_the_reader_of_a_fifo_can_be_interrupted)
{
    struct outfile out;
    struct err err = {0};
    const char *path = test_tmp("nobody");
    assert_int_equal(mkfifo(path, 0600), 0);
    outfile_hold(path);
    raise(SIGTERM);
    assert_false(outfile_open(&out, path, &err));
    interrupt_release();
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_non_null(strstr(err.text, path));
    outfile_close(&out);
}

static void *read_four(void *arg)
{
    static char bytes[5];
    int fd = open(arg, O_RDONLY);
    for (size_t n = 0; n < 4;) {
        ssize_t got = read(fd, bytes + n, 4 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(fd);
    return bytes;
}

TEST(outfile, a_fifo_gets_what_its_reader_reads)
{
    struct outfile out;
    struct err err = {0};
    pthread_t reader;
    void *bytes;
    char path[600];
    snprintf(path, sizeof path, "%s", test_tmp("read"));
    assert_int_equal(mkfifo(path, 0600), 0);
    outfile_hold(path);
    assert_int_equal(pthread_create(&reader, NULL, read_four, path), 0);
    assert_true(outfile_open(&out, path, &err));
    assert_int_equal(fcntl(fileno(out.stream), F_GETFL) & O_NONBLOCK, 0);
    assert_true(outfile_write(&out, "four", 4, &err));
    assert_true(outfile_commit(&out, &err));
    interrupt_release();
    pthread_join(reader, &bytes);
    assert_string_equal(bytes, "four");
    outfile_close(&out);
}
