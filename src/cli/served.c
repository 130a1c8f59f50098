/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/served.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "cli/bundled.h"
#include "cli/experts.h"
#include "cli/machine.h"
#include "engine/engine.h"
#include "engine/generator.h"
#include "model/model.h"
#include "text/token_trie.h"
#include "text/tokenizer.h"
#include "text/traits.h"

/* Contexts that keys and values are kept for, where nothing else is said and memory allows. */
enum { CONTEXTS = 4, ANSWER_PAGES = 64 };

/* The prompt format to chat in: 0 for none. */
static int chat_version(const struct served *s, int wanted)
{
    if (wanted || !s->rt.tok)
        return wanted;
    const struct traits *traits = tokenizer_traits(s->rt.tok);
    return traits->version >= 2 || traits->has_template ? traits->version : 0;
}

/* "mistral-7b" of "models/mistral-7b/" and "mistral-7b.gguf". */
static bool name_model(struct served *s, const char *what, struct err *err)
{
    const char *path = what ? what : s->path.data;
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t begin = n;
    while (begin && path[begin - 1] != '/')
        begin--;
    if (n - begin > 5 && strncmp(path + n - 5, ".gguf", 5) == 0)
        n -= 5;
    buf_init(&s->name, LIMIT_NAME_BYTES);
    return buf_add(&s->name, path + begin, n - begin, err);
}

static bool describe(struct served *s, struct err *err)
{
    char text[160];
    const struct model_config *c = &s->rt.ckpt->config;
    int n = snprintf(text, sizeof text, "%u layers of %u, %u tokens, context %u", c->n_layers,
                     c->dim, c->n_vocab, c->context);
    buf_init(&s->about, sizeof text);
    return buf_add(&s->about, text, (size_t)n, err);
}

/* As many pages as so many contexts need, or ANSWER_PAGES for each answer at a time, in half of the
 * memory that is left; those of one context at least. */
static uint32_t choose_pages(const struct served *s, const struct served_options *o,
                             uint32_t context)
{
    uint64_t page = model_page_bytes(s->rt.model);
    uint64_t one = generator_pages(model_config(s->rt.model), context, MODEL_MAX_TOKENS) + 1;
    uint64_t n = (o->n_contexts ? o->n_contexts : CONTEXTS) * one;
    uint64_t each = (uint64_t)ANSWER_PAGES * o->scheduler.n_running;
    uint64_t most = machine_memory("") / 2 / page;
    if (n < each)
        n = each;
    if (o->kv_memory)
        n = o->kv_memory / page;
    else if (n > most && most)
        n = most;
    if (n < one && !o->kv_memory)
        n = one;
    return n < UINT32_MAX / 2 ? (uint32_t)(n ? n : 1) : UINT32_MAX / 2;
}

static bool open_engine(struct served *s, const struct served_options *o, struct turn *turn,
                        struct api_model *model, struct err *err)
{
    struct scheduler_options options = o->scheduler;
    options.context = model->context = generator_context(&s->rt.ckpt->config, o->context);
    options.n_pages = choose_pages(s, o, options.context);
    options.eos = tokenizer_eos(s->rt.tok);
    s->engine = engine_open(s->rt.model, &options, turn, err);
    return s->engine != NULL;
}

bool served_open(struct served *served, const char *what, const struct served_options *options,
                 struct turn *turn, struct api_model *model, struct err *err)
{
    struct runtime_options machine = options->machine;
    struct stat st;
    machine.plan_experts = experts_plan;
    machine.context = options->context;
    buf_init(&served->path, LIMIT_JSON_BYTES);
    if (!bundled_or(what, &served->path, err) ||
        !runtime_open(&served->rt, served->path.data, &machine, err) ||
        !runtime_has_tokenizer(&served->rt, err) || !name_model(served, what, err) ||
        !describe(served, err) || !(served->trie = token_trie_open(served->rt.tok, err)) ||
        !open_engine(served, options, turn, model, err))
        return false;
    int version = chat_version(served, options->version);
    if (version && !prompt_format_init(&served->format, served->rt.tok, version, err))
        return false;
    model->name = served->name.data;
    if (what && strcmp(what, model->name) != 0 && what[0] != '/' && what[0] != '.')
        model->aliases[model->n_aliases++] = what;
    model->engine = served->engine;
    model->tok = served->rt.tok;
    model->trie = served->trie;
    model->config = &served->rt.ckpt->config;
    model->format = version ? &served->format : NULL;
    model->created = stat(served->path.data, &st) == 0 ? (int64_t)st.st_mtime : 0;
    model->about = served->about.data;
    model->temperature = -1.0;
    return true;
}

void served_close(struct served *served)
{
    engine_close(served->engine);
    token_trie_close(served->trie);
    runtime_close(&served->rt);
    buf_free(&served->path);
    buf_free(&served->name);
    buf_free(&served->about);
}
