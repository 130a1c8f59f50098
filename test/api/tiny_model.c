/* SPDX-License-Identifier: Apache-2.0 */
/* tiny_model.c - writes a small random checkpoint beside a real tokenizer.
 *
 *     build/release/tiny_model SEED DIR
 *
 * DIR holds a tokenizer.  What the model says makes no sense, but it differs from prompt to
 * prompt, and each answer comes to an end: the rows of the output are random, with one element
 * of the residual stream held constant so that kinds of tokens can be made rarer.  Control
 * tokens come only where nothing else may.  A quotation mark and the end of the answer have
 * large rows: rare at most places and nearly certain at some, greedy and drawn alike, so that
 * strings in structured output close and texts stop.  The same seed gives the same bytes
 * everywhere. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

enum { DIM = 64, N_LAYERS = 2, N_HEADS = 4, N_KV_HEADS = 2, HEAD_DIM = 16, FFN_DIM = 128 };

#define CONTEXT 4096

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "tiny_model: %s\n", what);
    exit(1);
}

/* Element 0 of a row is mean, the others have that deviation, and so has their product with a
 * normed residual. */
struct row {
    float mean, deviation;
};

struct writer {
    FILE *f;
    uint64_t random, n_bytes; /* n_bytes: of tensors that the header names so far */
    const char *separator;
};

/* A sum of four numbers from 0 to 1, moved and scaled to the mean 0 and the variance 1. */
static float draw(struct writer *w)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    float sum = 0.0f;
    for (int i = 0; i < 4; i++)
        sum += (float)((z >> (16 * i)) & 0xffff) / 65536.0f;
    return (sum - 2.0f) * 1.7320508f;
}

static void name_tensor(struct writer *w, const char *name, int n_rows, int n_cols)
{
    uint64_t begin = w->n_bytes;
    w->n_bytes += (uint64_t)n_rows * (uint64_t)(n_cols ? n_cols : 1) * 2;
    fprintf(w->f, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%d", w->separator, name, n_rows);
    if (n_cols)
        fprintf(w->f, ",%d", n_cols);
    fprintf(w->f, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, w->n_bytes);
    w->separator = ",";
}

static void write_row(struct writer *w, const float *values, int n)
{
    uint16_t row[FFN_DIM];
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        row[i] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
    check(fwrite(row, sizeof *row, (size_t)n, w->f) == (size_t)n, "write");
}

static void write_matrix(struct writer *w, int n_rows, int n_cols, float deviation)
{
    float values[FFN_DIM];
    for (int r = 0; r < n_rows; r++) {
        for (int i = 0; i < n_cols; i++)
            values[i] = draw(w) * deviation;
        write_row(w, values, n_cols);
    }
}

/* What adds to the residual stream leaves its element 0 alone. */
static void write_residual_matrix(struct writer *w, int n_cols, float deviation)
{
    static const float zeros[FFN_DIM];
    write_row(w, zeros, n_cols);
    write_matrix(w, DIM - 1, n_cols, deviation);
}

static void write_ones(struct writer *w)
{
    float ones[DIM];
    for (int i = 0; i < DIM; i++)
        ones[i] = 1.0f;
    write_row(w, ones, DIM);
}

static const struct {
    const char *name;
    int n_rows, n_cols;
} layer_tensors[] = {
    {"attention_norm.weight", DIM, 0},
    {"attention.wq.weight", N_HEADS *HEAD_DIM, DIM},
    {"attention.wk.weight", N_KV_HEADS *HEAD_DIM, DIM},
    {"attention.wv.weight", N_KV_HEADS *HEAD_DIM, DIM},
    {"attention.wo.weight", DIM, N_HEADS *HEAD_DIM},
    {"ffn_norm.weight", DIM, 0},
    {"feed_forward.w1.weight", FFN_DIM, DIM},
    {"feed_forward.w2.weight", DIM, FFN_DIM},
    {"feed_forward.w3.weight", FFN_DIM, DIM},
};

static void write_layer(struct writer *w)
{
    const float in = 1.0f / sqrtf(DIM), wide = 1.0f / sqrtf(FFN_DIM);
    write_ones(w);
    write_matrix(w, N_HEADS * HEAD_DIM, DIM, 2.0f * in);
    write_matrix(w, N_KV_HEADS * HEAD_DIM, DIM, 2.0f * in);
    write_matrix(w, N_KV_HEADS * HEAD_DIM, DIM, 2.0f * in);
    write_residual_matrix(w, N_HEADS * HEAD_DIM, in);
    write_ones(w);
    write_matrix(w, FFN_DIM, DIM, in);
    write_residual_matrix(w, FFN_DIM, 2.0f * wide);
    write_matrix(w, FFN_DIM, DIM, in);
}

/* Says whether a token ends a string of JSON and says nothing else. */
static bool ends_string(const char *text)
{
    return text[0] == '"' && strspn(text, "\"}],: ") == strlen(text);
}

/* How probable a token is. */
static struct row token_row(const struct tokenizer *tok, int32_t id)
{
    struct err err = {0};
    struct buf piece;
    buf_init(&piece, 4096);
    if (id == tokenizer_eos(tok))
        return (struct row){-4.0f, 4.0f};
    if (id == tokenizer_control(tok, "[TOOL_CALLS]"))
        return (struct row){-6.0f, 1.0f};
    if (tokenizer_is_control(tok, id))
        return (struct row){-30.0f, 0.0f};
    check(tokenizer_piece(tok, id, &piece, &err) && buf_add(&piece, "", 1, &err), err.text);
    bool ends = ends_string(piece.data);
    buf_free(&piece);
    return ends ? (struct row){-3.0f, 3.0f} : (struct row){0.0f, 1.2f};
}

static void write_vocabulary(struct writer *w, const struct tokenizer *tok, bool is_output)
{
    for (int32_t id = 0; id < tokenizer_n_vocab(tok); id++) {
        struct row row = is_output ? token_row(tok, id) : (struct row){1.0f, 1.0f};
        float values[DIM];
        for (int i = 0; i < DIM; i++)
            values[i] = draw(w) * row.deviation / (is_output ? sqrtf(DIM) : 1.0f);
        values[0] = row.mean;
        write_row(w, values, DIM);
    }
}

static void write_header(struct writer *w, int n_vocab)
{
    uint64_t n_header = 0;
    check(fwrite(&n_header, sizeof n_header, 1, w->f) == 1, "write");
    w->separator = "{";
    name_tensor(w, "tok_embeddings.weight", n_vocab, DIM);
    for (int layer = 0; layer < N_LAYERS; layer++)
        for (size_t i = 0; i < sizeof layer_tensors / sizeof *layer_tensors; i++) {
            char name[64];
            snprintf(name, sizeof name, "layers.%d.%s", layer, layer_tensors[i].name);
            name_tensor(w, name, layer_tensors[i].n_rows, layer_tensors[i].n_cols);
        }
    name_tensor(w, "norm.weight", DIM, 0);
    name_tensor(w, "output.weight", n_vocab, DIM);
    fputc('}', w->f);
    while (ftell(w->f) % 8)
        fputc(' ', w->f);
    n_header = (uint64_t)ftell(w->f) - sizeof n_header;
    check(fseek(w->f, 0, SEEK_SET) == 0 && fwrite(&n_header, sizeof n_header, 1, w->f) == 1 &&
              fseek(w->f, 0, SEEK_END) == 0,
          "write");
}

static void write_weights(const char *path, const struct tokenizer *tok, uint64_t seed)
{
    struct writer w = {.f = fopen(path, "wb"), .random = seed};
    check(w.f != NULL, path);
    write_header(&w, tokenizer_n_vocab(tok));
    write_vocabulary(&w, tok, false);
    for (int layer = 0; layer < N_LAYERS; layer++)
        write_layer(&w);
    write_ones(&w);
    write_vocabulary(&w, tok, true);
    check(fclose(w.f) == 0, path);
}

static void write_params(const char *path, int n_vocab)
{
    FILE *f = fopen(path, "w");
    check(f != NULL, path);
    fprintf(f,
            "{\"dim\":%d,\"n_layers\":%d,\"head_dim\":%d,\"hidden_dim\":%d,\"n_heads\":%d,"
            "\"n_kv_heads\":%d,\"norm_eps\":1e-5,\"vocab_size\":%d,\"rope_theta\":10000.0,"
            "\"max_position_embeddings\":%d}\n",
            DIM, N_LAYERS, HEAD_DIM, FFN_DIM, N_HEADS, N_KV_HEADS, n_vocab, CONTEXT);
    check(fclose(f) == 0, path);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    char path[4096];
    check(argc == 3, "usage: tiny_model SEED DIR");
    struct tokenizer *tok = tokenizer_open(argv[2], &err);
    check(tok != NULL, err.text);
    snprintf(path, sizeof path, "%s/params.json", argv[2]);
    write_params(path, tokenizer_n_vocab(tok));
    snprintf(path, sizeof path, "%s/consolidated.safetensors", argv[2]);
    write_weights(path, tok, strtoull(argv[1], NULL, 10));
    tokenizer_close(tok);
    return 0;
}
