/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/scheduler_fixture.h"

TEST(chances, chances_are_those_of_the_logits)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .exact = true});
    static struct request r;
    make_requests(&r, 1, 512, 21);
    r.params.n = 60;
    r.params.max_tokens = 10;
    r.params.with_chances = r.params.prompt_chances = true;
    r.params.n_top = 3;
    run_all(&rig, (struct scheduler_options){.n_pages = 40, .chunk = 13}, &r, 1, 0);
    assert_int_equal(r.n_prompt_told, 60);
    assert_memory_equal(r.prompt_ids, r.prompt, 60 * sizeof *r.prompt);

    /* The same from all rows of the request and its answer. */
    int32_t ids[70];
    float logprobs[70];
    memcpy(ids, r.prompt, 60 * sizeof *ids);
    memcpy(ids + 60, r.answer, 10 * sizeof *ids);
    float *logits = malloc(70 * 512 * sizeof *logits);
    assert_non_null(logits);
    rig_run(&rig, ids, 70, 60, 512, logits);
    for (int i = 0; i < 69; i++) {
        double sum = 0.0;
        const float *row = logits + (size_t)i * 512;
        for (int k = 0; k < 512; k++)
            sum += exp((double)row[k]);
        logprobs[i + 1] = (float)((double)row[ids[i + 1]] - log(sum));
    }
    assert_near_f32(r.prompt_logprobs + 1, logprobs + 1, 59, 1e-4f, 1e-4f);
    assert_near_f32(r.logprobs, logprobs + 60, 10, 1e-4f, 1e-4f);
    free(logits);
    rig_close(&rig);
}
