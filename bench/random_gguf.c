/* SPDX-License-Identifier: Apache-2.0 */
/* random_gguf.c - writes a GGUF file at a real model's shape with random weights.
 *
 * For measuring only: loading, memory and speed depend on shapes and formats, not
 * on values.  The values are sane all the same (zero mean, variance 1 / n_in), so
 * that kernels take their normal paths.  Written block by block: memory stays small
 * whatever the size of the file.  It has no vocabulary.
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

enum { ALIGNMENT = 32, F32_ID = 0 };

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

struct format {
    const char *name;
    uint32_t id; /* in the file */
    int block, bytes;
};

static const struct format formats[] = {
    {"q4_0", 2, 32, 18},    {"q8_0", 8, 32, 34}, {"q4_k", 12, 256, 144},
    {"q6_k", 14, 256, 210}, {"bf16", 30, 1, 2},
};
static const struct format router_format = {"f32", F32_ID, 1, 4};

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

/* Positive finite values only; rounds to nearest even. */
static void store_f16(uint8_t *p, float f)
{
    uint32_t bits = number_bits(f);
    uint16_t h = f < 0x1p-14f
                     ? (uint16_t)lrintf(f * 0x1p24f)
                     : (uint16_t)((bits - (112u << 23) + 0xfffu + ((bits >> 13) & 1u)) >> 13);
    memcpy(p, &h, sizeof h);
}

static void fill_row(struct writer *w, const struct format *f, uint8_t *row, size_t row_bytes,
                     float std)
{
    for (size_t i = 0; i < row_bytes; i += 8) {
        uint64_t v = next_random(w);
        memcpy(row + i, &v, row_bytes - i < 8 ? row_bytes - i : 8);
    }
    for (size_t i = 0; i < row_bytes; i += (size_t)f->bytes) {
        uint8_t *b = row + i;
        if (f->id == 30) { /* bf16: uniform in [-1.73, 1.73) times std */
            float u = ((float)(b[0] | b[1] << 8) / 32768.0f - 1.0f) * 1.7320508f * std;
            uint16_t v = number_to_bf16(u);
            memcpy(b, &v, sizeof v);
        } else if (f->id == F32_ID) {
            float u = ((float)(b[0] | b[1] << 8) / 32768.0f - 1.0f) * 1.7320508f * std;
            memcpy(b, &u, sizeof u);
        } else if (f->id == 12) { /* scales and mins 32..47; the mins take the mean 7.5 away */
            store_f16(b, std / (39.5f * 4.61f));
            store_f16(b + 2, 7.5f * std / (39.5f * 4.61f));
            for (int j = 0; j < 4; j++) {
                uint8_t s = 0x20 | (b[4 + j] & 15);
                b[4 + j] = s | 0x80; /* two bits of a later scale: 2 << 4 */
                b[8 + j] = s | 0x80;
                b[12 + j] = (uint8_t)((b[12 + j] & 15) * 17);
            }
        } else if (f->id == 14) {
            for (int j = 0; j < 16; j++)
                b[192 + j] = 32 | (b[192 + j] & 15);
            store_f16(b + 208, std / (39.5f * 18.5f));
        } else {
            store_f16(b, std / (f->id == 8 ? 73.9f : 4.61f));
        }
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
    if (!t->n_rows) {
        for (uint32_t i = 0; i < t->n_in; i++)
            put(w, &(float){1.0f}, sizeof(float));
    } else {
        size_t n = row_bytes(t);
        uint8_t *row = malloc(n);
        for (uint64_t i = 0; row && i < item_rows(t); i++) {
            fill_row(w, t->format, row, n, 1.0f / sqrtf((float)t->n_in));
            put(w, row, n);
        }
        free(row);
    }
    pad(w);
}

static int usage(void)
{
    fputs("usage: bench_random_gguf [--type q4_0|q4_k|q6_k|q8_0|bf16]\n"
          "           [--shape 7b|3b|8x7b|small4|large3] [--layers N] OUT.gguf\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct shape shape = shapes[0];
    struct writer w = {.random = 1};
    const struct format *format = &formats[2];
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (argv[i][0] != '-') {
            path = argv[i];
            continue;
        }
        bool known = false;
        for (size_t k = 0; k < sizeof formats / sizeof *formats && !strcmp(argv[i], "--type"); k++)
            if (!strcmp(value, formats[k].name))
                format = &formats[k], known = true;
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes && !strcmp(argv[i], "--shape"); k++)
            if (!strcmp(value, shapes[k].name))
                shape = shapes[k], known = true;
        if (!strcmp(argv[i], "--layers") && strtoul(value, NULL, 10) - 1 < 512)
            shape.n_layers = (uint32_t)strtoul(value, NULL, 10), known = true;
        if (!known)
            return usage();
        i++;
    }
    if (!path)
        return usage();
    w.f = fopen(path, "wb");
    if (!w.f) {
        perror(path);
        return 1;
    }
    uint64_t n;
    struct item *items = list_items(&shape, format, &n);
    write_header(&w, &shape, items, n);
    for (uint64_t i = 0; i < n; i++)
        write_item(&w, &items[i]);
    free(items);
    if (fclose(w.f) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}
