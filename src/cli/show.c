/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - "bise show": what a model is, and whether this machine can run it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/machine.h"
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/show_adapter.h"
#include "cli/units.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/checkpoint.h"
#include "text/tokenizer.h"
#include "text/traits.h"

struct share {
    uint64_t n_params, n_bytes;
};

struct facts {
    const struct checkpoint *ckpt;
    struct share shares[DTYPE_COUNT]; /* of each number format */
    uint64_t n_file_bytes;
    char tokenizer[256], prompts[128];
    bool checked;
    struct plan plan;
};

static void count_tensor(struct facts *f, const struct tensor *t)
{
    struct share *share = &f->shares[t->dtype];
    share->n_params += (uint64_t)t->n_rows * (uint64_t)t->n_cols;
    share->n_bytes += (uint64_t)t->n_rows * tensor_row_bytes(t);
}

static void count_formats(struct facts *f)
{
    const struct model_weights *w = &f->ckpt->weights;
    count_tensor(f, &w->embedding);
    count_tensor(f, &w->norm);
    if (!f->ckpt->config.tied)
        count_tensor(f, &w->output);
    for (uint32_t i = 0; i < f->ckpt->config.n_layers; i++) {
        const struct layer_weights *l = &w->layers[i];
        const struct tensor *all[9] = {&l->attn_norm,  &l->ffn_norm, &l->wq,
                                       &l->wk,         &l->wv,       &l->wo,
                                       &l->ffn.w_gate, &l->ffn.w_up, &l->ffn.w_down};
        for (int k = 0; k < 9; k++)
            count_tensor(f, all[k]);
    }
}

static const char *layout_name(enum checkpoint_layout layout)
{
    switch (layout) {
    case CHECKPOINT_NATIVE:
        return "Mistral native";
    case CHECKPOINT_HF:
        return "Hugging Face";
    case CHECKPOINT_GGUF:
        break;
    }
    return "GGUF";
}

/* Adds to what of text: [size] is there already. */
static void append(char *text, size_t size, const char *fmt, ...) PRINTF(3, 4);
static void append(char *text, size_t size, const char *fmt, ...)
{
    size_t n = strlen(text);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + n, size - n, fmt, args);
    va_end(args);
}

static void describe_prompts(struct facts *f, const struct tokenizer *tok)
{
    const struct traits *t = tokenizer_traits(tok);
    char *text = f->prompts;
    size_t size = sizeof f->prompts;
    if (t->version < 2 && !t->has_template)
        append(text, size,
               t->version ? "none: text is continued; --format v1 chats"
                          : "none: text is continued");
    else if (!t->version)
        append(text, size, "of no known format: text is continued");
    else
        append(text, size, "v%d, %s", t->version,
               tokenizer_is_tekken(tok) ? "tekken" : "SentencePiece");
    if (t->image.patch_size)
        append(text, size, "; pictures %ux%u patches", t->image.patch_size, t->image.patch_size);
    if (t->image.patch_size && t->image.merge > 1)
        append(text, size, ", %ux%u merged,", t->image.merge, t->image.merge);
    if (t->image.patch_size)
        append(text, size, " up to %u pixels", t->image.max_size);
    if (t->audio.sampling_rate)
        append(text, size, "; sound at %u Hz", t->audio.sampling_rate);
}

/* A broken tokenizer is a fact about the model, not a failure to show it.  file: its name in a
 * folder, or "". */
static void describe_tokenizer(struct facts *f, const struct tokenizer *tok, const char *file,
                               const struct err *err)
{
    if (tok)
        describe_prompts(f, tok);
    append(f->tokenizer, sizeof f->tokenizer, "%s",
           tok                          ? tokenizer_describe(tok)
           : err->code == ERR_NOT_FOUND ? "none"
                                        : err->text);
    if (tok && *file)
        append(f->tokenizer, sizeof f->tokenizer, ", %s", file);
    console_clean(f->tokenizer);
}

/* Finds what is said about the tokenizer of path, of which ckpt is the model, or NULL. */
static bool gather_tokenizer(struct facts *f, const char *path, const struct checkpoint *ckpt,
                             struct err *err)
{
    struct err ignored = {0}, why = {0};
    char file[256] = "";
    bool is_gguf = ckpt && ckpt->layout == CHECKPOINT_GGUF;
    if (!is_gguf && file_is_dir(path) && !tokenizer_choose(path, file, sizeof file, &ignored))
        *file = 0;
    struct tokenizer *tok = ckpt ? runtime_tokenizer(ckpt, &why) : tokenizer_open(path, &why);
    if (!tok && !ckpt)
        return err_set(err, why.code, "%s", why.text);
    describe_tokenizer(f, tok, file, &why);
    tokenizer_close(tok);
    return true;
}

static int n_windowed(const struct model_config *c, uint32_t *widest)
{
    int n = 0;
    *widest = 0;
    for (uint32_t i = 0; i < c->n_layers; i++) {
        n += c->windows[i] != 0;
        if (c->windows[i] > *widest)
            *widest = c->windows[i];
    }
    return n;
}

static void print_features(const struct model_config *c)
{
    uint32_t window;
    int n = n_windowed(c, &window);
    printf("positions     rotary, theta %.10g, %s\n", c->rope_theta,
           c->rope_layout == ROPE_INTERLEAVED ? "interleaved" : "half-split");
    if (c->has_yarn)
        printf("              YaRN, %.10g times %.10g tokens, magnitude %g\n", c->yarn.factor,
               c->yarn.original_context, (double)c->rope_magnitude);
    if (n)
        printf("              sliding window of %u tokens in %d of %u layers\n", window, n,
               c->n_layers);
    if (c->temperature_beta > 0)
        printf("              queries scaled from token %.10g on, beta %g\n",
               c->temperature_original, c->temperature_beta);
}

static void print_formats(const struct facts *f)
{
    char size[UNITS_TEXT];
    const char *label = "formats";
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (!f->shares[i].n_params)
            continue;
        printf("%-13s %-8s %5.1f %% of parameters, %s\n", label, dtype_info((enum dtype)i)->name,
               100 * (double)f->shares[i].n_params / (double)f->ckpt->n_params,
               units_bytes(size, f->shares[i].n_bytes));
        label = "";
    }
}

static void print_advice(const struct plan *p)
{
    if (p->fitting_context)
        printf("              --context %u would fit\n", p->fitting_context);
    else
        puts("              take a model with fewer parameters or bits, or a larger machine");
}

static void print_memory(const struct plan *p)
{
    char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT];
    printf("memory        %s: %s weights + %s keys and values of %u tokens + %s work\n",
           units_bytes(a, p->needed), units_bytes(b, p->weights), units_bytes(c, p->kv), p->context,
           units_bytes(d, p->work));
    if (!p->available) {
        puts("fits here     not known: this system does not say how much memory is available");
    } else {
        printf("fits here     %s: needs %s, has %s\n", p->fits ? "yes" : "no",
               units_bytes(a, p->needed), units_bytes(b, p->available));
        if (!p->fits)
            print_advice(p);
    }
}

static void print_tokenizer(const struct facts *f)
{
    printf("tokenizer     %s\n", f->tokenizer);
    if (*f->prompts)
        printf("prompts       %s\n", f->prompts);
}

static void print_table(const struct facts *f)
{
    const struct checkpoint *ckpt = f->ckpt;
    const struct model_config *c = &ckpt->config;
    char text[UNITS_TEXT];
    printf("model         %s\n", ckpt->path);
    printf("architecture  %s\n", c->architecture);
    printf("layout        %s, %zu file%s, %s\n", layout_name(ckpt->layout), ckpt->tensors->n_files,
           ckpt->tensors->n_files == 1 ? "" : "s", units_bytes(text, f->n_file_bytes));
    printf("parameters    %s (%llu), all active for each token\n",
           units_count(text, ckpt->n_params), (unsigned long long)ckpt->n_params);
    print_formats(f);
    printf("layers        %u of width %u, feed-forward %u\n", c->n_layers, c->dim, c->ffn_dim);
    printf("attention     %u heads of %u, %u for keys and values\n", c->n_heads, c->head_dim,
           c->n_kv_heads);
    print_features(c);
    printf("vocabulary    %u%s\n", c->n_vocab, c->tied ? ", output tied to the embedding" : "");
    print_tokenizer(f);
    printf("context       %s %u tokens\n", c->context_assumed ? "not stated, taken as" : "made for",
           c->context);
    if (ckpt->n_skipped)
        printf("left out      %u tensors of other parts (pictures, sound): text only\n",
               ckpt->n_skipped);
    if (f->checked)
        puts("numbers       every weight is finite");
    print_memory(&f->plan);
}

static void print_string(const char *key, const char *value)
{
    printf("\"%s\":", key);
    json_text(value, strlen(value));
    putchar(',');
}

static void print_json_formats(const struct facts *f)
{
    const char *comma = "";
    fputs("\"formats\":{", stdout);
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (!f->shares[i].n_params)
            continue;
        printf("%s\"%s\":{\"parameters\":%llu,\"bytes\":%llu}", comma,
               dtype_info((enum dtype)i)->name, (unsigned long long)f->shares[i].n_params,
               (unsigned long long)f->shares[i].n_bytes);
        comma = ",";
    }
    fputs("},", stdout);
}

static void print_json(const struct facts *f)
{
    const struct model_config *c = &f->ckpt->config;
    const struct plan *p = &f->plan;
    uint32_t window;
    putchar('{');
    print_string("model", f->ckpt->path);
    print_string("architecture", c->architecture);
    print_string("layout", layout_name(f->ckpt->layout));
    print_string("tokenizer", f->tokenizer);
    if (*f->prompts)
        print_string("prompts", f->prompts);
    printf("\"files\":%zu,\"file_bytes\":%llu,", f->ckpt->tensors->n_files,
           (unsigned long long)f->n_file_bytes);
    printf("\"parameters\":%llu,\"active_parameters\":%llu,", (unsigned long long)f->ckpt->n_params,
           (unsigned long long)f->ckpt->n_params);
    print_json_formats(f);
    printf("\"layers\":%u,\"dim\":%u,\"ffn_dim\":%u,\"heads\":%u,\"kv_heads\":%u,\"head_dim\":%u,",
           c->n_layers, c->dim, c->ffn_dim, c->n_heads, c->n_kv_heads, c->head_dim);
    printf("\"vocabulary\":%u,\"tied\":%s,\"context\":%u,", c->n_vocab, c->tied ? "true" : "false",
           c->context);
    printf("\"rope_theta\":%.17g,\"yarn_factor\":%.17g,", c->rope_theta,
           c->has_yarn ? c->yarn.factor : 1.0);
    printf("\"windowed_layers\":%d,", n_windowed(c, &window));
    printf("\"window\":%u,\"skipped_tensors\":%u,", window, f->ckpt->n_skipped);
    printf("\"memory\":{\"context\":%u,\"weights\":%llu,\"kv\":%llu,\"work\":%llu,\"needed\":%llu,"
           "\"available\":",
           p->context, (unsigned long long)p->weights, (unsigned long long)p->kv,
           (unsigned long long)p->work, (unsigned long long)p->needed);
    if (p->available)
        printf("%llu,\"fits\":%s}}\n", (unsigned long long)p->available,
               p->fits ? "true" : "false");
    else
        puts("null,\"fits\":null}}");
}

static bool gather(struct facts *f, uint32_t context, bool check, struct err *err)
{
    if (check && !checkpoint_check_numbers(f->ckpt, err))
        return false;
    f->checked = check;
    for (size_t i = 0; i < f->ckpt->tensors->n_files; i++)
        f->n_file_bytes += f->ckpt->tensors->files[i].size;
    count_formats(f);
    if (!gather_tokenizer(f, f->ckpt->path, f->ckpt, err))
        return false;
    f->plan =
        plan_memory(f->ckpt, generator_context(&f->ckpt->config, context), machine_memory(""));
    return true;
}

/* Shows a tokenizer where there is no model, which why says.  Returns false when there is neither.
 */
static bool show_tokenizer(struct facts *f, const char *path, bool json, const struct err *why)
{
    struct err ignored = {0};
    bool is_possible = path && (why->code == ERR_ARG || why->code == ERR_NOT_FOUND);
    if (!is_possible || !gather_tokenizer(f, path, NULL, &ignored))
        return false;
    if (file_is_dir(path))
        console_note("%s", why->text);
    if (json) {
        putchar('{');
        print_string("tokenizer", f->tokenizer);
        printf("\"prompts\":");
        json_text(f->prompts, strlen(f->prompts));
        puts("}");
    } else {
        print_tokenizer(f);
    }
    return true;
}

static int show(int argc, char **argv)
{
    uint32_t context = 0;
    bool json = false, check = false;
    const struct option options[] = {
        option_context(&context),
        option_flag("json", &json),
        option_flag("check-tensors", &check),
        {.name = NULL},
    };
    int code = options_parse(&verb_show, options, &argc, argv);
    if (code >= 0)
        return code;

    struct err err = {0};
    struct facts facts = {0};
    struct checkpoint *ckpt = NULL;
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    if (bundled_or(argc ? argv[0] : NULL, &path, &err))
        ckpt = checkpoint_open(path.data, &err);
    facts.ckpt = ckpt;
    if (ckpt && gather(&facts, context, check, &err)) {
        (json ? print_json : print_table)(&facts);
        code = console_finish(EXIT_DONE);
    } else if (!ckpt && path.len && show_adapter(path.data, json, &err)) {
        code = err.code ? console_fail(&err) : console_finish(EXIT_DONE);
    } else if (!ckpt && show_tokenizer(&facts, path.data, json, &err)) {
        code = console_finish(EXIT_DONE);
    } else {
        code = console_fail(&err);
    }
    checkpoint_close(ckpt);
    buf_free(&path);
    return code;
}

const struct verb verb_show = {
    .name = "show",
    .summary = "describe a model, and whether it fits this machine",
    .help = "usage: bise show [options] [MODEL]\n"
            "\n"
            "Prints what a model is: architecture, size, number formats, context, tokenizer, the\n"
            "format of its prompts; the memory that it needs, and whether this machine has it.\n"
            "Nothing is computed, so it also works for a model that is too large, and of a\n"
            "tokenizer or an adapter alone.\n"
            "\n"
            "    bise show path/to/model --context 8192\n"
            "\n"
            "    --context N       plan memory for N tokens (default: the model's, at most 32768)\n"
            "    --check-tensors   read every weight and look for numbers that are not finite\n"
            "    --json            print one JSON object; sizes in bytes\n",
    .max_args = 1,
    .run = show,
};
