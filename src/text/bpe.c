/* SPDX-License-Identifier: Apache-2.0 */
#include "text/bpe_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Natural text repeats its words: those up to this length are remembered. */
enum { SEEN_BYTES = 48, SEEN_MIN = 16, SEEN_MAX = 4096 };

bool bpe_init(struct bpe *bpe, const struct tokenizer *tok, size_t n, struct token_ids *out,
              struct err *err)
{
    size_t n_seen = SEEN_MIN;
    while (n_seen < SEEN_MAX && n_seen < n / 8)
        n_seen *= 2;
    *bpe = (struct bpe){.tok = tok, .out = out, .seen_mask = n_seen - 1};
    bpe->seen = mem_new(n_seen, sizeof *bpe->seen, err);
    return bpe->seen != NULL;
}

void bpe_free(struct bpe *bpe)
{
    free(bpe->start);
    free(bpe->end);
    free(bpe->ids);
    free(bpe->heap);
    free(bpe->seen);
    *bpe = (struct bpe){0};
}

static bool grow(struct bpe *bpe, size_t n, struct err *err)
{
    if (n <= bpe->n_places)
        return true;
    size_t n_places = bpe->n_places ? bpe->n_places : 64;
    while (n_places < n)
        n_places *= 2;
    uint32_t *start = mem_resize(bpe->start, n_places, sizeof *start, err);
    if (!start)
        return false;
    bpe->start = start;
    uint32_t *end = mem_resize(bpe->end, n_places, sizeof *end, err);
    if (!end)
        return false;
    bpe->end = end;
    int32_t *ids = mem_resize(bpe->ids, n_places, sizeof *ids, err);
    if (!ids)
        return false;
    bpe->ids = ids;
    struct bpe_pair *heap = mem_resize(bpe->heap, 2 * n_places, sizeof *heap, err);
    if (!heap)
        return false;
    bpe->heap = heap;
    bpe->n_places = n_places;
    return true;
}

static void heap_push(struct bpe *bpe, struct bpe_pair pair)
{
    struct bpe_pair *heap = bpe->heap;
    size_t i = bpe->n_heap++;
    while (i && pair.key < heap[(i - 1) / 2].key) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = pair;
}

static struct bpe_pair heap_pop(struct bpe *bpe)
{
    struct bpe_pair *heap = bpe->heap, top = heap[0], last = heap[--bpe->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < bpe->n_heap; i = child) {
        if (child + 1 < bpe->n_heap && heap[child + 1].key < heap[child].key)
            child++;
        if (last.key <= heap[child].key)
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

/* Enters the pair of the symbols that start at left and behind it, if it is a piece.
 * The heap has room: at most n - 1 pairs are found at first, and each of at most n - 1
 * merges takes one and finds two. */
static void find_pair(struct bpe *bpe, const char *s, uint32_t n, uint32_t left)
{
    const struct tokenizer *tok = bpe->tok;
    uint32_t right = left + bpe->start[left];
    if (right == n)
        return;
    uint32_t n_both = bpe->start[left] + bpe->start[right];
    int32_t id = vocab_find(&tok->pieces, &tok->vocab, s + left, n_both);
    if (id < 0)
        return;
    uint32_t rank = tok->ranks ? tok->ranks[id] : (uint32_t)id;
    heap_push(bpe, (struct bpe_pair){(uint64_t)rank << 32 | left, n_both, id});
}

/* A pair is stale when one of its symbols has merged with another since. */
static bool is_stale(const struct bpe *bpe, uint32_t n, struct bpe_pair pair)
{
    uint32_t left = (uint32_t)pair.key, right = left + bpe->start[left];
    return right == left || right == n || bpe->start[left] + bpe->start[right] != pair.n;
}

/* Cuts the word into its first symbols. */
static void start_symbols(struct bpe *bpe, const char *s, uint32_t n)
{
    const struct tokenizer *tok = bpe->tok;
    for (uint32_t i = 0, len; i < n; i += len) {
        uint8_t c = (uint8_t)s[i];
        len = 1;
        if (!tok->is_tekken)
            while (i + len < n && ((uint8_t)s[i + len] & 0xc0) == 0x80)
                bpe->start[i + len++] = 0;
        bpe->start[i] = bpe->end[i + len - 1] = len;
        if (tok->is_tekken)
            bpe->ids[i] = tok->byte_ids[c];
        else if (c < 0x80)
            bpe->ids[i] = tok->ascii[c];
        else
            bpe->ids[i] = vocab_find(&tok->pieces, &tok->vocab, s + i, len);
    }
}

static void merge(struct bpe *bpe, const char *s, uint32_t n)
{
    bpe->n_heap = 0;
    start_symbols(bpe, s, n);
    for (uint32_t i = 0; i < n; i += bpe->start[i])
        find_pair(bpe, s, n, i);
    while (bpe->n_heap) {
        struct bpe_pair pair = heap_pop(bpe);
        if (is_stale(bpe, n, pair))
            continue;
        uint32_t left = (uint32_t)pair.key;
        bpe->start[left + bpe->start[left]] = 0;
        bpe->start[left] = bpe->end[left + pair.n - 1] = pair.n;
        bpe->ids[left] = pair.id;
        find_pair(bpe, s, n, left);
        if (left)
            find_pair(bpe, s, n, left - bpe->end[left - 1]);
    }
}

/* Appends a symbol that is no piece byte by byte. */
static bool add_bytes(struct bpe *bpe, const char *s, uint32_t n, struct err *err)
{
    if (n == 1 && *s == ' ') {
        s = SPACE_MARK;
        n = sizeof SPACE_MARK - 1;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!token_ids_add(bpe->out, bpe->tok->byte_ids[(uint8_t)s[i]], err))
            return false;
    return true;
}

static bool merge_word(struct bpe *bpe, const char *s, uint32_t n, struct err *err)
{
    if (!grow(bpe, n, err))
        return false;
    merge(bpe, s, n);
    for (uint32_t i = 0; i < n; i += bpe->start[i]) {
        bool ok = bpe->ids[i] < 0 ? add_bytes(bpe, s + i, bpe->start[i], err)
                                  : token_ids_add(bpe->out, bpe->ids[i], err);
        if (!ok)
            return false;
    }
    return true;
}

bool bpe_word(struct bpe *bpe, const char *s, size_t n, struct err *err)
{
    if (n > SEEN_BYTES)
        return merge_word(bpe, s, (uint32_t)n, err);
    struct bpe_seen *seen = &bpe->seen[vocab_hash(s, n) & bpe->seen_mask];
    if (seen->n == n && memcmp(seen->s, s, n) == 0) {
        for (uint32_t i = 0; i < seen->n_ids; i++)
            if (!token_ids_add(bpe->out, bpe->out->ids[seen->ids_at + i], err))
                return false;
        return true;
    }
    size_t ids_at = bpe->out->n;
    if (!merge_word(bpe, s, (uint32_t)n, err))
        return false;
    *seen = (struct bpe_seen){s, (uint32_t)n, (uint32_t)(bpe->out->n - ids_at), ids_at};
    return true;
}
