/* apply: the held-out rows of a fold, scored by a network that was fitted without them.
 *
 * Upstream: training, network. Downstream: mlp, lda. */
#ifndef TR_APPLY_H
#define TR_APPLY_H

#include "models/network.h"
#include "zoo/training.h"

/* Fills the values of the scored rows of `fold`; decision: scored rows × labels. */
TR_MUST tr_code tr_apply_network(const tr_training *t, int fold, const tr_network *m,
                                 float *decision, tr_err *err);

#endif
