/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/backend.h"
#include "test.h"

/* By hand, for the shapes of Large 3 and of a tiny model. */
TEST(backend, latent_attention_says_what_scratch_it_needs)
{
    /* 64 * (576 + 128 * 320) + 2 * 128 * 256 against 16 * 128 * 1088. */
    assert_int_equal(latent_work_floats(128, 128, 64, 128, 512, 256), 2723840);
    /* 64 * (1002 + 2 * 5) + 2 * 2 * 1 = 64772; 16 * 2 * 2002 = 64064. */
    assert_int_equal(latent_work_floats(2, 1, 2, 2, 1000, 1), 64772);
    assert_int_equal(latent_work_floats(2, 1, 2, 2, 1000, 16), 64832);
    /* 64 * (1002 + 3 * 5) + 2 * 3 * 17 = 65190 against 16 * 3 * 2002. */
    assert_int_equal(latent_work_floats(3, 1, 2, 2, 1000, 17), 96096);
}

TEST(backend, experts_say_what_scratch_they_need)
{
    assert_int_equal(experts_work_floats(2, 4096, 14336), 65536);
    assert_int_equal(experts_work_floats(512, 6144, 16384), 256 * 38912);
}
