/* onevsrest: members in which each label is a problem of its own.
 *
 *   svm      squared hinge, dual coordinate descent (Hsieh et al. 2008). A fold starts from the
 * full solution less what its rows put into it, and runs to the same tolerance: the end of a convex
 * problem does not depend on its start. sgd_log  logistic loss, stochastic gradient descent (as
 * scikit-learn's SGDClassifier: alpha 1e-4, "optimal" steps)
 *
 * Upstream: training. Downstream: zoo. */
#ifndef TR_ONEVSREST_H
#define TR_ONEVSREST_H

#include "zoo/training.h"

typedef enum { TR_ONEVSREST_SVM, TR_ONEVSREST_SGD } tr_onevsrest_kind;

/* c: weight of the loss against ½|w|² (svm alone). Rows of no label are negative for all. */
TR_MUST tr_code tr_onevsrest_open(tr_job *j, const tr_training *t, tr_onevsrest_kind kind, double c,
                                  tr_fitted *out, tr_err *err);

#endif
