/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

/* Runs log_event() with stderr in a file and returns what it wrote.  Owned: free(). */
static char *capture(enum log_level level)
{
    const char *path = test_write(test_tmp("log"), "", 0);
    int fd = open(path, O_WRONLY), saved = dup(2);
    dup2(fd, 2);
    log_event(level, "kv.page_evicted", "seq=%u text=%s", 12u, "a\nb");
    dup2(saved, 2);
    close(saved);
    close(fd);
    return test_read(path, NULL);
}

TEST(log, writes_one_line_per_event)
{
    char *line = capture(LOG_WARN);
    const char *rest = strchr(line, ' ');
    assert_non_null(rest);
    assert_int_equal(rest - line, strlen("2026-01-31T09:14:02.118Z"));
    assert_string_equal(rest, " warn kv.page_evicted seq=12 text=a?b\n");
    free(line);
}

TEST(log, drops_what_is_below_its_level)
{
    char *line = capture(LOG_DEBUG);
    assert_string_equal(line, "");
    free(line);
    log_set_level(LOG_DEBUG);
    line = capture(LOG_DEBUG);
    log_set_level(LOG_INFO);
    assert_non_null(strstr(line, "debug kv.page_evicted"));
    free(line);
}
