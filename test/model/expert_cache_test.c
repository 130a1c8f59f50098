/* SPDX-License-Identifier: Apache-2.0 */
#include "model/expert_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter_fixture.h"
#include "base/direct_file.h"
#include "base/mem.h"

/* Odd sizes and places, so that no tensor begins or ends at a block of the disk. */
enum { N_LAYERS = 3, N_DENSE = 1, N_EXPERTS = 6, N_USED = 2, DIM = 96, FFN_DIM = 37, N_FILES = 2 };
enum { MATRIX = DIM * FFN_DIM, SCALES = 3 * 5, N_ALL = (N_LAYERS - N_DENSE) * N_EXPERTS };

/* A mixture of two files: gate and its scales in the first, up and down in the second. */
struct fixture {
    struct checkpoint ckpt;
    struct layer_weights layers[N_LAYERS];
    struct ffn_tensors experts[N_ALL];
    struct tensor_store store;
    char path[N_FILES][256];
};

static void set(struct tensor *t, const uint8_t *data, int n_rows, int n_cols)
{
    *t = (struct tensor){.data = data, .dtype = DTYPE_E4M3, .n_rows = n_rows, .n_cols = n_cols};
}

static void open_fixture(struct fixture *f)
{
    enum { SIZE = N_ALL * (2 * MATRIX + SCALES) + 13 };
    static uint8_t bytes[SIZE];
    struct err err = {0};
    struct file_map maps[N_FILES];
    uint64_t seed = 3;
    *f = (struct fixture){0};
    for (int i = 0; i < N_FILES; i++) {
        for (int k = 0; k < SIZE; k++)
            bytes[k] = (uint8_t)test_random(&seed);
        const char *path = test_write(test_tmp(i ? "two" : "one"), bytes, SIZE);
        memcpy(f->path[i], path, strlen(path) + 1);
        assert_true(tensor_store_map(&f->store, path, &maps[i], &err));
    }
    for (int i = 0; i < N_ALL; i++) {
        const uint8_t *one = maps[0].data + 13 + i * (MATRIX + SCALES);
        set(&f->experts[i].w_gate, one, FFN_DIM, DIM);
        f->experts[i].w_gate.scales = (struct tensor_scales){
            .data = one + MATRIX, .dtype = DTYPE_E4M3, .n_rows = 13, .n_cols = 20, .stride = 5};
        set(&f->experts[i].w_up, maps[1].data + i * MATRIX, FFN_DIM, DIM);
        set(&f->experts[i].w_down, maps[1].data + (N_ALL + i) * MATRIX, DIM, FFN_DIM);
    }
    for (int i = N_DENSE; i < N_LAYERS; i++)
        f->layers[i].experts = &f->experts[(i - N_DENSE) * N_EXPERTS];
    f->ckpt = (struct checkpoint){.path = f->path[0], .tensors = &f->store};
    f->ckpt.weights.layers = f->layers;
    struct model_config *c = &f->ckpt.config;
    c->n_layers = N_LAYERS;
    c->is_moe = true;
    c->moe.n_experts = N_EXPERTS;
    c->moe.n_used = N_USED;
    c->moe.n_dense = N_DENSE;
}

static struct expert_cache *open_cache(const struct fixture *f, uint64_t n_slots)
{
    struct err err = {0};
    struct expert_cache *c =
        expert_cache_open(&f->ckpt, NULL, n_slots * expert_cache_sizes(&f->ckpt).slot_bytes, &err);
    assert_string_equal(err.text, "");
    return c;
}

static void assert_same(const struct tensor *got, const struct tensor *want)
{
    assert_ptr_not_equal(got->data, want->data);
    assert_memory_equal(got->data, want->data, MATRIX);
    if (want->scales.data) {
        assert_ptr_not_equal(got->scales.data, want->scales.data);
        assert_memory_equal(got->scales.data, want->scales.data, SCALES);
    }
    struct tensor copy = *got;
    copy.data = want->data;
    copy.scales.data = want->scales.data;
    assert_memory_equal(&copy, want, sizeof copy);
}

/* Waits for an expert, and compares it with the mapped file. */
static void assert_there(struct expert_cache *c, const struct fixture *f, uint32_t layer, int id)
{
    struct err err = {0};
    const struct ffn_tensors *got = expert_cache_wait(c, layer, id, &err);
    const struct ffn_tensors *want = &f->layers[layer].experts[id];
    assert_string_equal(err.text, "");
    assert_non_null(got);
    assert_same(&got->w_gate, &want->w_gate);
    assert_same(&got->w_up, &want->w_up);
    assert_same(&got->w_down, &want->w_down);
}

/* A step of one layer, as the forward pass does it.  Returns the misses. */
static uint64_t step(struct expert_cache *c, const struct fixture *f, uint32_t layer,
                     const int32_t *ids, int n)
{
    uint64_t before = expert_cache_stats(c).misses;
    for (int i = 0, n_asked = 0; i < n; i++) {
        n_asked += expert_cache_ask(c, layer, ids + n_asked, n - n_asked);
        assert_true(n_asked > i);
        assert_there(c, f, layer, ids[i]);
        expert_cache_release(c, layer, ids[i]);
    }
    return expert_cache_stats(c).misses - before;
}

#define STEP(layer, ...)                                                                           \
    step(c, &f, layer, (const int32_t[]){__VA_ARGS__},                                             \
         (int)(sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t)))

TEST(expert_cache, what_was_not_used_for_the_longest_time_makes_room)
{
    struct fixture f;
    open_fixture(&f);
    struct expert_cache *c = open_cache(&f, 4);
    assert_int_equal(STEP(1, 0, 1), 2);
    assert_int_equal(STEP(2, 0, 5), 2);
    assert_int_equal(STEP(1, 0, 1), 0); /* now layer 2 is older */
    assert_int_equal(STEP(1, 2), 1);    /* in the place of 2: 5, asked for after 2: 0 */
    assert_int_equal(STEP(2, 0), 1);
    assert_int_equal(STEP(2, 5), 1); /* 1: 0 and 1 were older than 1: 2 */
    assert_int_equal(STEP(1, 2), 0);
    struct expert_cache_stats stats = expert_cache_stats(c);
    assert_int_equal(stats.n_slots, 4);
    assert_int_equal(stats.misses, 7);
    assert_int_equal(stats.hits, 3);
    assert_in_range(stats.n_read, 7 * (3 * MATRIX + SCALES),
                    7 * (3 * MATRIX + SCALES + 4 * DIRECT_BLOCK));
    assert_true(stats.read_s > 0 && stats.wait_s >= 0); /* who waits may be woken late */
    expert_cache_close(c);
    tensor_store_free(&f.store);
}

TEST(expert_cache, what_a_step_asks_for_is_not_what_makes_room_for_it)
{
    struct fixture f;
    open_fixture(&f);
    struct expert_cache *c = open_cache(&f, 3);
    assert_int_equal(STEP(1, 0), 1);
    assert_int_equal(STEP(1, 1), 1);
    assert_int_equal(STEP(1, 2), 1);
    assert_int_equal(STEP(1, 0, 3), 1); /* 0 is the oldest, but wanted */
    assert_int_equal(STEP(1, 0, 2, 3), 0);
    expert_cache_close(c);
    tensor_store_free(&f.store);
}

TEST(expert_cache, a_step_may_choose_more_than_there_is_room_for)
{
    struct fixture f;
    open_fixture(&f);
    struct expert_cache *c = open_cache(&f, 3);
    assert_int_equal(STEP(1, 0, 1, 2, 3, 4, 5), 6);
    /* 3, 4 and 5 are there: 0 takes the place of 5, and 1, 2 and 5 the same one again. */
    assert_int_equal(STEP(1, 0, 1, 2, 3, 4, 5), 4);
    assert_int_equal(STEP(2, 5), 1); /* in the place of 4, which was needed after 3 */
    assert_int_equal(STEP(1, 0, 1, 4, 5), 3);
    /* Asked for and not released: nothing of it makes room. */
    assert_int_equal(expert_cache_ask(c, 2, (const int32_t[]){0, 1, 2, 3, 4}, 5), 3);
    assert_int_equal(expert_cache_ask(c, 2, (const int32_t[]){3, 4}, 2), 0);
    for (int id = 0; id < 3; id++)
        assert_there(c, &f, 2, id);
    expert_cache_release(c, 2, 1);
    assert_int_equal(expert_cache_ask(c, 2, (const int32_t[]){3, 4}, 2), 1);
    assert_there(c, &f, 2, 0);
    assert_there(c, &f, 2, 2);
    assert_there(c, &f, 2, 3);
    expert_cache_close(c);
    tensor_store_free(&f.store);
}

TEST(expert_cache, random_steps_give_every_expert_as_it_is)
{
    struct fixture f;
    open_fixture(&f);
    uint64_t seed = 11;
    for (uint64_t n_slots = 3; n_slots <= N_ALL + 2; n_slots++) {
        struct expert_cache *c = open_cache(&f, n_slots);
        mem_forbid(true);
        for (int i = 0; i < 200; i++) {
            int32_t ids[N_EXPERTS];
            int n = 0;
            for (int id = 0; id < N_EXPERTS; id++)
                if (test_random(&seed) % 3 == 0)
                    ids[n++] = id;
            step(c, &f, N_DENSE + test_random(&seed) % 2, ids, n);
        }
        mem_forbid(false);
        if (n_slots >= N_ALL)
            assert_in_range(expert_cache_stats(c).misses, 1, N_ALL);
        assert_in_range(expert_cache_stats(c).n_slots, 3, N_ALL);
        expert_cache_close(c);
    }
    tensor_store_free(&f.store);
}

TEST(expert_cache, after_a_failing_disk_the_next_try_succeeds)
{
    struct fixture f;
    open_fixture(&f);
    struct expert_cache *c = open_cache(&f, 4);
    static const int32_t ids[] = {1, 3, 4};
    assert_int_equal(STEP(1, 3), 1);
    for (int n = 0; n < 8; n++)
        for (int fault = 0; fault < 2; fault++) {
            struct err err = {0};
            assert_int_equal(expert_cache_ask(c, 2, (const int32_t[]){n % 2, 5}, 2), 2);
            assert_there(c, &f, 2, n % 2);
            assert_there(c, &f, 2, 5);
            expert_cache_release(c, 2, n % 2);
            expert_cache_release(c, 2, 5);
            direct_file_fail_after(n, fault ? EIO : 0);
            assert_int_equal(expert_cache_ask(c, 1, ids, 3), 3);
            const struct ffn_tensors *got = NULL;
            for (int i = 0; i < 3; i++) {
                got = expert_cache_wait(c, 1, ids[i], &err);
                if (!got)
                    break;
                expert_cache_release(c, 1, ids[i]);
            }
            direct_file_fail_never();
            assert_null(got);
            assert_int_equal(err.code, ERR_IO);
            assert_non_null(strstr(err.text, "layer 1, expert "));
            assert_non_null(strstr(err.text, fault ? "Input/output error; " : "ends before byte"));
            STEP(1, 1, 3, 4);
            STEP(2, 0, 1, 2, 3, 4, 5);
        }
    expert_cache_close(c);
    tensor_store_free(&f.store);
}

TEST(expert_cache, sizes_and_refusals_are_in_numbers)
{
    struct fixture f;
    struct err err = {0};
    open_fixture(&f);
    struct expert_sizes sizes = expert_cache_sizes(&f.ckpt);
    assert_int_equal(sizes.n_experts, N_ALL);
    assert_int_equal(sizes.n_bytes, N_ALL * (3 * MATRIX + SCALES));
    assert_in_range(sizes.slot_bytes, 3 * MATRIX + SCALES, 3 * MATRIX + SCALES + 7 * DIRECT_BLOCK);
    assert_int_equal(sizes.min_bytes, 3 * sizes.slot_bytes);
    assert_int_equal(sizes.max_bytes, N_ALL * sizes.slot_bytes);
    assert_null(expert_cache_open(&f.ckpt, NULL, sizes.min_bytes - 1, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_non_null(strstr(err.text, ": too little memory for experts: a step needs 3 of "));
    assert_int_equal(truncate(f.path[1], 100), 0);
    assert_null(expert_cache_open(&f.ckpt, NULL, sizes.max_bytes, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "two: changed while it was opened; try again"));
    assert_int_equal(unlink(f.path[1]), 0);
    assert_null(expert_cache_open(&f.ckpt, NULL, sizes.max_bytes, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    f.ckpt.config.is_moe = false;
    assert_int_equal(expert_cache_sizes(&f.ckpt).n_experts, 0);
    assert_null(expert_cache_open(&f.ckpt, NULL, UINT64_MAX, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_non_null(strstr(err.text, ": has no experts to read on demand; leave the size out"));
    tensor_store_free(&f.store);
    expert_cache_close(NULL);
}

TEST(expert_cache, every_allocation_can_fail)
{
    struct fixture f;
    open_fixture(&f);
    for (size_t n = 0;; n++) {
        struct err err = {0};
        mem_fail_after(n);
        struct expert_cache *c = expert_cache_open(&f.ckpt, NULL, UINT64_MAX, &err);
        mem_fail_never();
        if (c) {
            assert_true(n >= 6);
            expert_cache_close(c);
            break;
        }
        assert_int_equal(err.code, ERR_LIMIT);
    }
    tensor_store_free(&f.store);
}

TEST(expert_cache, the_rest_is_pinned_without_the_experts)
{
    struct fixture f;
    struct err err = {0};
    if (mlock(NULL, 1) == 0)
        skip(); /* sanitizers make locking do nothing */
    open_fixture(&f);
    /* Memory that is not there cannot be locked: the bytes that would be asked for. */
    size_t size = 1 << 20;
    char *gone = mem_map(size, &err);
    assert_non_null(gone);
    mem_unmap(gone, size);
    const struct tensor t = {.data = gone, .dtype = DTYPE_F32, .n_rows = 10, .n_cols = DIM};
    f.layers[0].wq = f.layers[2].router = f.layers[1].ffn.w_down = t;
    f.ckpt.weights.output = f.ckpt.weights.embedding = t;
    assert_int_equal(expert_cache_pin_rest(&f.ckpt), 4 * 10 * DIM * sizeof(float));
    tensor_store_free(&f.store);
}

/* Adapters of two experts of the last layer. */
static struct adapter *adapt_experts(const struct checkpoint *ckpt)
{
    static const char *const parts[] = {"3.w1", "3.w2", "0.w3"};
    static float values[4 * 2 * 64];
    struct adapter *top = NULL;
    for (int i = 0; i < 3; i++) {
        char a[128], b[128], prefix[64];
        snprintf(prefix, sizeof prefix, "layers.%u.%sexperts", ckpt->config.n_layers - 1,
                 ckpt->config.is_latent ? "" : "feed_forward.");
        snprintf(a, sizeof a, "%s.%s.lora_A.weight", prefix, parts[i]);
        snprintf(b, sizeof b, "%s.%s.lora_B.weight", prefix, parts[i]);
        int dim = (int)ckpt->config.dim, ffn_dim = (int)ckpt->config.moe.ffn_dim;
        const char *folder =
            lora_random(&(struct lora_pair){a, b, i == 1 ? dim : ffn_dim, i == 1 ? ffn_dim : dim},
                        1, 1.0f, values);
        top = lora_open(ckpt, folder, 1, top);
    }
    return top;
}

/* Runs both phases of a case, with a cache of n_slots experts unless that is 0. */
static void run_case(const char *path, bool adapted, uint64_t n_slots, const struct oracle *o,
                     float *logits)
{
    struct err err = {0};
    struct rig rig;
    struct expert_cache *c = NULL;
    struct adapter *adapters = NULL;
    rig_open(&rig, path, &(struct cpu_options){.n_threads = 2, .flags = ~0u});
    if (adapted) {
        adapters = adapt_experts(rig.ckpt);
        lora_attach(&rig, adapters);
    }
    if (n_slots) {
        uint64_t slot_bytes = expert_cache_sizes(rig.ckpt).slot_bytes;
        c = expert_cache_open(rig.ckpt, adapters, n_slots * slot_bytes, &err);
        assert_string_equal(err.text, "");
        model_set_expert_cache(rig.model, c);
    }
    rig_run(&rig, o->ids, o->n, o->n / 2, 7, logits);
    if (c)
        assert_true(expert_cache_stats(c).misses > 0);
    model_set_expert_cache(rig.model, NULL);
    expert_cache_close(c);
    adapter_close(adapters);
    rig_close(&rig);
}

TEST(expert_cache, a_model_computes_the_same_with_and_without)
{
    int n_cases = 0;
    for (int i = 0; i < ORACLE_CASES; i++) {
        char dir[256];
        struct oracle o;
        if (!oracle_cases[i].is_moe)
            continue;
        n_cases++;
        snprintf(dir, sizeof dir, "test/data/oracle/%s", oracle_cases[i].name);
        oracle_open(&o, dir, "logits", 0);
        size_t n = (size_t)o.n * (size_t)o.n_vocab;
        float *want = malloc(n * sizeof *want), *got = malloc(n * sizeof *got);
        run_case(dir, false, 0, &o, want);
        for (uint64_t n_slots = 5; n_slots < 100; n_slots *= 3) {
            run_case(dir, false, n_slots, &o, got);
            assert_memory_equal(got, want, n * sizeof *got);
        }
        run_case(dir, true, 5, &o, got);
        assert_memory_not_equal(got, want, n * sizeof *got);
        run_case(dir, true, 0, &o, want);
        assert_memory_equal(got, want, n * sizeof *got);
        free(want);
        free(got);
        oracle_close(&o);
    }
    assert_true(n_cases >= 4);
}

TEST(expert_cache, a_step_that_could_not_read_says_so_and_can_be_tried_again)
{
    struct err err = {0};
    struct oracle o;
    struct rig rig;
    const char *dir = "test/data/oracle/mixtral";
    oracle_open(&o, dir, "logits", 0);
    rig_open(&rig, dir, &(struct cpu_options){.n_threads = 1, .flags = ~0u});
    struct expert_cache *c = expert_cache_open(rig.ckpt, NULL, UINT64_MAX, &err);
    assert_non_null(c);
    model_set_expert_cache(rig.model, c);
    size_t n = (size_t)o.n * (size_t)o.n_vocab;
    float *want = malloc(n * sizeof *want), *got = malloc(n * sizeof *got);
    const struct kv_span span = {.page_ids = rig.page_ids, .n_tok = 4};
    const struct model_step step = {
        .ids = o.ids, .spans = &span, .n_spans = 1, .kv_data = rig.kv, .phase = PHASE_PROMPT};
    direct_file_fail_after(3, EIO);
    bool ok = model_step(rig.model, &step, &err);
    direct_file_fail_never();
    assert_false(ok);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "layer "));
    rig_run(&rig, o.ids, o.n, o.n, 8, got);
    model_set_expert_cache(rig.model, NULL);
    expert_cache_close(c);
    rig_close(&rig);
    rig_open(&rig, dir, &(struct cpu_options){.n_threads = 1, .flags = ~0u});
    rig_run(&rig, o.ids, o.n, o.n, 8, want);
    assert_memory_equal(got, want, n * sizeof *got);
    rig_close(&rig);
    oracle_close(&o);
    free(want);
    free(got);
}
