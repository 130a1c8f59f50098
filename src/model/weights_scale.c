/* SPDX-License-Identifier: Apache-2.0 */
/* weights_scale.c - a matrix and the tensors beside it that say what its numbers stand for. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/weights_int.h"
#include "tensor/block.h"

enum { E2M1_GROUP = 16 }; /* elements of NVFP4 that share a scale */

/* What a tensor beside a matrix holds. */
enum role {
    ROLE_SCALE,   /* a factor of each matrix, or one of each block */
    ROLE_DIVISOR, /* the reciprocal of a factor of each matrix */
    ROLE_FACTOR,  /* a factor of each matrix, besides those of the blocks */
    ROLE_INPUT,   /* a factor of what the matrix is multiplied with */
    ROLE_UNUSED,  /* only for arithmetic that no backend does */
};

static const struct {
    const char *end;
    enum role role;
} siblings[] = {
    {".qscale_weight", ROLE_SCALE},         /* Mistral */
    {".qscale_act", ROLE_INPUT},            /* the same */
    {".weight_scale_inv", ROLE_SCALE},      /* Hugging Face; not an inverse */
    {".activation_scale", ROLE_INPUT},      /* the same */
    {"_scale_inv", ROLE_SCALE},             /* of experts in one tensor */
    {"_activation_scale", ROLE_INPUT},      /* the same */
    {".weight_scale", ROLE_SCALE},          /* compressed-tensors and ModelOpt */
    {".weight_global_scale", ROLE_DIVISOR}, /* compressed-tensors */
    {".input_global_scale", ROLE_UNUSED},   /* the same */
    {".weight_scale_2", ROLE_FACTOR},       /* ModelOpt */
    {".input_scale", ROLE_INPUT},           /* ModelOpt, GGUF */
    {".scale", ROLE_FACTOR},                /* GGUF */
};
#define N_SIBLINGS (sizeof siblings / sizeof *siblings)

static const struct tensor_entry *find(const struct tensor_store *tensors, const char *stem,
                                       const char *end)
{
    char name[LIMIT_NAME_BYTES + 1];
    int n = snprintf(name, sizeof name, "%s%s", stem, end);
    return n < (int)sizeof name ? tensor_store_find(tensors, name) : NULL;
}

/* A matrix is NAME.weight, packed nibbles are NAME.weight_packed; Hugging Face's experts in one
 * tensor are NAME. */
static const struct tensor_entry *find_weight(const struct tensor_store *tensors, const char *stem)
{
    static const char *const ends[] = {".weight", ".weight_packed", ""};
    const struct tensor_entry *e = NULL;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && !e; i++)
        e = find(tensors, stem, ends[i]);
    return e;
}

bool weights_has(const struct binder *b, const char *stem)
{
    return find_weight(b->ckpt->tensors, stem) != NULL;
}

bool weights_is_scale(const struct checkpoint *ckpt, const char *name)
{
    char stem[LIMIT_NAME_BYTES + 1];
    if (weights_use(ckpt, name) != TENSOR_DECODER)
        return false;
    for (size_t i = 0; i < N_SIBLINGS; i++) {
        size_t n = strlen(name), n_end = strlen(siblings[i].end);
        if (n < n_end || strcmp(name + n - n_end, siblings[i].end) != 0)
            continue;
        snprintf(stem, sizeof stem, "%.*s", (int)(n - n_end), name);
        if (find_weight(ckpt->tensors, stem))
            return true;
    }
    return false;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static bool fail_shape(const struct tensor_entry *e, const char *want, struct err *err)
{
    char shape[80];
    tensor_entry_shape(e, shape, sizeof shape);
    return err_set(err, ERR_FORMAT,
                   "%s: %s: shape is %s, the configuration says %s; they belong to different "
                   "models",
                   e->file, e->name, *shape ? shape : "that of a single number", want);
}

static void write_shape(char *text, size_t size, int64_t n_outer, int64_t n_rows, int64_t n_cols)
{
    if (n_outer > 1)
        snprintf(text, size, "%lld x %lld x %lld", (long long)n_outer, (long long)n_rows,
                 (long long)n_cols);
    else
        snprintf(text, size, "%lld x %lld", (long long)n_rows, (long long)n_cols);
}

/* Says whether that is [n_outer][n_rows][n_cols]; leading dimensions of 1 may be there or not. */
static bool is_shape(const struct tensor_entry *e, int64_t n_outer, int64_t n_rows, int64_t n_cols)
{
    const int64_t want[3] = {n_outer, n_rows, n_cols};
    int first = n_outer > 1 ? 0 : n_rows > 1 ? 1 : 2, extra = e->n_dims - (3 - first);
    bool ok = extra >= 0;
    for (int i = 0; i < e->n_dims && ok; i++)
        ok = e->shape[i] == (i < extra ? 1 : want[first + i - extra]);
    return ok;
}

static bool check_shape(const struct tensor_entry *e, int64_t n_outer, int64_t n_rows,
                        int64_t n_cols, struct err *err)
{
    char text[80];
    write_shape(text, sizeof text, n_outer, n_rows, n_cols);
    return is_shape(e, n_outer, n_rows, n_cols) || fail_shape(e, text, err);
}

/* Reads number i of a scale. */
static float scale_at(const struct tensor_entry *e, int64_t i)
{
    enum dtype dtype;
    float value = NAN;
    if (dtype_from_name(e->type, &dtype))
        block_decode(dtype, e->data + dtype_bytes(dtype, i), &value, 1);
    return value;
}

static bool check_scale_type(const struct tensor_entry *e, struct err *err)
{
    return strcmp(e->type, "F32") == 0 || strcmp(e->type, "BF16") == 0 ||
           err_set(err, ERR_UNSUPPORTED, "%s: %s: a scale in format %s is not supported", e->file,
                   e->name, e->type);
}

static bool check_positive(const struct tensor_entry *e, int64_t n, struct err *err)
{
    for (int64_t i = 0; i < n; i++) {
        float scale = scale_at(e, i);
        if (!(scale > 0.0f) || !isfinite(scale) || !isfinite(1.0f / scale)) /* may be a divisor */
            return err_set(err, ERR_FORMAT,
                           "%s: %s: a scale is %g; expected a positive number; download it again",
                           e->file, e->name, (double)scale);
    }
    return true;
}

static bool fail_scale(const struct tensor_entry *e, const char *want, struct err *err)
{
    char shape[80];
    tensor_entry_shape(e, shape, sizeof shape);
    return err_set(err, ERR_FORMAT,
                   "%s: %s: the shape of the scale is [%s], expected %s; download it again, or "
                   "quantise the model anew",
                   e->file, e->name, shape, want);
}

/* Checks a scale that holds one number, [] or [1], or one for each of n_outer matrices: [n_outer],
 * or with as many dimensions as their tensor has. */
static bool check_scale(const struct tensor_entry *e, const struct stack *s, struct err *err)
{
    char want[80] = "[] or [1]";
    int64_t n = tensor_entry_count(e);
    bool one = n == 1 && e->n_dims <= 1, list = e->n_dims == 1 && n == s->n_outer;
    bool as_matrix =
        e->n_dims == 3 && s->entry->n_dims == 3 && e->shape[0] == s->n_outer && n == s->n_outer;
    if (s->n_outer > 1)
        snprintf(want, sizeof want, "[], [1], [%lld] or [%lld x 1 x 1]", (long long)s->n_outer,
                 (long long)s->n_outer);
    if (!one && !list && !as_matrix)
        return fail_scale(e, want, err);
    return check_scale_type(e, err);
}

/* Checks scales of blocks, which have as many dimensions as the matrix: [n_rows][n_cols].  Of one
 * for each row the last may be missing. */
static bool check_block_shape(const struct tensor_entry *e, const struct stack *s, int64_t n_rows,
                              int64_t n_cols, bool of_rows, struct err *err)
{
    char shape[80], want[120];
    of_rows = of_rows && n_cols == 1 && s->entry->n_dims == 2;
    if (e->n_dims == s->entry->n_dims && is_shape(e, s->n_outer, n_rows, n_cols))
        return true;
    if (of_rows && e->n_dims == 1 && e->shape[0] == n_rows)
        return true;
    write_shape(shape, sizeof shape, s->n_outer, n_rows, n_cols);
    if (of_rows)
        snprintf(want, sizeof want, "[%lld] or [%s]", (long long)n_rows, shape);
    else
        snprintf(want, sizeof want, "[%s]", shape);
    return fail_scale(e, want, err);
}

/* Scales of blocks: those of NVFP4 stand in E4M3, others in a float format. */
static bool read_blocks(const struct binder *b, const struct tensor_entry *e, struct stack *s,
                        struct err *err)
{
    const struct quant_config *quant = &b->ckpt->config.quant;
    bool packed = s->dtype == DTYPE_E2M1;
    int64_t rows = packed ? 1 : quant->block_rows, cols = packed ? E2M1_GROUP : quant->block_cols;
    int64_t n_cols = ceil_div(s->n_cols, cols), n_rows = ceil_div(s->n_inner * s->n_rows, rows);
    if (s->n_inner > 1 && s->n_rows % rows)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: %s: blocks of %lld rows that two matrices share are not supported",
                       e->file, e->name, (long long)rows);
    if (!check_block_shape(e, s, n_rows, n_cols, rows == 1 && !packed, err))
        return false;
    if (packed ? strcmp(e->type, "F8_E4M3") != 0 : !check_scale_type(e, err))
        return packed &&
               err_set(err, ERR_UNSUPPORTED, "%s: %s: scales in format %s; expected F8_E4M3",
                       e->file, e->name, e->type);
    if (!packed && !check_positive(e, tensor_entry_count(e), err))
        return false;
    s->blocks = (struct tensor_scales){.data = e->data,
                                       .n_rows = (int)rows,
                                       .n_cols = (int)(cols < s->n_cols ? cols : s->n_cols),
                                       .stride = n_cols};
    s->n_block_rows = n_rows / s->n_inner;
    return dtype_from_name(e->type, &s->blocks.dtype);
}

static bool read_sibling(const struct binder *b, const struct tensor_entry *e, enum role role,
                         struct stack *s, struct err *err)
{
    bool blocks = s->dtype == DTYPE_E2M1 || b->ckpt->config.quant.block_rows != 0;
    if (role == ROLE_SCALE && blocks)
        return read_blocks(b, e, s, err);
    if (!check_scale(e, s, err))
        return false;
    /* Of inputs that are not rounded, published files have what calibration left, which for an
     * expert that it never met is no number. */
    if (role == ROLE_UNUSED || (role == ROLE_INPUT && s->dtype != DTYPE_E4M3))
        return true;
    if (!check_positive(e, tensor_entry_count(e), err))
        return false;
    if (role == ROLE_INPUT) {
        s->input = e;
        return true;
    }
    if (s->scale)
        return err_set(err, ERR_FORMAT, "%s: %s: given beside %s", e->file, e->name,
                       s->scale->name);
    s->scale = e;
    s->is_divisor = role == ROLE_DIVISOR;
    return true;
}

static bool read_siblings(const struct binder *b, const char *stem, struct stack *s,
                          struct err *err)
{
    for (size_t i = 0; i < N_SIBLINGS; i++) {
        const struct tensor_entry *e = find(b->ckpt->tensors, stem, siblings[i].end);
        if (!e)
            continue;
        if (!read_sibling(b, e, siblings[i].role, s, err))
            return false;
        b->bound[e - b->ckpt->tensors->entries] = true;
        b->ckpt->n_weight_bytes += e->n_bytes;
    }
    return true;
}

/* Numbers of a few bits mean nothing without what scales them. */
static bool check_scaled(const struct tensor_entry *e, const struct stack *s, struct err *err)
{
    bool needs_blocks = s->dtype == DTYPE_E2M1, needs_any = s->dtype == DTYPE_E4M3;
    if ((needs_blocks && !(s->blocks.data && s->scale)) ||
        (needs_any && !s->blocks.data && !s->scale))
        return err_set(err, ERR_FORMAT, "%s: %s: format %s without its scales; download them, too",
                       e->file, e->name, e->type);
    return true;
}

/* Finds the format, and checks that this build computes with it. */
static bool check_format(const struct tensor_entry *e, struct stack *s, struct err *err)
{
    if (strcmp(e->type, "U8") == 0)
        s->dtype = DTYPE_E2M1;
    else if (!dtype_from_name(e->type, &s->dtype) || s->dtype == DTYPE_E2M1)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: %s: format %s is not supported by this version; choose a BF16 or "
                       "another quantisation",
                       e->file, e->name, e->type);
    const struct dtype_info *info = dtype_info(s->dtype);
    bool vector = s->n_outer * s->n_inner * s->n_rows == 1;
    if (vector && (info->block != 1 || s->dtype == DTYPE_E4M3))
        return err_set(err, ERR_UNSUPPORTED, "%s: %s: a vector in format %s is not supported",
                       e->file, e->name, e->type);
    /* A store may check whole tensors only; the decoders read row by row. */
    if (s->n_cols % info->block)
        return err_set(err, ERR_FORMAT, "%s: %s: rows of %lld are no whole blocks of %s", e->file,
                       e->name, (long long)s->n_cols, e->type);
    return true;
}

bool weights_find(const struct binder *b, const char *stem, struct stack *s, struct err *err)
{
    struct checkpoint *ckpt = b->ckpt;
    const struct tensor_entry *e = s->entry = find_weight(ckpt->tensors, stem);
    if (!e)
        return err_set(err, ERR_FORMAT, "%s: %s.weight: missing; download the model again", b->file,
                       stem);
    if (!check_format(e, s, err) ||
        !check_shape(e, s->n_outer, s->n_inner * s->n_rows,
                     s->dtype == DTYPE_E2M1 ? s->n_cols / 2 : s->n_cols, err) ||
        !read_siblings(b, stem, s, err) || !check_scaled(e, s, err))
        return false;
    b->bound[e - ckpt->tensors->entries] = true;
    ckpt->n_params += (uint64_t)(s->n_outer * s->n_inner) * (uint64_t)(s->n_rows * s->n_cols);
    ckpt->n_weight_bytes += e->n_bytes;
    return true;
}

/* Number i of n in a scale that may hold one for all or one for several. */
static float share_at(const struct tensor_entry *e, int64_t i, int64_t n)
{
    return scale_at(e, i * tensor_entry_count(e) / n);
}

static struct tensor_input input_at(const struct binder *b, const struct stack *s, int64_t i,
                                    int64_t n)
{
    const struct quant_config *quant = &b->ckpt->config.quant;
    if (s->dtype != DTYPE_E4M3)
        return (struct tensor_input){.rounding = INPUT_EXACT};
    if (quant->rounding == INPUT_E4M3_STATIC)
        return s->input ? (struct tensor_input){.rounding = INPUT_E4M3_STATIC,
                                                .scale = share_at(s->input, i, n)}
                        : (struct tensor_input){.rounding = INPUT_EXACT};
    return (struct tensor_input){.rounding = quant->rounding, .group = (int)quant->input_group};
}

struct tensor weights_at(const struct binder *b, const struct stack *s, int64_t i)
{
    int64_t n = s->n_outer * s->n_inner;
    size_t bytes = dtype_bytes(s->dtype, s->n_cols) * (size_t)s->n_rows;
    struct tensor t = {.data = s->entry->data + (size_t)i * bytes,
                       .dtype = s->dtype,
                       .n_rows = s->n_rows,
                       .n_cols = s->n_cols,
                       .scales = s->blocks,
                       .input = input_at(b, s, i, n)};
    b->ckpt->rounds_inputs |= t.input.rounding != INPUT_EXACT;
    if (s->scale)
        t.scale = s->is_divisor ? 1.0f / share_at(s->scale, i, n) : share_at(s->scale, i, n);
    if (t.scales.data)
        t.scales.data = (const uint8_t *)t.scales.data +
                        dtype_bytes(t.scales.dtype, i * s->n_block_rows * s->blocks.stride);
    return t;
}

bool weights_take(const struct binder *b, const char *stem, struct tensor *out, struct err *err)
{
    struct stack s = {.n_outer = 1, .n_inner = 1, .n_rows = out->n_rows, .n_cols = out->n_cols};
    if (!weights_find(b, stem, &s, err))
        return false;
    *out = weights_at(b, &s, 0);
    return true;
}
