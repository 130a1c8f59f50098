/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler_fixture.h"

TEST(job, bad_requests_are_refused_by_name)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    struct scheduler *sched =
        open_scheduler(&rig, (struct scheduler_options){.n_pages = 64, .context = 50});
    static struct request r;
    const int32_t bad[1] = {512};
    const struct token_bias biases[1] = {{.id = -1}};
    struct {
        struct job_params params;
        const char *text;
        enum err_code code;
    } cases[] = {
        {{.n = 0}, "no tokens", ERR_ARG},
        {{.n = 50}, "maximum context length is 50", ERR_LIMIT},
        {{.ids = bad, .n = 1}, "id 512", ERR_ARG},
        {{.n = 4, .n_top = 21}, "top_logprobs", ERR_ARG},
        {{.n = 4, .end_ids = bad, .n_end_ids = 1}, "stop_token_ids", ERR_ARG},
        {{.n = 4, .prediction = bad, .n_prediction = 1}, "prediction", ERR_ARG},
        {{.n = 4, .biases = biases, .n_biases = 1}, "logit_bias", ERR_ARG},
    };
    make_requests(&r, 1, 512, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct job_sink sink = sink_of(&r);
        if (!cases[i].params.ids)
            cases[i].params.ids = r.prompt;
        cases[i].params.sampler = SAMPLER_DEFAULT;
        assert_false(scheduler_add(sched, &cases[i].params, &sink, &r.id, &err));
        assert_int_equal(err.code, cases[i].code);
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s", err.text);
    }
    assert_int_equal(r.n_ends, 0);
    scheduler_close(sched);
    rig_close(&rig);
}
