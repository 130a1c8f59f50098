/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sampling.h"

#include <math.h>
#include <string.h>

#include "api/api.h"
#include "api/fields.h"
#include "base/random.h"
#include "model/config.h"
#include "text/tokenizer.h"

#define DEFAULT_TEMPERATURE 0.7

/* A bias so large that no other token can win; and one that bans. */
static const float forces = 1e5f;

static bool read_f32(const struct json_node *body, const char *name, double min, double max,
                     float *out, struct err *err)
{
    double value = (double)*out;
    if (!field_number(body, name, min, max, &value, err))
        return false;
    *out = (float)value;
    return true;
}

static bool read_u32(const struct json_node *body, const char *name, int64_t max, uint32_t *out,
                     bool *given, struct err *err)
{
    int64_t value = -1;
    if (!field_int(body, name, 0, max, &value, err))
        return false;
    if (value < 0)
        return true;
    *out = (uint32_t)value;
    if (given)
        *given = true;
    return true;
}

static bool add_stop(const struct json_node *node, struct arena *arena, struct sampling *out,
                     struct err *err)
{
    if (node->kind != NODE_STRING)
        return json_node_fail(node, err, "expected a text");
    if (node->text.n > LIMIT_STOP_BYTES || memchr(node->text.s, '\0', node->text.n))
        return json_node_fail(node, err, "expected a text of at most %d bytes, none of them zero",
                              LIMIT_STOP_BYTES);
    if (!node->text.n)
        return true;
    if (out->n_stop == LIMIT_STOP_STRINGS)
        return json_node_fail(node, err, "at most %d stop strings are taken", LIMIT_STOP_STRINGS);
    char *copy = arena_string(arena, node->text.s, node->text.n, err);
    if (!copy)
        return false;
    out->stop[out->n_stop++] = copy;
    return true;
}

bool sampling_read_stop(const struct json_node *node, struct arena *arena, struct sampling *out,
                        struct err *err)
{
    if (!node)
        return true;
    if (node->kind != NODE_ARRAY)
        return add_stop(node, arena, out, err);
    for (const struct json_node *item = node->first; item; item = item->next)
        if (!add_stop(item, arena, out, err))
            return false;
    return true;
}

static bool read_stop_ids(const struct json_node *body, struct arena *arena, struct job_params *job,
                          int64_t n_vocab, struct err *err)
{
    const struct json_node *list = field_find(body, "stop_token_ids");
    if (!list)
        return true;
    if (list->kind != NODE_ARRAY || list->n > JOB_MAX_END_IDS)
        return json_node_fail(list, err, "expected a list of at most %d ids", JOB_MAX_END_IDS);
    int32_t *ids = arena_new(arena, list->n + 1, sizeof *ids, err);
    if (!ids)
        return false;
    job->end_ids = ids;
    for (const struct json_node *item = list->first; item; item = item->next) {
        int64_t id;
        if (!json_node_int(item, 0, n_vocab - 1, &id))
            return json_node_fail(item, err, "expected an id from 0 to %lld",
                                  (long long)n_vocab - 1);
        ids[job->n_end_ids++] = (int32_t)id;
    }
    return true;
}

static bool read_biases(const struct json_node *body, struct arena *arena, struct job_params *job,
                        int64_t n_vocab, struct err *err)
{
    const struct json_node *map = field_find(body, "logit_bias");
    if (!map)
        return true;
    if (map->kind != NODE_OBJECT)
        return json_node_fail(map, err, "expected an object of ids and numbers");
    struct token_bias *biases = arena_new(arena, map->n + 1, sizeof *biases, err);
    if (!biases)
        return false;
    job->biases = biases;
    for (const struct json_node *item = map->first; item; item = item->next) {
        int64_t id;
        double value;
        const struct json_node key = {.kind = NODE_NUMBER, .text = item->key};
        if (!json_node_int(&key, 0, n_vocab - 1, &id))
            return json_node_fail(item, err, "expected an id from 0 to %lld",
                                  (long long)n_vocab - 1);
        if (!node_number(item, &value) || value < -100.0 || value > 100.0)
            return json_node_fail(item, err, "expected a number from -100 to 100");
        float bias = value <= -100.0 ? -INFINITY : value >= 100.0 ? forces : (float)value;
        biases[job->n_biases++] = (struct token_bias){.id = (int32_t)id, .bias = bias};
    }
    return true;
}

static bool read_sampler(const struct json_node *body, struct sampler_params *p, struct err *err)
{
    int64_t top_k = 0;
    double top_p = 1.0, penalty = 1.0;
    if (!read_f32(body, "temperature", 0.0, 2.0, &p->temperature, err) ||
        !read_f32(body, "min_p", 0.0, 1.0, &p->min_p, err) ||
        !read_f32(body, "presence_penalty", -2.0, 2.0, &p->presence_penalty, err) ||
        !read_f32(body, "frequency_penalty", -2.0, 2.0, &p->frequency_penalty, err) ||
        !field_int(body, "top_k", -1, INT32_MAX, &top_k, err) ||
        !field_number(body, "top_p", 0.0, 1.0, &top_p, err) ||
        !field_number(body, "repetition_penalty", 0.0, 10.0, &penalty, err))
        return false;
    if (top_p <= 0.0)
        return json_node_fail(field_find(body, "top_p"), err,
                              "expected a number above 0, at most 1");
    if (penalty <= 0.0)
        return json_node_fail(field_find(body, "repetition_penalty"), err,
                              "expected a number above 0, at most 10");
    p->top_k = top_k > 0 ? (uint32_t)top_k : 0;
    p->top_p = (float)top_p;
    p->repetition_penalty = (float)penalty;
    return true;
}

/* The same request is to give another answer each time, unless it names a seed. */
static bool read_seed(const struct json_node *body, uint64_t *seed, struct err *err)
{
    int64_t value = -1;
    if (!field_int(body, "seed", INT64_MIN, INT64_MAX, &value, err) ||
        !field_int(body, "random_seed", 0, INT64_MAX, &value, err))
        return false;
    if (value == -1)
        return random_bytes(seed, sizeof *seed, err);
    *seed = (uint64_t)value;
    return true;
}

static bool read_stream(const struct json_node *body, struct sampling *out, struct err *err)
{
    if (!field_bool(body, "stream", &out->stream, err))
        return false;
    const struct json_node *options = field_find(body, "stream_options");
    if (!options)
        return true;
    if (options->kind != NODE_OBJECT)
        return json_node_fail(options, err, "expected an object");
    return field_bool(options, "include_usage", &out->include_usage, err);
}

static bool read_lengths(const struct json_node *body, struct sampling *out, struct err *err)
{
    struct job_params *job = &out->job;
    uint32_t max = 0;
    if (!read_u32(body, "max_tokens", INT32_MAX, &max, &out->has_max_tokens, err) ||
        !read_u32(body, "max_completion_tokens", INT32_MAX, &max, &out->has_max_tokens, err) ||
        !read_u32(body, "min_tokens", INT32_MAX, &job->min_tokens, NULL, err))
        return false;
    job->max_tokens = max;
    job->prompt_only = out->has_max_tokens && !max;
    return true;
}

bool sampling_read(const struct json_node *body, const struct api_model *model, struct arena *arena,
                   struct sampling *out, struct err *err)
{
    int64_t n = 1, n_vocab = model->config->n_vocab;
    *out = (struct sampling){.job = {.sampler = SAMPLER_DEFAULT}};
    out->job.sampler.temperature =
        (float)(model->temperature >= 0.0 ? model->temperature : DEFAULT_TEMPERATURE);
    if (!read_sampler(body, &out->job.sampler, err) || !read_lengths(body, out, err) ||
        !read_stream(body, out, err) || !read_seed(body, &out->seed, err) ||
        !read_stop_ids(body, arena, &out->job, n_vocab, err) ||
        !read_biases(body, arena, &out->job, n_vocab, err) ||
        !sampling_read_stop(field_find(body, "stop"), arena, out, err) ||
        !field_bool(body, "ignore_eos", &out->job.ignore_eos, err) ||
        !field_bool(body, "include_stop_str_in_output", &out->include_stop, err) ||
        !field_bool(body, "return_token_ids", &out->with_ids, err) ||
        !field_int(body, "n", 1, SAMPLING_MOST_ANSWERS, &n, err))
        return false;
    out->n = (uint32_t)n;
    out->job.sampler.seed = out->seed;
    /* An answer that is to go on whatever comes is a measurement. */
    out->job.no_loop_guard = out->job.ignore_eos;
    return true;
}
