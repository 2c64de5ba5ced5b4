/* linear: one weight vector a label over sparse features, as it is trained.
 *
 * Upstream: dot, sparse. Downstream: compact, training, zoo. */
#ifndef TR_LINEAR_H
#define TR_LINEAR_H

#include "ground/err.h"
#include "maths/sparse.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t labels, columns;
    size_t width;  /* labels rounded up to whole vectors (tr_dot_width) */
    float *weight; /* (columns + 1) × width row-major; the last row is the intercept; owned */
} tr_linear;

void tr_linear_free(tr_linear *m);

#endif
