/* linear: one weight vector a label over sparse features; how it scores.
 *
 * Upstream: dot, sparse. Downstream: training, zoo, route. */
#ifndef TR_LINEAR_H
#define TR_LINEAR_H

#include "ground/err.h"
#include "ground/le.h"
#include "maths/sparse.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t labels, columns;
    size_t width;        /* labels rounded up to whole vectors (tr_dot_width) */
    const float *weight; /* (columns + 1) × width row-major; the last row is the intercept */
    float *owned;        /* the same, if it was allocated here; NULL where borrowed from a file */
} tr_linear;

/* z: width floats, filled. */
void tr_linear_decide(const tr_linear *m, tr_sparse_row row, float *z);
void tr_linear_free(tr_linear *m);

/* Binary form: u32 labels, columns, width, 0, then the weights (f32). `read` borrows them. */
void tr_linear_write(const tr_linear *m, tr_buf *out);
TR_MUST tr_code tr_linear_read(tr_linear *m, tr_le_reader *r, uint32_t labels, uint32_t columns,
                               tr_err *err);

#endif
