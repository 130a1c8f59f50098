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
#include "cli/machine.h"
#include "cli/notes.h"
#include "cli/options.h"
#include "cli/show_adapter.h"
#include "cli/show_int.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/model.h"
#include "text/tokenizer.h"
#include "text/traits.h"

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

static bool gather(struct facts *f, uint32_t context, bool check, struct err *err)
{
    enum dtype kv_type = f->kv_q8 ? DTYPE_Q8_0 : DTYPE_BF16;
    if (!config_check_kv(&f->ckpt->config, kv_type, err))
        return err_add(err, "%s", f->ckpt->path);
    if (check && !checkpoint_check_numbers(f->ckpt, err))
        return false;
    f->checked = check;
    for (size_t i = 0; i < f->ckpt->tensors->n_files; i++)
        f->n_file_bytes += f->ckpt->tensors->files[i].size;
    f->shares = weight_shares_count(f->ckpt);
    f->n_token_bytes = config_page_bytes(&f->ckpt->config, kv_type) / BACKEND_PAGE_TOKENS;
    if (!gather_tokenizer(f, f->ckpt->path, f->ckpt, err))
        return false;
    notes_context(f->ckpt, context);
    f->plan = plan_memory(f->ckpt, generator_context(&f->ckpt->config, context), kv_type,
                          machine_memory(""));
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
    (json ? show_json_tokenizer : show_table_tokenizer)(f);
    return true;
}

static int show(int argc, char **argv)
{
    uint32_t context = 0;
    bool json = false, check = false;
    struct facts facts = {0};
    const struct option options[] = {
        option_context(&context),
        option_kv_q8(&facts.kv_q8),
        option_flag("json", &json),
        option_flag("check-tensors", &check),
        {.name = NULL},
    };
    int code = options_parse(&verb_show, options, &argc, argv);
    if (code >= 0)
        return code;

    struct err err = {0};
    struct checkpoint *ckpt = NULL;
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    if (bundled_or(argc ? argv[0] : NULL, &path, &err))
        ckpt = checkpoint_open(path.data, &err);
    facts.ckpt = ckpt;
    if (ckpt && gather(&facts, context, check, &err)) {
        (json ? show_json : show_table)(&facts);
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
            "Prints what a model is: architecture, size, number formats, experts, context,\n"
            "tokenizer and the format of its prompts; what each token reads and stores, the\n"
            "memory that it needs, and whether this machine has it.  Nothing is computed, so it\n"
            "also works for a model that is too large, and for a tokenizer or an adapter alone.\n"
            "\n"
            "    bise show path/to/model --context 8192\n"
            "\n"
            "    --context N       plan memory for N tokens (default: the model's, at most 32768)\n"
            "    --kv-q8           plan for keys and values in 8 bits\n"
            "    --check-tensors   read every weight and look for numbers that are not finite\n"
            "    --json            print one JSON object; sizes in bytes\n",
    .max_args = 1,
    .run = show,
};
