/* xgboost: boosted trees grown by the XGBoost library, where it was there at build time.
 *
 * Its trees are turned into ours, so that only training needs the library. Upstream: training,
 * trees. Downstream: zoo. */
#ifndef TR_XGBOOST_H
#define TR_XGBOOST_H

#include "zoo/training.h"

bool tr_xgboost_built(void);
/* TR_USAGE where it was not built. */
TR_MUST tr_code tr_xgboost_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err);
/* The trees of a trained booster (a BoosterHandle whose objective has `labels` classes). */
TR_MUST tr_code tr_xgboost_convert(void *booster, uint32_t labels, uint32_t dims, tr_trees *m,
                                   tr_err *err);

#endif
