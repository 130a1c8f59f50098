/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "data/safetensors.h"
#include "test.h"

const struct oracle_case oracle_cases[ORACLE_CASES] = {
    {.name = "mistral"},
    {.name = "mistral-sharded"},
    {.name = "mistral-swa"},
    {.name = "ministral-swa-mix"},
    {.name = "ministral3"},
    {.name = "ministral3-tied"},
    {.name = "devstral2-yarnmag"},
    {.name = "mistral3-wrapper"},
    {.name = "mixtral", .is_moe = true},
    {.name = "mistral4", .is_moe = true},
    {.name = "mistral4-wrapper", .is_moe = true},
    {.name = "large3", .is_moe = true},
    {.name = "large3-fp8block", .is_moe = true, .only = "consolidated"},
    {.name = "ministral3-fp8"},
    {.name = "mistral4-fp8", .is_moe = true, .hf_logits = "logits_hf"},
    {.name = "ministral3-nvfp4", .only = "model"},
};

bool oracle_has(const struct oracle_case *c, enum checkpoint_layout layout)
{
    return !c->only || strcmp(c->only, layout == CHECKPOINT_HF ? "model" : "consolidated") == 0;
}

void oracle_open(struct oracle *oracle, const char *dir, const char *what, int i)
{
    char path[512], name[32];
    struct file_map map;
    struct err err = {0};
    *oracle = (struct oracle){0};
    snprintf(path, sizeof path, "%s/expected.safetensors", dir);
    if (!tensor_store_map(&oracle->store, path, &map, &err) ||
        !safetensors_parse(&oracle->store, "expected.safetensors", map.data, map.size, &err) ||
        !tensor_store_sort(&oracle->store, &err))
        fail_msg("%s", err.text);
    snprintf(name, sizeof name, "tokens.%d", i);
    const struct tensor_entry *tokens = tensor_store_find(&oracle->store, name);
    snprintf(name, sizeof name, "%s.%d", what, i);
    const struct tensor_entry *logits = tensor_store_find(&oracle->store, name);
    assert_true(tokens && logits && logits->n_dims == 2 && logits->shape[0] == tokens->shape[0]);
    assert_true((uintptr_t)tokens->data % 4 == 0 && (uintptr_t)logits->data % 4 == 0);
    oracle->ids = (const void *)tokens->data;
    oracle->logits = (const void *)logits->data;
    oracle->n = (int)tokens->shape[0];
    oracle->n_vocab = (int)logits->shape[1];
    assert_in_range(oracle->n, 1, ORACLE_MAX_TOK);
}

void oracle_close(struct oracle *oracle)
{
    tensor_store_free(&oracle->store);
}

void oracle_copy(const char *name, enum checkpoint_layout layout, char *dir)
{
    static int n_copies;
    char from[512], part[64];
    snprintf(part, sizeof part, "%s-%d", name, n_copies++);
    snprintf(dir, 512, "%s", test_tmp(part));
    assert_int_equal(mkdir(dir, 0700), 0);
    snprintf(from, sizeof from, "test/data/oracle/%s", name);
    DIR *files = opendir(from);
    assert_non_null(files);
    const char *config = layout == CHECKPOINT_NATIVE ? "params.json" : "config.json";
    const char *stem = layout == CHECKPOINT_NATIVE ? "consolidated" : "model";
    for (struct dirent *file; (file = readdir(files));) {
        if (strcmp(file->d_name, config) != 0 && strncmp(file->d_name, stem, strlen(stem)) != 0)
            continue;
        char path[1024];
        size_t n;
        snprintf(path, sizeof path, "%s/%s", from, file->d_name);
        char *bytes = test_read(path, &n);
        snprintf(path, sizeof path, "%s/%s", dir, file->d_name);
        test_write(path, bytes, n);
        free(bytes);
    }
    closedir(files);
}

int oracle_flags(unsigned flags[ORACLE_FLAGS])
{
    const unsigned sets[ORACLE_FLAGS] = {0, CPU_AVX2, CPU_AVX2 | CPU_AVX512,
                                         CPU_AVX2 | CPU_AVX512 | CPU_AMX};
    int n = 0;
    for (int i = 0; i < ORACLE_FLAGS; i++)
        if ((sets[i] & ~cpu_detect()) == 0)
            flags[n++] = sets[i];
    return n;
}

/* log of the sum of exponentials. */
static double log_sum(const float *x, int n, int *best)
{
    double sum = 0.0;
    *best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[*best])
            *best = i;
    for (int i = 0; i < n; i++)
        sum += exp((double)x[i] - (double)x[*best]);
    return (double)x[*best] + log(sum);
}

struct distance oracle_distance(const struct oracle *oracle, const float *got)
{
    struct distance d = {0};
    int n_vocab = oracle->n_vocab;
    for (int t = 0; t < oracle->n; t++) {
        const float *a = oracle->logits + (size_t)t * (size_t)n_vocab;
        const float *b = got + (size_t)t * (size_t)n_vocab;
        int best_a, best_b;
        double row_max = 0.0, log_a = log_sum(a, n_vocab, &best_a),
               log_b = log_sum(b, n_vocab, &best_b);
        for (int i = 0; i < n_vocab; i++) {
            double diff = fabs((double)a[i] - (double)b[i]);
            row_max = fmax(row_max, isfinite(diff) ? diff : HUGE_VAL);
            double log_p = (double)a[i] - log_a;
            d.kl_mean += exp(log_p) * (log_p - ((double)b[i] - log_b)) / oracle->n;
        }
        d.max_but_one = row_max <= d.max ? fmax(d.max_but_one, row_max) : d.max;
        d.max = row_max <= d.max ? d.max : row_max;
        d.same_share += (best_a == best_b) / (double)oracle->n;
    }
    return d;
}

void rig_open(struct rig *rig, const char *path, const struct cpu_options *options)
{
    struct err err = {0};
    *rig = (struct rig){0};
    rig->ckpt = checkpoint_open(path, &err);
    if (!rig->ckpt)
        fail_msg("%s", err.text);
    rig->backend = cpu_backend_open(options, &err);
    if (!rig->backend)
        fail_msg("%s", err.text);
    rig->model = model_open(rig->ckpt, NULL, rig->backend, &err);
    if (!rig->model)
        fail_msg("%s", err.text);
    uint32_t n_pages = ORACLE_MAX_TOK / BACKEND_PAGE_TOKENS;
    rig->kv_bytes = n_pages * model_page_bytes(rig->model);
    rig->kv = rig->backend->alloc(rig->backend, rig->kv_bytes, &err);
    assert_non_null(rig->kv);
    for (uint32_t i = 0; i < n_pages; i++) /* 7 and the power of two have no common factor */
        rig->page_ids[i] = (i * 7 + 3) % n_pages;
}

void rig_close(struct rig *rig)
{
    rig->backend->release(rig->backend, rig->kv, rig->kv_bytes);
    model_close(rig->model);
    rig->backend->close(rig->backend);
    checkpoint_close(rig->ckpt);
}

void rig_run(struct rig *rig, const int32_t *ids, int n, int n_prompt, int chunk, float *logits)
{
    size_t n_vocab = model_config(rig->model)->n_vocab;
    mem_forbid(true);
    for (int done = 0, n_tok; done < n; done += n_tok) {
        bool prompt = done < n_prompt;
        n_tok = !prompt ? 1 : chunk < n_prompt - done ? chunk : n_prompt - done;
        const struct kv_span span = {.page_ids = rig->page_ids, .pos0 = done, .n_tok = n_tok};
        const struct model_step step = {
            .ids = ids + done,
            .spans = &span,
            .n_spans = 1,
            .phase = prompt ? PHASE_PROMPT : PHASE_GENERATE,
            .kv_data = rig->kv,
        };
        struct err err;
        assert_true(model_step(rig->model, &step, &err));
        for (int first = 0; first < n_tok; first += MODEL_LOGIT_ROWS) {
            int n_rows = n_tok - first < MODEL_LOGIT_ROWS ? n_tok - first : MODEL_LOGIT_ROWS;
            assert_true(model_logits(rig->model, first, n_rows, step.phase,
                                     logits + (size_t)(done + first) * n_vocab, &err));
        }
    }
    mem_forbid(false);
}
