/* softmax: decision values to probabilities, and what the gate looks at.
 *
 * A member's decision values are scaled so that their softmax is a sensible probability: the scale
 * (or, for a blend, one scale a member) minimizes the log-loss on out-of-fold rows (temperature
 * scaling, arXiv 1706.04599). Upstream: real. Downstream: zoo, heldout, route. */
#ifndef TR_SOFTMAX_H
#define TR_SOFTMAX_H

#include "ground/err.h"

#include <stddef.h>
#include <stdint.h>

/* What one row of decision values says. The same bits on every machine. */
typedef struct {
    uint32_t label; /* the largest value; ties: the lower number */
    float p[3];     /* the three largest probabilities; 0 where there are fewer labels */
    float entropy;  /* of all probabilities, in nats */
    float top, gap; /* the largest value, and how far the second one is below it */
    float evidence; /* ln of the sum of exp of the values: what they say in all */
    float agreement; /* share of a mixture's parts that name the same label; 1 for one model */
} tr_softmax_summary;

/* z: `labels` (>= 2) scaled values; scratch: as many floats. */
void tr_softmax_summarize(const float *z, uint32_t labels, float *scratch, tr_softmax_summary *out);

/* The evidence of a summary alone, to the bit. */
float tr_softmax_evidence(const float *z, uint32_t labels, float *scratch);

/* Scales w[0..members) >= 0 that minimize the mean log-loss of softmax(sum of w[m] · z[m]).
 * z[m]: rows × labels row-major; label[i] = UINT32_MAX: the row is left out. Rows beyond the first
 * 20,000 that count are not looked at. Newton's method; the problem is convex. */
TR_MUST tr_code tr_softmax_fit(const float *const *z, size_t members, size_t rows, uint32_t labels,
                               const uint32_t *label, double *w, tr_err *err);

#endif
