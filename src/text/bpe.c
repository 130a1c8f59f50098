/* SPDX-License-Identifier: Apache-2.0 */
#include "text/bpe_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Natural text repeats its words: those up to this length are remembered. */
enum { SEEN_BYTES = 48, SEEN_MIN = 16, SEEN_MAX = 32768 };

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
    free(bpe->at);
    free(bpe->heap);
    free(bpe->seen);
    *bpe = (struct bpe){0};
}

/* Makes room for a word of n bytes; what other words left there is lost. */
static bool make_room(struct bpe *bpe, size_t n, struct err *err)
{
    if (n <= bpe->n_places)
        return true;
    /* No more than this word needs, which may be all of a large text: 44 bytes for each of its
     * bytes.  Merging takes longer than a new allocation for each longer word. */
    size_t n_places = n < 64 ? 64 : n;
    free(bpe->at);
    free(bpe->heap);
    bpe->n_places = 0;
    bpe->at = mem_new(n_places, sizeof *bpe->at, err);
    bpe->heap = bpe->at ? mem_new(2 * n_places, sizeof *bpe->heap, err) : NULL;
    if (!bpe->heap)
        return false;
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
    uint32_t right = left + bpe->at[left].start;
    if (right == n)
        return;
    uint32_t n_both = bpe->at[left].start + bpe->at[right].start, rank;
    int32_t id;
    if (tok->merges.slots) {
        const struct merge *listed = merges_find(&tok->merges, bpe->at[left].id, bpe->at[right].id);
        if (!listed)
            return;
        id = listed->id;
        rank = listed->order;
    } else {
        id = vocab_find(&tok->pieces, &tok->vocab, s + left, n_both);
        if (id < 0)
            return;
        rank = tok->ranks ? tok->ranks[id] : (uint32_t)id;
    }
    heap_push(bpe, (struct bpe_pair){(uint64_t)rank << 32 | left, n_both, id});
}

/* A pair is stale when one of its symbols has merged with another since. */
static bool is_stale(const struct bpe *bpe, uint32_t n, struct bpe_pair pair)
{
    uint32_t left = (uint32_t)pair.key, right = left + bpe->at[left].start;
    return right == left || right == n || bpe->at[left].start + bpe->at[right].start != pair.n;
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
                bpe->at[i + len++].start = 0;
        bpe->at[i].start = bpe->at[i + len - 1].end = len;
        if (tok->is_tekken)
            bpe->at[i].id = tok->byte_ids[c];
        else if (c < 0x80)
            bpe->at[i].id = tok->ascii[c];
        else
            bpe->at[i].id = vocab_find(&tok->pieces, &tok->vocab, s + i, len);
    }
}

static void merge(struct bpe *bpe, const char *s, uint32_t n)
{
    bpe->n_heap = 0;
    start_symbols(bpe, s, n);
    for (uint32_t i = 0; i < n; i += bpe->at[i].start)
        find_pair(bpe, s, n, i);
    while (bpe->n_heap) {
        struct bpe_pair pair = heap_pop(bpe);
        if (is_stale(bpe, n, pair))
            continue;
        uint32_t left = (uint32_t)pair.key;
        bpe->at[left + bpe->at[left].start].start = 0;
        bpe->at[left].start = bpe->at[left + pair.n - 1].end = pair.n;
        bpe->at[left].id = pair.id;
        find_pair(bpe, s, n, left);
        if (left)
            find_pair(bpe, s, n, left - bpe->at[left - 1].end);
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
    if (!make_room(bpe, n, err))
        return false;
    merge(bpe, s, n);
    for (uint32_t i = 0; i < n; i += bpe->at[i].start) {
        bool ok = bpe->at[i].id < 0 ? add_bytes(bpe, s + i, bpe->at[i].start, err)
                                    : token_ids_add(bpe->out, bpe->at[i].id, err);
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
