/* SPDX-License-Identifier: Apache-2.0 */
/* logits.c - "bise logits": the raw output of a model, for comparing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/experts.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/notes.h"
#include "cli/options.h"
#include "cli/out_check.h"
#include "cli/outfile.h"
#include "cli/written.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/model.h"
#include "text/tokenizer.h"

/* Floats go to the file as they lie in memory. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian");

struct wanted {
    struct runtime_options machine;
    int chunk;
    const char *model, *tokens, *out;
};

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* Reads the id at *text, and the comma behind it where there is one. */
static bool parse_id(const char **text, struct token_ids *ids, struct err *err)
{
    static const char ends[] = ", \t\r\n[]";
    errno = 0;
    char *end;
    size_t n = strcspn(*text, ends);
    long id = strtol(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno || id > LIMIT_VOCAB || (*end && !strchr(ends, *end)))
        return err_set(err, ERR_ARG, "tokens: expected an id such as 403, not '%.*s'",
                       (int)(n ? n : 1), *text);
    if (ids->n >= LIMIT_CONTEXT)
        return err_set(err, ERR_LIMIT, "tokens: more than %d", LIMIT_CONTEXT);
    *text = skip_space(end);
    if (**text == ',') {
        *text = skip_space(*text + 1);
        if (!**text || **text == ']')
            return err_set(err, ERR_ARG, "tokens: expected an id behind the last comma");
    }
    return token_ids_add(ids, (int32_t)id, err);
}

/* Reads ids with commas or white space between them; a JSON array is fine too. */
static bool parse_ids(const char *text, struct token_ids *ids, struct err *err)
{
    text = skip_space(text);
    bool array = *text == '[';
    text = skip_space(text + array);
    while (*text && !(array && *text == ']'))
        if (!parse_id(&text, ids, err))
            return false;
    if (array && (!*text || *skip_space(text + 1)))
        return err_set(err, ERR_ARG, "tokens: expected one ']', at the end");
    return ids->n > 0 || err_set(err, ERR_ARG, "tokens: no ids; give some such as 1,403,407");
}

static bool read_ids(struct token_ids *ids, struct err *err)
{
    struct buf input;
    bool ok = false;
    buf_init(&input, LIMIT_TEXT_BYTES);
    if (!input_read(&input, err))
        goto out;
    if (input.len && memchr(input.data, '\0', input.len))
        err_set(err, ERR_ARG, "tokens: standard input holds a NUL byte; expected text");
    else
        ok = parse_ids(input.len ? input.data : "", ids, err);
out:
    buf_free(&input);
    return ok;
}

struct rows {
    struct outfile *out;
    size_t n_bytes; /* of a row */
};

static bool write_row(void *arg, const float *logits, struct err *err)
{
    struct rows *rows = arg;
    if (interrupt_came())
        return err_set(err, ERR_CANCELLED, "interrupted");
    return outfile_write(rows->out, logits, rows->n_bytes, err);
}

/* Once nothing speaks against writing. */
static bool note(const struct runtime *rt, const struct wanted *w)
{
    notes_skipped(rt->ckpt);
    notes_rounding(rt->ckpt, &w->machine);
    experts_note(rt, &w->machine);
    return true;
}

static bool write_logits(const struct runtime *rt, const struct wanted *w,
                         const struct token_ids *ids, struct err *err)
{
    struct generator_options options = {
        .sampler = SAMPLER_DEFAULT, .chunk = w->chunk, .context = (uint32_t)ids->n};
    struct outfile out = {0};
    struct rows rows = {.out = &out, .n_bytes = model_config(rt->model)->n_vocab * sizeof(float)};
    struct generator *gen = generator_open(rt->model, NULL, &options, err);
    bool ok = gen && out_check_model(w->out, rt->ckpt, err) &&
              out_check_adapters(w->out, rt->adapters, err) && outfile_open(&out, w->out, err) &&
              note(rt, w) &&
              generator_prompt_logits(gen, ids->ids, ids->n, write_row, &rows, err) &&
              outfile_commit(&out, err);
    outfile_close(&out);
    generator_close(gen);
    return ok;
}

/* Signals are held only while there is a file to leave in order. */
static int run_logits(const struct wanted *w, const struct token_ids *ids)
{
    struct err err = {0};
    struct runtime rt = {0};
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    bool ok = bundled_or(w->model, &path, &err) && runtime_open(&rt, path.data, &w->machine, &err);
    if (ok) {
        outfile_hold(w->out);
        ok = write_logits(&rt, w, ids, &err);
        interrupt_release();
    }
    runtime_close(&rt);
    buf_free(&path);
    return ok ? EXIT_DONE : written_fail(w->out, &err);
}

static int logits(int argc, char **argv)
{
    struct wanted w = {0};
    const struct option options[] = {
        OPTIONS_MACHINE(&w.machine),
        option_int("chunk", &w.chunk, 1, MODEL_MAX_TOKENS),
        option_text("tokens", &w.tokens),
        option_text("out", &w.out),
        {.name = NULL},
    };
    int code = options_parse(&verb_logits, options, &argc, argv);
    if (code >= 0)
        return code;
    if (!w.tokens)
        return options_wrong(&verb_logits, "give the ids with --tokens 1,2,3");
    if (!w.out)
        return options_wrong(&verb_logits, "give the file with --out FILE");
    w.model = argc ? argv[0] : NULL;
    w.machine.plan_experts = experts_plan;
    struct err err = {0};
    struct token_ids ids = {0};
    if (strcmp(w.tokens, "-") == 0)
        code = read_ids(&ids, &err) ? run_logits(&w, &ids) : console_fail(&err);
    else if (parse_ids(w.tokens, &ids, &err))
        code = run_logits(&w, &ids);
    else
        code = options_wrong(&verb_logits, "--%s", err.text);
    token_ids_free(&ids);
    return code;
}

const struct verb verb_logits = {
    .name = "logits",
    .summary = "write a model's raw output for given tokens",
    .help =
        "usage: bise logits [options] [MODEL] --tokens IDS --out FILE\n"
        "\n"
        "Computes the logits behind each of the given tokens and writes them as little-endian\n"
        "float32 [tokens][vocabulary], without a header.  FILE appears when it is complete.\n"
        "\n"
        "    bise logits path/to/model --tokens 1,403,407 --exact --out logits.f32\n"
        "\n"
        "    --tokens IDS            ids with commas or spaces between them, no start token is\n"
        "                            added; '-': from standard input\n"
        "    --out FILE              '-': standard output, unless that is a terminal\n"
        "    --chunk N               tokens of a step, 1 to 512; the logits do not depend on "
        "it\n" OPTIONS_MACHINE_HELP,
    .max_args = 1,
    .run = logits,
};
