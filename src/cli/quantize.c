/* SPDX-License-Identifier: Apache-2.0 */
/* quantize.c - "bise quantize": any checkpoint as one GGUF file, smaller if wanted. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cpus.h"
#include "base/limits.h"
#include "base/pool.h"
#include "base/units.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/notes.h"
#include "cli/options.h"
#include "cli/out_check.h"
#include "cli/outfile.h"
#include "cli/written.h"
#include "data/gguf_write.h"
#include "lib/runtime.h"
#include "model/checkpoint.h"
#include "model/gguf_export.h"
#include "model/importance.h"
#include "text/gguf_vocab_write.h"
#include "text/tokenizer.h"

struct job {
    const char *in, *out, *type, *imatrix;
    bool force;
    struct runtime_options machine; /* threads */
    const struct quant_mix *mix;
    struct checkpoint *ckpt;
    struct gguf_export export;
    struct importance importance; /* used when imatrix is given */
    struct outfile file;
    uint64_t n_done, n_all; /* bytes written, of the whole file */
    uint64_t n_data;        /* bytes of its tensors */
    int percent;
    size_t n_fallbacks;
    bool has_vocab;
};

static bool write_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    struct job *job = arg;
    if (interrupt_came())
        return err_set(err, ERR_CANCELLED, "interrupted");
    if (!outfile_write(&job->file, bytes, n, err))
        return false;
    job->n_done += n;
    int percent = (int)(100 * job->n_done / job->n_all);
    if (percent != job->percent) {
        char done[UNITS_TEXT], all[UNITS_TEXT];
        job->percent = percent;
        console_bar(job->mix->name, (double)job->n_done / (double)job->n_all, "%s of %s",
                    units_bytes(done, job->n_done), units_bytes(all, job->n_all));
    }
    return true;
}

/* A model file is known by its ending; what is no file (a pipe, a device) has none. */
static bool is_gguf_name(const char *out)
{
    struct stat st;
    size_t n = strlen(out);
    return strcmp(out, "-") == 0 || (n > 5 && strcmp(out + n - 5, ".gguf") == 0) ||
           (stat(out, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

static bool check_out(const struct job *job, struct err *err)
{
    return out_check_model(job->out, job->ckpt, err) &&
           out_check_input(job->out, job->imatrix, err) && out_check_new(job->out, job->force, err);
}

/* Of a GGUF file the vocabulary is copied with the rest of what it says. */
static bool put_vocab(struct job *job, struct gguf_head *head, struct err *err)
{
    struct err why = {0};
    job->has_vocab = true;
    if (job->ckpt->layout == CHECKPOINT_GGUF)
        return true;
    struct tokenizer *tok = runtime_tokenizer(job->ckpt, &why);
    if (!tok && why.code != ERR_NOT_FOUND) {
        *err = why;
        return false;
    }
    job->has_vocab = tok != NULL;
    bool ok = gguf_put_vocab(head, tok, job->ckpt->config.n_vocab, err);
    tokenizer_close(tok);
    return ok || err_add(err, "%s", job->in);
}

/* One line about the tensors whose rows do not fit. */
static void note_fallbacks(const struct job *job)
{
    char text[256] = "";
    size_t len = 0;
    for (int type = 0; type < DTYPE_COUNT; type++) {
        size_t n_type = 0;
        for (size_t i = 0; i < job->export.n; i++)
            n_type += job->export.tensors[i].fell_back && (int)job->export.tensors[i].type == type;
        if (n_type)
            len += (size_t)snprintf(text + len, sizeof text - len, ", %zu as %s", n_type,
                                    dtype_info((enum dtype)type)->name);
    }
    if (len)
        console_note("the rows of %zu of %zu tensors are no whole blocks: %s", job->n_fallbacks,
                     job->export.n, text + 2);
}

/* Says how the file differs from its source, once nothing speaks against writing it. */
static bool note_differences(const struct job *job)
{
    notes_skipped(job->ckpt);
    note_fallbacks(job);
    if (!job->has_vocab)
        console_note("%s has no tokenizer, so the new file has none either", job->in);
    return true;
}

static bool write_file(struct job *job, struct pool *pool, struct gguf_head *head, struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    bool ok = gguf_export_head(&job->export, job->mix, head, err) && put_vocab(job, head, err) &&
              gguf_head_finish(head, &bytes, err);
    job->n_all = bytes.len + head->n_data;
    ok = ok && outfile_open(&job->file, job->out, err) &&
         outfile_reserve(&job->file, job->n_all, err) &&
         write_bytes(job, bytes.data, bytes.len, err) && note_differences(job) &&
         gguf_export_data(&job->export, job->imatrix ? &job->importance : NULL, pool, write_bytes,
                          job, err) &&
         outfile_commit(&job->file, err);
    console_progress_end();
    outfile_close(&job->file);
    buf_free(&bytes);
    return ok;
}

static int print_summary(const struct job *job)
{
    char before[UNITS_TEXT], after[UNITS_TEXT];
    double n_params = (double)job->ckpt->n_params;
    return written_done(job->out, "%s, %.2f bits per weight; before: %s, %.2f",
                        units_bytes(after, job->n_all), 8.0 * (double)job->n_data / n_params,
                        units_bytes(before, job->ckpt->n_weight_bytes),
                        8.0 * (double)job->ckpt->n_weight_bytes / n_params);
}

static bool convert(struct job *job, struct err *err)
{
    struct gguf_head head;
    if (!gguf_export_open(&job->export, job->ckpt, err))
        return false;
    job->n_fallbacks = gguf_export_choose(&job->export, job->mix, job->imatrix != NULL);
    if (job->imatrix && !importance_open(&job->importance, job->imatrix, &job->export, err))
        return false;
    int n_threads = job->machine.n_threads ? job->machine.n_threads : cpus_n_threads();
    struct pool *pool = pool_open(n_threads < LIMIT_THREADS ? n_threads : LIMIT_THREADS, err);
    if (!pool)
        return false;
    gguf_head_init(&head);
    outfile_hold(job->out);
    bool ok = write_file(job, pool, &head, err);
    interrupt_release();
    job->n_data = head.n_data;
    gguf_head_free(&head);
    pool_close(pool);
    return ok;
}

static int run_quantize(struct job *job)
{
    struct err err = {0};
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    if (bundled_or(job->in, &path, &err))
        job->ckpt = checkpoint_open(path.data, &err);
    bool ok = job->ckpt && check_out(job, &err) && convert(job, &err);
    int code = ok ? print_summary(job) : written_fail(job->out, &err);
    importance_close(&job->importance);
    gguf_export_close(&job->export);
    checkpoint_close(job->ckpt);
    buf_free(&path);
    return code;
}

static int quantize(int argc, char **argv)
{
    struct job job = {.percent = -1};
    struct err err = {0};
    const struct option options[] = {
        option_text("type", &job.type),
        option_text("imatrix", &job.imatrix),
        option_flag("force", &job.force),
        option_threads(&job.machine),
        {.name = NULL},
    };
    int code = options_parse(&verb_quantize, options, &argc, argv);
    if (code >= 0)
        return code;
    if (argc != 2)
        return options_wrong(&verb_quantize, "give the model and the file to write");
    if (!job.type)
        return options_wrong(&verb_quantize, "give the type with --type Q4_K_M");
    if (!is_gguf_name(argv[1]))
        return options_wrong(&verb_quantize, "'%s': expected a name with .gguf at its end, or '-'",
                             argv[1]);
    job.mix = quant_mix_find(job.type, &err);
    if (!job.mix)
        return options_wrong(&verb_quantize, "--%s", err.text);
    job.in = argv[0];
    job.out = argv[1];
    return run_quantize(&job);
}

const struct verb verb_quantize = {
    .name = "quantize",
    .summary = "write a model as one GGUF file with smaller weights",
    .help = "usage: bise quantize [options] MODEL FILE --type TYPE\n"
            "\n"
            "Writes the text decoder of a model of any layout, with its tokenizer, as a GGUF file\n"
            "that this program and llama.cpp run.  FILE ends in .gguf, and appears when it is\n"
            "complete; '-' is standard output, unless that is a terminal.\n"
            "\n"
            "    bise quantize path/to/model model-Q4_K_M.gguf --type Q4_K_M\n"
            "\n"
            "    --type TYPE    F32, F16, BF16: as exact as the source, 32 or 16 bits\n"
            "                   Q8_0, Q6_K: hardly a difference, 8.5 and 6.6 bits\n"
            "                   Q5_K_M, Q5_K_S, Q4_K_M, Q4_K_S: good for most uses, 5.7 to 4.6\n"
            "                   Q4_0, IQ4_NL, IQ4_XS, MXFP4: 4.5 to 4.25 bits\n"
            "    --imatrix F    round what matters less, as 'bise imatrix' measured it\n"
            "    --threads N    compute threads (default: one per core); changes no bit\n"
            "    --force        replace FILE if it exists\n",
    .max_args = 2,
    .run = quantize,
};
