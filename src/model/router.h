/* SPDX-License-Identifier: Apache-2.0 */
/* router.h - which experts the tokens of a step go to, and with what weights.
 *
 * Softmax over all experts, the best n_used of the best groups, in double
 * (arXiv:2401.04088, section 2.1; groups: arXiv:2412.19437, section 2.1.2). */
#ifndef MODEL_ROUTER_H
#define MODEL_ROUTER_H

#include <stdint.h>

#include "base/err.h"
#include "model/config.h"
#include "tensor/backend.h"

/* The choices of a step, sorted by expert and then by token, as experts_args wants them. */
struct routing {
    const struct moe_config *moe;
    int n_groups;                /* experts that some token chose */
    int32_t *experts;            /* [n_groups] ascending: which one a group is */
    struct expert_group *groups; /* [n_groups]; ffn is left to the caller */
    int32_t *tokens;             /* [n_tok * n_used] */
    float *weights;              /* [n_tok * n_used] */
    float *logits;               /* [max_tok][n_experts], where the caller puts the scores */
    int32_t *chosen;             /* [n_tok][n_used] working space, and the rest */
    float *chosen_weights;
    double *p; /* [n_experts] */
};

/* Makes room for steps of up to max_tok tokens.  Owned: routing_free(), also after a
 * failure.  Errors: ERR_LIMIT. */
bool routing_init(struct routing *r, const struct moe_config *moe, int max_tok,
                  struct err *err) CHECKED;
void routing_free(struct routing *r);

/* Chooses for every token from r->logits, [n_tok][n_experts]; allocates nothing. */
void routing_choose(struct routing *r, int n_tok);

#endif
