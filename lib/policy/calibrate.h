/* calibrate: from a model stream to a certified policy.
 *
 * Upstream: candidates, certify, policy. Downstream: tr-calibrate, frontier. */
#ifndef TR_CALIBRATE_H
#define TR_CALIBRATE_H

#include "ground/err.h"
#include "policy/candidates.h"
#include "policy/policy.h"

#include <stdbool.h>

typedef struct {
    double alpha, delta;
    int targets; /* certified at once from these rows, this one among them: each at delta / targets
                  */
    tr_guarantee guarantee;
    tr_family family;
    double novelty;          /* share of ordinary traffic to defer as unlike the log; 0: no guard */
    double min_coverage;     /* least certified coverage that is worth deploying */
    const char *defer_label; /* labels never answered, separated by commas; NULL: none */
    uint64_t seed;
    const tr_policy *previous; /* that this one is to follow, refused ones too; NULL: none */
    uint32_t look;             /* at these rows, counted from the first; 0: by `previous` */
} tr_calibrate_options;

/* Fills *p from *s (which must outlive it; nothing is copied but the small parts). Where rows of an
 * earlier certificate are looked at again, less than all of `delta` is risked (history.h). Returns
 * TR_OK; TR_NO: refused, *p defers everything and p->certificate.refusal says why; TR_USAGE (a
 * label of defer_label that the stream does not have); TR_DATA, TR_SYSTEM. Free *p with
 * tr_policy_free. */
TR_MUST tr_code tr_calibrate_run(const tr_stream *s, const tr_calibrate_options *o, tr_policy *p,
                                 tr_err *err);

/* The same for candidates that are listed already, with the options that they were listed by. What
 * p borrows is the stream's. */
TR_MUST tr_code tr_calibrate_certify(const tr_candidates *from, const tr_calibrate_options *o,
                                     tr_policy *p, tr_err *err);

#endif
