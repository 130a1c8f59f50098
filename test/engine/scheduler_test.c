/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler_fixture.h"

static const struct scheduler_options ways[] = {
    {.n_pages = 400},
    {.n_pages = 400, .no_prefix_cache = true, .chunk = 7},
    {.n_pages = 400, .n_draft = 4, .chunk = 16},
    {.n_pages = 11, .n_draft = 2}, /* so few that answers have to give theirs back */
    {.n_pages = 11, .no_prefix_cache = true, .chunk = 33},
    {.n_pages = 400, .n_running = 64, .n_draft = 7},
};

static void check_model(const char *path, unsigned flags, bool exact)
{
    struct rig rig;
    rig_open(&rig, path, &(struct cpu_options){.n_threads = 2, .flags = flags, .exact = exact});
    static struct request requests[N_REQUESTS];
    static int32_t alone[N_REQUESTS][MAX_ANSWER];
    int n_vocab = (int)model_config(rig.model)->n_vocab;
    make_requests(requests, N_REQUESTS, n_vocab, 1);
    for (int i = 0; i < N_REQUESTS; i++)
        answer_alone(&rig, &requests[i], alone[i]);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        make_requests(requests, N_REQUESTS, n_vocab, 1);
        struct scheduler_stats stats = run_all(&rig, ways[w], requests, N_REQUESTS, w);
        for (int i = 0; i < N_REQUESTS; i++) {
            const struct request *r = &requests[i];
            assert_int_equal(r->finish, FINISH_LENGTH);
            assert_int_equal(r->n_answer, r->params.max_tokens);
            if (memcmp(r->answer, alone[i], r->n_answer * sizeof *alone[i]) != 0)
                fail_msg("%s, way %zu: request %d is answered in another way", path, w, i);
        }
        assert_int_equal(ways[w].n_pages<20, stats.n_preempted> 0);
        assert_int_equal(!ways[w].no_prefix_cache, stats.n_cached > 0);
        if (!ways[w].n_draft)
            assert_int_equal(stats.n_drafted, 0);
    }
    rig_close(&rig);
}

TEST(scheduler, answers_do_not_depend_on_company_cache_chunks_drafts_or_pages)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    check_model(STORIES, flags[0], true);
    check_model(STORIES, flags[n_flags - 1], false);
    check_model("test/data/stories260K/stories260K-q4_0.gguf", flags[n_flags - 1], false);
    check_model("test/data/oracle/mistral-swa", flags[n_flags - 1], false);
    check_model("test/data/oracle/mixtral", flags[n_flags - 1], false);
}
