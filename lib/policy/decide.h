/* decide: the certified rule applied to one row of features; what routing and verifying share.
 *
 * Upstream: policy, featurize. Downstream: verify, route. */
#ifndef TR_DECIDE_H
#define TR_DECIDE_H

#include "features/featurize.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t label; /* the surrogate's */
    uint32_t score; /* accept score in millionths */
    bool novel;     /* outside the guard */
    bool withheld;  /* a label that is never answered */
} tr_decided;

/* One a thread. Free with tr_decide_close. */
typedef struct {
    const tr_policy *policy; /* borrowed; one that accepts */
    tr_featurizer features;
    float *z; /* 2 × width */
} tr_decider;

bool tr_decide_open(tr_decider *d, const tr_policy *p); /* false when memory is out */
void tr_decide_close(tr_decider *d);

/* False when memory is out. */
bool tr_decide_text(tr_decider *d, tr_str text, tr_decided *out);

#endif
