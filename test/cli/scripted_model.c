/* SPDX-License-Identifier: Apache-2.0 */
/* scripted_model.c - writes a tiny checkpoint whose greedy answers are known in advance.
 *
 *     build/release/scripted_model DIR '[/INST]Hello.</s>' '[/TOOL_RESULTS]It rains.</s>'
 *
 * DIR holds a tokenizer.  Each script is a chain of tokens, control tokens by name: the model
 * answers each of them with the next.  Attention and feed-forward are zero; a token's
 * embedding is a random code of +1 and -1, and its successor's row of the output is the same
 * code, which is then the largest logit by far.  All other rows are zero and not written, so
 * that the file takes little space.  Between several successors of a token, which are then
 * equally likely, a temperature and a seed choose; greedy it can have one only, unless the first
 * argument is --draw. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

enum { DIM = 64, HEAD_DIM = 32, N_HEADS = 2, FFN_DIM = 64 };

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "scripted_model: %s\n", what);
    exit(1);
}

/* Appends the ids of a script. */
static void encode(const struct tokenizer *tok, const char *script, struct token_ids *ids)
{
    struct err err = {0};
    while (*script) {
        size_t n_text = 0, n_name = 0;
        int32_t control = -1;
        for (; script[n_text] && control < 0; n_text += control < 0) {
            char name[64] = "";
            n_name = strcspn(script + n_text, "]>") + 1;
            if (strchr("[<", script[n_text]) && n_name < sizeof name) {
                memcpy(name, script + n_text, n_name);
                control = tokenizer_control(tok, name);
            }
        }
        bool ok = !n_text || tokenizer_encode(tok, script, n_text, ids, &err);
        check(ok && (control < 0 || token_ids_add(ids, control, &err)), err.text);
        script += n_text + (control < 0 ? 0 : n_name);
    }
}

/* The code of a token: [DIM] of 1 and -1. */
static void make_code(int32_t id, int code[DIM])
{
    uint64_t z = (uint64_t)id * 0x9e3779b97f4a7c15u + 1;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    for (int i = 0; i < DIM; i++)
        code[i] = (z >> i) & 1 ? 1 : -1;
}

struct weights {
    FILE *f;
    uint64_t n_bytes; /* of tensors that the header names so far */
    const char *separator;
};

static uint64_t name_tensor(struct weights *w, const char *name, int n_rows, int n_cols)
{
    uint64_t begin = w->n_bytes;
    w->n_bytes += (uint64_t)n_rows * (uint64_t)(n_cols ? n_cols : 1) * 2;
    fprintf(w->f, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%d", w->separator, name, n_rows);
    if (n_cols)
        fprintf(w->f, ",%d", n_cols);
    fprintf(w->f, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, w->n_bytes);
    w->separator = ",";
    return begin;
}

/* Adds values to a row of bf16. */
static void add_row(struct weights *w, uint64_t at, const int values[DIM])
{
    uint16_t row[DIM] = {0};
    check(fseek(w->f, (long)at, SEEK_SET) == 0, "seek");
    if (fread(row, sizeof row, 1, w->f) != 1)
        memset(row, 0, sizeof row);
    for (int i = 0; i < DIM; i++) {
        uint32_t bits = (uint32_t)row[i] << 16;
        float x;
        memcpy(&x, &bits, sizeof x);
        x += (float)values[i];
        memcpy(&bits, &x, sizeof bits);
        row[i] = (uint16_t)(bits >> 16);
    }
    check(fseek(w->f, (long)at, SEEK_SET) == 0, "seek");
    check(fwrite(row, sizeof row, 1, w->f) == 1, "write");
}

/* Says whether no pair before pair i is about the same token. */
static bool is_first(const struct token_ids *pairs, size_t i)
{
    for (size_t k = 0; k < i; k += 2)
        if (pairs->ids[k] == pairs->ids[i])
            return false;
    return true;
}

static bool has_pair(const struct token_ids *pairs, int32_t id, int32_t next)
{
    for (size_t k = 0; k < pairs->n; k += 2)
        if (pairs->ids[k] == id && pairs->ids[k + 1] == next)
            return true;
    return false;
}

/* Adds the steps of a script that are new. */
static void add_script(const struct tokenizer *tok, const char *script, bool draws,
                       struct token_ids *pairs)
{
    struct err err = {0};
    struct token_ids ids = {0};
    char fault[4096];
    encode(tok, script, &ids);
    for (size_t t = 0; t + 1 < ids.n; t++) {
        if (has_pair(pairs, ids.ids[t], ids.ids[t + 1]))
            continue;
        check(token_ids_add(pairs, ids.ids[t], &err) && token_ids_add(pairs, ids.ids[t + 1], &err),
              err.text);
        snprintf(fault, sizeof fault, "%s: token %zu has another successor already", script, t);
        check(draws || is_first(pairs, pairs->n - 2), fault);
    }
    token_ids_free(&ids);
}

/* Steps of all scripts, each once: pairs.ids[2 i] is followed by pairs.ids[2 i + 1]. */
static void write_weights(const char *path, int n_vocab, const struct token_ids *pairs)
{
    static const int ones[DIM] = {[0 ... DIM - 1] = 1};
    struct weights w = {.f = fopen(path, "w+b"), .separator = "{"};
    uint64_t n_header = 0;
    check(w.f && fwrite(&n_header, sizeof n_header, 1, w.f) == 1, path);
    uint64_t embeddings = name_tensor(&w, "tok_embeddings.weight", n_vocab, DIM);
    uint64_t output = name_tensor(&w, "output.weight", n_vocab, DIM);
    uint64_t norm = name_tensor(&w, "norm.weight", DIM, 0);
    name_tensor(&w, "layers.0.attention_norm.weight", DIM, 0);
    name_tensor(&w, "layers.0.ffn_norm.weight", DIM, 0);
    name_tensor(&w, "layers.0.attention.wq.weight", N_HEADS * HEAD_DIM, DIM);
    name_tensor(&w, "layers.0.attention.wk.weight", N_HEADS * HEAD_DIM, DIM);
    name_tensor(&w, "layers.0.attention.wv.weight", N_HEADS * HEAD_DIM, DIM);
    name_tensor(&w, "layers.0.attention.wo.weight", DIM, N_HEADS * HEAD_DIM);
    name_tensor(&w, "layers.0.feed_forward.w1.weight", FFN_DIM, DIM);
    name_tensor(&w, "layers.0.feed_forward.w2.weight", DIM, FFN_DIM);
    name_tensor(&w, "layers.0.feed_forward.w3.weight", FFN_DIM, DIM);
    fputc('}', w.f);
    while ((ftell(w.f)) % 8)
        fputc(' ', w.f);
    uint64_t begin = (uint64_t)ftell(w.f);
    n_header = begin - sizeof n_header;
    add_row(&w, begin + norm, ones);
    for (size_t i = 0; i < pairs->n; i += 2) {
        int code[DIM];
        make_code(pairs->ids[i], code);
        if (is_first(pairs, i))
            add_row(&w, begin + embeddings + (uint64_t)pairs->ids[i] * DIM * 2, code);
        add_row(&w, begin + output + (uint64_t)pairs->ids[i + 1] * DIM * 2, code);
    }
    check(fseek(w.f, (long)(begin + w.n_bytes - 1), SEEK_SET) == 0 && fputc(0, w.f) == 0, path);
    rewind(w.f);
    check(fwrite(&n_header, sizeof n_header, 1, w.f) == 1 && fclose(w.f) == 0, path);
}

static void write_params(const char *path, int n_vocab)
{
    FILE *f = fopen(path, "w");
    check(f != NULL, path);
    fprintf(f,
            "{\"dim\":%d,\"n_layers\":1,\"head_dim\":%d,\"hidden_dim\":%d,\"n_heads\":%d,"
            "\"n_kv_heads\":%d,\"norm_eps\":1e-5,\"vocab_size\":%d,\"rope_theta\":10000.0}\n",
            DIM, HEAD_DIM, FFN_DIM, N_HEADS, N_HEADS, n_vocab);
    check(fclose(f) == 0, path);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct token_ids pairs = {0};
    char path[4096];
    bool draws = argc > 1 && strcmp(argv[1], "--draw") == 0;
    argv += draws;
    argc -= draws;
    check(argc > 2, "usage: scripted_model [--draw] DIR SCRIPT...");
    struct tokenizer *tok = tokenizer_open(argv[1], &err);
    check(tok != NULL, err.text);
    int n_vocab = tokenizer_n_vocab(tok);
    for (int i = 2; i < argc; i++)
        add_script(tok, argv[i], draws, &pairs);
    snprintf(path, sizeof path, "%s/params.json", argv[1]);
    write_params(path, n_vocab);
    snprintf(path, sizeof path, "%s/consolidated.safetensors", argv[1]);
    write_weights(path, n_vocab, &pairs);
    token_ids_free(&pairs);
    tokenizer_close(tok);
    return 0;
}
