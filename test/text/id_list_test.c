/* SPDX-License-Identifier: Apache-2.0 */
#include "text/id_list_int.h"

#include <stdlib.h>

#include "test.h"

TEST(id_list, becomes_a_set)
{
    struct err err;
    uint64_t random = 1;
    for (uint32_t n = 0; n < 60; n++) {
        struct id_list list = {0};
        bool there[40] = {false};
        uint32_t n_there = 0;
        assert_true(id_list_add(&list, 1000, &err)); /* stays in front */
        for (uint32_t i = 0; i < n; i++) {
            uint32_t id = test_random(&random) % 40;
            there[id] = true;
            assert_true(id_list_add(&list, id, &err));
        }
        id_list_make_set(&list, 1);
        assert_int_equal(list.ids[0], 1000);
        for (uint32_t id = 0; id < 40; id++)
            if (there[id])
                assert_int_equal(list.ids[++n_there], id);
        assert_int_equal(list.n, n_there + 1);
        free(list.ids);
    }
}

TEST(id_list, grows_and_refuses_the_impossible)
{
    struct err err;
    struct id_list list = {0};
    uint32_t some[100] = {7}, n_places = 16;
    assert_true(id_list_add_all(&list, some, 100, &err));
    assert_true(id_list_add_all(&list, some, 0, &err));
    assert_int_equal(list.n, 100);
    assert_int_equal(list.ids[0], 7);
    free(list.ids);
    assert_null(array_more(NULL, 0, &n_places, UINT32_MAX / 2 + 1, 1, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}
