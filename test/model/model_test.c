/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <string.h>

#include "base/mem.h"
#include "oracle.h"
#include "test.h"

/* A device that computes nothing and counts what it is asked to hold. */
static size_t n_held, n_adopted, n_adopt_fails;

static void *count_alloc(struct backend *b, size_t n_bytes, struct err *err)
{
    (void)b;
    void *p = mem_map(n_bytes, err);
    n_held += p ? n_bytes : 0;
    return p;
}

static void count_release(struct backend *b, void *p, size_t n_bytes)
{
    (void)b;
    mem_unmap(p, n_bytes);
    n_held -= n_bytes;
}

static const void *count_adopt(struct backend *b, const void *host, size_t n_bytes, struct err *err)
{
    (void)b;
    (void)n_bytes;
    if (n_adopt_fails && n_adopt_fails == ++n_adopted) {
        err_set(err, ERR_LIMIT, "the device is full");
        return NULL;
    }
    n_adopted += !n_adopt_fails;
    return host;
}

static void copy(struct backend *b, void *device, const void *host, size_t n_bytes)
{
    (void)b;
    memcpy(device, host, n_bytes);
}

static struct backend counter = {.alloc = count_alloc,
                                 .release = count_release,
                                 .adopt = count_adopt,
                                 .read = copy,
                                 .write = copy,
                                 .kv_type = DTYPE_BF16};

static struct checkpoint *open_case(const char *name)
{
    struct err err = {0};
    char path[512] = "test/data/oracle/";
    strcat(path, name);
    struct checkpoint *ckpt = checkpoint_open(path, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    return ckpt;
}

TEST(model, a_page_holds_16_tokens_of_every_layer)
{
    /* 3 layers x (keys, values) x 2 heads x 16 tokens x 32 numbers */
    struct err err = {0};
    struct checkpoint *ckpt = open_case("mistral");
    assert_int_equal(config_page_bytes(&ckpt->config, DTYPE_F32), 3 * 2 * 2 * 16 * 32 * 4);
    assert_int_equal(config_page_bytes(&ckpt->config, DTYPE_BF16), 3 * 2 * 2 * 16 * 32 * 2);
    assert_int_equal(config_page_bytes(&ckpt->config, DTYPE_Q8_0), 3 * 2 * 2 * 16 * 34);
    struct model *model = model_open(ckpt, NULL, &counter, &err);
    assert_non_null(model);
    assert_int_equal(model_page_bytes(model), 3 * 2 * 2 * 16 * 32 * 2);
    assert_ptr_equal(model_backend(model), &counter);
    assert_ptr_equal(model_config(model), &ckpt->config);
    model_close(model);
    checkpoint_close(ckpt);
}

TEST(model, closing_gives_all_memory_back)
{
    struct err err = {0};
    struct checkpoint *ckpt = open_case("ministral3");
    n_adopt_fails = n_adopted = n_held = 0;
    struct model *model = model_open(ckpt, NULL, &counter, &err);
    assert_non_null(model);
    size_t gains = (2 * ckpt->config.n_layers + 1) * ckpt->config.dim * sizeof(float);
    assert_int_equal(n_held, config_scratch_bytes(&ckpt->config) + gains);
    assert_int_equal(n_adopted, 2 + 7 * ckpt->config.n_layers);
    model_close(model);
    assert_int_equal(n_held, 0);
    checkpoint_close(ckpt);
    model_close(NULL);
}

TEST(model, tied_embeddings_are_adopted_once)
{
    struct err err = {0};
    struct checkpoint *ckpt = open_case("ministral3-tied");
    n_adopt_fails = n_adopted = 0;
    struct model *model = model_open(ckpt, NULL, &counter, &err);
    assert_non_null(model);
    assert_int_equal(n_adopted, 1 + 7 * ckpt->config.n_layers);
    model_close(model);
    checkpoint_close(ckpt);
}

TEST(model, heads_that_are_no_whole_blocks_are_refused)
{
    struct err err = {0};
    struct checkpoint *ckpt = open_case("mistral-sharded");
    struct backend eight_bits = counter;
    eight_bits.kv_type = DTYPE_Q8_0;
    n_held = 0;
    assert_null(model_open(ckpt, NULL, &eight_bits, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "keys of 16 numbers are no whole blocks of Q8_0"));
    assert_int_equal(n_held, 0);
    checkpoint_close(ckpt);
}

TEST(model, missing_memory_is_an_error_that_names_the_model)
{
    struct checkpoint *ckpt = open_case("mistral");
    n_adopt_fails = n_held = 0;
    for (size_t n = 0;; n++) {
        struct err err = {0};
        mem_fail_after(n);
        struct model *model = model_open(ckpt, NULL, &counter, &err);
        mem_fail_never();
        if (model) {
            assert_in_range(n, 4, 10);
            model_close(model);
            break;
        }
        assert_int_equal(err.code, ERR_LIMIT);
        assert_non_null(strstr(err.text, "test/data/oracle/mistral"));
        assert_int_equal(n_held, 0);
    }
    for (n_adopt_fails = 1; n_adopt_fails <= 2 + 7 * ckpt->config.n_layers; n_adopt_fails++) {
        struct err err = {0};
        n_adopted = 0;
        assert_null(model_open(ckpt, NULL, &counter, &err));
        assert_int_equal(err.code, ERR_LIMIT);
        assert_int_equal(n_held, 0);
    }
    n_adopt_fails = 0;
    checkpoint_close(ckpt);
}
