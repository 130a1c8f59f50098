/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <string.h>

#include "base/mem.h"
#include "test.h"

TEST(buf, grows_up_to_its_maximum)
{
    struct buf buf;
    struct err err = {0};
    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        assert_true(buf_add(&buf, "x", 1, &err));
    assert_int_equal(buf.len, 1000);
    assert_int_equal(strlen(buf.data), 1000);
    assert_false(buf_add(&buf, "y", 1, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(buf.len, 1000);
    assert_true(buf_add(&buf, NULL, 0, &err));
    buf_free(&buf);
    assert_null(buf.data);
}

TEST(buf, drop_moves_the_rest_forward)
{
    struct buf buf;
    struct err err = {0};
    buf_init(&buf, 100);
    assert_true(buf_add(&buf, "hello world", 11, &err));
    buf_drop(&buf, 6);
    assert_string_equal(buf.data, "world");
    buf_drop(&buf, 0);
    buf_clear(&buf);
    assert_string_equal(buf.data, "");
    buf_free(&buf);
}

TEST(buf, short_memory_leaves_the_content)
{
    struct buf buf;
    struct err err = {0};
    buf_init(&buf, 1 << 20);
    assert_true(buf_add(&buf, "abc", 3, &err));
    char big[1000];
    memset(big, 'z', sizeof big);
    mem_fail_after(0);
    bool ok = buf_add(&buf, big, sizeof big, &err);
    mem_fail_never();
    assert_false(ok);
    assert_string_equal(buf.data, "abc");
    buf_free(&buf);
}
