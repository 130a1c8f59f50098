/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "model/adapter.h"
#include "model/checkpoint.h"
#include "model/expert_cache.h"
#include "model/model.h"
#include "tensor/backend.h"
#include "test.h"
#include "text/tokenizer.h"

#define MODEL "models/stories260K.gguf"

TEST(runtime, wires_a_gguf_file)
{
    struct runtime rt;
    struct err err = {0};
    const struct runtime_options options = {.cpu = "c", .n_threads = 2, .exact = true};
    assert_true(runtime_open(&rt, MODEL, &options, &err));
    assert_non_null(rt.tok);
    assert_non_null(strstr(rt.backend->name, "c"));
    assert_true(rt.backend->exact);
    assert_true(rt.load_s > 0 && rt.load_s < 60);
    runtime_close(&rt);
    assert_null(rt.model);
    runtime_close(&rt);
}

TEST(runtime, opens_a_folder_without_tokenizer)
{
    struct runtime rt;
    struct err err = {0};
    struct token_ids ids = {0};
    assert_true(runtime_open(&rt, "test/data/oracle/mistral", &(struct runtime_options){0}, &err));
    assert_null(rt.tok);
    assert_false(runtime_prompt(&rt, "a", 1, &ids, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "test/data/oracle/mistral"));
    runtime_close(&rt);
}

static void copy(const char *from, const char *to)
{
    size_t n;
    char *bytes = test_read(from, &n);
    test_write(to, bytes, n);
    free(bytes);
}

TEST(runtime, refuses_a_broken_tokenizer)
{
    char dir[512], file[600];
    struct runtime rt;
    struct err err = {0};
    snprintf(dir, sizeof dir, "%s", test_tmp("broken_tokenizer"));
    assert_int_equal(mkdir(dir, 0700), 0);
    snprintf(file, sizeof file, "%s/params.json", dir);
    copy("test/data/oracle/mistral/params.json", file);
    snprintf(file, sizeof file, "%s/consolidated.safetensors", dir);
    copy("test/data/oracle/mistral/consolidated.safetensors", file);
    snprintf(file, sizeof file, "%s/tekken.json", dir);
    test_write(file, "{", 1);
    assert_false(runtime_open(&rt, dir, &(struct runtime_options){0}, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, "tekken.json"));
    assert_null(rt.ckpt);
}

TEST(runtime, a_prompt_begins_with_the_start_token)
{
    static const int32_t want[] = {1, 403, 407, 261, 378};
    struct runtime rt;
    struct err err = {0};
    struct token_ids ids = {0};
    assert_true(runtime_open(&rt, MODEL, &(struct runtime_options){0}, &err));
    assert_true(runtime_prompt(&rt, "Once upon a time", 16, &ids, &err));
    assert_int_equal(ids.n, 5);
    assert_memory_equal(ids.ids, want, sizeof want);
    ids.n = 0;
    assert_true(runtime_prompt(&rt, "", 0, &ids, &err));
    assert_int_equal(ids.n, 1);
    token_ids_free(&ids);
    runtime_close(&rt);
}

TEST(runtime, names_what_is_wrong)
{
    struct runtime rt;
    struct err err = {0};
    assert_false(runtime_open(&rt, "none.gguf", &(struct runtime_options){0}, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err = (struct err){0};
    assert_false(runtime_open(&rt, MODEL, &(struct runtime_options){.cpu = "abacus"}, &err));
    assert_int_equal(err.code, ERR_ARG);
    runtime_close(&rt);
}

/* Whichever allocation fails, opening fails with one message and leaks nothing; only without
 * reading ahead it goes on. */
TEST(runtime, survives_every_failing_allocation)
{
    struct runtime rt;
    const struct runtime_options options = {.n_threads = 1};
    bool complete = false;
    for (size_t n = 0; !complete && n < 10000; n++) {
        struct err err = {0};
        mem_fail_after(n);
        bool opened = runtime_open(&rt, MODEL, &options, &err);
        mem_fail_never();
        assert_true(opened || err.code == ERR_LIMIT);
        assert_true(opened || err.text[0]);
        complete = opened && rt.ahead;
        assert_int_equal(complete, mem_n_failed() == 0);
        runtime_close(&rt);
    }
    assert_true(complete);
}

static uint64_t plan_nothing(const struct runtime_options *options, const struct checkpoint *ckpt)
{
    assert_true(options->expert_memory == 1 && ckpt->config.is_moe);
    return 0;
}

TEST(runtime, hands_every_option_to_its_part)
{
    struct runtime rt;
    struct err err = {0};
    const char *dir = "test/data/oracle/mixtral";
    struct runtime_options options = {
        .kv_q8 = true, .round_inputs = true, .attn_scale_mult = 0.5f, .expert_memory = 1 << 20};
    if (!runtime_open(&rt, dir, &options, &err))
        fail_msg("%s", err.text);
    assert_true(rt.backend->kv_type == DTYPE_Q8_0 && rt.backend->round_inputs);
    assert_true(model_config(rt.model)->attn_scale_mult == 0.5f);
    assert_true(expert_cache_stats(rt.experts).n_slots > 2);
    runtime_close(&rt);
    options.expert_memory = 1;
    assert_false(runtime_open(&rt, dir, &options, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_true(!rt.experts && !rt.model && !rt.ckpt);
    options.plan_experts = plan_nothing;
    assert_true(runtime_open(&rt, dir, &options, &err));
    assert_null(rt.experts);
    runtime_close(&rt);
}

TEST(runtime, opens_adapters_on_top_of_each_other)
{
    struct runtime rt;
    struct err err = {0};
    const char *dir = "test/data/oracle/mistral-lora";
    struct runtime_options options = {
        .adapters = {{"test/data/oracle/mistral-lora/peft", 0.5}, {dir, 0.25}}, .n_adapters = 2};
    if (!runtime_open(&rt, dir, &options, &err))
        fail_msg("%s", err.text);
    const struct lora *lora = adapter_find(rt.adapters, &rt.ckpt->weights.layers[1].wo);
    assert_true(lora && lora->next && !lora->next->next);
    assert_true(lora->b.scale == 0.5F && lora->next->b.scale == 1.0F);
    runtime_close(&rt);
    assert_null(rt.adapters);
    options.adapters[1].path = "models";
    assert_false(runtime_open(&rt, dir, &options, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_non_null(strstr(err.text, "adapter: models: not an adapter"));
    assert_null(rt.adapters);
}
