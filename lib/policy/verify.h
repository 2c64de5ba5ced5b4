/* verify: whether a policy's certificate is what its traces say.
 *
 * Upstream: policy, certify, featurize. Downstream: tr-calibrate --verify. */
#ifndef TR_VERIFY_H
#define TR_VERIFY_H

#include "ground/err.h"
#include "policy/policy.h"
#include "traces/dataset.h"

/* What of the traces the policy looks at. */
tr_dataset_options tr_verify_reads(const tr_policy *p);

/* Scores the calibration rows of a split log with the policy itself and walks the recorded path
 * again. Returns TR_OK: every count is the same; TR_NO with the first difference in err->message;
 * TR_DATA: these are not the traces that it was calibrated on; TR_SYSTEM. */
TR_MUST tr_code tr_verify_policy(const tr_policy *p, const tr_dataset *d, tr_err *err);

#endif
