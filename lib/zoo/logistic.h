/* logistic: multinomial logistic regression.
 *
 * Dual coordinate ascent with a line search along softmax − dual (Shalev-Shwartz, Zhang 2013): a
 * row's dual is a distribution over the labels, and what the weights owe to the row is c · (label −
 * dual). A fold starts from the full solution less what its rows put into it.
 *
 * Upstream: training. Downstream: zoo. */
#ifndef TR_LOGISTIC_H
#define TR_LOGISTIC_H

#include "zoo/training.h"

/* c: weight of the loss against ½|w|². Rows of no label are left out. */
TR_MUST tr_code tr_logistic_open(tr_job *j, const tr_training *t, double c, tr_fitted *out,
                                 tr_err *err);

#endif
