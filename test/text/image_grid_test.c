/* SPDX-License-Identifier: Apache-2.0 */
#include "text/image_grid.h"

#include <string.h>

#include "base/limits.h"
#include "test.h"
#include "text/prompt_fixture.h"

static uint32_t number(const json_t *v, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(v, key));
}

TEST(image_grid, lays_out_what_the_reference_does)
{
    json_t *root = fixture_json("golden/image-grid.json"), *v;
    size_t i, n_refused = 0;
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        const struct image_traits traits = {.patch_size = number(v, "patch_size"),
                                            .max_size = number(v, "max_image_size"),
                                            .merge = number(v, "spatial_merge_size")};
        const json_t *size = json_object_get(v, "resized");
        struct image_grid grid;
        struct err err = {0};
        bool ok = image_grid(&traits, number(v, "width"), number(v, "height"), &grid, &err);
        assert_int_equal(!ok, json_is_true(json_object_get(v, "refused")));
        if (!ok) {
            assert_int_equal(err.code, ERR_ARG);
            n_refused++;
            continue;
        }
        assert_int_equal(grid.columns, number(v, "tokens_w"));
        assert_int_equal(grid.rows, number(v, "tokens_h"));
        assert_int_equal(grid.n_ids, number(v, "n_ids"));
        assert_int_equal(grid.width, json_integer_value(json_array_get(size, 0)));
        assert_int_equal(grid.height, json_integer_value(json_array_get(size, 1)));
    }
    assert_int_equal(i, 75);
    assert_true(n_refused > 0);
    json_decref(root);
}

TEST(image_grid, refuses_impossible_sizes)
{
    static const uint32_t sizes[][2] = {{0, 1}, {1, 0}, {LIMIT_IMAGE_SIDE + 1, 1}, {1, UINT32_MAX}};
    const struct image_traits traits = {.patch_size = 16, .max_size = 1024, .merge = 1};
    struct image_grid grid;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct err err = {0};
        assert_false(image_grid(&traits, sizes[i][0], sizes[i][1], &grid, &err));
        assert_int_equal(err.code, ERR_ARG);
        assert_non_null(strstr(err.text, "pixels"));
    }
}
