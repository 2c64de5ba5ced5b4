/* linear: one weight vector a label over sparse features and, beside them, a dense view; as it is
 * trained.
 *
 * Upstream: dot. Downstream: compact, training, zoo. */
#ifndef TR_LINEAR_H
#define TR_LINEAR_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t labels, columns, dims; /* columns of the sparse part; of the dense part, 0: none */
    size_t width;                   /* labels rounded up to whole vectors (tr_dot_width) */
    float
        *weight; /* (columns + dims + 1) × width row-major; the last row is the intercept; owned */
} tr_linear;

static inline size_t tr_linear_rows(const tr_linear *m)
{
    return (size_t)m->columns + m->dims + 1;
}

void tr_linear_free(tr_linear *m);

#endif
