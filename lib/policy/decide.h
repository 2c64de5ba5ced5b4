/* decide: the certified rule applied to one row; what routing and verifying share.
 *
 * Upstream: policy, featurize. Downstream: explain, verify, route. */
#ifndef TR_DECIDE_H
#define TR_DECIDE_H

#include "features/featurize.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

/* What one stage says of a row. */
typedef struct {
    uint32_t label;
    uint32_t score; /* accept score in millionths */
    bool withheld;  /* a label that is never answered */
} tr_said;

typedef struct {
    bool novel;       /* outside the guard: no stage answers */
    uint32_t answers; /* the stage that does, from 1; 0: none */
    uint32_t asked;   /* stages that were asked, from the first */
    tr_said stage[TR_POLICY_STAGES];
} tr_decided;

/* One a thread. Free with tr_decide_close. */
typedef struct {
    const tr_policy *policy; /* borrowed; one that accepts */
    tr_featurizer features;
    /* What is left of the last row: what the stages that were asked said; the last one's values, at
     * the front of `room`; and its novelty, where there is a guard. */
    tr_softmax_summary said[TR_POLICY_STAGES];
    float *room, *guard_room;
    float novelty;
} tr_decider;

bool tr_decide_open(tr_decider *d, const tr_policy *p); /* false when memory is out */
void tr_decide_close(tr_decider *d);

/* Decides on a text and an embedding (NULL where the policy takes none). `all`: asks every stage,
 * whoever answers. False when memory is out. */
bool tr_decide_input(tr_decider *d, tr_str text, const float *embedding, bool all, tr_decided *out);

#endif
