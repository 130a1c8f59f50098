/* SPDX-License-Identifier: Apache-2.0 */
/* random_gguf.c - writes a GGUF file at a real model's shape with random weights.
 *
 * For measuring only: loading, memory and speed depend on shapes and formats, not
 * on values.  The values are sane all the same (zero mean, variance 1 / n_in), so
 * that kernels take their normal paths.  Written block by block: memory stays small
 * whatever the size of the file.  It has no vocabulary.
 *
 *     build/release/bench_random_gguf --type q4_k OUT.gguf     [--layers N] [--shape 7b|3b] */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/number.h"

enum { ALIGNMENT = 32, F32_ID = 0 };

struct shape {
    const char *name;
    uint32_t dim, n_layers, n_heads, n_kv_heads, head_dim, ffn_dim, n_vocab, context;
    float theta;
    bool tied;
};

static const struct shape shapes[] = {
    {"7b", 4096, 32, 32, 8, 128, 14336, 32768, 32768, 1e6f, false}, /* Mistral 7B v0.3 */
    {"3b", 3072, 26, 32, 8, 128, 9216, 131072, 262144, 1e6f, true}, /* Ministral 3 3B */
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

struct writer {
    FILE *f;
    uint64_t n_bytes; /* written so far */
    uint64_t random;
    const struct format *format;
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

static void put_key_u32(struct writer *w, const char *key, uint32_t v)
{
    put_string(w, key);
    put_u32(w, 4);
    put_u32(w, v);
}

static void put_key_f32(struct writer *w, const char *key, float v)
{
    put_string(w, key);
    put_u32(w, 6);
    put(w, &v, sizeof v);
}

static void put_key_string(struct writer *w, const char *key, const char *v)
{
    put_string(w, key);
    put_u32(w, 8);
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

static void fill_row(struct writer *w, uint8_t *row, size_t row_bytes, float std)
{
    const struct format *f = w->format;
    for (size_t i = 0; i < row_bytes; i += 8) {
        uint64_t v = next_random(w);
        memcpy(row + i, &v, row_bytes - i < 8 ? row_bytes - i : 8);
    }
    for (size_t i = 0; i < row_bytes; i += (size_t)f->bytes) {
        uint8_t *b = row + i;
        if (f->block == 1) { /* bf16: uniform in [-1.73, 1.73) times std */
            float u = ((float)(b[0] | b[1] << 8) / 32768.0f - 1.0f) * 1.7320508f * std;
            uint16_t v = number_to_bf16(u);
            memcpy(b, &v, sizeof v);
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
    uint32_t n_rows, n_in;
};

static size_t item_bytes(const struct item *t, const struct format *f)
{
    if (!t->n_rows)
        return t->n_in * sizeof(float);
    return (size_t)t->n_rows * (t->n_in / (uint32_t)f->block) * (size_t)f->bytes;
}

static void add(struct item **end, const char *name, int layer, uint32_t n_rows, uint32_t n_in)
{
    struct item *t = (*end)++;
    if (layer < 0)
        snprintf(t->name, sizeof t->name, "%s.weight", name);
    else
        snprintf(t->name, sizeof t->name, "blk.%d.%s.weight", layer, name);
    t->n_rows = n_rows;
    t->n_in = n_in;
}

static struct item *list_items(const struct shape *s, uint64_t *n)
{
    struct item *items = calloc(3 + 9 * (size_t)s->n_layers, sizeof *items), *end = items;
    uint32_t n_q = s->n_heads * s->head_dim, n_kv = s->n_kv_heads * s->head_dim;
    if (!items) {
        perror("memory");
        exit(1);
    }
    add(&end, "token_embd", -1, s->n_vocab, s->dim);
    for (int i = 0; i < (int)s->n_layers; i++) {
        add(&end, "attn_norm", i, 0, s->dim);
        add(&end, "attn_q", i, n_q, s->dim);
        add(&end, "attn_k", i, n_kv, s->dim);
        add(&end, "attn_v", i, n_kv, s->dim);
        add(&end, "attn_output", i, s->dim, n_q);
        add(&end, "ffn_norm", i, 0, s->dim);
        add(&end, "ffn_gate", i, s->ffn_dim, s->dim);
        add(&end, "ffn_up", i, s->ffn_dim, s->dim);
        add(&end, "ffn_down", i, s->dim, s->ffn_dim);
    }
    add(&end, "output_norm", -1, 0, s->dim);
    if (!s->tied)
        add(&end, "output", -1, s->n_vocab, s->dim);
    *n = (uint64_t)(end - items);
    return items;
}

static void write_header(struct writer *w, const struct shape *s, const struct item *items,
                         uint64_t n)
{
    put(w, "GGUF", 4);
    put_u32(w, 3);
    put_u64(w, n);
    put_u64(w, 14);
    put_key_string(w, "general.architecture", "llama");
    put_key_string(w, "general.name", "random weights");
    put_key_string(w, "tokenizer.ggml.model", "no_vocab");
    put_key_u32(w, "llama.vocab_size", s->n_vocab);
    put_key_u32(w, "llama.context_length", s->context);
    put_key_u32(w, "llama.embedding_length", s->dim);
    put_key_u32(w, "llama.block_count", s->n_layers);
    put_key_u32(w, "llama.feed_forward_length", s->ffn_dim);
    put_key_u32(w, "llama.attention.head_count", s->n_heads);
    put_key_u32(w, "llama.attention.head_count_kv", s->n_kv_heads);
    put_key_u32(w, "llama.attention.key_length", s->head_dim);
    put_key_u32(w, "llama.attention.value_length", s->head_dim);
    put_key_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_key_f32(w, "llama.rope.freq_base", s->theta);
    uint64_t offset = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct item *t = &items[i];
        put_string(w, t->name);
        put_u32(w, t->n_rows ? 2 : 1);
        put_u64(w, t->n_in);
        if (t->n_rows)
            put_u64(w, t->n_rows);
        put_u32(w, t->n_rows ? w->format->id : F32_ID);
        put_u64(w, offset);
        offset += (item_bytes(t, w->format) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    pad(w);
}

static void write_item(struct writer *w, const struct item *t)
{
    if (!t->n_rows) {
        for (uint32_t i = 0; i < t->n_in; i++)
            put(w, &(float){1.0f}, sizeof(float));
    } else {
        size_t row_bytes = item_bytes(t, w->format) / t->n_rows;
        uint8_t *row = malloc(row_bytes);
        for (uint32_t i = 0; row && i < t->n_rows; i++) {
            fill_row(w, row, row_bytes, 1.0f / sqrtf((float)t->n_in));
            put(w, row, row_bytes);
        }
        free(row);
    }
    pad(w);
}

static int usage(void)
{
    fputs("usage: bench_random_gguf [--type q4_0|q4_k|q6_k|q8_0|bf16] [--shape 7b|3b] [--layers N] "
          "OUT.gguf\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct shape shape = shapes[0];
    struct writer w = {.random = 1, .format = &formats[2]};
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
                w.format = &formats[k], known = true;
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
    struct item *items = list_items(&shape, &n);
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
