/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_export_rows.c - the rows of exported tensors: decoded, turned round, encoded, handed on. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "data/gguf_write.h"
#include "model/gguf_export.h"
#include "model/importance.h"
#include "tensor/block_encode.h"
#include "tensor/row_decode.h"

enum { CHUNK_FLOATS = 1 << 16, ROUND_CHUNKS = 64 };

/* The chunks of one tensor, some of which are done at a time. */
struct job {
    const struct checkpoint *ckpt;
    const struct export_tensor *t;
    const float *importance; /* [n_parts][n_cols] or NULL */
    int64_t chunk_rows;      /* never from two parts */
    int64_t chunks_per_part, first;
    size_t row_bytes;
    uint8_t *out; /* [ROUND_CHUNKS][chunk_rows] rows */
    size_t n_out[ROUND_CHUNKS];
    struct err *errs; /* [ROUND_CHUNKS] */
    float *work;      /* [threads][work_floats] */
    size_t work_floats;
};

/* Says whether the rows of the file are columns of what is stored. */
static bool is_gathered(const struct export_tensor *t)
{
    return t->heads && t->turned != t->heads->transposed;
}

/* Columns of a head's stored rows become rows. */
static void gather(const struct export_tensor *t, int64_t part, int64_t row, int64_t n, float *dst)
{
    const struct head_tensor *h = t->heads;
    float *stored = dst + n * t->n_cols;
    for (int64_t c = 0; c < t->n_cols; c++) {
        row_decode(&h->w, h->first + part * h->stride + c, 1, stored);
        for (int64_t r = 0; r < n; r++)
            dst[r * t->n_cols + c] = stored[row + r];
    }
}

/* Finds where row of the file lies in its source: of neighbours 2i and 2i+1 the second is half a
 * head away. */
static int64_t source_row(const struct export_tensor *t, int64_t row)
{
    int64_t d = t->half_split, j = d ? row % d : 0;
    return d ? row - j + j / 2 + j % 2 * (d / 2) : row;
}

static void decode(const struct export_tensor *t, int64_t part, int64_t row, int64_t n, float *dst)
{
    const struct head_tensor *h = t->heads;
    if (is_gathered(t))
        gather(t, part, row, n, dst);
    else if (h)
        row_decode(&h->w, h->first + part * h->stride + row, n, dst);
    else if (!t->half_split)
        row_decode(gguf_export_part(t, part), row, n, dst);
    else
        for (int64_t r = 0; r < n; r++)
            row_decode(t->source, source_row(t, row + r), 1, dst + r * t->n_cols);
}

/* Says whether the bytes of a source can stand in the file as they are. */
static bool is_copied(const struct export_tensor *t, const struct tensor *source)
{
    return source && source->dtype == t->type && !source->transposed && source->scale == 0.0f &&
           !source->scales.data;
}

/* Says in err which row of which tensor of which file it tells of: row of a part, as stored. */
static bool fail_row(const struct job *job, int64_t part, int64_t row, struct err *err)
{
    const struct tensor_store *store = job->ckpt->tensors;
    const struct tensor_entry *e = store->entries, *end = e + store->n;
    const struct export_tensor *t = job->t;
    const struct head_tensor *h = t->heads;
    const struct tensor *w = h ? &h->w : gguf_export_part(t, part);
    const uint8_t *src = w->data;
    size_t file_id;
    uint64_t offset;
    err_remedy(err, ERR_FORMAT,
               "check the model with 'bise show --check-tensors', or download it again");
    err_remedy(err, ERR_UNSUPPORTED, "take the type BF16 or F32");
    while (e < end && !(src >= e->data && src < e->data + e->n_bytes))
        e++;
    /* Rows that are columns of what is stored have no number there. */
    if (e < end && !w->transposed && !is_gathered(t)) {
        int64_t first = (src - (const uint8_t *)e->data) / (int64_t)tensor_row_bytes(w);
        first += h ? h->first + part * h->stride + row : source_row(t, row);
        err_add(err, "row %lld", (long long)first);
    }
    err_add(err, "%s", e < end ? e->name : t->entry.name);
    return tensor_store_locate(store, src, &file_id, &offset)
               ? err_add(err, "%s", store->paths[file_id])
               : false;
}

/* What is copied must be finite as well: all that a model says would be lost to one number. */
static bool check_finite(const float *row, int64_t n, struct err *err)
{
    int bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad |= !(fabsf(row[i]) <= FLT_MAX);
    for (int64_t i = 0; bad && i < n; i++)
        if (!isfinite(row[i]))
            return err_set(err, ERR_FORMAT, "element %lld is %g", (long long)i, (double)row[i]);
    return true;
}

static bool convert(const struct job *job, int64_t part, int64_t row, int64_t n, float *work,
                    uint8_t *out, struct err *err)
{
    const struct export_tensor *t = job->t;
    const struct tensor *source = gguf_export_part(t, part);
    const float *importance = job->importance ? job->importance + part * t->n_cols : NULL;
    bool copies = is_copied(t, source);
    decode(t, part, row, n, work);
    for (int64_t r = 0; r < n; r++, work += t->n_cols, out += job->row_bytes) {
        bool ok = copies ? check_finite(work, t->n_cols, err)
                         : block_encode(t->type, work, importance, out, t->n_cols, err);
        if (!ok)
            return fail_row(job, part, row + r, err);
        if (copies)
            memcpy(out,
                   (const uint8_t *)source->data + (size_t)source_row(t, row + r) * job->row_bytes,
                   job->row_bytes);
    }
    return true;
}

static void run_chunks(void *arg, int begin, int end, int worker)
{
    struct job *job = arg;
    for (int i = begin; i < end; i++) {
        int64_t part = (job->first + i) / job->chunks_per_part;
        int64_t row = (job->first + i) % job->chunks_per_part * job->chunk_rows;
        int64_t n = job->t->n_rows - row < job->chunk_rows ? job->t->n_rows - row : job->chunk_rows;
        job->errs[i].code = ERR_NONE;
        job->n_out[i] = (size_t)n * job->row_bytes;
        /* What failed is in errs, the first one is looked for when all are done. */
        (void)!convert(job, part, row, n, job->work + (size_t)worker * job->work_floats,
                       job->out + (size_t)i * (size_t)job->chunk_rows * job->row_bytes,
                       &job->errs[i]);
    }
}

static bool write_round(const struct job *job, int n, export_write_fn *fn, void *arg,
                        struct err *err)
{
    for (int i = 0; i < n; i++) {
        if (job->errs[i].code) {
            *err = job->errs[i];
            return false;
        }
        if (!fn(arg, job->out + (size_t)i * (size_t)job->chunk_rows * job->row_bytes, job->n_out[i],
                err))
            return false;
    }
    return true;
}

static bool run_job(struct job *job, struct pool *pool, export_write_fn *fn, void *arg,
                    struct err *err)
{
    static const char zeros[GGUF_WRITE_ALIGN];
    int64_t n_chunks = job->chunks_per_part * job->t->n_parts;
    for (job->first = 0; job->first < n_chunks; job->first += ROUND_CHUNKS) {
        int64_t left = n_chunks - job->first;
        int n = left < ROUND_CHUNKS ? (int)left : ROUND_CHUNKS;
        pool_run(pool, n, 1, run_chunks, job);
        if (!checkpoint_check(job->ckpt, err) || !write_round(job, n, fn, arg, err))
            return false;
    }
    return fn(arg, zeros, gguf_padding(job->t->entry.n_bytes), err);
}

static bool write_tensor(const struct gguf_export *e, size_t i, const struct importance *importance,
                         struct pool *pool, export_write_fn *fn, void *arg, struct err *err)
{
    const struct export_tensor *t = &e->tensors[i];
    int64_t rows = CHUNK_FLOATS / t->n_cols;
    struct job job = {.ckpt = e->ckpt, .t = t, .row_bytes = dtype_bytes(t->type, t->n_cols)};
    float *weights = NULL;
    /* A gathered part is decoded as a whole for each of its chunks. */
    job.chunk_rows = is_gathered(t) || rows > t->n_rows ? t->n_rows : rows > 0 ? rows : 1;
    job.chunks_per_part = (t->n_rows + job.chunk_rows - 1) / job.chunk_rows;
    job.work_floats = (size_t)(job.chunk_rows * t->n_cols + (t->heads ? t->heads->w.n_cols : 0));
    job.out = mem_new(ROUND_CHUNKS * (size_t)job.chunk_rows, job.row_bytes, err);
    job.errs = mem_new(ROUND_CHUNKS, sizeof *job.errs, err);
    job.work = mem_new((size_t)pool_n_threads(pool) * job.work_floats, sizeof *job.work, err);
    bool ok = job.out && job.errs && job.work &&
              (!importance || importance_read(importance, t, &weights, err));
    job.importance = weights;
    ok = ok && run_job(&job, pool, fn, arg, err);
    free(weights);
    free(job.out);
    free(job.errs);
    free(job.work);
    return ok;
}

bool gguf_export_data(const struct gguf_export *e, const struct importance *importance,
                      struct pool *pool, export_write_fn *fn, void *arg, struct err *err)
{
    for (size_t i = 0; i < e->n; i++)
        if (!write_tensor(e, i, importance, pool, fn, arg, err))
            return false;
    return true;
}
