/* SPDX-License-Identifier: Apache-2.0 */
/* quantize.c - "bise quantize": any checkpoint as one GGUF file, smaller if wanted. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/pool.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/notes.h"
#include "cli/options.h"
#include "cli/outfile.h"
#include "cli/units.h"
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
    int percent;
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

static bool is_same(const struct stat *a, const char *path)
{
    struct stat b;
    return stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Says whether st is the file of that name beside, or in, the model. */
static bool is_input(const struct job *job, const struct stat *st, const char *name,
                     struct err *err, bool *same)
{
    struct buf path;
    const char *slash = strrchr(job->in, '/');
    buf_init(&path, PATH_MAX);
    bool ok = file_is_dir(job->in) ? file_join(&path, job->in, name, err)
              : slash              ? buf_add(&path, job->in, (size_t)(slash + 1 - job->in), err) &&
                            buf_add(&path, name, strlen(name), err)
                      : buf_add(&path, name, strlen(name), err);
    if (ok)
        *same = is_same(st, path.data);
    buf_free(&path);
    return ok;
}

/* A link, or another spelling of the path, may hide that a file would replace itself. */
static bool check_out(const struct job *job, struct err *err)
{
    struct stat st;
    const struct tensor_store *tensors = job->ckpt->tensors;
    const char *last = NULL;
    bool same = false;
    if (strcmp(job->out, "-") == 0 || stat(job->out, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    for (size_t i = 0; i < tensors->n && !same; i++) {
        const char *name = tensors->entries[i].file;
        if (name != last && !is_input(job, &st, name, err, &same))
            return false;
        last = name;
    }
    if (same)
        return err_set(err, ERR_ARG, "%s: is a file of the model itself; choose another name",
                       job->out);
    return job->force ||
           err_set(err, ERR_ARG, "%s: exists; choose another name, or give --force", job->out);
}

/* Of a GGUF file the vocabulary is copied with the rest of what it says. */
static bool put_vocab(const struct job *job, struct gguf_head *head, struct err *err)
{
    struct err why = {0};
    if (job->ckpt->layout == CHECKPOINT_GGUF)
        return true;
    struct tokenizer *tok = runtime_tokenizer(job->ckpt, &why);
    if (!tok && why.code != ERR_NOT_FOUND) {
        *err = why;
        return false;
    }
    if (!tok)
        console_note("%s has no tokenizer, so the new file has none either", job->in);
    bool ok = gguf_put_vocab(head, tok, job->ckpt->config.n_vocab, err);
    tokenizer_close(tok);
    return ok || err_add(err, "%s", job->in);
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
         write_bytes(job, bytes.data, bytes.len, err) &&
         gguf_export_data(&job->export, job->imatrix ? &job->importance : NULL, pool, write_bytes,
                          job, err) &&
         outfile_commit(&job->file, err);
    console_progress_end();
    outfile_close(&job->file);
    buf_free(&bytes);
    return ok;
}

/* One line about the tensors whose rows do not fit. */
static void note_fallbacks(const struct job *job, size_t n)
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
    if (n)
        console_note("the rows of %zu of %zu tensors are no whole blocks: %s", n, job->export.n,
                     text + 2);
}

static void print_summary(const struct job *job, uint64_t n_data)
{
    char before[UNITS_TEXT], after[UNITS_TEXT];
    double n_params = (double)job->ckpt->n_params;
    if (strcmp(job->out, "-") == 0)
        return;
    printf("%s: %s, %.2f bits per weight; before: %s, %.2f\n", job->out,
           units_bytes(after, job->n_all), 8.0 * (double)n_data / n_params,
           units_bytes(before, job->ckpt->n_weight_bytes),
           8.0 * (double)job->ckpt->n_weight_bytes / n_params);
}

static bool convert(struct job *job, struct err *err)
{
    struct gguf_head head;
    if (!gguf_export_open(&job->export, job->ckpt, err))
        return false;
    size_t n_fallbacks = gguf_export_choose(&job->export, job->mix, job->imatrix != NULL);
    if (job->imatrix && !importance_open(&job->importance, job->imatrix, &job->export, err))
        return false;
    int n_threads = job->machine.n_threads ? job->machine.n_threads : pool_n_cpus();
    struct pool *pool = pool_open(n_threads < LIMIT_THREADS ? n_threads : LIMIT_THREADS, err);
    if (!pool)
        return false;
    gguf_head_init(&head);
    note_fallbacks(job, n_fallbacks);
    interrupt_hold();
    bool ok = write_file(job, pool, &head, err);
    interrupt_release();
    if (ok)
        print_summary(job, head.n_data);
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
    bool ok = job->ckpt && check_out(job, &err);
    if (ok) {
        notes_skipped(job->ckpt);
        ok = convert(job, &err);
    }
    importance_close(&job->importance);
    gguf_export_close(&job->export);
    checkpoint_close(job->ckpt);
    buf_free(&path);
    return ok ? console_finish(EXIT_DONE) : console_fail(&err);
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
            "that this program and llama.cpp run.  FILE appears when it is complete.\n"
            "\n"
            "    bise quantize path/to/model model-Q4_K_M.gguf --type Q4_K_M\n"
            "\n"
            "    --type TYPE    F32, F16, BF16: as exact as the source, 32 or 16 bits\n"
            "                   Q8_0, Q6_K: hardly a difference, 8.5 and 6.6 bits\n"
            "                   Q5_K_M, Q5_K_S, Q4_K_M, Q4_K_S: good for most uses, 5.7 to 4.6\n"
            "                   Q4_0, IQ4_NL, IQ4_XS, MXFP4: 4.5 to 4.25 bits\n"
            "    --imatrix F    round what matters less, as 'bise imatrix' measured it\n"
            "    --threads N    compute threads (default: every processor); changes no bit\n"
            "    --force        replace FILE if it exists\n",
    .max_args = 2,
    .run = quantize,
};
