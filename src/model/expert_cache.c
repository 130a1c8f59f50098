/* SPDX-License-Identifier: Apache-2.0 */
#include "model/expert_cache.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/direct_file.h"
#include "base/mem.h"
#include "base/reader.h"
#include "model/adapter.h"
#include "model/checkpoint_int.h"

enum {
    N_THREADS = 8, /* reads under way at a time: a solid-state disk wants several */
    MAX_PARTS = 6, /* of an expert: three matrices, and the scales of each */
};

/* Bytes of an expert that lie together in a file. */
struct part {
    const void **data; /* where the expert says that they are */
    size_t n_bytes;
    size_t file_id;
    uint64_t offset;
};

struct slot {
    int32_t *place;     /* of what it holds, NULL: nothing */
    uint64_t last_used; /* reading of cache->clock */
    bool pinned;        /* asked for and not released */
    bool reading;       /* then it is pinned */
    struct ffn_tensors ffn;
    struct read_group group;
    struct read_range ranges[MAX_PARTS];
};

struct expert_cache {
    const struct checkpoint *ckpt;
    const struct adapter *adapters;
    struct direct_file *files; /* [ckpt->tensors->n_files] */
    int32_t *places;           /* [n_layers][n_experts] slot, -1: none */
    struct slot *slots;        /* [n_slots] */
    uint8_t *memory;           /* [n_slots][slot_bytes] */
    size_t n_slots, slot_bytes;
    uint64_t clock;
    int n_pinned;
    struct reader *reader;
    struct expert_cache_stats stats; /* without those of the reader */
};

static uint64_t up_to_block(uint64_t n)
{
    return (n + DIRECT_BLOCK - 1) / DIRECT_BLOCK * DIRECT_BLOCK;
}

static size_t scales_bytes(const struct tensor *t)
{
    const struct tensor_scales *s = &t->scales;
    int64_t n_rows = (t->n_rows + s->n_rows - 1) / s->n_rows;
    return dtype_bytes(s->dtype,
                       (n_rows - 1) * s->stride + (t->n_cols + s->n_cols - 1) / s->n_cols);
}

/* Lists the parts of ffn that lie in files; others stay where they are.  Returns how many. */
static int list_parts(const struct checkpoint *ckpt, struct ffn_tensors *ffn,
                      struct part parts[MAX_PARTS])
{
    struct tensor *tensors[] = {&ffn->w_gate, &ffn->w_up, &ffn->w_down};
    int n = 0;
    for (int i = 0; i < 3; i++) {
        struct tensor *t = tensors[i];
        struct part *part = &parts[n];
        *part = (struct part){.data = &t->data, .n_bytes = tensor_bytes(t)};
        n += tensor_store_locate(ckpt->tensors, t->data, &part->file_id, &part->offset);
        if (!t->scales.data)
            continue;
        part = &parts[n];
        *part = (struct part){.data = &t->scales.data, .n_bytes = scales_bytes(t)};
        n += tensor_store_locate(ckpt->tensors, t->scales.data, &part->file_id, &part->offset);
    }
    return n;
}

/* Adds an expert to what is known of all. */
static void count_expert(const struct checkpoint *ckpt, const struct ffn_tensors *expert,
                         struct expert_sizes *sizes)
{
    struct ffn_tensors ffn = *expert;
    struct part parts[MAX_PARTS];
    uint64_t n_slot = 0;
    int n = list_parts(ckpt, &ffn, parts);
    for (int i = 0; i < n; i++) {
        n_slot += up_to_block(parts[i].offset % DIRECT_BLOCK + parts[i].n_bytes);
        sizes->n_bytes += parts[i].n_bytes;
    }
    if (n_slot > sizes->slot_bytes)
        sizes->slot_bytes = n_slot;
    sizes->n_experts++;
}

struct expert_sizes expert_cache_sizes(const struct checkpoint *ckpt)
{
    const struct model_config *c = &ckpt->config;
    struct expert_sizes sizes = {0};
    for (uint32_t layer = 0; layer < c->n_layers; layer++)
        if (config_has_experts(c, layer))
            for (uint32_t id = 0; id < c->moe.n_experts; id++)
                count_expert(ckpt, &ckpt->weights.layers[layer].experts[id], &sizes);
    sizes.min_bytes = sizes.slot_bytes * ((uint64_t)c->moe.n_used + 1);
    sizes.max_bytes = sizes.slot_bytes * sizes.n_experts;
    if (sizes.min_bytes > sizes.max_bytes)
        sizes.min_bytes = sizes.max_bytes;
    return sizes;
}

static bool open_files(struct expert_cache *c, struct err *err)
{
    const struct tensor_store *store = c->ckpt->tensors;
    c->files = mem_new(store->n_files, sizeof *c->files, err);
    if (!c->files)
        return false;
    for (size_t i = 0; i < store->n_files; i++) {
        if (!direct_file_open(&c->files[i], store->paths[i], err))
            return false;
        if (c->files[i].size != store->files[i].size)
            return err_set(err, ERR_IO, "%s: changed while it was opened; try again",
                           store->paths[i]);
    }
    return true;
}

static bool open_slots(struct expert_cache *c, struct err *err)
{
    size_t n_places = (size_t)c->ckpt->config.n_layers * c->ckpt->config.moe.n_experts;
    c->places = mem_new(n_places, sizeof *c->places, err);
    c->slots = c->places ? mem_new(c->n_slots, sizeof *c->slots, err) : NULL;
    if (!c->slots)
        return false;
    for (size_t i = 0; i < n_places; i++)
        c->places[i] = -1;
    c->memory = mem_map(c->n_slots * c->slot_bytes, err);
    return c->memory != NULL;
}

struct expert_cache *expert_cache_open(const struct checkpoint *ckpt,
                                       const struct adapter *adapters, uint64_t n_bytes,
                                       struct err *err)
{
    struct expert_sizes sizes = expert_cache_sizes(ckpt);
    if (!sizes.slot_bytes) {
        err_set(err, ERR_ARG, "%s: has no experts to read on demand; leave the size out",
                ckpt->path);
        return NULL;
    }
    if (n_bytes < sizes.min_bytes) {
        bool small = sizes.min_bytes < 10000000;
        uint64_t unit = small ? 1000 : 1000000;
        err_set(err, ERR_ARG,
                "%s: too little memory for experts: a step needs %llu of %.3g %s; give at least "
                "%llu%s",
                ckpt->path, (unsigned long long)(sizes.min_bytes / sizes.slot_bytes),
                (double)sizes.slot_bytes / (double)unit, small ? "kB" : "MB",
                (unsigned long long)((sizes.min_bytes + unit - 1) / unit), small ? "K" : "M");
        return NULL;
    }
    struct expert_cache *c = mem_new(1, sizeof *c, err);
    if (!c)
        return NULL;
    if (n_bytes > sizes.max_bytes)
        n_bytes = sizes.max_bytes;
    c->ckpt = ckpt;
    c->adapters = adapters;
    c->slot_bytes = sizes.slot_bytes;
    c->stats.n_slots = c->n_slots = n_bytes / sizes.slot_bytes;
    if (open_files(c, err) && open_slots(c, err)) {
        c->reader = reader_open(N_THREADS, err);
        if (c->reader)
            return c;
    }
    expert_cache_close(c);
    return NULL;
}

void expert_cache_close(struct expert_cache *cache)
{
    if (!cache)
        return;
    reader_close(cache->reader);
    mem_unmap(cache->memory, cache->n_slots * cache->slot_bytes);
    for (size_t i = 0; cache->files && i < cache->ckpt->tensors->n_files; i++)
        direct_file_close(&cache->files[i]);
    free(cache->files);
    free(cache->slots);
    free(cache->places);
    free(cache);
}

static int32_t *find_place(const struct expert_cache *c, uint32_t layer, int32_t id)
{
    assert(config_has_experts(&c->ckpt->config, layer) && layer < c->ckpt->config.n_layers);
    assert(id >= 0 && (uint32_t)id < c->ckpt->config.moe.n_experts);
    return &c->places[layer * (size_t)c->ckpt->config.moe.n_experts + (size_t)id];
}

/* Returns the slot that was not used for the longest time, or NULL if all are pinned. */
static struct slot *find_oldest(const struct expert_cache *c)
{
    struct slot *oldest = NULL;
    for (size_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        if (!s->pinned && (!oldest || s->last_used < oldest->last_used))
            oldest = s;
    }
    return oldest;
}

static void empty(struct slot *s)
{
    if (s->place)
        *s->place = -1;
    s->place = NULL;
    s->last_used = 0;
}

/* Starts to read an expert. */
static void fill(struct expert_cache *c, struct slot *s, const struct ffn_tensors *expert)
{
    struct part parts[MAX_PARTS];
    uint8_t *to = c->memory + (size_t)(s - c->slots) * c->slot_bytes;
    s->ffn = *expert;
    s->ffn.w_gate.lora = adapter_find(c->adapters, &expert->w_gate);
    s->ffn.w_up.lora = adapter_find(c->adapters, &expert->w_up);
    s->ffn.w_down.lora = adapter_find(c->adapters, &expert->w_down);
    int n = list_parts(c->ckpt, &s->ffn, parts);
    for (int i = 0; i < n; i++) {
        size_t skip = parts[i].offset % DIRECT_BLOCK;
        s->ranges[i] = (struct read_range){.file = &c->files[parts[i].file_id],
                                           .offset = parts[i].offset - skip,
                                           .size = skip + parts[i].n_bytes,
                                           .to = to,
                                           .group = &s->group};
        *parts[i].data = to + skip;
        to += up_to_block(skip + parts[i].n_bytes);
        reader_start(c->reader, &s->ranges[i]);
    }
    s->reading = true;
}

int expert_cache_ask(struct expert_cache *cache, uint32_t layer, const int32_t *ids, int n)
{
    const struct ffn_tensors *experts = cache->ckpt->weights.layers[layer].experts;
    /* From the last to the first, so that of these the one that is needed last is the oldest. */
    uint64_t before = cache->clock;
    for (int i = n - 1; i >= 0; i--) {
        int32_t at = *find_place(cache, layer, ids[i]);
        if (at >= 0)
            cache->slots[at].last_used = ++cache->clock;
    }
    for (int i = 0; i < n; i++) {
        int32_t *place = find_place(cache, layer, ids[i]);
        struct slot *s = *place >= 0 ? &cache->slots[*place] : find_oldest(cache);
        /* What this step needs makes room only where the step could not go on else. */
        if (!s || (*place < 0 && s->last_used > before && cache->n_pinned))
            return i;
        if (*place >= 0) {
            cache->stats.hits++;
        } else {
            empty(s);
            fill(cache, s, &experts[ids[i]]);
            s->place = place;
            s->last_used = ++cache->clock;
            *place = (int32_t)(s - cache->slots);
            cache->stats.misses++;
        }
        s->pinned = true;
        cache->n_pinned++;
    }
    return n;
}

/* Ends what is asked for. */
static void forget_asked(struct expert_cache *c)
{
    struct err ignored = {0};
    for (size_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        if (s->reading && !reader_wait(c->reader, &s->group, &ignored))
            empty(s);
        s->reading = s->pinned = false;
    }
    c->n_pinned = 0;
}

const struct ffn_tensors *expert_cache_wait(struct expert_cache *cache, uint32_t layer, int32_t id,
                                            struct err *err)
{
    int32_t at = *find_place(cache, layer, id);
    assert(at >= 0 && cache->slots[at].pinned);
    struct slot *s = &cache->slots[at];
    if (!s->reading)
        return &s->ffn;
    double start = clock_now();
    bool ok = reader_wait(cache->reader, &s->group, err);
    cache->stats.wait_s += clock_now() - start;
    s->reading = false;
    if (ok)
        return &s->ffn;
    empty(s);
    forget_asked(cache);
    err_add(err, "layer %u, expert %d", layer, (int)id);
    return NULL;
}

bool expert_cache_is_ready(const struct expert_cache *cache, uint32_t layer, int32_t id)
{
    int32_t at = *find_place(cache, layer, id);
    assert(at >= 0 && cache->slots[at].pinned);
    const struct slot *s = &cache->slots[at];
    return !s->reading || reader_is_done(cache->reader, &s->group);
}

void expert_cache_release(struct expert_cache *cache, uint32_t layer, int32_t id)
{
    int32_t at = *find_place(cache, layer, id);
    assert(at >= 0 && cache->slots[at].pinned && !cache->slots[at].reading);
    cache->slots[at].pinned = false;
    cache->n_pinned--;
}

struct expert_cache_stats expert_cache_stats(const struct expert_cache *cache)
{
    struct expert_cache_stats stats = cache->stats;
    struct reader_stats of_reader = reader_stats(cache->reader);
    stats.n_read = of_reader.n_bytes;
    stats.read_s = of_reader.busy_s;
    return stats;
}

uint64_t expert_cache_pin_rest(const struct checkpoint *ckpt)
{
    const struct tensor *t;
    uint64_t n_refused = 0;
    for (uint32_t i = 0; i < ckpt->config.n_layers; i++)
        for (size_t k = 0; (t = weights_of_layer(&ckpt->weights.layers[i], k)); k++)
            if (t->data && !mem_pin(t->data, tensor_bytes(t)))
                n_refused += tensor_bytes(t);
    /* Of the embedding a token needs one row. */
    const struct tensor *output = &ckpt->weights.output;
    if (!mem_pin(output->data, tensor_bytes(output)))
        n_refused += tensor_bytes(output);
    return n_refused;
}
