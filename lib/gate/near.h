/* near: how near a row is to the log in the dense view: the largest cosine between its embedding
 * and the mean of a label's training rows.
 *
 * Of what was tried for telling inputs of another domain apart, this and the evidence and the
 * unseen words together defer the most (bench/novelty); the nearest training row is no better and
 * costs as many products as there are rows.
 *
 * Upstream: dense, network, training. Downstream: train. */
#ifndef TR_NEAR_H
#define TR_NEAR_H

#include "features/dense.h"
#include "ground/err.h"
#include "models/network.h"
#include "zoo/training.h"

/* From the training rows, whose dense view is made of embeddings by v. near[s], for every scored
 * row: of a held-out one as if its fold were not there. Free *m with tr_network_free. */
TR_MUST tr_code tr_near_fit(tr_network *m, const tr_dense *v, const tr_training *t, float *near,
                            tr_err *err);

#endif
