/* knn: the nearest training rows of the dense view vote.
 *
 * At most TR_KNN_ROWS training rows are kept (a keyed sample of a larger log), so that the search
 * and the policy stay small: a million rows cost what fifty thousand do for each row scored.
 *
 * Upstream: training, neighbours. Downstream: zoo. */
#ifndef TR_KNN_H
#define TR_KNN_H

#include "zoo/training.h"

enum { TR_KNN_ROWS = 50000, TR_KNN_NEIGHBOURS = 20 };

TR_MUST tr_code tr_knn_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err);

#endif
