/* SPDX-License-Identifier: Apache-2.0 */
/* imatrix.c - "bise imatrix": which inputs of a model's matrices matter, from a text. */
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/plural.h"
#include "base/units.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/out_check.h"
#include "cli/outfile.h"
#include "cli/written.h"
#include "engine/generator.h"
#include "lib/runtime.h"
#include "model/importance.h"
#include "model/model.h"
#include "tensor/backend.h"
#include "text/tokenizer.h"

enum { DEFAULT_CHUNK = 512 };

struct job {
    const char *model, *text, *out;
    uint32_t chunk; /* tokens that are read as one text; 0: not given */
    bool force;
    struct runtime_options machine;
    struct runtime rt;
    struct gguf_export export;
    struct importance_sums sums;
    struct token_ids ids;
    struct outfile file;
    uint32_t n_chunks;
    uint64_t n_bytes; /* written */
};

static bool read_text(struct job *job, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    bool ok = runtime_has_tokenizer(&job->rt, err) && file_read(&text, job->text, err) &&
              tokenizer_encode(job->rt.tok, text.data, text.len, &job->ids, err);
    buf_free(&text);
    if (ok && job->ids.n < job->chunk)
        return err_set(err, ERR_ARG, "%s: %zu token%s; give a text of at least %u, or --chunk",
                       job->text, job->ids.n, plural(job->ids.n), job->chunk);
    return ok;
}

/* Every chunk is a text of its own: the start-of-sequence token takes its first place. */
static bool run_chunk(struct job *job, int32_t *ids, struct err *err)
{
    struct generator_options options = {.sampler = SAMPLER_DEFAULT, .context = job->chunk};
    int32_t bos = tokenizer_bos(job->rt.tok);
    if (bos >= 0)
        ids[0] = bos;
    struct generator *gen = generator_open(job->rt.model, NULL, &options, err);
    bool ok = gen && generator_prompt(gen, ids, job->chunk, err);
    generator_close(gen);
    return ok;
}

static bool run_chunks(struct job *job, struct err *err)
{
    job->n_chunks = (uint32_t)(job->ids.n / job->chunk);
    for (uint32_t i = 0; i < job->n_chunks; i++) {
        if (interrupt_came())
            return err_set(err, ERR_CANCELLED, "interrupted");
        console_progress("chunk %u of %u", i + 1, job->n_chunks);
        if (!run_chunk(job, job->ids.ids + (size_t)i * job->chunk, err))
            return false;
    }
    return true;
}

static bool write_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    struct job *job = arg;
    job->n_bytes += n;
    return outfile_write(&job->file, bytes, n, err);
}

/* Beyond its context a model is not what it is when it is used. */
static bool choose_chunk(struct job *job, struct err *err)
{
    const struct model_config *c = model_config(job->rt.model);
    if (!job->chunk)
        job->chunk = c->context < DEFAULT_CHUNK ? c->context : DEFAULT_CHUNK;
    return c->context_assumed || job->chunk <= c->context ||
           err_set(err, ERR_ARG,
                   "--chunk %u: %s was made for a context of %u token%s; give --chunk %u or less",
                   job->chunk, job->model, c->context, plural(c->context), c->context);
}

static bool check_out(const struct job *job, struct err *err)
{
    return out_check_model(job->out, job->rt.ckpt, err) &&
           out_check_adapters(job->out, job->rt.adapters, err) &&
           out_check_input(job->out, job->text, err) && out_check_new(job->out, job->force, err);
}

static bool measure(struct job *job, struct err *err)
{
    if (!runtime_open(&job->rt, job->model, &job->machine, err) || !check_out(job, err) ||
        !choose_chunk(job, err) || !read_text(job, err) ||
        !gguf_export_open(&job->export, job->rt.ckpt, err) ||
        !importance_sums_open(&job->sums, &job->export, err) ||
        !outfile_open(&job->file, job->out, err))
        return false;
    job->rt.backend->observe = importance_observe;
    job->rt.backend->observe_arg = &job->sums;
    bool ok = run_chunks(job, err);
    console_progress_end();
    struct importance_facts facts = {
        .text = job->text, .n_chunks = job->n_chunks, .chunk_tokens = job->chunk};
    return ok && importance_write(&job->sums, &facts, write_bytes, job, err) &&
           outfile_commit(&job->file, err);
}

static int print_summary(const struct job *job)
{
    char size[UNITS_TEXT];
    return written_done(job->out, "%s, %u chunk%s of %u token%s", units_bytes(size, job->n_bytes),
                        job->n_chunks, plural(job->n_chunks), job->chunk, plural(job->chunk));
}

static int imatrix(int argc, char **argv)
{
    struct job job = {0};
    struct err err = {0};
    const struct option options[] = {
        option_text("out", &job.out),
        option_u32("chunk", &job.chunk, 2, LIMIT_CONTEXT),
        option_threads(&job.machine),
        option_cpu(&job.machine),
        option_exact(&job.machine),
        option_flag("force", &job.force),
        {.name = NULL},
    };
    int code = options_parse(&verb_imatrix, options, &argc, argv);
    if (code >= 0)
        return code;
    if (argc != 2)
        return options_wrong(&verb_imatrix, "give the model and a text file");
    if (!job.out)
        return options_wrong(&verb_imatrix, "give the file with --out FILE");
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    job.text = argv[1];
    outfile_hold(job.out);
    bool ok = bundled_or(argv[0], &path, &err);
    job.model = path.data;
    ok = ok && measure(&job, &err);
    interrupt_release();
    code = ok ? print_summary(&job) : written_fail(job.out, &err);
    outfile_close(&job.file);
    importance_sums_close(&job.sums);
    gguf_export_close(&job.export);
    token_ids_free(&job.ids);
    runtime_close(&job.rt);
    buf_free(&path);
    return code;
}

const struct verb verb_imatrix = {
    .name = "imatrix",
    .summary = "measure which weights matter, for quantize",
    .help =
        "usage: bise imatrix [options] MODEL TEXT --out FILE\n"
        "\n"
        "Lets a model read a text file and writes how large the inputs of each matrix were, in\n"
        "the form of llama.cpp's imatrix files.  'bise quantize --imatrix FILE' rounds what\n"
        "meets small inputs rather than what meets large ones.  Take text such as the model\n"
        "will see, some hundred thousand words of it.\n"
        "\n"
        "    bise imatrix path/to/model text.txt --out model.imatrix\n"
        "    bise quantize path/to/model small.gguf --type IQ4_XS --imatrix model.imatrix\n"
        "\n"
        "    --out FILE     '-': standard output, unless that is a terminal\n"
        "    --force        replace FILE if it exists\n"
        "    --chunk N      tokens that are read as one text, at most the context the model\n"
        "                   was made for (default: 512, or that)\n"
        "    --exact        compute in float32\n"
        "    --threads N    compute threads (default: one per core)\n"
        "    --cpu NAME     auto, c, avx2, avx512 or amx\n",
    .max_args = 2,
    .run = imatrix,
};
