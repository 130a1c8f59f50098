/* SPDX-License-Identifier: Apache-2.0 */
/* draft.c - what comes next, guessed from what was there already: the tokens that followed the last
 * few the last time, in the prediction of the request or in the text itself (prompt lookup). */
#include "engine/scheduler_int.h"

enum { DRAFT_CONTEXT = 3 }; /* tokens that must be the same */

/* Returns where in ids, [n], the last of what ends with tail, [DRAFT_CONTEXT], stands; 0: nowhere.
 */
static uint32_t find_last(const int32_t *ids, uint32_t n, const int32_t *tail)
{
    for (uint32_t end = n; end >= DRAFT_CONTEXT; end--) {
        uint32_t same = 0;
        while (same < DRAFT_CONTEXT && ids[end - 1 - same] == tail[DRAFT_CONTEXT - 1 - same])
            same++;
        if (same == DRAFT_CONTEXT)
            return end;
    }
    return 0;
}

uint32_t draft_guess(const struct job *job, int32_t *drafts, uint32_t max)
{
    const struct job_params *p = &job->params;
    const int32_t *from = p->prediction;
    uint32_t n = (uint32_t)p->n_prediction, end = 0, n_answer = job->result.n_answer;
    if (job->n_ids < DRAFT_CONTEXT)
        return 0;
    const int32_t *tail = job->ids + job->n_ids - DRAFT_CONTEXT;
    if (n && n_answer < DRAFT_CONTEXT)
        end = n_answer; /* an answer that is predicted begins as its prediction */
    else if (n)
        end = find_last(from, n, tail);
    if (!n || (!end && n_answer >= DRAFT_CONTEXT) || end >= n) {
        from = job->ids;
        n = job->n_ids;
        end = find_last(from, n - 1, tail);
        if (!end)
            return 0;
    }
    uint32_t n_drafts = n - end < max ? n - end : max;
    for (uint32_t i = 0; i < n_drafts; i++)
        drafts[i] = from[end + i];
    return n_drafts;
}
