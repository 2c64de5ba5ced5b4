/* bayes: multinomial naive Bayes on weighted counts, as a linear model.
 *
 * It learns how often each feature stands in each label's rows and nothing else, in one pass. Alone
 * it is behind the others; its errors are unlike theirs, so a blend gains by it more than by any
 * other member. It sees the text alone: what stands beside it has no counts (Ng, Jordan 2001 on
 * generative and discriminative fits).
 *
 * Upstream: training. Downstream: zoo. */
#ifndef TR_BAYES_H
#define TR_BAYES_H

#include "zoo/training.h"

TR_MUST tr_code tr_bayes_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err);

#endif
