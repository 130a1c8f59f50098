/* SPDX-License-Identifier: Apache-2.0 */
/* random_gguf.c - writes a GGUF file at a real model's shape with random weights.
 *
 * For measuring only: loading, memory and speed depend on shapes and formats, not
 * on values.  The values are sane all the same (zero mean, variance 1 / n_in), so
 * that kernels take their normal paths: codes are random bits, and scales are set.  Written
 * in small parts: memory stays small whatever the size of the file.  It has no vocabulary.
 *
 *     build/release/bench_random_gguf --type q4_k OUT.gguf     [--layers N] [--shape SHAPE]
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/number.h"

enum { ALIGNMENT = 32, CHUNK_BYTES = 1 << 20 };

struct shape {
    const char *name, *arch;
    uint32_t dim, n_layers, n_heads, n_kv_heads, head_dim, ffn_dim, n_vocab, context;
    float theta;
    bool tied;
    uint32_t n_experts, n_used, expert_dim, n_shared, n_dense; /* of a mixture */
    uint32_t q_rank, kv_rank, rope_dim, v_dim;                 /* of latent attention */
};

static const struct shape shapes[] = {
    {.name = "7b", /* Mistral 7B v0.3 */
     .arch = "llama",
     .dim = 4096,
     .n_layers = 32,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 14336,
     .n_vocab = 32768,
     .context = 32768,
     .theta = 1e6f},
    {.name = "3b", /* Ministral 3 3B */
     .arch = "llama",
     .dim = 3072,
     .n_layers = 26,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 9216,
     .n_vocab = 131072,
     .context = 262144,
     .theta = 1e6f,
     .tied = true},
    {.name = "8b", /* Ministral 3 8B */
     .arch = "llama",
     .dim = 4096,
     .n_layers = 34,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 14336,
     .n_vocab = 131072,
     .context = 262144,
     .theta = 1e6f},
    {.name = "14b", /* Ministral 3 14B */
     .arch = "llama",
     .dim = 5120,
     .n_layers = 40,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 16384,
     .n_vocab = 131072,
     .context = 262144,
     .theta = 1e9f},
    {.name = "24b", /* Mistral Small 3.2 24B */
     .arch = "llama",
     .dim = 5120,
     .n_layers = 40,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 32768,
     .n_vocab = 131072,
     .context = 131072,
     .theta = 1e9f},
    {.name = "8x7b", /* Mixtral 8x7B */
     .arch = "llama",
     .dim = 4096,
     .n_layers = 32,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 14336,
     .n_vocab = 32000,
     .context = 32768,
     .theta = 1e6f,
     .n_experts = 8,
     .n_used = 2,
     .expert_dim = 14336},
    {.name = "small4", /* Mistral Small 4 119B-A6B */
     .arch = "deepseek2",
     .dim = 4096,
     .n_layers = 36,
     .n_heads = 32,
     .n_kv_heads = 1,
     .head_dim = 128,
     .ffn_dim = 12288,
     .n_vocab = 131072,
     .context = 262144,
     .theta = 1e4f,
     .n_experts = 128,
     .n_used = 4,
     .expert_dim = 2048,
     .n_shared = 1,
     .q_rank = 1024,
     .kv_rank = 256,
     .rope_dim = 64,
     .v_dim = 128},
    {.name = "large3", /* Mistral Large 3 675B-A41B */
     .arch = "deepseek2",
     .dim = 7168,
     .n_layers = 61,
     .n_heads = 128,
     .n_kv_heads = 1,
     .head_dim = 192,
     .ffn_dim = 16384,
     .n_vocab = 131072,
     .context = 262144,
     .theta = 1e4f,
     .n_experts = 128,
     .n_used = 4,
     .expert_dim = 4096,
     .n_shared = 1,
     .n_dense = 3,
     .q_rank = 1536,
     .kv_rank = 512,
     .rope_dim = 64,
     .v_dim = 128},
};

/* Where a block has its scales, and what makes them sane.  Everything else of a block is random:
 * codes are about uniform, so the root of their mean square is known. */
struct format {
    const char *name;
    uint32_t id; /* in the file */
    int block, bytes;
    float code;     /* that root, with the scales of sub-blocks in it */
    int scale_at;   /* of a float16 scale, or -1 */
    int min_at;     /* of a float16 minimum, or -1 */
    float min_code; /* the minimum, in scales */
};

enum {
    F32_ID = 0,
    F16_ID = 1,
    Q4_K_ID = 12,
    Q5_K_ID = 13,
    Q6_K_ID = 14,
    BF16_ID = 30,
    MXFP4_ID = 39,
    NVFP4_ID = 40
};

static const struct format formats[] = {
    {"q4_0", 2, 32, 18, 4.61f, 0, -1, 0},
    {"q4_1", 3, 32, 20, 4.61f, 0, 2, -7.5f},
    {"q5_0", 6, 32, 22, 9.23f, 0, -1, 0},
    {"q5_1", 7, 32, 24, 9.23f, 0, 2, -15.5f},
    {"q8_0", 8, 32, 34, 73.9f, 0, -1, 0},
    {"q4_k", Q4_K_ID, 256, 144, 39.5f * 4.61f, 0, 2, 7.5f},
    {"q5_k", Q5_K_ID, 256, 176, 39.5f * 9.23f, 0, 2, 15.5f},
    {"q6_k", Q6_K_ID, 256, 210, 39.5f * 18.5f, 208, -1, 0},
    {"iq4_nl", 20, 32, 18, 72.0f, 0, -1, 0},
    {"iq4_xs", 23, 256, 136, 18.5f * 72.0f, 0, -1, 0},
    {"mxfp4", MXFP4_ID, 32, 17, 2.9f, -1, -1, 0},
    {"nvfp4", NVFP4_ID, 64, 36, 2.9f, -1, -1, 0},
    {"f16", F16_ID, 1, 2, 1, -1, -1, 0},
    {"bf16", BF16_ID, 1, 2, 1, -1, -1, 0},
};
static const struct format router_format = {"f32", F32_ID, 1, 4, 1, -1, -1, 0};

struct writer {
    FILE *f;
    uint64_t n_bytes; /* written so far */
    uint64_t n_keys;  /* the same */
    uint64_t random;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
    if (fwrite(bytes, 1, n, w->f) != n) {
        perror("write");
        exit(1);
    }
    w->n_bytes += n;
}

static void put_u32(struct writer *w, uint32_t v)
{
    put(w, &v, sizeof v);
}

static void put_u64(struct writer *w, uint64_t v)
{
    put(w, &v, sizeof v);
}

static void put_string(struct writer *w, const char *s)
{
    put_u64(w, strlen(s));
    put(w, s, strlen(s));
}

/* A key of the architecture begins with a point, which stands for its name. */
static void put_key(struct writer *w, const char *arch, const char *key, uint32_t type)
{
    char full[80];
    snprintf(full, sizeof full, "%s%s", *key == '.' ? arch : "", key);
    put_string(w, full);
    put_u32(w, type);
    w->n_keys++;
}

static void put_key_u32(struct writer *w, const char *arch, const char *key, uint32_t v)
{
    put_key(w, arch, key, 4);
    put_u32(w, v);
}

static void put_key_f32(struct writer *w, const char *arch, const char *key, float v)
{
    put_key(w, arch, key, 6);
    put(w, &v, sizeof v);
}

static void put_key_string(struct writer *w, const char *key, const char *v)
{
    put_key(w, "", key, 8);
    put_string(w, v);
}

static void pad(struct writer *w)
{
    static const char zero[ALIGNMENT];
    put(w, zero, (ALIGNMENT - w->n_bytes % ALIGNMENT) % ALIGNMENT);
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t next_random(struct writer *w)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Finite values only; rounds to nearest even. */
static uint16_t to_f16(float f)
{
    float magnitude = fabsf(f);
    uint32_t bits = number_bits(magnitude);
    uint16_t h = magnitude < 0x1p-14f
                     ? (uint16_t)lrintf(magnitude * 0x1p24f)
                     : (uint16_t)((bits - (112u << 23) + 0xfffu + ((bits >> 13) & 1u)) >> 13);
    return f < 0 ? h | 0x8000 : h;
}

/* Random numbers of 16 bits with n_mantissa bits of mantissa: any sign, four exponents of which
 * the largest is that of std. */
static uint64_t sane_floats(uint64_t random, int n_mantissa, int bias, float std)
{
    int exponent;
    (void)frexpf(std, &exponent);
    int lowest = exponent - 1 + bias - 3 > 1 ? exponent - 1 + bias - 3 : 1;
    uint64_t each = 0x0001000100010001u;
    uint64_t kept = each * ((4u << n_mantissa) - 1), sign = each * 0x8000u;
    return (random & sign) | ((random & kept) + each * ((uint64_t)lowest << n_mantissa));
}

static void fill_floats(struct writer *w, const struct format *f, uint8_t *p, size_t n, float std)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = next_random(w);
        if (f->id == F32_ID) { /* the upper halves; the lower ones are mantissa */
            v = sane_floats(v, 7, 127, std);
            v = (v & 0xffff0000u) | (v & 0xffff000000000000u);
        } else {
            v = f->id == F16_ID ? sane_floats(v, 10, 15, std) : sane_floats(v, 7, 127, std);
        }
        memcpy(p + i, &v, n - i < 8 ? n - i : 8);
    }
}

/* Scales of sub-blocks: 32..47 of 63, minima the same. */
static void set_sub_scales(const struct format *f, uint8_t *b)
{
    if (f->id == Q6_K_ID)
        for (int j = 0; j < 16; j++)
            b[192 + j] = 32 | (b[192 + j] & 15);
    for (int j = 0; f->id != Q6_K_ID && j < 4; j++) {
        uint8_t s = 0x20 | (b[4 + j] & 15);
        b[4 + j] = s | 0x80; /* two bits of a later scale: 2 << 4 */
        b[8 + j] = s | 0x80;
        b[12 + j] = (uint8_t)((b[12 + j] & 15) * 17);
    }
}

static void fill(struct writer *w, const struct format *f, uint8_t *p, size_t n, float std)
{
    if (f->block == 1) {
        fill_floats(w, f, p, n, std);
        return;
    }
    uint16_t scale = to_f16(std / f->code), min = to_f16(f->min_code * std / f->code);
    uint8_t power = (uint8_t)lrintf(127 + log2f(std / f->code));
    uint8_t small = (uint8_t)fmaxf(1, lrintf(std / f->code * 0x1p9f)); /* E4M3 below 2^-6 */
    bool has_sub_scales = f->id == Q4_K_ID || f->id == Q5_K_ID || f->id == Q6_K_ID;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = next_random(w);
        memcpy(p + i, &v, n - i < 8 ? n - i : 8);
    }
    for (uint8_t *b = p; b < p + n; b += f->bytes) {
        if (f->scale_at >= 0)
            memcpy(b + f->scale_at, &scale, sizeof scale);
        if (f->min_at >= 0)
            memcpy(b + f->min_at, &min, sizeof min);
        if (has_sub_scales)
            set_sub_scales(f, b);
        else if (f->id == MXFP4_ID)
            b[0] = power;
        else if (f->id == NVFP4_ID)
            memset(b, small, 4);
    }
}

/* A tensor in the order of the file; rows 0 marks a float32 vector of n_in ones. */
struct item {
    char name[64];
    uint32_t n_experts, n_rows, n_in; /* n_experts 0: a matrix */
    const struct format *format;
};

static uint64_t item_rows(const struct item *t)
{
    return (uint64_t)t->n_rows * (t->n_experts ? t->n_experts : 1);
}

static size_t row_bytes(const struct item *t)
{
    return t->n_in / (uint32_t)t->format->block * (size_t)t->format->bytes;
}

static uint64_t item_bytes(const struct item *t)
{
    return t->n_rows ? item_rows(t) * row_bytes(t) : t->n_in * sizeof(float);
}

/* Tensors that are listed. */
struct list {
    struct item *end;
    const struct format *format;
    int layer; /* -1: of none */
};

static struct item *add(struct list *list, const char *name, uint32_t n_rows, uint32_t n_in)
{
    struct item *t = list->end++;
    *t = (struct item){.n_rows = n_rows, .n_in = n_in, .format = list->format};
    if (list->layer < 0)
        snprintf(t->name, sizeof t->name, "%s.weight", name);
    else
        snprintf(t->name, sizeof t->name, "blk.%d.%s.weight", list->layer, name);
    return t;
}

static void add_attention(struct list *list, const struct shape *s)
{
    uint32_t n_q = s->n_heads * s->head_dim, n_kv = s->n_kv_heads * s->head_dim;
    add(list, "attn_norm", 0, s->dim);
    if (!s->kv_rank) {
        add(list, "attn_q", n_q, s->dim);
        add(list, "attn_k", n_kv, s->dim);
        add(list, "attn_v", n_kv, s->dim);
        add(list, "attn_output", s->dim, n_q);
        return;
    }
    uint32_t nope_dim = s->head_dim - s->rope_dim;
    add(list, "attn_q_a", s->q_rank, s->dim);
    add(list, "attn_q_a_norm", 0, s->q_rank);
    add(list, "attn_q_b", n_q, s->q_rank);
    add(list, "attn_kv_a_mqa", s->kv_rank + s->rope_dim, s->dim);
    add(list, "attn_kv_a_norm", 0, s->kv_rank);
    add(list, "attn_kv_b", s->n_heads * (nope_dim + s->v_dim), s->kv_rank);
    add(list, "attn_output", s->dim, s->n_heads * s->v_dim);
}

static void add_ffn(struct list *list, const struct shape *s)
{
    add(list, "ffn_norm", 0, s->dim);
    if (!s->n_experts || list->layer < (int)s->n_dense) {
        add(list, "ffn_gate", s->ffn_dim, s->dim);
        add(list, "ffn_up", s->ffn_dim, s->dim);
        add(list, "ffn_down", s->dim, s->ffn_dim);
        return;
    }
    add(list, "ffn_gate_inp", s->n_experts, s->dim)->format = &router_format;
    add(list, "ffn_gate_exps", s->expert_dim, s->dim)->n_experts = s->n_experts;
    add(list, "ffn_up_exps", s->expert_dim, s->dim)->n_experts = s->n_experts;
    add(list, "ffn_down_exps", s->dim, s->expert_dim)->n_experts = s->n_experts;
    if (!s->n_shared)
        return;
    add(list, "ffn_gate_shexp", s->n_shared * s->expert_dim, s->dim);
    add(list, "ffn_up_shexp", s->n_shared * s->expert_dim, s->dim);
    add(list, "ffn_down_shexp", s->dim, s->n_shared * s->expert_dim);
}

static struct item *list_items(const struct shape *s, const struct format *format, uint64_t *n)
{
    struct item *items = calloc(3 + 16 * (size_t)s->n_layers, sizeof *items);
    struct list list = {.end = items, .format = format, .layer = -1};
    if (!items) {
        perror("memory");
        exit(1);
    }
    add(&list, "token_embd", s->n_vocab, s->dim);
    for (list.layer = 0; list.layer < (int)s->n_layers; list.layer++) {
        add_attention(&list, s);
        add_ffn(&list, s);
    }
    list.layer = -1;
    add(&list, "output_norm", 0, s->dim);
    if (!s->tied)
        add(&list, "output", s->n_vocab, s->dim);
    *n = (uint64_t)(list.end - items);
    return items;
}

static void put_mixture(struct writer *w, const struct shape *s)
{
    put_key_u32(w, s->arch, ".expert_count", s->n_experts);
    put_key_u32(w, s->arch, ".expert_used_count", s->n_used);
    if (!s->n_shared)
        return;
    put_key_u32(w, s->arch, ".expert_feed_forward_length", s->expert_dim);
    put_key_u32(w, s->arch, ".expert_shared_count", s->n_shared);
    put_key_u32(w, s->arch, ".leading_dense_block_count", s->n_dense);
    put_key_u32(w, s->arch, ".expert_gating_func", 1);
    put_key_f32(w, s->arch, ".expert_weights_scale", 1.0f);
    put_key(w, s->arch, ".expert_weights_norm", 7);
    put(w, "\1", 1);
}

static void put_heads(struct writer *w, const struct shape *s)
{
    put_key_u32(w, s->arch, ".attention.head_count", s->n_heads);
    put_key_u32(w, s->arch, ".attention.head_count_kv", s->n_kv_heads);
    if (!s->kv_rank) {
        put_key_u32(w, s->arch, ".attention.key_length", s->head_dim);
        put_key_u32(w, s->arch, ".attention.value_length", s->head_dim);
        return;
    }
    put_key_u32(w, s->arch, ".attention.key_length", s->kv_rank + s->rope_dim);
    put_key_u32(w, s->arch, ".attention.value_length", s->kv_rank);
    put_key_u32(w, s->arch, ".attention.key_length_mla", s->head_dim);
    put_key_u32(w, s->arch, ".attention.value_length_mla", s->v_dim);
    put_key_u32(w, s->arch, ".attention.q_lora_rank", s->q_rank);
    put_key_u32(w, s->arch, ".attention.kv_lora_rank", s->kv_rank);
    put_key_u32(w, s->arch, ".rope.dimension_count", s->rope_dim);
}

/* Writes how many keys there are where the header says it. */
static void put_n_keys(struct writer *w)
{
    if (fseek(w->f, 16, SEEK_SET) != 0 || fwrite(&w->n_keys, sizeof w->n_keys, 1, w->f) != 1 ||
        fseek(w->f, 0, SEEK_END) != 0) {
        perror("write");
        exit(1);
    }
}

static void write_header(struct writer *w, const struct shape *s, const struct item *items,
                         uint64_t n)
{
    put(w, "GGUF", 4);
    put_u32(w, 3);
    put_u64(w, n);
    put_u64(w, 0);
    put_key_string(w, "general.architecture", s->arch);
    put_key_string(w, "general.name", "random weights");
    put_key_string(w, "tokenizer.ggml.model", "no_vocab");
    put_key_u32(w, s->arch, ".vocab_size", s->n_vocab);
    put_key_u32(w, s->arch, ".context_length", s->context);
    put_key_u32(w, s->arch, ".embedding_length", s->dim);
    put_key_u32(w, s->arch, ".block_count", s->n_layers);
    put_key_u32(w, s->arch, ".feed_forward_length", s->ffn_dim);
    put_key_f32(w, s->arch, ".attention.layer_norm_rms_epsilon", 1e-5f);
    put_key_f32(w, s->arch, ".rope.freq_base", s->theta);
    put_heads(w, s);
    if (s->n_experts)
        put_mixture(w, s);
    put_n_keys(w);
    uint64_t offset = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct item *t = &items[i];
        put_string(w, t->name);
        put_u32(w, t->n_experts ? 3 : t->n_rows ? 2 : 1);
        put_u64(w, t->n_in);
        if (t->n_rows)
            put_u64(w, t->n_rows);
        if (t->n_experts)
            put_u64(w, t->n_experts);
        put_u32(w, t->n_rows ? t->format->id : F32_ID);
        put_u64(w, offset);
        offset += (item_bytes(t) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    pad(w);
}

static void write_item(struct writer *w, const struct item *t)
{
    static uint8_t chunk[CHUNK_BYTES];
    if (!t->n_rows)
        for (uint32_t i = 0; i < t->n_in; i++)
            put(w, &(float){1.0f}, sizeof(float));
    size_t left = t->n_rows ? item_bytes(t) : 0;
    size_t most = CHUNK_BYTES / (size_t)t->format->bytes * (size_t)t->format->bytes;
    for (size_t n; left; left -= n) {
        n = left < most ? left : most;
        fill(w, t->format, chunk, n, 1.0f / sqrtf((float)t->n_in));
        put(w, chunk, n);
    }
    pad(w);
}

static int usage(void)
{
    fputs("usage: bench_random_gguf [--type TYPE] [--shape SHAPE] [--layers N] OUT.gguf\ntypes:",
          stderr);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        fprintf(stderr, " %s", formats[i].name);
    fputs("\nshapes:", stderr);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        fprintf(stderr, " %s", shapes[i].name);
    fputs("\n", stderr);
    return 2;
}

struct request {
    struct shape shape;
    const struct format *format;
    const char *path;
};

/* Reads an option and its value.  Returns false for another one. */
static bool read_option(struct request *r, const char *name, const char *value)
{
    uint32_t n_layers = (uint32_t)strtoul(value, NULL, 10);
    for (size_t i = 0; i < sizeof formats / sizeof *formats && !strcmp(name, "--type"); i++)
        if (!strcmp(value, formats[i].name)) {
            r->format = &formats[i];
            return true;
        }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !strcmp(name, "--shape"); i++)
        if (!strcmp(value, shapes[i].name)) {
            r->shape = shapes[i];
            return true;
        }
    if (strcmp(name, "--layers") != 0 || n_layers < 1 || n_layers > 512)
        return false;
    r->shape.n_layers = n_layers;
    return true;
}

int main(int argc, char **argv)
{
    struct request r = {.shape = shapes[0], .format = &formats[0]};
    struct writer w = {.random = 1};
    uint64_t n;
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-')
            r.path = argv[i];
        else if (i + 1 == argc || !read_option(&r, argv[i], argv[i + 1]))
            return usage();
        else
            i++;
    if (!r.path)
        return usage();
    w.f = fopen(r.path, "wb");
    if (!w.f) {
        perror(r.path);
        return 1;
    }
    struct item *items = list_items(&r.shape, r.format, &n);
    write_header(&w, &r.shape, items, n);
    for (uint64_t i = 0; i < n; i++)
        write_item(&w, &items[i]);
    free(items);
    if (fclose(w.f) != 0) {
        perror(r.path);
        return 1;
    }
    return 0;
}
