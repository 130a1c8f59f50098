/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/runtime.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/read_ahead.h"
#include "cpu/cpu_backend.h"
#include "model/adapter.h"
#include "model/checkpoint.h"
#include "model/expert_cache.h"
#include "model/model.h"
#include "text/tokenizer.h"

struct tokenizer *runtime_tokenizer(const struct checkpoint *ckpt, struct err *err)
{
    return ckpt->layout == CHECKPOINT_GGUF ? tokenizer_from_gguf(&ckpt->gguf, err)
                                           : tokenizer_open(ckpt->path, err);
}

/* Having no tokenizer is no failure: token ids can still be given. */
static bool open_tokenizer(struct runtime *rt, struct err *err)
{
    struct err why = {0};
    rt->tok = runtime_tokenizer(rt->ckpt, &why);
    if (rt->tok || why.code == ERR_NOT_FOUND)
        return true;
    *err = why;
    return false;
}

/* Has experts read when they are chosen, where that is wanted. */
static bool open_experts(struct runtime *rt, const struct runtime_options *options, struct err *err)
{
    uint64_t n_bytes =
        options->plan_experts ? options->plan_experts(options, rt->ckpt) : options->expert_memory;
    if (!n_bytes)
        return true;
    rt->experts = expert_cache_open(rt->ckpt, rt->adapters, n_bytes, err);
    if (!rt->experts)
        return false;
    model_set_expert_cache(rt->model, rt->experts);
    rt->n_unpinned = expert_cache_pin_rest(rt->ckpt);
    return true;
}

/* Opens adapter number i of options on top of base. */
static struct adapter *open_adapter(const struct checkpoint *ckpt,
                                    const struct runtime_options *options, size_t i,
                                    struct adapter *base, struct err *err)
{
    const struct adapter_option *o = &options->adapters[i];
    struct adapter *adapter = NULL;
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    if (!options->find_adapter)
        adapter = adapter_open(ckpt, o->path, o->scale, base, err);
    else if (options->find_adapter(o->path, &path, err))
        adapter = adapter_open(ckpt, path.data, o->scale, base, err);
    else
        err_add(err, "adapter");
    buf_free(&path);
    return adapter;
}

bool runtime_adapters(const struct checkpoint *ckpt, const struct runtime_options *options,
                      struct adapter **out, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < options->n_adapters; i++) {
        struct adapter *next = open_adapter(ckpt, options, i, *out, err);
        if (!next)
            goto fail;
        *out = next;
    }
    return true;
fail:
    adapter_close(*out);
    *out = NULL;
    return false;
}

bool runtime_open(struct runtime *rt, const char *path, const struct runtime_options *options,
                  struct err *err)
{
    double start = clock_now();
    struct cpu_options cpu = {.n_threads = options->n_threads,
                              .exact = options->exact,
                              .kv_q8 = options->kv_q8,
                              .round_inputs = options->round_inputs};
    *rt = (struct runtime){0};
    if (!cpu_flags_from_name(options->cpu ? options->cpu : "auto", &cpu.flags, err))
        return false;
    rt->ckpt = checkpoint_open(path, err);
    if (!rt->ckpt || !open_tokenizer(rt, err))
        goto fail;
    if (options->attn_scale_mult > 0.0f)
        rt->ckpt->config.attn_scale_mult = options->attn_scale_mult;
    rt->backend = cpu_backend_open(&cpu, err);
    if (!rt->backend || !runtime_adapters(rt->ckpt, options, &rt->adapters, err) ||
        !adapter_adopt(rt->adapters, rt->backend, err))
        goto fail;
    rt->model = model_open(rt->ckpt, rt->adapters, rt->backend, err);
    if (!rt->model || !open_experts(rt, options, err))
        goto fail;
    /* With a cache of experts the model is larger than memory, and the rest is pinned. */
    struct err slower = {0}; /* without it the model runs as well, once it is read */
    if (!rt->experts)
        rt->ahead = read_ahead_open(rt->ckpt->tensors->files, rt->ckpt->tensors->n_files, &slower);
    rt->load_s = clock_now() - start;
    return true;
fail:
    runtime_close(rt);
    return false;
}

void runtime_close(struct runtime *rt)
{
    read_ahead_close(rt->ahead);
    model_close(rt->model);
    expert_cache_close(rt->experts);
    adapter_close(rt->adapters);
    if (rt->backend)
        rt->backend->close(rt->backend);
    tokenizer_close(rt->tok);
    checkpoint_close(rt->ckpt);
    *rt = (struct runtime){0};
}

bool runtime_has_tokenizer(const struct runtime *rt, struct err *err)
{
    if (rt->tok)
        return true;
    return err_set(err, ERR_UNSUPPORTED,
                   "%s: has no tokenizer; put its tekken.json or tokenizer.model beside it",
                   rt->ckpt->path);
}

bool runtime_prompt(const struct runtime *rt, const char *text, size_t n, struct token_ids *ids,
                    struct err *err)
{
    if (!runtime_has_tokenizer(rt, err))
        return false;
    int32_t bos = tokenizer_bos(rt->tok);
    if (bos >= 0 && !token_ids_add(ids, bos, err))
        return false;
    return tokenizer_encode(rt->tok, text, n, ids, err);
}
