/* SPDX-License-Identifier: Apache-2.0 */
#include "text/call_id.h"

#include <string.h>

#include "test.h"

TEST(call_id, knows_its_form)
{
    assert_true(call_id_is_valid(SPAN("aB3dE6gH9")));
    assert_true(call_id_is_valid(SPAN("000000000")));
    assert_true(call_id_is_valid(SPAN("zZ9aA0mM5")));
    assert_false(call_id_is_valid(SPAN("")));
    assert_false(call_id_is_valid(SPAN("aB3dE6gH")));
    assert_false(call_id_is_valid(SPAN("aB3dE6gH90")));
    assert_false(call_id_is_valid(SPAN("aB3dE6gH_")));
    assert_false(call_id_is_valid(SPAN("aB3dE6gH\n")));
    assert_false(call_id_is_valid(SPAN("aB3dE6g\xc3\xa9")));
    assert_false(call_id_is_valid((struct span){0}));
    for (int c = 0; c < 256; c++) {
        char id[CALL_ID_BYTES] = "aaaaaaaa";
        id[8] = (char)c;
        bool is_listed =
            c && strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", c);
        assert_int_equal(call_id_is_valid((struct span){id, sizeof id}), is_listed);
    }
}

TEST(call_id, writes_different_ids_for_different_numbers)
{
    static const uint64_t numbers[] = {0, 1, 61, 62, 3844, UINT64_MAX, UINT64_MAX - 1};
    char ids[7][CALL_ID_BYTES + 1];
    for (size_t i = 0; i < 7; i++) {
        call_id_write(numbers[i], ids[i]);
        assert_int_equal(strlen(ids[i]), CALL_ID_BYTES);
        assert_true(call_id_is_valid((struct span){ids[i], CALL_ID_BYTES}));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

TEST(call_id, maps_the_same_to_the_same)
{
    char a[CALL_ID_BYTES + 1], b[CALL_ID_BYTES + 1], c[CALL_ID_BYTES + 1];
    call_id_of(SPAN("call_abc123"), a);
    call_id_of(SPAN("call_abc123"), b);
    call_id_of(SPAN("call_abc124"), c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_true(call_id_is_valid((struct span){a, CALL_ID_BYTES}));
    call_id_of(SPAN(""), a);
    assert_true(call_id_is_valid((struct span){a, CALL_ID_BYTES}));
}
