/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_about.h"

#include <bise.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/units.h"
#include "cli/bench_model.h"
#include "cli/json_text.h"
#include "cli/weight_shares.h"
#include "lib/runtime.h"
#include "model/expert_cache.h"
#include "tensor/backend.h"

#define MAX_BYTES 1e18

/* Stores the last part of a path; slashes at its end do not count. */
static void set_model(struct bench_about *about, const char *path)
{
    size_t n = strlen(path), begin;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (begin = n; begin > 0 && path[begin - 1] != '/';)
        begin--;
    snprintf(about->model, sizeof about->model, "%.*s", (int)(n - begin), path + begin);
}

struct bench_about bench_about(const struct bench_options *options, const char *path,
                               const struct runtime *rt)
{
    const struct runtime_options *machine = &options->machine;
    struct bench_about about = {
        .n_bytes = rt->ckpt->n_weight_bytes,
        .n_threads = (uint32_t)machine->n_threads,
        .exact = machine->exact,
        .rounds_inputs = machine->round_inputs,
        .n_adapters = (uint32_t)machine->n_adapters,
        .n_generate = options->n_generate,
    };
    snprintf(about.version, sizeof about.version, "%s", bise_version());
    snprintf(about.backend, sizeof about.backend, "%s", rt->backend->name);
    snprintf(about.kv_type, sizeof about.kv_type, "%s", weight_format_name(rt->backend->kv_type));
    set_model(&about, path);
    if (rt->experts)
        about.expert_bytes =
            expert_cache_stats(rt->experts).n_slots * expert_cache_sizes(rt->ckpt).slot_bytes;
    return about;
}

void bench_about_json(const struct bench_about *about, const char *path)
{
    printf("\"version\":\"%s\",\"model\":", about->version);
    json_text(path, strlen(path));
    printf(",\"weight_bytes\":%llu,\"backend\":\"%s\",\"threads\":%u,\"kv_type\":\"%s\","
           "\"exact\":%s,\"round_activations\":%s,\"expert_bytes\":%llu,\"adapters\":%u,"
           "\"generate\":%u",
           (unsigned long long)about->n_bytes, about->backend, about->n_threads, about->kv_type,
           about->exact ? "true" : "false", about->rounds_inputs ? "true" : "false",
           (unsigned long long)about->expert_bytes, about->n_adapters, about->n_generate);
}

static bool read_text(const struct json *root, const char *key, char *text, size_t size,
                      struct err *err)
{
    const char *value = "";
    bool ok = json_opt_string(root, key, &value, err);
    snprintf(text, size, "%s", value);
    return ok;
}

static bool read_bytes(const struct json *root, const char *key, uint64_t *n_bytes, struct err *err)
{
    double value = 0;
    bool ok = json_opt_f64(root, key, 0, MAX_BYTES, &value, err);
    *n_bytes = (uint64_t)value;
    return ok;
}

bool bench_about_read(struct bench_about *a, const struct json *root, struct err *err)
{
    const char *path = "";
    *a = (struct bench_about){0};
    if (!json_opt_string(root, "model", &path, err))
        return false;
    set_model(a, path);
    return read_text(root, "version", a->version, sizeof a->version, err) &&
           read_bytes(root, "weight_bytes", &a->n_bytes, err) &&
           read_text(root, "backend", a->backend, sizeof a->backend, err) &&
           json_opt_u32(root, "threads", 1, LIMIT_THREADS, &a->n_threads, err) &&
           read_text(root, "kv_type", a->kv_type, sizeof a->kv_type, err) &&
           json_opt_bool(root, "exact", &a->exact, err) &&
           json_opt_bool(root, "round_activations", &a->rounds_inputs, err) &&
           read_bytes(root, "expert_bytes", &a->expert_bytes, err) &&
           json_opt_u32(root, "adapters", 0, LIMIT_ADAPTERS, &a->n_adapters, err) &&
           json_opt_u32(root, "generate", 1, LIMIT_CONTEXT, &a->n_generate, err);
}

/* Adds "NAME STORED, now NOW" to text, of BENCH_ABOUT_TEXT bytes; a name may be "". */
static void add(char *text, const char *name, const char *stored, const char *now)
{
    size_t n = strlen(text);
    snprintf(text + n, BENCH_ABOUT_TEXT - n, "%s%s%s%s, now %s", n ? "; " : "", name,
             *name ? " " : "", stored, now);
}

static void add_text(char *text, const char *name, const char *stored, const char *now)
{
    if (*stored && strcmp(stored, now) != 0)
        add(text, name, stored, now);
}

static void add_count(char *text, const char *name, uint32_t stored, uint32_t now)
{
    char a[16], b[16];
    snprintf(a, sizeof a, "%u", stored);
    snprintf(b, sizeof b, "%u", now);
    if (stored != now)
        add(text, name, a, b);
}

static void add_flag(char *text, const char *name, bool stored, bool now)
{
    if (stored != now)
        add(text, name, stored ? "on" : "off", now ? "on" : "off");
}

/* A model is another one when it has another name or another size. */
static void add_model(char *text, const struct bench_about *stored, const struct bench_about *now)
{
    char size[UNITS_TEXT], a[sizeof stored->model + 32], b[sizeof now->model + 32];
    bool same_size = !stored->n_bytes || stored->n_bytes == now->n_bytes;
    snprintf(a, sizeof a, "%s%s%s", stored->model, stored->n_bytes ? " of " : "",
             stored->n_bytes ? units_bytes(size, stored->n_bytes) : "");
    snprintf(b, sizeof b, "%s of %s", now->model, units_bytes(size, now->n_bytes));
    if (*stored->model && (!same_size || strcmp(stored->model, now->model) != 0))
        add(text, "model", a, b);
}

static void add_experts(char *text, uint64_t stored, uint64_t now)
{
    char a[UNITS_TEXT], b[UNITS_TEXT];
    if (stored != now)
        add(text, "memory for experts", stored ? units_bytes(a, stored) : "for all",
            now ? units_bytes(b, now) : "for all");
}

const char *bench_about_differ(char *text, const struct bench_about *now,
                               const struct bench_about *stored)
{
    *text = '\0';
    add_text(text, "version", *stored->version ? stored->version : "not stated", now->version);
    add_model(text, stored, now);
    add_text(text, "", stored->backend, now->backend);
    if (stored->n_threads)
        add_count(text, "threads", stored->n_threads, now->n_threads);
    if (!*stored->version)
        return text;
    add_text(text, "keys and values", stored->kv_type, now->kv_type);
    add_flag(text, "--exact", stored->exact, now->exact);
    add_flag(text, "--round-activations", stored->rounds_inputs, now->rounds_inputs);
    add_experts(text, stored->expert_bytes, now->expert_bytes);
    add_count(text, "adapters", stored->n_adapters, now->n_adapters);
    add_count(text, "--generate", stored->n_generate, now->n_generate);
    return text;
}
