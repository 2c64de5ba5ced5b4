/* scores: what the accept score was worth: its reliability, and agreement against coverage.
 *
 * Upstream: audit. Downstream: figures. */
#ifndef TR_SCORES_H
#define TR_SCORES_H

#include "audit/audit.h"
#include "audit/tally.h"

#include <stddef.h>

enum { TR_SCORES_RELIABILITY = 10, TR_SCORES_CURVE = 200 };

typedef struct {
    double low, high; /* accept scores */
    double predicted; /* mean of the accept score */
    tr_estimate observed;
} tr_reliability;

/* Everything with an accept score of at least `threshold` handled. */
typedef struct {
    double threshold, coverage;
    tr_estimate agreement;
} tr_curve_point;

/* Groups of about as many rows with a teacher label, rising scores; their number. */
size_t tr_scores_reliability(const tr_audit *a, double confidence,
                             tr_reliability group[TR_SCORES_RELIABILITY]);

/* Points of falling threshold and rising coverage, about evenly in coverage; their number. Down to
 * where the policy stands these are handled rows; below, what was deferred for its score alone, as
 * far as the log says so. *operating: the point that holds all handled rows and no other; the
 * number of points where there is none (nothing was handled, or some of it without a score). */
size_t tr_scores_curve(const tr_audit *a, double confidence, tr_curve_point point[TR_SCORES_CURVE],
                       size_t *operating);

#endif
