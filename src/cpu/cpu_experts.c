/* SPDX-License-Identifier: Apache-2.0 */
/* The feed-forward blocks of a mixture.
 *
 * A choice is a token that goes through an expert.  Choices are taken at most EXPERT_CHOICES at
 * a time, group by group; each of these loops of the pool covers all of them:
 *     inputs   copies and rounds the vectors of the tokens, a span at a time
 *     gate, up items are rows of an expert, for all its tokens
 *     hidden   silu(gate) * up, rounded
 *     down     as gate and up
 *     sums     items are columns, choice after choice */
#include <assert.h>
#include <string.h>

#include "cpu/cpu_int.h"

#define SUM_COLS 256 /* of an item of the sums */

enum { GATE, UP, DOWN };

/* Choices of one group, or of as much of it as goes at a time. */
struct piece {
    const struct ffn_tensors *ffn;
    const int32_t *tokens; /* [n] */
    const float *weights;  /* [n] */
    int row, n, span;      /* of the work; its spans are as many choices as a tile has */
};

struct experts_job {
    struct cpu_backend *cpu;
    const struct experts_args *args;
    struct piece pieces[EXPERT_CHOICES];
    int n_pieces, n_rows, n_spans;
    int piece_of[EXPERT_CHOICES]; /* of each span */
    int first, last;              /* GATE to DOWN: what this loop is about */
    int first_item[2 * EXPERT_CHOICES + 1];
    bool round;       /* round_inputs, which every matrix may do otherwise */
    float *in;        /* [n_rows][dim]: inputs, then outputs */
    float *gate, *up; /* [n_rows][ffn_dim]; gate becomes the hidden vector, up its rounded form */
};

static const struct tensor *matrix(const struct piece *piece, int which)
{
    const struct ffn_tensors *ffn = piece->ffn;
    return which == GATE ? &ffn->w_gate : which == UP ? &ffn->w_up : &ffn->w_down;
}

static bool rounds(const struct experts_job *job, const struct tensor *w)
{
    return job->round && w->input.rounding != INPUT_EXACT;
}

/* Where the 8-bit form of a row lies. */
static int8_t *acts_of(const struct experts_job *job, int row, int n)
{
    return job->cpu->acts + (size_t)row * act_bytes(n);
}

/* Where the tiles of a piece lie. */
static uint16_t *tiles_of(const struct experts_job *job, const struct piece *piece, int n)
{
    return job->cpu->tiles + (size_t)piece->span * cpu_tile_stride(n);
}

/* Rows begin..end-1 of a span. */
struct rows {
    const struct piece *piece;
    int begin, end;
};

static struct rows rows_of(const struct experts_job *job, int span)
{
    const struct piece *piece = &job->pieces[job->piece_of[span]];
    int begin = (span - piece->span) * TILE_ROWS;
    return (struct rows){
        .piece = piece,
        .begin = piece->row + begin,
        .end = piece->row + min_int(begin + TILE_ROWS, piece->n),
    };
}

/* Rounds a span as the matrices of this loop want it; x: [n_rows][n] of the whole work. */
static void round_span(const struct experts_job *job, int span, const float *x, int n)
{
    const struct rows rows = rows_of(job, span);
    bool acts = false, tiles = false;
    for (int i = job->first; i <= job->last; i++) {
        const struct tensor *w = matrix(rows.piece, i);
        enum cpu_path path = cpu_path(job->cpu, w, job->args->phase, rows.piece->n);
        acts |= path == CPU_ROUNDED;
        tiles |= path == CPU_TILES;
    }
    for (int row = rows.begin; row < rows.end && acts; row++)
        job->cpu->ops.round_act(acts_of(job, row, n), x + (size_t)row * (size_t)n, n);
    if (tiles)
        cpu_tile_inputs(job->cpu, tiles_of(job, rows.piece, n), rows.piece->n,
                        span - rows.piece->span, x + (size_t)rows.begin * (size_t)n, n);
}

static void input_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct experts_job *job = arg;
    int dim = job->args->dim;
    for (int span = begin; span < end; span++) {
        const struct rows rows = rows_of(job, span);
        const struct tensor *w = matrix(rows.piece, job->first);
        const int32_t *tokens = rows.piece->tokens - rows.piece->row;
        for (int row = rows.begin; row < rows.end; row++) {
            const float *x = job->args->x + (size_t)tokens[row] * (size_t)dim;
            float *to = job->in + (size_t)row * (size_t)dim;
            if (rounds(job, w))
                cpu_round_input(&w->input, to, x, dim);
            else
                memcpy(to, x, (size_t)dim * sizeof *to);
        }
        round_span(job, span, job->in, dim);
    }
}

static void hidden_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct experts_job *job = arg;
    int n = job->args->ffn_dim;
    for (int span = begin; span < end; span++) {
        const struct rows rows = rows_of(job, span);
        const struct tensor *w = matrix(rows.piece, DOWN);
        for (int row = rows.begin; row < rows.end; row++) {
            float *gate = job->gate + (size_t)row * (size_t)n, *up = job->up + (gate - job->gate);
            job->cpu->ops.silu_mul(gate, up, n);
            if (rounds(job, w))
                cpu_round_input(&w->input, up, gate, n);
        }
        round_span(job, span, rounds(job, w) ? job->up : job->gate, n);
    }
}

static struct cpu_product product_of(const struct experts_job *job, const struct piece *piece,
                                     int which)
{
    const struct tensor *w = matrix(piece, which);
    size_t row = (size_t)piece->row, n_in = (size_t)w->n_cols, n_out = (size_t)w->n_rows;
    const float *x = which != DOWN ? job->in : rounds(job, w) ? job->up : job->gate;
    float *y = which == GATE ? job->gate : which == UP ? job->up : job->in;
    enum cpu_path path = cpu_path(job->cpu, w, job->args->phase, piece->n);
    return (struct cpu_product){
        .w = w,
        .path = path,
        .x = x + row * n_in,
        .acts = path == CPU_ROUNDED ? acts_of(job, piece->row, (int)n_in) : NULL,
        .tiles = path == CPU_TILES ? tiles_of(job, piece, (int)n_in) : NULL,
        .y = y + row * n_out,
        .x_stride = n_in,
        .y_stride = n_out,
        .n_rows = w->n_rows,
        .n_tok = piece->n,
    };
}

/* Entry i of first_item is about this piece and, of the matrices of the loop, this one. */
static struct cpu_product entry(const struct experts_job *job, int i)
{
    int n = job->last - job->first + 1;
    return product_of(job, &job->pieces[i / n], job->first + i % n);
}

static void product_items(void *arg, int begin, int end, int worker)
{
    const struct experts_job *job = arg;
    for (int item = begin, i = 0; item < end; item++) {
        while (item >= job->first_item[i + 1])
            i++;
        struct cpu_product p = entry(job, i);
        cpu_product_item(job->cpu, &p, item - job->first_item[i], worker);
    }
}

/* Multiplies with matrices first..last of each piece. */
static void multiply(struct experts_job *job, int first, int last)
{
    job->first = first;
    job->last = last;
    int n = job->n_pieces * (last - first + 1);
    int64_t cost = 1;
    for (int i = 0; i < n; i++) {
        struct cpu_product p = entry(job, i);
        int64_t its = cpu_product_cost(&p);
        job->first_item[i + 1] = job->first_item[i] + cpu_product_items(&p);
        cost = its > cost ? its : cost;
    }
    pool_run(job->cpu->pool, job->first_item[n], cpu_grain(cost), product_items, job);
}

/* Shows what goes into matrices first..last. */
static void observe(const struct experts_job *job, int first, int last)
{
    struct backend *b = &job->cpu->base;
    for (int i = 0; b->observe && i < job->n_pieces; i++)
        for (int which = first; which <= last; which++) {
            const struct piece *piece = &job->pieces[i];
            const struct tensor *w = matrix(piece, which);
            const float *x = which == DOWN ? job->gate : job->in;
            b->observe(b->observe_arg, w, x + piece->row * w->n_cols, piece->n);
        }
}

static void add_lora(const struct experts_job *job, int which)
{
    for (int i = 0; i < job->n_pieces; i++) {
        const struct tensor *w = matrix(&job->pieces[i], which);
        struct cpu_product p = product_of(job, &job->pieces[i], which);
        const float *x = which == DOWN ? job->gate + job->pieces[i].row * w->n_cols : p.x;
        cpu_add_lora(job->cpu, w, x, p.y, p.n_tok);
    }
}

/* Copies the inputs of matrices first..last, as the first of them wants them. */
static void gather(struct experts_job *job, int first, int last, bool round)
{
    job->first = first;
    job->last = last;
    job->round = round;
    pool_run(job->cpu->pool, job->n_spans, cpu_grain(job->args->dim), input_items, job);
}

static void run_gate_and_up(struct experts_job *job)
{
    bool round = job->cpu->base.round_inputs;
    gather(job, GATE, UP, false);
    observe(job, GATE, UP);
    if (round) {
        for (int which = GATE; which <= UP; which++) {
            gather(job, which, which, true);
            multiply(job, which, which);
        }
        gather(job, GATE, UP, false); /* adapters meet inputs that are not rounded */
    } else {
        multiply(job, GATE, UP);
    }
    add_lora(job, GATE);
    add_lora(job, UP);
    job->round = round;
}

static void run_down(struct experts_job *job)
{
    job->first = job->last = DOWN;
    pool_run(job->cpu->pool, job->n_spans, cpu_grain((int64_t)job->args->ffn_dim * 8), hidden_items,
             job);
    observe(job, DOWN, DOWN);
    multiply(job, DOWN, DOWN);
    add_lora(job, DOWN);
}

static void sum_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct experts_job *job = arg;
    size_t dim = (size_t)job->args->dim;
    size_t from = (size_t)begin * SUM_COLS, to = (size_t)end * SUM_COLS;
    for (int i = 0; i < job->n_pieces; i++)
        for (int j = 0; j < job->pieces[i].n; j++) {
            const struct piece *piece = &job->pieces[i];
            float *y = job->args->y + (size_t)piece->tokens[j] * dim;
            const float *out = job->in + (size_t)(piece->row + j) * dim;
            for (size_t c = from; c < to && c < dim; c++)
                y[c] += piece->weights[j] * out[c];
        }
}

static void run_pieces(struct experts_job *job)
{
    size_t n = (size_t)job->n_rows;
    job->in = job->args->work;
    job->gate = job->in + n * (size_t)job->args->dim;
    job->up = job->gate + n * (size_t)job->args->ffn_dim;
    run_gate_and_up(job);
    run_down(job);
    pool_run(job->cpu->pool, (job->args->dim + SUM_COLS - 1) / SUM_COLS,
             cpu_grain((int64_t)job->n_rows * SUM_COLS), sum_items, job);
    job->n_pieces = job->n_rows = job->n_spans = 0;
}

static int widest(const struct experts_args *args)
{
    return args->dim > args->ffn_dim ? args->dim : args->ffn_dim;
}

static int spans_of(int n)
{
    return (n + TILE_ROWS - 1) / TILE_ROWS;
}

/* Choices that go at a time: as many as the scratch for rounded vectors holds, where there may be
 * any. */
static int most_rows(const struct cpu_backend *cpu, const struct experts_args *args)
{
    size_t most = ACTS_BYTES / act_bytes(widest(args));
    bool acts = args->phase == PHASE_GENERATE || (cpu->ops.rounds_prompts && !cpu->ops.tiled);
    return acts && most < EXPERT_CHOICES ? (int)most : EXPERT_CHOICES;
}

/* And spans, each with tiles of its own. */
static int most_spans(const struct experts_args *args)
{
    size_t most = TILE_ROOM / cpu_tile_stride(widest(args));
    return most > EXPERT_CHOICES ? EXPERT_CHOICES : (int)most;
}

/* Appends n choices of a group. */
static void add_piece(struct experts_job *job, const struct expert_group *group, int done, int n)
{
    for (int i = 0; i < spans_of(n); i++)
        job->piece_of[job->n_spans + i] = job->n_pieces;
    job->pieces[job->n_pieces++] = (struct piece){
        .ffn = group->ffn,
        .tokens = job->args->tokens + group->first + done,
        .weights = job->args->weights + group->first + done,
        .row = job->n_rows,
        .n = n,
        .span = job->n_spans,
    };
    job->n_rows += n;
    job->n_spans += spans_of(n);
}

void cpu_experts(struct backend *b, const struct experts_args *args)
{
    struct experts_job job = {.cpu = (struct cpu_backend *)(void *)b, .args = args};
    int most = most_rows(job.cpu, args), spans = most_spans(args);
    assert(args->dim > 0 && args->ffn_dim > 0 && most > 0 && spans > 0);
    for (int g = 0; g < args->n_groups; g++) {
        const struct expert_group *group = &args->groups[g];
        /* A group that fits is not cut: each of its rows is then decoded once. */
        if (job.n_rows > 0 &&
            (job.n_rows + group->n > most || job.n_spans + spans_of(group->n) > spans))
            run_pieces(&job);
        for (int done = 0, n; done < group->n; done += n) {
            if (job.n_rows == most || job.n_spans == spans)
                run_pieces(&job);
            n = min_int(group->n - done, most - job.n_rows);
            n = min_int(n, (spans - job.n_spans) * TILE_ROWS);
            add_piece(&job, group, done, n);
        }
    }
    if (job.n_rows > 0)
        run_pieces(&job);
}
