/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of files are those of published repositories, shortened. */
#include "hub/hub_choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "test.h"

#define ST ".safetensors"

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct hub_file *)a)->path, ((const struct hub_file *)b)->path);
}

/* Chooses among names that blanks separate, and writes those that were chosen in order; or why
 * none were. */
static void choose(const char *names, const char *want, char *got, size_t size)
{
    struct hub_listing listing = {0};
    struct hub_file files[32] = {0};
    struct hub_choice choice;
    struct err err = {0};
    listing.files = files;
    while (*names) {
        size_t n = strcspn(names, " ");
        files[listing.n].path = arena_string(&listing.arena, names, n, &err);
        files[listing.n++].n_bytes = 10;
        names += n + (names[n] == ' ');
    }
    qsort(files, listing.n, sizeof *files, by_path);
    *got = '\0';
    if (hub_choose(&listing, want, &choice, &err)) {
        size_t n_files = 0;
        for (size_t i = 0; i < listing.n; i++)
            if (files[i].chosen) {
                size_t n = strlen(got);
                snprintf(got + n, size - n, "%s%s", n_files++ ? " " : "", files[i].path);
            }
        assert_int_equal(choice.n_files, n_files);
        assert_int_equal(choice.n_bytes, 10 * n_files);
    } else {
        snprintf(got, size, "%s", err.text);
    }
    hub_listing_free(&listing);
}

static void check(const char *names, const char *want, const char *expected)
{
    char got[1200];
    choose(names, want, got, sizeof got);
    assert_string_equal(got, expected);
}

#define INSTRUCT_V3                                                                                \
    ".gitattributes README.md config.json consolidated" ST " generation_config.json "              \
    "model-00001-of-00003" ST " model-00002-of-00003" ST " model-00003-of-00003" ST                \
    " model.safetensors.index.json params.json special_tokens_map.json tokenizer.json "            \
    "tokenizer.model tokenizer.model.v3 tokenizer_config.json"

TEST(hub_choice, native_files_come_first)
{
    check(INSTRUCT_V3, "", "consolidated" ST " params.json tokenizer.model tokenizer.model.v3");
    check("config.json consolidated-00001-of-00002" ST " consolidated-00002-of-00002" ST
          " consolidated.safetensors.index.json model-00001-of-00001" ST " params.json tekken.json "
          "tokenizer.json",
          "",
          "consolidated-00001-of-00002" ST " consolidated-00002-of-00002" ST
          " consolidated.safetensors.index.json params.json tekken.json");
    /* Without a tokenizer of its own it takes the other one. */
    check("consolidated" ST " params.json tokenizer.json", "",
          "consolidated" ST " params.json tokenizer.json");
}

TEST(hub_choice, hugging_face_files_come_next)
{
    check("config.json generation_config.json model-00001-of-00002" ST " model-00002-of-00002" ST
          " model.safetensors.index.json onnx/model" ST " pytorch_model-00001-of-00002.bin "
          "tokenizer.json tokenizer_config.json x.gguf",
          "",
          "config.json generation_config.json model-00001-of-00002" ST " model-00002-of-00002" ST
          " model.safetensors.index.json tokenizer.json tokenizer_config.json");
    check("config.json model" ST " params.json tekken.json", "",
          "config.json model" ST " tekken.json");
}

TEST(hub_choice, a_gguf_file_by_name_or_type)
{
    static const char *const repo =
        "README.md config.json imatrix_unsloth.gguf m-IQ4_XS.gguf m-Q4_0.gguf m-Q4_K.gguf "
        "m-Q4_K_M.gguf m-UD-Q4_K_XL.gguf m.Q8_0.gguf mmproj-F16.gguf "
        "BF16/m-BF16-00001-of-00002.gguf "
        "BF16/m-BF16-00002-of-00002.gguf";
    check(repo, "Q4_K_M", "m-Q4_K_M.gguf");
    check(repo, "q4_k", "m-Q4_K.gguf");
    check(repo, "Q4_K_XL", "m-UD-Q4_K_XL.gguf");
    check(repo, "IQ4_XS", "m-IQ4_XS.gguf");
    check(repo, "q8_0", "m.Q8_0.gguf");
    check(repo, "m-Q4_0.gguf", "m-Q4_0.gguf");
    check(repo, "BF16", "BF16/m-BF16-00001-of-00002.gguf BF16/m-BF16-00002-of-00002.gguf");
    check(repo, "F16",
          "no GGUF file for 'F16'; there are BF16/m-BF16-00001-of-00002.gguf, m-IQ4_XS.gguf, "
          "m-Q4_0.gguf, m-Q4_K.gguf, m-Q4_K_M.gguf, m-UD-Q4_K_XL.gguf, m.Q8_0.gguf");
    check(repo, "Q4_X",
          "no GGUF file for 'Q4_X'; there are BF16/m-BF16-00001-of-00002.gguf, "
          "m-IQ4_XS.gguf, m-Q4_0.gguf, m-Q4_K.gguf, m-Q4_K_M.gguf, "
          "m-UD-Q4_K_XL.gguf, m.Q8_0.gguf");
    check("a-Q4_0.gguf b-Q4_0.gguf", "Q4_0",
          "2 models; choose one by :FILE or :TYPE: a-Q4_0.gguf, b-Q4_0.gguf");
    check("a.gguf mmproj-a.gguf", "", "a.gguf");
    check("a.gguf b.gguf", "", "2 models; choose one by :FILE or :TYPE: a.gguf, b.gguf");
    check("a-Q8_0.gguf mmproj-a.gguf", "Q4_0",
          "no GGUF file for 'Q4_0'; there is only a-Q8_0.gguf");
    check(INSTRUCT_V3, "Q4_0", "no GGUF file for 'Q4_0', nor any other; leave ':Q4_0' out");
}

static bool has_tokenizer(const char *names)
{
    struct hub_listing listing = {0};
    struct hub_file files[8] = {0};
    struct hub_choice choice;
    struct err err = {0};
    listing.files = files;
    for (; *names; names += strlen(names) + 1)
        files[listing.n++].path = names;
    assert_true(hub_choose(&listing, "", &choice, &err));
    return choice.has_tokenizer;
}

TEST(hub_choice, a_tokenizer_is_in_most_layouts_a_file)
{
    assert_true(has_tokenizer("consolidated" ST "\0params.json\0tekken.json\0"));
    assert_true(has_tokenizer("consolidated" ST "\0params.json\0tokenizer.json\0"));
    assert_true(has_tokenizer("consolidated" ST "\0params.json\0tokenizer.model.v3\0"));
    assert_false(has_tokenizer("consolidated" ST "\0params.json\0tokenizer_config.json\0"));
    assert_true(has_tokenizer("config.json\0model" ST "\0tokenizer.json\0"));
    assert_true(has_tokenizer("config.json\0model" ST "\0tekken.json\0"));
    assert_false(has_tokenizer("config.json\0generation_config.json\0model" ST "\0"));
    assert_true(has_tokenizer("a.gguf\0"));
    assert_true(has_tokenizer("adapter_config.json\0adapter_model" ST "\0"));
}

TEST(hub_choice, adapters)
{
    check("README.md adapter_config.json adapter_model" ST " tokenizer.json", "",
          "adapter_config.json adapter_model" ST);
    check("lora" ST " params.json", "", "lora" ST " params.json");
    check("adapter_config.json", "", "no model: no safetensors and no .gguf file");
}

TEST(hub_choice, what_is_not_whole)
{
    check("config.json model-00001-of-00002" ST " model.safetensors.index.json", "",
          "model-00002-of-00002" ST " is missing; the model is not whole");
    check("config.json model-00001-of-00002" ST " model-00002-of-00002" ST, "",
          "model.safetensors.index.json is missing; the model is not whole");
    check("model" ST, "", "config.json is missing; the model is not whole");
    check("m-00001-of-00002.gguf", "", "m-00002-of-00002.gguf is missing; the model is not whole");
    check("m-00002-of-00002.gguf", "", "no model: no safetensors and no .gguf file");
    check("config.json model-00000-of-00002" ST " model-00003-of-00002" ST, "",
          "no model: no safetensors and no .gguf file");
    check("model-00001-of-99999" ST, "", "no model: no safetensors and no .gguf file");
    check("config.json pytorch_model.bin", "",
          "pytorch_model.bin: pickle files are not loaded; look for a copy as safetensors");
    check("", "", "no model: no safetensors and no .gguf file");
}
