/* bayes: multinomial naive Bayes on weighted counts, as a linear model.
 *
 * It learns how often each feature stands in each label's rows and nothing else, in one pass. Alone
 * it is behind the others; its errors are unlike theirs, so a blend gains by it more than by any
 * other member (Ng, Jordan 2001 on generative and discriminative fits).
 *
 * Upstream: linear. Downstream: zoo. */
#ifndef TR_BAYES_H
#define TR_BAYES_H

#include "ground/err.h"
#include "maths/pool.h"
#include "models/linear.h"

typedef struct {
    const tr_training *t;
    tr_linear_fit *out;
} tr_bayes_job;

/* One task: the full fit and all folds. *out is allocated here, filled when the task is done. */
TR_MUST tr_code tr_bayes_open(tr_bayes_job *j, const tr_training *t, tr_linear_fit *out,
                              tr_err *err);
tr_pool_task tr_bayes_task(tr_bayes_job *j);

#endif
