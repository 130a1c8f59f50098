/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_file_test.c - what is an adapter, and what is said about everything else. */
#include "model/adapter_file.h"

#include <math.h>

#include "adapter_fixture.h"
#include "base/mem.h"
#include "data/gguf_builder.h"
#include "data/safetensors.h"

#define PEFT_FILE "adapter_model.safetensors"

static void assert_path_refused(const char *path, enum err_code code, const char *want)
{
    struct adapter_file file;
    struct err err = {0};
    if (adapter_file_open(&file, path, &err))
        fail_msg("accepted, but should say: %s", want);
    if (err.code != code || !strstr(err.text, want))
        fail_msg("got %d \"%s\", want \"%s\"", (int)err.code, err.text, want);
    adapter_file_close(&file);
}

/* Returns a copy of the PEFT folder. */
static const char *peft_copy(void)
{
    const char *folder = edit_folder("peft");
    edit_copy(LORA_PEFT "/adapter_config.json", folder);
    edit_copy(LORA_PEFT "/" PEFT_FILE, folder);
    return folder;
}

static const char *native_copy(const char *params)
{
    char path[600];
    const char *folder = edit_folder("native");
    edit_copy(LORA_NATIVE, folder);
    snprintf(path, sizeof path, "%s/params.json", folder);
    if (params)
        test_write(path, params, strlen(params));
    return folder;
}

static void assert_scale(const char *path, enum checkpoint_layout dialect, double scale)
{
    struct adapter_file file;
    struct err err = {0};
    if (!adapter_file_open(&file, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(file.dialect, dialect);
    assert_int_equal(file.n_pairs, 14);
    for (size_t i = 0; i < file.n_pairs; i++) {
        assert_int_equal(file.pairs[i].rank, 4);
        assert_true(fabs(file.pairs[i].scale - scale) < 1e-12);
    }
    adapter_file_close(&file);
}

TEST(adapter_file, is_found_by_folder_or_file)
{
    assert_scale(LORA_PEFT, CHECKPOINT_HF, 2);
    assert_scale(LORA_PEFT "/adapter_config.json", CHECKPOINT_HF, 2);
    assert_scale(LORA_PEFT "/" PEFT_FILE, CHECKPOINT_HF, 2);
    assert_scale(LORA_CASE, CHECKPOINT_NATIVE, 2);
    assert_scale(LORA_NATIVE, CHECKPOINT_NATIVE, 2);
    assert_path_refused("none/such", ERR_NOT_FOUND, "none/such: no such file");
    assert_path_refused("test/data/oracle/mistral", ERR_ARG, "not an adapter; give a folder with");
    assert_path_refused("README.md", ERR_ARG, "README.md: not an adapter");
    assert_path_refused("test/data/oracle/mistral/consolidated.safetensors", ERR_ARG,
                        "test/data/oracle/mistral/consolidated.safetensors: not an adapter: no "
                        "tensor of it is a LoRA matrix; give another file");
    assert_path_refused("test/data/oracle/mistral-sharded/model-00001-of-00002.safetensors",
                        ERR_ARG, "safetensors: not an adapter");
    assert_path_refused("models/stories260K.gguf", ERR_ARG, "its general.type is not \"adapter\"");
}

TEST(adapter_file, native_scale_is_that_of_params_json)
{
    assert_scale(native_copy(NULL), CHECKPOINT_NATIVE, 2);
    assert_scale(native_copy("{\"lora\": {\"enable\": true, \"rank\": 4}}"), CHECKPOINT_NATIVE, 2);
    assert_scale(native_copy("{\"lora\": {\"scaling\": 0.75}}"), CHECKPOINT_NATIVE, 0.75);
    assert_path_refused(native_copy("{\"lora\": {\"scaling\": \"2\"}}"), ERR_FORMAT,
                        "params.json: lora.scaling: expected");
    assert_path_refused(native_copy("{"), ERR_FORMAT, "params.json");
}

TEST(adapter_file, peft_scale_is_alpha_by_rank_or_its_root)
{
    const char *folder = peft_copy();
    edit_file(folder, "adapter_config.json", "\"lora_alpha\": 8.0", "\"lora_alpha\": 3");
    assert_scale(folder, CHECKPOINT_HF, 0.75);
    edit_file(folder, "adapter_config.json", "\"use_rslora\": false", "\"use_rslora\": true");
    assert_scale(folder, CHECKPOINT_HF, 1.5);
    edit_file(folder, "adapter_config.json", "\"r\": 4", "\"r\": 8");
    assert_path_refused(folder, ERR_FORMAT, "rank is 4, adapter_config.json says 8");
    edit_file(folder, "adapter_config.json", "\"rank_pattern\": {}",
              "\"rank_pattern\": {\"[a-z]+_proj\": 4}");
    assert_scale(folder, CHECKPOINT_HF, 1.5);
}

TEST(adapter_file, every_tensor_is_half_of_a_pair)
{
    static const struct {
        const char *from, *to;
        enum err_code code;
        const char *why;
    } cases[] = {
        {"layers.0.mlp.up_proj.lora_A", "layers.7.mlp.up_proj.lora_A", ERR_UNSUPPORTED,
         "its other half is missing"},
        {"layers.1.mlp.up_proj.lora_B.weight", "layers.1.mlp.up_proj.lora_C.weight",
         ERR_UNSUPPORTED, "its other half is missing"},
        {"layers.0.mlp.up_proj.lora_A.weight", "layers.0.mlp.up_proj.lora_magnitude_vector",
         ERR_UNSUPPORTED, "(DoRA) are not supported"},
        {"layers.0.mlp.up_proj.lora_A.weight", "layers.0.mlp.up_proj.weight", ERR_UNSUPPORTED,
         "a whole matrix"},
        {"layers.0.mlp.up_proj.lora_A.weight", "layers.0.mlp.up_proj.bias", ERR_UNSUPPORTED,
         "changed biases"},
        {"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", "something", ERR_UNSUPPORTED,
         "something: unknown tensor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *folder = peft_copy();
        edit_header(folder, PEFT_FILE, cases[i].from, cases[i].to);
        assert_path_refused(folder, cases[i].code, cases[i].why);
    }
}

TEST(adapter_file, shapes_and_formats_are_those_of_two_matrices)
{
    static const struct {
        const char *from, *to;
        enum err_code code;
        const char *why;
    } cases[] = {
        {"\"shape\":[4,64]", "\"shape\":[2,128]", ERR_FORMAT,
         "shape is 2 x 128, that of its other half 128 x 4: two ranks"},
        {"\"shape\":[4,64]", "\"shape\":[256]", ERR_FORMAT, "not two matrices"},
        {"\"shape\":[4,64]", "\"shape\":[1,4,64]", ERR_FORMAT, "not two matrices"},
        {"\"BF16\",\"shape\":[4,64]", "\"I16\",\"shape\":[4,64]", ERR_UNSUPPORTED,
         "format I16 is not supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *folder = peft_copy();
        edit_header(folder, PEFT_FILE, cases[i].from, cases[i].to);
        assert_path_refused(folder, cases[i].code, cases[i].why);
    }
}

/* Writes a native adapter with one pair of that rank, float32, one value given. */
static const char *write_pair(int rank, float value)
{
    char path[600], header[400];
    uint8_t bytes[1200] = {0};
    const char *folder = edit_folder("pair");
    int n =
        snprintf(header, sizeof header,
                 "{\"output.lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[%d,4],\"data_offsets\""
                 ":[0,%d]},\"output.lora_B.weight\":{\"dtype\":\"F32\",\"shape\":[3,%d],"
                 "\"data_offsets\":[%d,%d]}}",
                 rank, 16 * rank, rank, 16 * rank, 28 * rank);
    bytes[0] = (uint8_t)n;
    bytes[1] = (uint8_t)(n >> 8);
    memcpy(bytes + 8, header, (size_t)n);
    if (rank)
        memcpy(bytes + 8 + n + 28 * rank - 4, &value, sizeof value);
    snprintf(path, sizeof path, "%s/lora.safetensors", folder);
    test_write(path, bytes, 8 + (size_t)n + 28 * (size_t)rank);
    return folder;
}

TEST(adapter_file, numbers_are_finite_and_ranks_positive)
{
    struct adapter_file file;
    struct err err = {0};
    assert_true(adapter_file_open(&file, write_pair(2, 1), &err));
    adapter_file_close(&file);
    assert_path_refused(write_pair(2, NAN), ERR_FORMAT,
                        "output.lora_B.weight: holds a number that is not finite");
    assert_path_refused(write_pair(2, -INFINITY), ERR_FORMAT, "not finite");
    assert_path_refused(write_pair(0, 0), ERR_LIMIT, "rank 0 is not from 1 to 4096");
}

TEST(adapter_file, without_tensors_is_refused)
{
    char path[600];
    const char *folder = edit_folder("empty");
    snprintf(path, sizeof path, "%s/lora.safetensors", folder);
    test_write(path, "\2\0\0\0\0\0\0\0{}", 10);
    assert_path_refused(folder, ERR_FORMAT, "an adapter without tensors");
}

/* Turns a name of the native adapter into that of a GGUF one. */
static void gguf_name(const char *native, char out[100])
{
    static const char *const pairs[][2] = {
        {"attention.wq", "attn_q"},      {"attention.wk", "attn_k"},
        {"attention.wv", "attn_v"},      {"attention.wo", "attn_output"},
        {"feed_forward.w1", "ffn_gate"}, {"feed_forward.w2", "ffn_down"},
        {"feed_forward.w3", "ffn_up"},
    };
    for (size_t i = 0; i < 7; i++)
        if (strstr(native, pairs[i][0]))
            snprintf(out, 100, "blk.%c.%s.weight.lora_%c", native[7], pairs[i][1],
                     strstr(native, "lora_A") ? 'a' : 'b');
}

static struct gguf_builder *gguf_start(size_t n_tensors, const char *type, float alpha)
{
    struct gguf_builder *b = calloc(1, sizeof *b);
    uint32_t bits;
    memcpy(&bits, &alpha, sizeof bits);
    put_header(b, n_tensors, 4);
    put_kv_string(b, "general.architecture", "llama");
    put_kv_string(b, "general.type", type);
    put_kv_string(b, "adapter.type", "lora");
    put_kv(b, "adapter.lora.alpha", GGUF_F32, bits, 4);
    return b;
}

/* Writes the native adapter of the case as GGUF, which has the same order of rows. */
static const char *write_gguf(const char *type, float alpha)
{
    struct tensor_store store = {0};
    struct err err = {0};
    if (!safetensors_open(&store, LORA_CASE, "lora", &err))
        fail_msg("%s", err.text);
    struct gguf_builder *b = gguf_start(store.n, type, alpha);
    size_t at = 0;
    for (size_t i = 0; i < store.n; i++) {
        char name[100];
        gguf_name(store.entries[i].name, name);
        put_string(b, name);
        put_u32(b, 2);
        put_u64(b, (uint64_t)store.entries[i].shape[1]);
        put_u64(b, (uint64_t)store.entries[i].shape[0]);
        put_u32(b, 30); /* BF16 */
        put_u64(b, at);
        at += store.entries[i].n_bytes; /* multiples of 32 */
    }
    put_padding(b, 32);
    for (size_t i = 0; i < store.n; i++)
        put(b, store.entries[i].data, store.entries[i].n_bytes);
    const char *path = test_write(test_tmp("adapter.gguf"), b->bytes, b->n);
    free(b);
    tensor_store_free(&store);
    return path;
}

TEST(adapter_file, gguf_gives_the_logits_of_the_merged_model)
{
    static const enum checkpoint_layout layouts[] = {CHECKPOINT_NATIVE, CHECKPOINT_HF};
    const char *path = write_gguf("adapter", 8);
    assert_scale(path, CHECKPOINT_GGUF, 2);
    for (int i = 0; i < 2; i++) {
        char dir[512];
        struct rig rig;
        oracle_copy("mistral-lora", layouts[i], dir);
        rig_open(&rig, dir, &(struct cpu_options){.n_threads = 1, .exact = true});
        struct adapter *ad = lora_open(rig.ckpt, path, 1, NULL);
        lora_attach(&rig, ad);
        double d = lora_distance(&rig);
        if (!(d <= LORA_EXACT))
            fail_msg("off by %g", d);
        rig_close(&rig);
        adapter_close(ad);
    }
}

TEST(adapter_file, gguf_says_what_it_is)
{
    assert_path_refused(write_gguf("model", 8), ERR_ARG, "its general.type is not \"adapter\"");
    assert_path_refused(write_gguf("adapter", 0), ERR_UNSUPPORTED,
                        "adapter.lora.alpha: 0 has no single meaning");
    assert_path_refused(write_gguf("adapter", NAN), ERR_FORMAT, "adapter.lora.alpha");
}

TEST(adapter_file, short_memory_is_an_error_each_time)
{
    for (bool done = false; !done;) {
        static size_t n;
        struct adapter_file file;
        struct err err = {0};
        mem_fail_once(n++);
        bool ok = adapter_file_open(&file, LORA_PEFT, &err);
        done = mem_n_failed() == 0;
        mem_fail_never();
        assert_int_equal(ok, done);
        assert_int_equal(err.code, done ? ERR_NONE : ERR_LIMIT);
        adapter_file_close(&file);
    }
}
