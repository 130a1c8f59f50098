/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/scheduler_fixture.h"

/* What take_end() heard of an embedding: [dim]. */
struct vector {
    float values[256];
    uint32_t dim, n_ends;
};

static void take_vector(void *arg, const struct job_result *result)
{
    struct vector *v = arg;
    assert_int_equal(result->finish, FINISH_LENGTH);
    assert_non_null(result->embedding);
    memcpy(v->values, result->embedding, v->dim * sizeof *v->values);
    v->n_ends++;
}

static void embed(struct rig *rig, struct scheduler_options options, const struct request *r,
                  enum embedding kind, struct vector *v)
{
    struct err err = {0};
    uint64_t id;
    struct scheduler *sched = open_scheduler(rig, options);
    struct job_params params = r->params;
    params.prompt_only = true;
    params.embedding = kind;
    const struct job_sink sink = {.token = take_token, .end = take_vector, .arg = v};
    *v = (struct vector){.dim = model_config(rig->model)->dim};
    assert_true(scheduler_add(sched, &params, &sink, &id, &err));
    while (scheduler_step(sched)) {
    }
    assert_int_equal(v->n_ends, 1);
    scheduler_close(sched);
}

TEST(scheduler_prompt, embeddings_do_not_depend_on_the_parts_of_a_prompt)
{
    struct rig rig;
    static struct request r;
    struct vector whole, parts;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    make_requests(&r, 1, 512, 4);
    r.params.n = 70;
    for (int kind = EMBED_LAST; kind <= EMBED_MEAN; kind++) {
        embed(&rig, (struct scheduler_options){.n_pages = 40}, &r, (enum embedding)kind, &whole);
        embed(&rig, (struct scheduler_options){.n_pages = 40, .chunk = 9}, &r, (enum embedding)kind,
              &parts);
        assert_memory_equal(whole.values, parts.values, whole.dim * sizeof *whole.values);
        double sum = 0.0;
        for (uint32_t i = 0; i < whole.dim; i++)
            sum += fabs((double)whole.values[i]);
        assert_true(sum > 1.0);
    }
    rig_close(&rig);
}

TEST(scheduler_prompt, a_prompt_alone_has_no_answer)
{
    struct rig rig;
    static struct request r;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    make_requests(&r, 1, 512, 8);
    r.params.prompt_only = true;
    run_all(&rig, (struct scheduler_options){.n_pages = 40}, &r, 1, 0);
    assert_int_equal(r.n_answer, 0);
    assert_int_equal(r.finish, FINISH_LENGTH);
    rig_close(&rig);
}
