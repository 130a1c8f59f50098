/* SPDX-License-Identifier: Apache-2.0 */
/* importance_sums.c - what a model multiplies with, summed up while it runs and written. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/gguf_write.h"
#include "model/importance.h"

/* A matrix: where its weights lie and where its sums. */
struct importance_place {
    const void *data;
    const struct export_tensor *t;
    int64_t part;
    double *sums; /* [t->n_cols] */
    uint64_t count;
};

static int by_address(const void *a, const void *b)
{
    const struct importance_place *x = a, *y = b;
    return (x->data > y->data) - (x->data < y->data);
}

/* Parts cut from one tensor have no products of their own. */
static bool is_counted(const struct export_tensor *t)
{
    return t->source && t->role != QUANT_PLAIN && t->role != QUANT_EMBEDDING;
}

bool importance_sums_open(struct importance_sums *s, const struct gguf_export *e, struct err *err)
{
    size_t n = 0, n_sums = 0;
    *s = (struct importance_sums){.e = e};
    for (size_t i = 0; i < e->n; i++) {
        const struct export_tensor *t = &e->tensors[i];
        n += is_counted(t) ? (size_t)t->n_parts : 0;
        n_sums += is_counted(t) ? (size_t)(t->n_parts * t->n_cols) : 0;
    }
    s->places = mem_new(n, sizeof *s->places, err);
    s->sums = mem_new(n_sums, sizeof *s->sums, err);
    if (!s->places || !s->sums) {
        importance_sums_close(s);
        return false;
    }
    double *sums = s->sums;
    for (size_t i = 0; i < e->n; i++) {
        const struct export_tensor *t = &e->tensors[i];
        for (int64_t part = 0; is_counted(t) && part < t->n_parts; part++, sums += t->n_cols)
            s->places[s->n++] = (struct importance_place){
                .data = gguf_export_part(t, part)->data, .t = t, .part = part, .sums = sums};
    }
    qsort(s->places, s->n, sizeof *s->places, by_address);
    return true;
}

void importance_sums_close(struct importance_sums *s)
{
    free(s->places);
    free(s->sums);
    *s = (struct importance_sums){0};
}

void importance_observe(void *arg, const struct tensor *w, const float *x, int n_tok)
{
    struct importance_sums *s = arg;
    struct importance_place want = {.data = w->data};
    struct importance_place *place = bsearch(&want, s->places, s->n, sizeof *s->places, by_address);
    if (!place)
        return;
    assert(place->t->n_cols == w->n_cols);
    place->count += (uint64_t)n_tok;
    for (int t = 0; t < n_tok; t++, x += w->n_cols)
        for (int64_t c = 0; c < w->n_cols; c++)
            place->sums[c] += (double)x[c] * (double)x[c];
}

/* Finds the place of a part in the list that is sorted by address. */
static const struct importance_place *find_part(const struct importance_sums *s,
                                                const struct export_tensor *t, int64_t part)
{
    struct importance_place want = {.data = gguf_export_part(t, part)->data};
    return bsearch(&want, s->places, s->n, sizeof *s->places, by_address);
}

static bool is_used(const struct importance_sums *s, const struct export_tensor *t)
{
    for (int64_t part = 0; is_counted(t) && part < t->n_parts; part++)
        if (find_part(s, t, part)->count)
            return true;
    return false;
}

static bool put_table(const struct importance_sums *s, const struct export_tensor *t,
                      struct gguf_head *head, struct err *err)
{
    char name[LIMIT_NAME_BYTES];
    struct tensor_entry e = {.name = name, .type = "F32", .n_dims = 2, .shape = {t->n_parts, 0}};
    if (!is_used(s, t))
        return true;
    e.shape[1] = t->n_cols;
    snprintf(name, sizeof name, "%s.in_sum2", t->entry.name);
    if (!gguf_put_tensor(head, &e, err))
        return false;
    e.shape[1] = 1;
    snprintf(name, sizeof name, "%s.counts", t->entry.name);
    return gguf_put_tensor(head, &e, err);
}

static bool put_head(const struct importance_sums *s, const struct importance_facts *facts,
                     struct gguf_head *head, struct err *err)
{
    struct span text = {facts->text, 0};
    while (text.s[text.n])
        text.n++;
    bool ok = gguf_put_string(head, "general.type", SPAN("imatrix"), err) &&
              gguf_put_array(head, "imatrix.datasets", GGUF_STRING, 1, err) &&
              gguf_add_string(head, text, err) &&
              gguf_put_u32(head, "imatrix.chunk_count", facts->n_chunks, err) &&
              gguf_put_u32(head, "imatrix.chunk_size", facts->chunk_tokens, err);
    for (size_t i = 0; ok && i < s->e->n; i++)
        ok = put_table(s, &s->e->tensors[i], head, err);
    return ok;
}

/* Finds weights whose trouble did not reach the logits, before anything is written. */
static bool check_sums(const struct importance_sums *s, struct err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct importance_place *place = &s->places[i];
        for (int64_t c = 0; c < place->t->n_cols; c++)
            if (!isfinite((float)place->sums[c]))
                return err_set(err, ERR_FORMAT,
                               "%s: %s: its inputs are not finite: the weights hold NaN or "
                               "infinite numbers; check them with 'bise show --check-tensors'",
                               s->e->ckpt->path, place->t->entry.name);
    }
    return true;
}

static bool write_tensor(const struct importance_sums *s, const struct export_tensor *t,
                         struct buf *out, struct err *err)
{
    static const char zeros[GGUF_WRITE_ALIGN];
    bool ok = true;
    for (int64_t part = 0; ok && part < t->n_parts; part++) {
        const struct importance_place *place = find_part(s, t, part);
        for (int64_t c = 0; ok && c < t->n_cols; c++) {
            float sum = (float)place->sums[c];
            ok = buf_add(out, &sum, sizeof sum, err);
        }
    }
    ok = ok && buf_add(out, zeros, gguf_padding(out->len), err);
    for (int64_t part = 0; ok && part < t->n_parts; part++) {
        float count = (float)find_part(s, t, part)->count;
        ok = buf_add(out, &count, sizeof count, err);
    }
    return ok && buf_add(out, zeros, gguf_padding(out->len), err);
}

bool importance_write(const struct importance_sums *s, const struct importance_facts *facts,
                      export_write_fn *fn, void *arg, struct err *err)
{
    struct gguf_head head;
    struct buf out;
    gguf_head_init(&head);
    buf_init(&out, SIZE_MAX / 2);
    bool ok = check_sums(s, err) && put_head(s, facts, &head, err);
    if (ok && !head.n_tensors)
        ok = err_set(err, ERR_ARG, "%s: nothing was computed; give a longer text", facts->text);
    ok = ok && gguf_head_finish(&head, &out, err) && fn(arg, out.data, out.len, err);
    for (size_t i = 0; ok && i < s->e->n; i++) {
        buf_clear(&out);
        ok = !is_used(s, &s->e->tensors[i]) ||
             (write_tensor(s, &s->e->tensors[i], &out, err) && fn(arg, out.data, out.len, err));
    }
    gguf_head_free(&head);
    buf_free(&out);
    return ok;
}
