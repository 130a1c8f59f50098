/* SPDX-License-Identifier: Apache-2.0 */
/* Attention over a latent cache, two ways that differ in rounding only.
 *
 * Expanded, for many queries: LATENT_KEYS cached positions become the keys and values of
 * every head, which all queries meet before the next ones are expanded.
 * Folded, for few: the matrices of a head go into its query and its output, and all heads
 * meet the cached rows themselves, in parts as those of plain attention.
 *
 * Either way a query meets the pages, or those of a part, in order of position, each with the keys
 * that it sees, so its result does not depend on what else the call holds. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "cpu/cpu_int.h"

/* Heads that one query's item has: more of them share the reading of a page, fewer leave
 * something to other threads. */
#define ITEM_HEADS 8
static_assert(ITEM_HEADS <= ATTEND_HEADS, "an item must fit the kernel");
static_assert(ATTEND_FLOATS >= (size_t)ITEM_HEADS * (LIMIT_LATENT + 2), "a part must fit");
static_assert(LATENT_KEYS % BACKEND_PAGE_TOKENS == 0, "pages are expanded whole");

/* y[t][i] = sum over j of x[t][j] * m[i][j] for the matrix m of each head: [n_out][n_in]. */
struct heads_product {
    const struct head_tensor *m;
    bool turned; /* i is the column of a stored row, j the row; else the other way round */
    enum cpu_path path;
    const float *x;        /* of head 0; n_in of a row are used */
    float *y;              /* of head 0; n_out of a row are used */
    size_t x_head, y_head; /* floats from one head to the next */
    size_t x_stride, y_stride;
    int n_in, n_out, n_tok;
};

struct latent_job {
    struct cpu_backend *cpu;
    const struct latent_args *args;
    struct heads_product products[2];
    const struct lora *lora; /* being added, to heads from lora_head on */
    int lora_head;
    float *latents;             /* [LATENT_KEYS][row]: cached rows as float */
    float *keys;                /* [n_heads][LATENT_KEYS][head_dim] */
    float *values;              /* [n_heads][LATENT_KEYS][v_dim] */
    float *max, *sum;           /* [n_heads][span->n_tok] */
    float *q;                   /* [LATENT_TOKENS][n_heads][row]: folded queries */
    float *mix;                 /* [LATENT_TOKENS][n_heads][kv_rank]: weighted sums of latents */
    int row, head_dim;          /* kv_rank + rope_dim, nope_dim + rope_dim */
    int begin, n;               /* positions that are expanded, or queries that are folded */
    int n_groups;               /* of the heads: ITEM_HEADS of them each */
    int first_unit, n_units;    /* a folded query's groups of heads: what this loop works at */
    int most_parts, max_parts;  /* of any shape of this model; of any of these units */
    size_t part_floats;         /* from one part to the next */
    const struct kv_span *span; /* whose positions are expanded */
    int first;                  /* its first query */
};

/* The product of one head: y = x . rows, or with turned the sum of rows that x weighs. */
static struct cpu_product product_of(const struct heads_product *h, int head)
{
    return (struct cpu_product){
        .w = &h->m->w,
        .path = h->path,
        .x = h->x + (size_t)head * h->x_head,
        .y = h->y + (size_t)head * h->y_head,
        .x_stride = h->x_stride,
        .y_stride = h->y_stride,
        .first = h->m->first + head * h->m->stride,
        .n_rows = h->turned ? h->n_in : h->n_out,
        .n_tok = h->n_tok,
    };
}

static int items_of(const struct heads_product *h)
{
    struct cpu_product p = product_of(h, 0);
    return h->turned ? (h->n_out + FOLD_COLS - 1) / FOLD_COLS : cpu_product_items(&p);
}

static void do_item(const struct cpu_backend *cpu, const struct cpu_product *p, bool turned,
                    int item, int worker)
{
    if (!turned) {
        cpu_product_item(cpu, p, item, worker);
        return;
    }
    int64_t k0 = (int64_t)item * FOLD_COLS, left = p->w->n_cols - k0;
    const struct wide_job all = {
        .x = p->x,
        .y = p->y + k0,
        .x_stride = p->x_stride,
        .y_stride = p->y_stride,
        .n_rows = (int)p->n_rows,
        .n_tok = p->n_tok,
        .n = (int)(left < FOLD_COLS ? left : FOLD_COLS),
        .add = p->add,
    };
    cpu_fold(cpu, p->w, p->first, k0, &all, cpu->panels + (size_t)worker * PANEL_FLOATS);
}

static void product_items(void *arg, int begin, int end, int worker)
{
    const struct latent_job *job = arg;
    int first = job->args->n_heads * items_of(&job->products[0]);
    for (int item = begin; item < end; item++) {
        int i = item >= first;
        const struct heads_product *h = &job->products[i];
        int of_head = item - i * first, n_items = items_of(h);
        struct cpu_product p = product_of(h, of_head / n_items);
        do_item(job->cpu, &p, h->turned, of_head % n_items, worker);
    }
}

/* Does all items of a product that only this worker works at. */
static void do_all(const struct cpu_backend *cpu, const struct cpu_product *p, bool turned,
                   int worker)
{
    int n = turned ? (int)((p->w->n_cols + FOLD_COLS - 1) / FOLD_COLS) : cpu_product_items(p);
    for (int item = 0; item < n; item++)
        do_item(cpu, p, turned, item, worker);
}

/* Adds one adapter to one head: x . a^T . b^T, or x . b . a where its matrix meets the other side.
 * Adapters never lie the other way round. */
static void lora_items(void *arg, int begin, int end, int worker)
{
    const struct latent_job *job = arg;
    const struct heads_product *h = &job->products[0];
    const struct lora *lora = job->lora;
    size_t rank = (size_t)lora->a.n_rows;
    bool turned = h->turned != h->m->transposed;
    for (int item = begin; item < end; item++) {
        const struct cpu_product whole = product_of(h, job->lora_head + item);
        struct cpu_product in = whole, out = whole;
        float *between = job->cpu->lora + (size_t)item * (size_t)h->n_tok * rank;
        in.w = turned ? &lora->b : &lora->a;
        out.w = turned ? &lora->a : &lora->b;
        in.path = out.path = CPU_WIDE;
        in.y = between;
        in.y_stride = out.x_stride = rank;
        out.x = between;
        out.add = true;
        struct cpu_product *of_a = turned ? &out : &in, *of_b = turned ? &in : &out;
        of_a->first = 0;
        of_a->n_rows = (int64_t)rank;
        if (h->m->transposed) {
            of_b->n_rows = turned ? h->n_in : h->n_out;
            of_b->first = (job->lora_head + item) * of_b->n_rows;
        }
        do_all(job->cpu, &in, turned, worker);
        do_all(job->cpu, &out, turned, worker);
    }
}

static void add_lora(const struct latent_job *job, const struct heads_product *h)
{
    struct latent_job part = *job;
    part.products[0] = *h;
    for (part.lora = h->m->w.lora; part.lora; part.lora = part.lora->next) {
        int64_t rank = part.lora->a.n_rows;
        assert(rank > 0 && rank <= LIMIT_LORA_RANK && part.lora->b.n_cols == rank);
        int n_heads = job->args->n_heads;
        int n = (int)(LORA_FLOATS / ((size_t)h->n_tok * (size_t)rank));
        for (part.lora_head = 0; part.lora_head < n_heads; part.lora_head += n)
            pool_run(job->cpu->pool, min_int(n, n_heads - part.lora_head), 1, lora_items, &part);
    }
}

/* Runs n products of all heads. */
static void multiply(struct latent_job *job, int n)
{
    int n_items = 0;
    int64_t cost = 0;
    for (int i = 0; i < n; i++) {
        const struct heads_product *h = &job->products[i];
        n_items += job->args->n_heads * items_of(h);
        int64_t its = (int64_t)h->n_in * h->n_out / items_of(h) * h->n_tok;
        cost = its > cost ? its : cost;
    }
    pool_run(job->cpu->pool, n_items, cpu_grain(cost), product_items, job);
    for (int i = 0; i < n; i++)
        add_lora(job, &job->products[i]);
}

/* Decodes a cached row, and puts its rotary part into the keys of every head. */
static void latent_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct latent_job *job = arg;
    const struct latent_args *a = job->args;
    const struct tensor_input *input = &a->wv->w.input;
    for (int j = begin; j < end; j++) {
        float *latent = job->latents + (size_t)j * (size_t)job->row;
        job->cpu->ops.decode(a->kv->dtype, cpu_kv_row(a->kv, job->span, job->begin + j), latent,
                             job->row);
        for (int h = 0; h < a->n_heads; h++)
            memcpy(job->keys + ((size_t)h * LATENT_KEYS + (size_t)j) * (size_t)job->head_dim +
                       a->nope_dim,
                   latent + a->kv_rank, (size_t)a->rope_dim * sizeof *latent);
        /* Both matrices are cut from one, or their inputs are exact. */
        if (job->cpu->base.round_inputs && input->rounding != INPUT_EXACT)
            cpu_round_input(input, latent, latent, a->kv_rank);
    }
}

/* Lets n queries from t on meet n_keys keys from position key on, all of which they see. */
static void attend_expanded(const struct latent_job *job, int head, int t, int n, int key,
                            int n_keys)
{
    const struct latent_args *a = job->args;
    size_t heads = (size_t)a->n_heads, dim = (size_t)job->head_dim, v_dim = (size_t)a->v_dim;
    size_t at = (size_t)(job->first + t) * heads + (size_t)head,
           state = (size_t)head * (size_t)job->span->n_tok + (size_t)t;
    size_t row = (size_t)head * LATENT_KEYS + (size_t)(key - job->begin);
    job->cpu->ops.attend(&(struct attend_job){
        .q = a->q + at * dim,
        .k = job->keys + row * dim,
        .v = job->values + row * v_dim,
        .out = a->out + at * v_dim,
        .max = job->max + state,
        .sum = job->sum + state,
        .scales = a->scales + job->first + t,
        .q_stride = heads * dim,
        .k_stride = dim,
        .v_stride = v_dim,
        .out_stride = heads * v_dim,
        .dtype = DTYPE_F32,
        .n_heads = n,
        .n_keys = n_keys,
        .k_dim = job->head_dim,
        .v_dim = a->v_dim,
    });
}

/* Prepares query t of the span, for a head, before its first key. */
static void start_query(const struct latent_job *job, int head, int t)
{
    const struct latent_args *a = job->args;
    size_t at = (size_t)(job->first + t) * (size_t)a->n_heads + (size_t)head;
    memset(a->out + at * (size_t)a->v_dim, 0, (size_t)a->v_dim * sizeof *a->out);
    job->max[head * job->span->n_tok + t] = -INFINITY;
    job->sum[head * job->span->n_tok + t] = 0.0f;
}

/* Queries t0..t0+n-1 of a head meet the expanded positions. */
static void attend_queries(const struct latent_job *job, int head, int t0, int n)
{
    const struct latent_args *a = job->args;
    int end = job->begin + job->n, pos0 = job->span->pos0;
    for (int t = t0; t < t0 + n && job->begin == 0; t++)
        start_query(job, head, t);
    for (int key = job->begin; key < end; key += BACKEND_PAGE_TOKENS) {
        int t = t0;
        while (t < t0 + n && pos0 + t < key)
            t++;
        for (; t < t0 + n && pos0 + t < key + BACKEND_PAGE_TOKENS - 1; t++)
            attend_expanded(job, head, t, 1, key, pos0 + t - key + 1);
        if (t < t0 + n)
            attend_expanded(job, head, t, t0 + n - t, key, BACKEND_PAGE_TOKENS);
    }
    for (int t = t0; t < t0 + n; t++)
        if (pos0 + t >= job->begin && pos0 + t < end)
            cpu_divide(a->out + ((size_t)(job->first + t) * (size_t)a->n_heads + (size_t)head) *
                                    (size_t)a->v_dim,
                       a->v_dim, job->sum[head * job->span->n_tok + t]);
}

static void expanded_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct latent_job *job = arg;
    int n_tok = job->span->n_tok, n_groups = (n_tok + ATTEND_HEADS - 1) / ATTEND_HEADS;
    for (int item = begin; item < end; item++) {
        int t = item % n_groups * ATTEND_HEADS;
        attend_queries(job, item / n_groups, t, min_int(ATTEND_HEADS, n_tok - t));
    }
}

/* The queries of one span. */
static void attend_by_expanding(struct latent_job *job)
{
    const struct latent_args *a = job->args;
    int n_tok = job->span->n_tok, n_keys = job->span->pos0 + n_tok;
    size_t heads = (size_t)a->n_heads, dim = (size_t)job->head_dim, v_dim = (size_t)a->v_dim;
    job->latents = a->work;
    job->keys = job->latents + LATENT_KEYS * (size_t)job->row;
    job->values = job->keys + heads * LATENT_KEYS * dim;
    job->max = job->values + heads * LATENT_KEYS * v_dim;
    job->sum = job->max + heads * (size_t)n_tok;
    int n_items = a->n_heads * ((n_tok + ATTEND_HEADS - 1) / ATTEND_HEADS);
    int64_t cost = (int64_t)LATENT_KEYS * min_int(n_tok, ATTEND_HEADS) * (job->head_dim + a->v_dim);
    for (job->begin = 0; job->begin < n_keys; job->begin += LATENT_KEYS) {
        job->n = min_int(LATENT_KEYS, n_keys - job->begin);
        pool_run(job->cpu->pool, job->n, cpu_grain((int64_t)a->n_heads * job->head_dim),
                 latent_items, job);
        job->products[0] = (struct heads_product){
            .m = a->wk,
            .turned = a->wk->transposed,
            .path = CPU_WIDE,
            .x = job->latents,
            .y = job->keys,
            .y_head = LATENT_KEYS * dim,
            .x_stride = (size_t)job->row,
            .y_stride = dim,
            .n_in = a->kv_rank,
            .n_out = a->nope_dim,
            .n_tok = job->n,
        };
        job->products[1] = job->products[0];
        job->products[1].m = a->wv;
        job->products[1].turned = a->wv->transposed;
        job->products[1].y = job->values;
        job->products[1].y_head = LATENT_KEYS * v_dim;
        job->products[1].y_stride = v_dim;
        job->products[1].n_out = a->v_dim;
        multiply(job, 2);
        pool_run(job->cpu->pool, n_items, cpu_grain(cost), expanded_items, job);
    }
}

/* Puts what is rotated of queries behind what is folded. */
static void query_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct latent_job *job = arg;
    const struct latent_args *a = job->args;
    size_t from = (size_t)job->begin * (size_t)a->n_heads;
    for (size_t i = (size_t)begin; i < (size_t)end; i++)
        memcpy(job->q + i * (size_t)job->row + a->kv_rank,
               a->q + (from + i) * (size_t)job->head_dim + a->nope_dim,
               (size_t)a->rope_dim * sizeof *job->q);
}

/* A folded query with some heads from head on. */
struct unit {
    struct cpu_token token;
    int t, head, n_heads;
    struct cpu_parts parts;
};

static struct unit unit_at(const struct latent_job *job, int i)
{
    struct unit u = {.t = i / job->n_groups, .head = i % job->n_groups * ITEM_HEADS};
    u.token = cpu_token_at(job->args->spans, job->begin + u.t);
    u.n_heads = min_int(ITEM_HEADS, job->args->n_heads - u.head);
    u.parts = cpu_parts_of(0, u.token.pos, job->most_parts);
    return u;
}

static float *mix_of(const struct latent_job *job, const struct unit *u)
{
    size_t at = (size_t)u->t * (size_t)job->args->n_heads + (size_t)u->head;
    return job->mix + at * (size_t)job->args->kv_rank;
}

static float *parts_room(const struct latent_job *job, int unit)
{
    size_t at = (size_t)(unit - job->first_unit) * (size_t)job->max_parts;
    return job->cpu->attend + at * job->part_floats;
}

/* A unit meets keys begin..end-1. */
static void attend_folded(const struct latent_job *job, const struct unit *u, int begin, int end,
                          struct cpu_part *to)
{
    const struct latent_args *a = job->args;
    size_t row = (size_t)job->row, rank = (size_t)a->kv_rank;
    size_t page_bytes = BACKEND_PAGE_TOKENS * dtype_bytes(a->kv->dtype, job->row);
    float scales[ITEM_HEADS];
    for (int h = 0; h < u->n_heads; h++) {
        to->max[h] = -INFINITY;
        to->sum[h] = 0.0f;
        scales[h] = a->scales[job->begin + u->t];
    }
    memset(to->out, 0, (size_t)u->n_heads * rank * sizeof *to->out);
    for (int key = begin, n_keys; key < end; key += n_keys) {
        const void *rows = cpu_kv_row(a->kv, u->token.span, key);
        n_keys = min_int(BACKEND_PAGE_TOKENS - key % BACKEND_PAGE_TOKENS, end - key);
        if (key + n_keys < end)
            cpu_prefetch(cpu_kv_row(a->kv, u->token.span, key + n_keys), page_bytes);
        job->cpu->ops.attend(&(struct attend_job){
            .q = job->q + ((size_t)u->t * (size_t)a->n_heads + (size_t)u->head) * row,
            .k = rows,
            .v = rows,
            .out = to->out,
            .max = to->max,
            .sum = to->sum,
            .scales = scales,
            .q_stride = row,
            .k_stride = row,
            .v_stride = row,
            .out_stride = rank,
            .dtype = a->kv->dtype,
            .n_heads = u->n_heads,
            .n_keys = n_keys,
            .k_dim = job->row,
            .v_dim = a->kv_rank,
        });
    }
}

/* Parts of units, the same part of all units after another: their keys are the same where the
 * query is. */
static void part_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct latent_job *job = arg;
    int rank = job->args->kv_rank;
    for (int item = begin; item < end; item++) {
        int unit = job->first_unit + item % job->n_units, part = item / job->n_units;
        struct unit u = unit_at(job, unit);
        if (part >= u.parts.n)
            continue;
        float max[ITEM_HEADS], sum[ITEM_HEADS];
        struct cpu_part to = {.out = mix_of(job, &u), .max = max, .sum = sum};
        if (job->max_parts > 1)
            to = cpu_part_at(parts_room(job, unit) + (size_t)part * job->part_floats, u.n_heads,
                             rank);
        int from = part * u.parts.n_keys;
        attend_folded(job, &u, from, min_int(from + u.parts.n_keys, u.token.pos + 1), &to);
        for (int h = 0; h < u.n_heads && job->max_parts == 1; h++)
            cpu_divide(to.out + (size_t)h * (size_t)rank, rank, sum[h]);
    }
}

static void unit_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct latent_job *job = arg;
    for (int unit = job->first_unit + begin; unit < job->first_unit + end; unit++) {
        struct unit u = unit_at(job, unit);
        cpu_join_parts(mix_of(job, &u), parts_room(job, unit), job->part_floats, u.parts.n,
                       u.n_heads, job->args->kv_rank);
    }
}

/* The folded queries meet all that they see. */
static void attend_all_folded(struct latent_job *job)
{
    const struct latent_args *a = job->args;
    int n_units = job->n * job->n_groups, heads = min_int(a->n_heads, ITEM_HEADS), n_keys = 0;
    job->part_floats = cpu_part_floats(heads, a->kv_rank);
    job->most_parts = min_int(MAX_PARTS, (int)(ATTEND_FLOATS / job->part_floats));
    job->max_parts = 1;
    for (int i = 0; i < n_units; i += job->n_groups) {
        struct unit u = unit_at(job, i);
        job->max_parts = max_int(job->max_parts, u.parts.n);
        n_keys = max_int(n_keys, min_int(u.parts.n_keys, u.token.pos + 1));
    }
    int most = (int)(ATTEND_FLOATS / (job->part_floats * (size_t)job->max_parts));
    int64_t cost = (int64_t)2 * heads * job->row * n_keys;
    for (job->first_unit = 0; job->first_unit < n_units; job->first_unit += job->n_units) {
        int left = n_units - job->first_unit;
        job->n_units = job->max_parts > 1 ? min_int(most, left) : left;
        pool_run(job->cpu->pool, job->n_units * job->max_parts, cpu_grain(cost), part_items, job);
        if (job->max_parts > 1)
            pool_run(job->cpu->pool, job->n_units,
                     cpu_grain((int64_t)job->max_parts * (int64_t)job->part_floats), unit_items,
                     job);
    }
}

static void attend_by_folding(struct latent_job *job)
{
    const struct latent_args *a = job->args;
    size_t heads = (size_t)a->n_heads, row = (size_t)job->row, rank = (size_t)a->kv_rank;
    size_t dim = (size_t)job->head_dim, v_dim = (size_t)a->v_dim;
    int n_tok = kv_span_tokens(a->spans, a->n_spans), most = min_int(n_tok, LATENT_TOKENS);
    job->n_groups = (a->n_heads + ITEM_HEADS - 1) / ITEM_HEADS;
    job->q = a->work;
    job->mix = job->q + (size_t)most * heads * row;
    for (job->begin = 0; job->begin < n_tok; job->begin += most) {
        job->n = min_int(most, n_tok - job->begin);
        job->products[0] = (struct heads_product){
            .m = a->wk,
            .turned = !a->wk->transposed,
            .path = cpu_float_path(job->cpu, &a->wk->w, job->n),
            .x = a->q + (size_t)job->begin * heads * dim,
            .y = job->q,
            .x_head = dim,
            .y_head = row,
            .x_stride = heads * dim,
            .y_stride = heads * row,
            .n_in = a->nope_dim,
            .n_out = a->kv_rank,
            .n_tok = job->n,
        };
        multiply(job, 1);
        pool_run(job->cpu->pool, job->n * a->n_heads, cpu_grain(a->rope_dim), query_items, job);
        attend_all_folded(job);
        job->products[0] = (struct heads_product){
            .m = a->wv,
            .turned = a->wv->transposed,
            .path = cpu_float_path(job->cpu, &a->wv->w, job->n),
            .x = job->mix,
            .y = a->out + (size_t)job->begin * heads * v_dim,
            .x_head = rank,
            .y_head = v_dim,
            .x_stride = heads * rank,
            .y_stride = heads * v_dim,
            .n_in = a->kv_rank,
            .n_out = a->v_dim,
            .n_tok = job->n,
        };
        multiply(job, 1);
    }
}

/* Shows what the matrices of the heads are multiplied with: the latents of the new positions,
 * or what is not rotated of the queries where wk lies the other way round. */
static void observe(struct latent_job *job)
{
    const struct latent_args *a = job->args;
    struct backend *b = &job->cpu->base;
    size_t heads = (size_t)a->n_heads, dim = (size_t)job->head_dim, nope = (size_t)a->nope_dim;
    int n_tok = kv_span_tokens(a->spans, a->n_spans);
    for (int t = 0; t < n_tok; t++) {
        struct cpu_token token = cpu_token_at(a->spans, t);
        float *c = a->work, *q = a->work + job->row;
        job->cpu->ops.decode(a->kv->dtype, cpu_kv_row(a->kv, token.span, token.pos), c, job->row);
        if (!a->wv->transposed)
            b->observe(b->observe_arg, &a->wv->w, c, 1);
        if (!a->wk->transposed && a->wk->w.data != a->wv->w.data)
            b->observe(b->observe_arg, &a->wk->w, c, 1);
        for (size_t h = 0; h < heads && a->wk->transposed; h++)
            memcpy(q + h * nope, a->q + ((size_t)t * heads + h) * dim, nope * sizeof *q);
        if (a->wk->transposed)
            b->observe(b->observe_arg, &a->wk->w, q, a->n_heads);
    }
}

void cpu_latent_attention(struct backend *b, const struct latent_args *args)
{
    struct latent_job job = {
        .cpu = (struct cpu_backend *)(void *)b,
        .args = args,
        .row = args->kv_rank + args->rope_dim,
        .head_dim = args->nope_dim + args->rope_dim,
    };
    assert(args->kv->n_kv_heads == 1 && args->kv->head_dim == job.row);
    assert(!args->wk->w.transposed && !args->wv->w.transposed);
    if (b->observe)
        observe(&job);
    /* What rounding of the inputs means is defined for the matrices as they are stored. */
    if (args->phase == PHASE_GENERATE && !b->round_inputs) {
        attend_by_folding(&job);
        return;
    }
    for (int i = 0; i < args->n_spans; i++) {
        job.span = &args->spans[i];
        attend_by_expanding(&job);
        job.first += job.span->n_tok;
    }
}
