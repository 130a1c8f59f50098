/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rope_freq.h"

#include <math.h>

#include "test.h"

static void assert_ratio(double got, double want)
{
    if (!(fabs(got / want - 1.0) < 1e-13))
        fail_msg("got %.17g, want %.17g", got, want);
}

TEST(rope_freq, plain_frequencies_are_powers_of_theta)
{
    struct model_config config = {.head_dim = 8, .rope_theta = 10000.0};
    double freq[4];
    rope_freq(&config, freq);
    assert_ratio(freq[0], 1.0);
    assert_ratio(freq[1], 0.1);
    assert_ratio(freq[2], 0.01);
    assert_ratio(freq[3], 0.001);
    /* A model of 262144 positions needs the small ones exactly. */
    config = (struct model_config){.head_dim = 4, .rope_theta = 1e9};
    rope_freq(&config, freq);
    assert_ratio(freq[1], 3.1622776601683795e-5);
}

/* Published decoders: up to pair low nothing is stretched, from pair high on
 * everything is, by factor; values in between were computed with 40 digits. */
static const struct {
    uint32_t head_dim;
    double theta;
    struct yarn yarn;
    uint32_t low, high;
    double middle; /* of pair (low + high) / 2 */
} published[] = {
    {128, 1e6, {16, 16384, 32, 1}, 20, 37, 0.0013251794237521014}, /* Ministral 3 3B and 8B */
    {128, 1e9, {16, 16384, 32, 1}, 13, 25, 0.0011308993203293228}, /* Ministral 3 14B */
    {128, 1e8, {48, 8192, 32, 1}, 12, 25, 0.0030820630322932595},  /* Devstral Small 2 */
    {128, 1e6, {64, 4096, 4, 1}, 23, 31, 0.001494353644168776},    /* Devstral 2 123B */
    {64, 1e4, {36, 8192, 32, 1}, 12, 25, 0.0031000867927160271},   /* Mistral Large 3 */
};

TEST(rope_freq, yarn_stretches_published_models_where_they_say)
{
    for (size_t m = 0; m < sizeof published / sizeof *published; m++) {
        struct model_config config = {.head_dim = published[m].head_dim,
                                      .rope_theta = published[m].theta};
        uint32_t low = published[m].low, high = published[m].high;
        double plain[64], freq[64], factor = published[m].yarn.factor;
        rope_freq(&config, plain);
        config.yarn = published[m].yarn;
        config.has_yarn = true;
        rope_freq(&config, freq);
        for (uint32_t i = 0; i < config.head_dim / 2; i++) {
            if (i <= low)
                assert_ratio(freq[i], plain[i]);
            else if (i >= high)
                assert_ratio(freq[i], plain[i] / factor);
            else
                assert_true(freq[i] < plain[i] * 0.9999 && freq[i] > plain[i] / factor * 1.0001);
        }
        assert_ratio(freq[(low + high) / 2], published[m].middle);
    }
}

TEST(rope_freq, yarn_ramp_without_length_is_a_step)
{
    /* Both ends fall on pair 0: six positions are just less than its first turn. */
    struct model_config config = {
        .head_dim = 8,
        .rope_theta = 10000.0,
        .has_yarn = true,
        .yarn = {.factor = 4.0, .original_context = 6.0, .beta_fast = 1.0, .beta_slow = 1.0}};
    double freq[4];
    rope_freq(&config, freq);
    assert_ratio(freq[0], 1.0);
    assert_ratio(freq[1], 0.1 / 4.0);
    assert_ratio(freq[3], 0.001 / 4.0);
}

TEST(rope_freq, hostile_but_allowed_values_stay_finite)
{
    const double thetas[] = {1.0000001, 1e12}, betas[] = {1e-6, 1e6};
    for (int i = 0; i < 8; i++) {
        struct model_config config = {.head_dim = 512,
                                      .rope_theta = thetas[i & 1],
                                      .has_yarn = true,
                                      .yarn = {.factor = 1e6,
                                               .original_context = i & 2 ? 1.0 : LIMIT_CONTEXT,
                                               .beta_fast = i & 4 ? betas[1] : betas[0],
                                               .beta_slow = betas[0]}};
        double freq[256];
        rope_freq(&config, freq);
        for (int j = 0; j < 256; j++)
            assert_true(isfinite(freq[j]));
    }
}
