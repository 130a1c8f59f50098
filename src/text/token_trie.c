/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/utf8.h"
#include "text/id_list_int.h"
#include "text/spm_int.h"
#include "text/token_trie_int.h"

/* --- bytes of tokens ----------------------------------------------------------- */

/* Appends the bytes that a token stands for in a text; none for a token that is no text. */
static bool add_bytes(const struct tokenizer *tok, uint32_t id, struct buf *out, struct err *err)
{
    uint32_t n;
    const char *s = vocab_string(&tok->vocab, id, &n);
    uint8_t kind = tok->kinds[id];
    if (kind == TOKEN_CONTROL || kind == TOKEN_UNKNOWN || kind == TOKEN_UNUSED)
        return true;
    if (kind == TOKEN_BYTE && !tok->is_tekken) {
        int byte = spm_byte(s, n);
        return byte < 0 || buf_add(out, &(char){(char)byte}, 1, err);
    }
    return n > TRIE_MAX_BYTES || buf_add(out, s, n, err);
}

static bool take_bytes(struct token_trie *trie, const struct tokenizer *tok, struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, LIMIT_VOCAB_BYTES);
    bool ok = true;
    for (uint32_t id = 0; ok && id < trie->n_vocab; id++) {
        ok = add_bytes(tok, id, &bytes, err);
        trie->at[id + 1] = (uint32_t)bytes.len;
    }
    trie->bytes = bytes.data;
    return ok;
}

const char *token_trie_bytes(const struct token_trie *trie, int32_t id, size_t *n)
{
    *n = 0;
    if (id < 0 || (uint32_t)id >= trie->n_vocab || trie->at[id] == trie->at[id + 1])
        return NULL;
    *n = trie->at[id + 1] - trie->at[id];
    return trie->bytes + trie->at[id];
}

/* --- building -------------------------------------------------------------------- */

struct sorted {
    const uint8_t *s;
    uint64_t start; /* the first eight bytes as a number, so that most comparisons end there */
    uint32_t n, id;
    uint32_t n_plain; /* characters, UINT32_MAX when not all are plain and whole */
};

static uint32_t plain_chars(const char *s, size_t n)
{
    uint32_t n_chars = 0;
    for (size_t i = 0; i < n; i++) {
        if (!trie_is_plain((uint8_t)s[i]))
            return UINT32_MAX;
        n_chars += (s[i] & 0xC0) != 0x80;
    }
    return utf8_valid(s, n) ? n_chars : UINT32_MAX;
}

static struct sorted make_sorted(uint32_t id, const char *s, size_t n)
{
    struct sorted token = {(const uint8_t *)s, 0, (uint32_t)n, id, plain_chars(s, n)};
    for (size_t i = 0; i < 8; i++)
        token.start = token.start << 8 | (i < n ? token.s[i] : 0u);
    return token;
}

static int compare(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->start != y->start)
        return (x->start > y->start) - (x->start < y->start);
    uint32_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->s, y->s, n);
    if (order)
        return order;
    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (x->id > y->id) - (x->id < y->id);
}

static uint32_t common(const struct sorted *x, const struct sorted *y)
{
    uint32_t n = 0;
    while (n < x->n && n < y->n && x->s[n] == y->s[n])
        n++;
    return n;
}

/* Closes the open nodes at depth and below; up says how many levels the walk goes up then. */
static void close_nodes(struct trie_part *part, const uint32_t *open, uint32_t from, uint32_t to)
{
    for (uint32_t depth = from; depth > to; depth--) {
        struct trie_node *node = &part->nodes[open[depth - 1]];
        /* From the parent of this node, the one behind it lies so many levels up. */
        node->size_pop = (part->n - open[depth - 1]) << 8 | (depth - 1 - to);
    }
}

/* Makes the nodes of sorted tokens: [n], of which those with equal bytes stand side by side. */
static bool build(struct trie_part *part, const struct sorted *tokens, uint32_t n, struct err *err)
{
    uint32_t open[TRIE_MAX_BYTES + 1], depth = 0;
    size_t n_nodes = 0;
    for (uint32_t i = 0; i < n; i++)
        n_nodes += tokens[i].n - (i ? common(&tokens[i - 1], &tokens[i]) : 0);
    if (n_nodes >= TRIE_NO_TOKEN)
        return err_set(err, ERR_LIMIT, "a vocabulary whose tokens have %zu different beginnings",
                       n_nodes);
    part->nodes = mem_new(n_nodes, sizeof *part->nodes, err);
    if (!part->nodes)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t same = i ? common(&tokens[i - 1], &tokens[i]) : 0;
        if (i && same == tokens[i].n)
            continue; /* a twin */
        close_nodes(part, open, depth, same);
        for (depth = same; depth < tokens[i].n; depth++) {
            open[depth] = part->n;
            part->nodes[part->n++].token_byte = TRIE_NO_TOKEN << 8 | tokens[i].s[depth];
        }
        uint32_t *last = &part->nodes[part->n - 1].token_byte;
        *last = tokens[i].id << 8 | (*last & 255);
    }
    close_nodes(part, open, depth, 0);
    return true;
}

static bool build_slice(struct token_trie *trie, struct trie_slice *slice,
                        const struct sorted *tokens, uint32_t n, struct err *err)
{
    struct sorted *rest = mem_new(n, sizeof *rest, err);
    slice->mask = mem_new(trie->n_words, sizeof *slice->mask, err);
    bool ok = rest && slice->mask;
    uint32_t n_rest = 0;
    for (uint32_t i = 0; ok && i < n; i++) {
        if (tokens[i].n_plain <= slice->max_chars)
            trie_set_bit(slice->mask, tokens[i].id);
        else
            rest[n_rest++] = tokens[i];
    }
    ok = ok && build(&slice->rest, rest, n_rest, err);
    free(rest);
    return ok;
}

static bool find_twins(struct token_trie *trie, const struct sorted *tokens, uint32_t n,
                       struct err *err)
{
    trie->twins = mem_new(2 * (size_t)n, sizeof *trie->twins, err);
    for (uint32_t i = 1, first = 0; trie->twins && i < n; i++) {
        if (tokens[i].n != tokens[first].n ||
            memcmp(tokens[i].s, tokens[first].s, tokens[i].n) != 0) {
            first = i;
            continue;
        }
        trie->twins[(size_t)2 * trie->n_twins] = tokens[first].id;
        trie->twins[(size_t)2 * trie->n_twins++ + 1] = tokens[i].id;
    }
    uint32_t *less = trie->twins
                         ? mem_resize(trie->twins, 2 * (size_t)trie->n_twins + 1, sizeof *less, err)
                         : NULL;
    if (less)
        trie->twins = less;
    return less;
}

static bool build_all(struct token_trie *trie, struct err *err)
{
    static const uint32_t max_chars[TRIE_SLICES] = {TRIE_MAX_BYTES, 30, 10};
    struct sorted *tokens = mem_new(trie->n_vocab, sizeof *tokens, err);
    if (!tokens)
        return false;
    uint32_t n = 0;
    for (uint32_t id = 0; id < trie->n_vocab; id++) {
        size_t len;
        const char *s = token_trie_bytes(trie, (int32_t)id, &len);
        if (!s)
            continue;
        tokens[n++] = make_sorted(id, s, len);
        trie_set_bit(trie->text, id);
        trie->max_bytes = len > trie->max_bytes ? (uint32_t)len : trie->max_bytes;
    }
    trie->n_text = n;
    qsort(tokens, n, sizeof *tokens, compare);
    bool ok = find_twins(trie, tokens, n, err) && build(&trie->all, tokens, n, err);
    for (int i = 0; ok && i < TRIE_SLICES; i++) {
        trie->slices[i].max_chars = max_chars[i];
        ok = build_slice(trie, &trie->slices[i], tokens, n, err);
    }
    free(tokens);
    return ok;
}

struct token_trie *token_trie_open(const struct tokenizer *tok, struct err *err)
{
    struct token_trie *trie = mem_new(1, sizeof *trie, err);
    if (!trie)
        return NULL;
    trie->n_vocab = tok->vocab.n;
    trie->n_words = (trie->n_vocab + 31) / 32;
    trie->at = mem_new((size_t)trie->n_vocab + 1, sizeof *trie->at, err);
    trie->text = mem_new(trie->n_words, sizeof *trie->text, err);
    if (trie->at && trie->text && take_bytes(trie, tok, err) && build_all(trie, err))
        return trie;
    token_trie_close(trie);
    return NULL;
}

void token_trie_close(struct token_trie *trie)
{
    if (!trie)
        return;
    free(trie->all.nodes);
    for (int i = 0; i < TRIE_SLICES; i++) {
        free(trie->slices[i].mask);
        free(trie->slices[i].rest.nodes);
    }
    free(trie->text);
    free(trie->twins);
    free(trie->bytes);
    free(trie->at);
    free(trie);
}

uint32_t token_trie_n_vocab(const struct token_trie *trie)
{
    return trie->n_vocab;
}

uint32_t token_trie_mask_words(const struct token_trie *trie)
{
    return trie->n_words;
}
