/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundled.h"

#include "test.h"

TEST(bundled, tells_models_from_prompts)
{
    assert_true(bundled_looks_like_model("models/stories260K.gguf"));
    assert_true(bundled_looks_like_model("missing.gguf"));
    assert_true(bundled_looks_like_model("missing/folder"));
    assert_true(bundled_looks_like_model("test"));
    assert_false(bundled_looks_like_model("Once upon a time"));
    assert_false(bundled_looks_like_model("either/or, that is the question"));
    assert_false(bundled_looks_like_model("Hello"));
    assert_false(bundled_looks_like_model(""));
}
