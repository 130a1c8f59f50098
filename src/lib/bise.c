/* SPDX-License-Identifier: Apache-2.0 */
/* bise.c - the public face: plain types outside, the layers inside.
 *
 * Nothing is decided here; each function turns its arguments into those of a layer below and
 * the layer's struct err into the caller's struct bise_error. */
#include <bise.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map_guard.h"
#include "base/mem.h"
#include "engine/generator.h"
#include "lib/bise_int.h"
#include "model/model.h"
#include "text/tokenizer.h"

struct bise_answer {
    struct generator *gen;
    struct buf text; /* of the current piece */
};

static enum bise_code public_code(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return BISE_OK;
    case ERR_ARG:
        return BISE_ERROR_ARGUMENT;
    case ERR_NOT_FOUND:
        return BISE_ERROR_NOT_FOUND;
    case ERR_FORMAT:
        return BISE_ERROR_FORMAT;
    case ERR_UNSUPPORTED:
        return BISE_ERROR_UNSUPPORTED;
    case ERR_LIMIT:
    case ERR_BUSY:
        return BISE_ERROR_LIMIT;
    case ERR_IO:
    case ERR_CANCELLED:
        break;
    }
    return BISE_ERROR_SYSTEM;
}

enum bise_code lib_report(const struct err *err, struct bise_error *error)
{
    _Static_assert(sizeof error->text > sizeof err->text, "every text fits");
    enum bise_code code = public_code(err->code);
    if (error) {
        error->code = code;
        memcpy(error->text, err->text, sizeof err->text);
    }
    return code;
}

bool lib_given(const void *pointer, size_t n, const char *name, struct err *err)
{
    return pointer || !n || err_set(err, ERR_ARG, "%s: is NULL", name);
}

int64_t lib_copy_ids(const struct token_ids *list, int32_t *ids, size_t max)
{
    if (max > list->n)
        max = list->n;
    if (max)
        memcpy(ids, list->ids, max * sizeof *ids);
    return (int64_t)list->n;
}

const char *bise_version(void)
{
    return BISE_VERSION;
}

void bise_guard_files(void)
{
    map_guard_install();
}

static bool take_adapters(struct runtime_options *wanted, const struct bise_model_options *options,
                          struct err *err)
{
    if (options->n_adapters > LIMIT_ADAPTERS)
        return err_set(err, ERR_ARG, "n_adapters: expected 0 to %d, not %zu", LIMIT_ADAPTERS,
                       options->n_adapters);
    if (!lib_given(options->adapters, options->n_adapters, "adapters", err))
        return false;
    for (size_t i = 0; i < options->n_adapters; i++) {
        const struct bise_adapter *a = &options->adapters[i];
        if (!lib_given(a->path, 1, "path of an adapter", err))
            return false;
        if (!(fabs(a->scale) <= LIMIT_ADAPTER_SCALE))
            return err_set(err, ERR_ARG, "%s: scale: expected -%d to %d, not %g", a->path,
                           LIMIT_ADAPTER_SCALE, LIMIT_ADAPTER_SCALE, a->scale);
        wanted->adapters[i] = (struct adapter_option){a->path, a->scale != 0 ? a->scale : 1};
    }
    wanted->n_adapters = options->n_adapters;
    return true;
}

struct bise_model *bise_model_open(const char *path, const struct bise_model_options *options,
                                   struct bise_error *error)
{
    struct err err = {0};
    struct runtime_options wanted = {0};
    struct bise_model *model = NULL;
    if (!lib_given(path, 1, "path", &err))
        goto fail;
    if (options)
        wanted = (struct runtime_options){
            .cpu = options->cpu, .n_threads = options->n_threads, .exact = options->exact != 0};
    if (options && !take_adapters(&wanted, options, &err))
        goto fail;
    if (wanted.n_threads < 0 || wanted.n_threads > LIMIT_THREADS) {
        err_set(&err, ERR_ARG, "n_threads: expected 0 to %d, not %d", LIMIT_THREADS,
                wanted.n_threads);
        goto fail;
    }
    model = mem_new(1, sizeof *model, &err);
    if (!model || !runtime_open(&model->rt, path, &wanted, &err))
        goto fail;
    return model;
fail:
    lib_report(&err, error);
    free(model);
    return NULL;
}

void bise_model_close(struct bise_model *model)
{
    if (model)
        runtime_close(&model->rt);
    free(model);
}

int32_t bise_model_vocabulary(const struct bise_model *model)
{
    return (int32_t)model_config(model->rt.model)->n_vocab;
}

uint32_t bise_model_context(const struct bise_model *model)
{
    return model_config(model->rt.model)->context;
}

int64_t bise_tokenize(const struct bise_model *model, const char *text, size_t n_text, int32_t *ids,
                      size_t max, struct bise_error *error)
{
    struct err err = {0};
    struct token_ids list = {0};
    int64_t n = -1;
    if (!lib_given(model, 1, "model", &err) || !lib_given(text, n_text, "text", &err) ||
        !lib_given(ids, max, "ids", &err) || !runtime_has_tokenizer(&model->rt, &err) ||
        !tokenizer_encode(model->rt.tok, text, n_text, &list, &err)) {
        lib_report(&err, error);
        goto out;
    }
    n = lib_copy_ids(&list, ids, max);
out:
    token_ids_free(&list);
    return n;
}

static bool decode(const struct bise_model *model, const int32_t *ids, size_t n, struct buf *text,
                   struct err *err)
{
    struct text_decoder decoder;
    int32_t n_vocab = bise_model_vocabulary(model);
    text_decoder_init(&decoder, model->rt.tok);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= n_vocab)
            return err_set(err, ERR_ARG, "token %zu: id %d is not in 0..%d", i + 1, ids[i],
                           n_vocab - 1);
        if (!text_decoder_add(&decoder, ids[i], text, err))
            return false;
    }
    return text_decoder_end(&decoder, text, err);
}

int64_t bise_detokenize(const struct bise_model *model, const int32_t *ids, size_t n, char *text,
                        size_t max, struct bise_error *error)
{
    struct err err = {0};
    struct buf all;
    int64_t n_text = -1;
    buf_init(&all, LIMIT_TEXT_BYTES);
    if (!lib_given(model, 1, "model", &err) || !lib_given(ids, n, "ids", &err) ||
        !lib_given(text, max, "text", &err) || !runtime_has_tokenizer(&model->rt, &err) ||
        !decode(model, ids, n, &all, &err)) {
        lib_report(&err, error);
        goto out;
    }
    n_text = (int64_t)all.len;
    if (max > all.len)
        max = all.len;
    if (max)
        memcpy(text, all.data, max);
out:
    buf_free(&all);
    return n_text;
}

static struct generator_options generator_wants(const struct bise_answer_options *o)
{
    struct generator_options g = {.sampler = SAMPLER_DEFAULT};
    if (!o)
        return g;
    g.sampler.temperature = o->temperature;
    g.sampler.top_k = o->top_k;
    g.sampler.min_p = o->min_p;
    g.sampler.presence_penalty = o->presence_penalty;
    g.sampler.frequency_penalty = o->frequency_penalty;
    g.sampler.seed = o->seed;
    if (o->top_p != 0)
        g.sampler.top_p = o->top_p;
    if (o->repetition_penalty != 0)
        g.sampler.repetition_penalty = o->repetition_penalty;
    g.max_tokens = o->max_tokens;
    g.context = o->context;
    g.stop = o->stop;
    g.n_stop = o->n_stop;
    g.ignore_eos = o->ignore_end != 0;
    g.no_loop_guard = o->allow_loops != 0;
    return g;
}

/* How many stop strings there may be is for the layer below to say. */
static bool stop_given(const struct bise_answer_options *o, struct err *err)
{
    size_t n = o ? o->n_stop : 0;
    if (n && !lib_given(o->stop, n, "stop", err))
        return false;
    for (size_t i = 0; i < n && i < LIMIT_STOP_STRINGS; i++)
        if (!o->stop[i])
            return err_set(err, ERR_ARG, "stop: string %zu is NULL", i + 1);
    return true;
}

static bool prompt_given(const struct bise_model *model, const int32_t *ids, size_t n,
                         struct err *err)
{
    if (!lib_given(model, 1, "model", err) || !lib_given(ids, n, "ids", err))
        return false;
    return n > 0 || err_set(err, ERR_ARG, "the prompt has no tokens");
}

struct bise_answer *lib_answer_open(struct bise_model *model, const int32_t *ids, size_t n,
                                    const struct bise_answer_options *options, bool continues_text,
                                    struct err *err)
{
    struct generator_options wanted = generator_wants(options);
    struct bise_answer *answer = NULL;
    wanted.continues_text = continues_text;
    if (!prompt_given(model, ids, n, err) || !stop_given(options, err))
        return NULL;
    answer = mem_new(1, sizeof *answer, err);
    if (!answer)
        return NULL;
    buf_init(&answer->text, LIMIT_TEXT_BYTES);
    answer->gen = generator_open(model->rt.model, model->rt.tok, &wanted, err);
    if (answer->gen && generator_prompt(answer->gen, ids, n, err))
        return answer;
    bise_answer_close(answer);
    return NULL;
}

struct bise_answer *bise_answer_from_ids(struct bise_model *model, const int32_t *ids, size_t n,
                                         const struct bise_answer_options *options,
                                         struct bise_error *error)
{
    struct err err = {0};
    struct bise_answer *answer = lib_answer_open(model, ids, n, options, true, &err);
    if (!answer)
        lib_report(&err, error);
    return answer;
}

struct bise_answer *bise_answer_open(struct bise_model *model, const char *prompt,
                                     const struct bise_answer_options *options,
                                     struct bise_error *error)
{
    struct err err = {0};
    struct token_ids ids = {0};
    struct bise_answer *answer = NULL;
    if (lib_given(model, 1, "model", &err) && lib_given(prompt, 1, "prompt", &err) &&
        runtime_prompt(&model->rt, prompt, strlen(prompt), &ids, &err))
        answer = bise_answer_from_ids(model, ids.ids, ids.n, options, error);
    else
        lib_report(&err, error);
    token_ids_free(&ids);
    return answer;
}

void bise_answer_close(struct bise_answer *answer)
{
    if (!answer)
        return;
    generator_close(answer->gen);
    buf_free(&answer->text);
    free(answer);
}

enum bise_code bise_answer_next(struct bise_answer *answer, struct bise_piece *piece,
                                struct bise_error *error)
{
    struct err err = {0};
    if (!lib_given(piece, 1, "piece", &err))
        return lib_report(&err, error);
    *piece = (struct bise_piece){.id = -1, .text = "", .is_last = 1};
    if (!lib_given(answer, 1, "answer", &err))
        return lib_report(&err, error);
    buf_clear(&answer->text);
    if (!generator_next(answer->gen, &piece->id, &answer->text, &err))
        return lib_report(&err, error);
    if (answer->text.len)
        piece->text = answer->text.data;
    piece->n_text = answer->text.len;
    piece->is_last = piece->id < 0;
    return BISE_OK;
}

enum bise_finish bise_answer_finish(const struct bise_answer *answer)
{
    switch (generator_finish(answer->gen)) {
    case FINISH_STOP:
        return BISE_FINISH_STOP;
    case FINISH_LENGTH:
        return BISE_FINISH_LENGTH;
    case FINISH_LOOP:
        return BISE_FINISH_LOOP;
    default: /* none of the others without a scheduler */
        break;
    }
    return BISE_FINISH_NONE;
}
