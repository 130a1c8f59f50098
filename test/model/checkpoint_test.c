/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_test.c - which of the files at a path make the model, and what is said
 * when none do. */
#include "model/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "edit.h"
#include "test.h"

#define MISTRAL "test/data/oracle/mistral/"
#define SHARDED "test/data/oracle/mistral-sharded/"

/* Makes a folder of copies; files: ends with NULL. */
static const char *folder_of(const char *const *files)
{
    const char *folder = edit_folder("checkpoint");
    for (; *files; files++)
        edit_copy(*files, folder);
    return folder;
}

static void touch(const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_write(path, "", 0);
}

static void assert_opens(const char *path, enum checkpoint_layout layout)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(path, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    assert_int_equal(ckpt->layout, layout);
    assert_string_equal(ckpt->path, path);
    checkpoint_close(ckpt);
}

static void assert_refused(const char *path, enum err_code code, const char *why)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(path, &err);
    if (ckpt || err.code != code || !strstr(err.text, why))
        fail_msg("want '%s': %d %s", why, (int)err.code, ckpt ? "accepted" : err.text);
    checkpoint_close(ckpt);
}

TEST(checkpoint, native_comes_before_hf_comes_before_gguf)
{
    static const char *const native[] = {
        MISTRAL "params.json",       MISTRAL "consolidated.safetensors", MISTRAL "config.json",
        MISTRAL "model.safetensors", "models/stories260K.gguf",          NULL};
    assert_opens(folder_of(native), CHECKPOINT_NATIVE);
    assert_opens(folder_of(native + 2), CHECKPOINT_HF);
    assert_opens(folder_of(native + 4), CHECKPOINT_GGUF);
    assert_opens("models/stories260K.gguf", CHECKPOINT_GGUF);
    assert_opens("models/", CHECKPOINT_GGUF);
}

TEST(checkpoint, a_layout_without_its_weights_gives_way)
{
    static const char *const hf[] = {MISTRAL "params.json", MISTRAL "config.json",
                                     MISTRAL "model.safetensors", NULL};
    static const char *const gguf[] = {MISTRAL "params.json", MISTRAL "config.json",
                                       "models/stories260K.gguf", NULL};
    assert_opens(folder_of(hf), CHECKPOINT_HF);
    assert_opens(folder_of(gguf), CHECKPOINT_GGUF);
}

TEST(checkpoint, shards_open_in_both_layouts)
{
    static const char *const hf[] = {SHARDED "config.json", SHARDED "model.safetensors.index.json",
                                     SHARDED "model-00001-of-00002.safetensors",
                                     SHARDED "model-00002-of-00002.safetensors", NULL};
    assert_opens(SHARDED, CHECKPOINT_NATIVE);
    assert_opens(folder_of(hf), CHECKPOINT_HF);
}

TEST(checkpoint, paths_that_hold_no_model_are_explained)
{
    static const char *const none[] = {NULL};
    static const char *const params[] = {MISTRAL "params.json", NULL};
    static const char *const config[] = {MISTRAL "config.json", NULL};
    static const char *const shards[] = {SHARDED "config.json",
                                         SHARDED "model-00001-of-00002.safetensors", NULL};
    static const char *const weights[] = {MISTRAL "consolidated.safetensors", NULL};
    static const char *const hf_weights[] = {MISTRAL "model.safetensors", NULL};
    assert_refused(test_tmp("absent"), ERR_NOT_FOUND, "no such file or folder; check the path");
    assert_refused(MISTRAL "params.json", ERR_ARG,
                   MISTRAL "params.json: one file of a model; give its folder, "
                           "test/data/oracle/mistral");
    assert_refused(MISTRAL "consolidated.safetensors", ERR_ARG, "safetensors: one file of a model");
    assert_refused("README.md", ERR_ARG, "README.md: not a model; give a .gguf file");
    assert_refused(folder_of(none), ERR_NOT_FOUND, "no model in this folder; expected");
    assert_refused(folder_of(params), ERR_NOT_FOUND, "params.json without consolidated");
    assert_refused(folder_of(config), ERR_NOT_FOUND, "config.json without model");
    assert_refused(folder_of(weights), ERR_NOT_FOUND, "weights without params.json");
    assert_refused(folder_of(hf_weights), ERR_NOT_FOUND, "weights without config.json");
    assert_refused(folder_of(shards), ERR_NOT_FOUND,
                   "model-00001-of-00002.safetensors is here but model.safetensors.index.json is "
                   "missing; download it");
    const char *folder = folder_of(params);
    touch(folder, "consolidated-00003-of-00027.safetensors");
    assert_refused(folder, ERR_NOT_FOUND, "consolidated.safetensors.index.json is missing");
    folder = folder_of(none);
    touch(folder, "my-model-00001-of-00002.safetensors");
    assert_refused(folder, ERR_NOT_FOUND, "no model in this folder");
    folder = edit_folder("circle");
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(symlink(folder, folder), 0);
    assert_refused(folder, ERR_IO, "too many links; check where they lead");
    assert_int_equal(unlink(folder), 0);
    folder = folder_of(params);
    touch(folder, "consolidated.00.pth");
    assert_refused(folder, ERR_UNSUPPORTED, "consolidated.00.pth: pickle files are not loaded");
    folder = folder_of(none);
    touch(folder, "lora.safetensors");
    assert_refused(folder, ERR_UNSUPPORTED,
                   "an adapter without its model; 'bise run MODEL "
                   "--adapter' applies it, 'bise merge' makes");
    folder = folder_of(none);
    touch(folder, "adapter_model.safetensors");
    assert_refused(folder, ERR_NOT_FOUND,
                   "adapter_model.safetensors without adapter_config.json; download it, too");
    touch(folder, "adapter_config.json");
    assert_refused(folder, ERR_UNSUPPORTED, "an adapter without its model; 'bise run MODEL");
    folder = folder_of(none);
    touch(folder, "empty.gguf");
    assert_refused(folder, ERR_FORMAT, "empty.gguf: ");
}

TEST(checkpoint, several_models_in_a_folder_need_a_choice)
{
    static const char *const one[] = {"models/stories260K.gguf", NULL};
    const char *folder = folder_of(one);
    touch(folder, "mmproj-stories.gguf");
    touch(folder, "zz-00002-of-00003.gguf");
    assert_opens(folder, CHECKPOINT_GGUF);
    touch(folder, "b.gguf");
    touch(folder, "zz.gguf");
    touch(folder, "a.gguf");
    assert_refused(folder, ERR_ARG, "several models; give one of the files, a.gguf, b.gguf");
    folder = folder_of(one);
    touch(folder, "zz-00001-of-00003.gguf");
    assert_refused(folder, ERR_ARG, "stories260K.gguf, zz-00001-of-00003.gguf");
}

TEST(checkpoint, errors_of_a_configuration_come_through)
{
    static const char *const native[] = {MISTRAL "params.json", MISTRAL "consolidated.safetensors",
                                         NULL};
    static const char *const hf[] = {MISTRAL "config.json", MISTRAL "model.safetensors", NULL};
    const char *folder = folder_of(native);
    edit_file(folder, "params.json", "\"dim\": 64", "\"dim\": 0");
    assert_refused(folder, ERR_FORMAT, "params.json: dim: expected");
    assert_refused(folder, ERR_FORMAT, "; correct the file or download it again");
    folder = folder_of(native);
    edit_file(folder, "params.json", "\"dim\"", "dim");
    assert_refused(folder, ERR_FORMAT, "params.json: line 2");
    assert_refused(folder, ERR_FORMAT, "; correct the file or download it again");
    folder = folder_of(native);
    edit_file(folder, "params.json", "\"n_layers\": 3", "\"n_layers\": 2");
    assert_refused(folder, ERR_UNSUPPORTED, "layers.2.");
    folder = folder_of(native);
    edit_file(folder, "params.json", "\"vocab_size\": 256", "\"vocab_size\": 255");
    assert_refused(folder, ERR_FORMAT, "shape is 256 x 64, the configuration says 255 x 64");
    folder = folder_of(hf);
    edit_file(folder, "config.json", "\"model_type\": \"mistral\"", "\"model_type\": \"bert\"");
    assert_refused(folder, ERR_UNSUPPORTED, "config.json: model_type: 'bert'");
    assert_refused(folder, ERR_UNSUPPORTED, "; choose another model");
    folder = folder_of(hf);
    touch(folder, "model.safetensors");
    assert_refused(folder, ERR_FORMAT,
                   "model.safetensors: only 0 bytes: the file is cut short; download it again");
}

#define NOBODY 65534

/* Opens the path as a user who owns nothing: root may read everything. */
static void assert_forbidden(const char *path, const char *why)
{
    const uid_t user = geteuid();
    struct err err = {0};
    if (user == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    struct checkpoint *ckpt = checkpoint_open(path, &err);
    if (user == 0)
        assert_int_equal(seteuid(user), 0);
    if (ckpt || err.code != ERR_IO || !strstr(err.text, why))
        fail_msg("want '%s': %d %s", why, (int)err.code, ckpt ? "accepted" : err.text);
}

static void set_mode(const char *folder, const char *name, mode_t mode)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(chmod(path, mode), 0);
}

TEST(checkpoint, files_without_permission_are_named)
{
    static const char *const native[] = {MISTRAL "params.json", MISTRAL "consolidated.safetensors",
                                         "models/stories260K.gguf", NULL};
    char path[600];
    /* In a container there may be no other user than root. */
    if (geteuid() == 0 && (seteuid(NOBODY) != 0 || seteuid(0) != 0))
        skip();
    const char *folder = folder_of(native);
    set_mode(folder, "..", 0711); /* the folder of this run */
    set_mode(folder, ".", 0755);
    set_mode(folder, "params.json", 0);
    assert_forbidden(folder, "/params.json: no permission to read it; see chmod");
    set_mode(folder, "params.json", 0644);
    set_mode(folder, "consolidated.safetensors", 0);
    assert_forbidden(folder, "/consolidated.safetensors: no permission to read it; see chmod");
    set_mode(folder, "stories260K.gguf", 0);
    snprintf(path, sizeof path, "%s/stories260K.gguf", folder);
    assert_forbidden(path, "/stories260K.gguf: no permission to read it; see chmod");
    set_mode(folder, ".", 0111);
    assert_forbidden(folder, "no permission to list the folder; see chmod");
    set_mode(folder, ".", 0);
    assert_forbidden(path, "no permission to look there; see chmod");
    set_mode(folder, ".", 0700);
    set_mode(folder, "..", 0700);
}

TEST(checkpoint, folders_in_the_place_of_files_are_named)
{
    static const char *const names[] = {"params.json", "consolidated.safetensors",
                                        "consolidated.safetensors.index.json"};
    static const char *const native[] = {MISTRAL "params.json", MISTRAL "consolidated.safetensors",
                                         NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[600], why[100];
        const char *folder = folder_of(native);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        snprintf(why, sizeof why, "/%s: is a directory; give a file", names[i]);
        unlink(path);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_refused(folder, ERR_ARG, why);
        assert_int_equal(rmdir(path), 0);
    }
}

TEST(checkpoint, counts_what_the_decoder_holds)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open("models/stories260K.gguf", &err);
    assert_non_null(ckpt);
    assert_int_equal(ckpt->n_params, 260032 + 512 * 64); /* and the output matrix */
    assert_int_equal(ckpt->n_weight_bytes, 4 * ckpt->n_params);
    assert_int_equal(ckpt->n_skipped, 0);
    checkpoint_close(ckpt);
}

TEST(checkpoint, close_takes_nothing)
{
    checkpoint_close(NULL);
}

/* Lets every allocation fail once, the JSON library's too: alone or with all that follow. */
static void assert_survives(const char *path, void (*make_fail)(size_t))
{
    size_t n = 0;
    for (bool done = false; !done; n++) {
        struct err err = {0};
        make_fail(n);
        struct checkpoint *ckpt = checkpoint_open(path, &err);
        size_t n_failed = mem_n_failed();
        mem_fail_never();
        checkpoint_close(ckpt);
        done = n_failed == 0;
        if (err.code != (done ? ERR_NONE : ERR_LIMIT) || (ckpt != NULL) != done)
            fail_msg("allocation %zu: %d %s", n, (int)err.code, ckpt ? "accepted" : err.text);
        assert_in_range(n, 0, 100000);
    }
    assert_in_range(n, 5, 100000);
}

static void assert_survives_short_memory(const char *path)
{
    assert_survives(path, mem_fail_after);
    assert_survives(path, mem_fail_once);
}

TEST(checkpoint, short_memory_is_an_error_each_time)
{
    static const char *const hf[] = {SHARDED "config.json", SHARDED "model.safetensors.index.json",
                                     SHARDED "model-00001-of-00002.safetensors",
                                     SHARDED "model-00002-of-00002.safetensors", NULL};
    assert_survives_short_memory(MISTRAL);
    assert_survives_short_memory(folder_of(hf));
    assert_survives_short_memory("models/stories260K.gguf");
    assert_survives_short_memory("models");
    assert_survives_short_memory("test/data/layouts/latent-nvfp4");
}
