/* lda: linear discriminant analysis on the dense view, with a shrunk covariance.
 *
 * One covariance for all labels, so that labels of two rows do as well; from the sums over all
 * rows, the sums of a fold are taken away, so that a fold costs a fraction of a fit.
 *
 * Upstream: training, network, apply, la. Downstream: zoo. */
#ifndef TR_LDA_H
#define TR_LDA_H

#include "zoo/training.h"

TR_MUST tr_code tr_lda_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err);

#endif
