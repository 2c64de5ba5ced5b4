/* frontier: coverage against agreement: several targets certified at once, to choose from.
 *
 * A user who picks a target after seeing what each would cover has looked at all of them; so each
 * of L targets is certified at delta / L, and all L promises hold together. Only the winner of each
 * target is certified; what else is shown are out-of-fold figures of TRAIN, which promise nothing.
 *
 * Upstream: candidates, calibrate. Downstream: report/plot, tr-frontier. */
#ifndef TR_FRONTIER_H
#define TR_FRONTIER_H

#include "doors/json.h"
#include "ground/err.h"
#include "policy/calibrate.h"
#include "policy/candidates.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_FRONTIER_MOST = 32 }; /* targets */

/* One target. */
typedef struct {
    tr_policy policy; /* its certificate says whether, which, how far; borrows from the stream */
    uint64_t test_rows, test_accepted, test_agreed; /* of TEST rows; 0 where there is no winner */
} tr_frontier_point;

/* What some candidate of a family has out of fold, at some threshold. */
typedef struct {
    double coverage;  /* share of all TRAIN rows (weighted) */
    double agreement; /* what the guarantee speaks of: of these, or of all traffic */
} tr_frontier_sample;

/* By falling coverage and rising agreement: what no other candidate and threshold of the family
 * beats in both. Of global (accept-all) at most one. */
typedef struct {
    tr_family family; /* global, l2d or rsb */
    tr_frontier_sample *sample;
    size_t n;
} tr_frontier_curve;

enum { TR_FRONTIER_CURVES = 3 };

typedef struct {
    tr_calibrate_options options;              /* with targets set; alpha is each point's own */
    tr_frontier_point point[TR_FRONTIER_MOST]; /* by rising alpha */
    size_t n, certified;                       /* points; those with a certificate */
    tr_frontier_curve curve[TR_FRONTIER_CURVES];
} tr_frontier;

/* Certifies the n targets of alphas, in any order, from *s, which must outlive f; o->alpha and
 * o->targets do not count. Returns TR_OK; TR_NO: nothing could be certified (f is filled all the
 * same); TR_USAGE (no target, too many, one outside (0, 1) or there twice; as tr_calibrate_run);
 * TR_DATA; TR_SYSTEM. Free *f with tr_frontier_close, also after a failure. */
TR_MUST tr_code tr_frontier_open(tr_frontier *f, const tr_stream *s, const tr_calibrate_options *o,
                                 const double *alphas, size_t n, tr_err *err);
void tr_frontier_close(tr_frontier *f);

/* The point of that alpha (to 1e-9); NULL where it is none of the targets. */
const tr_frontier_point *tr_frontier_find(const tr_frontier *f, double alpha);

/* The largest out-of-fold coverage of a family at that agreement; 0 where it does not reach it. */
double tr_frontier_out_of_fold(const tr_frontier_curve *c, double agreement);

/* What the calls are worth; 0: not said. */
typedef struct {
    double calls_a_day, price_a_call;
} tr_frontier_costs;

/* A point as a JSON object. */
void tr_frontier_print(const tr_frontier *f, const tr_frontier_point *p,
                       const tr_frontier_costs *costs, tr_json_writer *w);

#endif
