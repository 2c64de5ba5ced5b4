/* boost: gradient boosted trees on the dense view, by histograms (Friedman 2001; Ke et al. 2017),
 * for any number of labels and rows.
 *
 * Upstream: training, trees. Downstream: zoo. */
#ifndef TR_BOOST_H
#define TR_BOOST_H

#include "zoo/training.h"

TR_MUST tr_code tr_boost_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err);

#endif
