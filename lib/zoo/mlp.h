/* mlp: networks with one or two hidden layers, trained by Adam on the dense view.
 *
 * Softmax cross-entropy, minibatches, dropout, decoupled weight decay, and a learning rate that
 * rises, then falls to 0 along a cosine; the last weights are what is used. The number of steps
 * stops growing at some 60,000 rows (until a million, where it is one pass over them).
 *
 * Upstream: training, network, la. Downstream: zoo. */
#ifndef TR_MLP_H
#define TR_MLP_H

#include "zoo/training.h"

/* hidden: 1 (256 units) or 2 (256 and 96). Rows of no label are left out. */
TR_MUST tr_code tr_mlp_open(tr_job *j, const tr_training *t, int hidden, tr_fitted *out,
                            tr_err *err);

/* What training descends, for the unit test: the mean cross-entropy of n rows (x: n × size[0]) and
 * its gradient, into a network of the same sizes. */
TR_MUST tr_code tr_mlp_gradient(const tr_network *m, const float *x, const uint32_t *label,
                                size_t n, double *loss, tr_network *gradient, tr_err *err);

#endif
