/* SPDX-License-Identifier: Apache-2.0 */
#include "text/id_table_int.h"

#include "test.h"

static uint32_t hash_of(uint32_t id)
{
    return id_hash(1, id % 100); /* many share one */
}

static bool find(const struct id_table *table, uint32_t id)
{
    uint32_t found, hash = hash_of(id);
    for (uint32_t at = hash; id_table_probe(table, hash, &at, &found);)
        if (found == id)
            return true;
    return false;
}

TEST(id_table, finds_what_was_added)
{
    struct err err;
    struct id_table table = {0};
    assert_false(find(&table, 0));
    for (uint32_t id = 0; id < 2000; id++) {
        assert_false(find(&table, id));
        assert_true(id_table_add(&table, hash_of(id), id, &err));
    }
    for (uint32_t id = 0; id < 2000; id++)
        assert_true(find(&table, id));
    assert_false(find(&table, 2000));
    assert_in_range(id_table_bytes(&table), 2000 * 8, 16000 * 8);
    id_table_clear(&table);
    assert_false(find(&table, 5));
    id_table_free(&table);
    assert_int_equal(id_table_bytes(&table), 0);
}

TEST(id_table, hashes_depend_on_every_word)
{
    uint32_t words[] = {1, 2, 3}, hash = id_hash_all(0, words, 3);
    for (int i = 0; i < 3; i++) {
        words[i] ^= 1;
        assert_true(id_hash_all(0, words, 3) != hash);
        words[i] ^= 1;
    }
}
