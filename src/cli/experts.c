/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/experts.h"

#include "base/units.h"
#include "cli/console.h"
#include "cli/machine.h"
#include "cli/plan.h"
#include "engine/generator.h"
#include "lib/runtime.h"

static enum dtype kv_type(const struct runtime_options *options)
{
    if (options->kv_q8)
        return DTYPE_Q8_0;
    return options->exact ? DTYPE_F32 : DTYPE_BF16;
}

uint64_t experts_room(const struct runtime_options *options, const struct checkpoint *ckpt,
                      uint64_t available)
{
    const struct model_config *c = &ckpt->config;
    bool given = options->expert_memory && options->expert_memory != EXPERTS_AUTO;
    if (given || !c->is_moe)
        return given ? options->expert_memory : 0;
    struct plan plan =
        plan_memory(ckpt, generator_context(c, options->context), kv_type(options), available);
    if (plan.fits)
        return 0;
    struct expert_sizes sizes = expert_cache_sizes(ckpt);
    /* Some stays free: page tables, and whatever else runs here. */
    uint64_t taken = plan.needed - sizes.n_bytes + available / 16;
    uint64_t room = available > taken ? available - taken : 0;
    return room > sizes.min_bytes ? room : sizes.min_bytes;
}

uint64_t experts_plan(const struct runtime_options *options, const struct checkpoint *ckpt)
{
    return experts_room(options, ckpt, machine_memory(""));
}

void experts_note(const struct runtime *rt, const struct runtime_options *options)
{
    char size[UNITS_TEXT], all[UNITS_TEXT];
    if (!rt->experts)
        return;
    struct expert_sizes sizes = expert_cache_sizes(rt->ckpt);
    uint64_t n_slots = expert_cache_stats(rt->experts).n_slots;
    if (!options->expert_memory)
        console_note("larger than memory: %s of the experts' %s stay there, others are read when "
                     "they are chosen; --expert-memory sets the size",
                     units_bytes(size, n_slots * sizes.slot_bytes),
                     units_bytes(all, sizes.n_bytes));
    if (rt->n_unpinned)
        console_note("%s that every token needs may leave memory; raise ulimit -l to keep them",
                     units_bytes(size, rt->n_unpinned));
}

struct expert_cache_stats experts_between(const struct expert_cache_stats *before,
                                          const struct expert_cache_stats *after)
{
    return (struct expert_cache_stats){
        .n_slots = after->n_slots,
        .hits = after->hits - before->hits,
        .misses = after->misses - before->misses,
        .n_read = after->n_read - before->n_read,
        .read_s = after->read_s - before->read_s,
        .wait_s = after->wait_s - before->wait_s,
    };
}

double experts_hit_rate(const struct expert_cache_stats *stats)
{
    uint64_t n = stats->hits + stats->misses;
    return n ? (double)stats->hits / (double)n : 0;
}
