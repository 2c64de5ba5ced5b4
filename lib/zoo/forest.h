/* forest: decision trees on the dense view: one (dt, depth 16), or 200 of them with features drawn
 * for each split (rf: Breiman 2001), or thresholds too (et: Geurts, Ernst, Wehenkel 2006).
 *
 * Forests hold rows out of the bag, by whole folds: each tree is grown without two fifths of the
 * folds, which stands in for the bootstrap, and a row is scored by the trees that were grown
 * without its fold. So no further fit is needed.
 *
 * Upstream: training, trees, grow. Downstream: zoo. */
#ifndef TR_FOREST_H
#define TR_FOREST_H

#include "zoo/training.h"

typedef enum { TR_FOREST_DT, TR_FOREST_RF, TR_FOREST_ET } tr_forest_kind;

TR_MUST tr_code tr_forest_open(tr_job *j, const tr_training *t, tr_forest_kind kind,
                               tr_fitted *out, tr_err *err);

#endif
