/* compact: a linear model as it is shipped: a byte a weight, a scale a feature.
 *
 * Memory is what scoring waits for, so a quarter of it is most of the speed. The rounding is part
 * of the model: calibration rows are scored by it, as traffic is.
 *
 * Upstream: linear. Downstream: surrogate, zoo. */
#ifndef TR_COMPACT_H
#define TR_COMPACT_H

#include "ground/err.h"
#include "ground/le.h"
#include "maths/sparse.h"
#include "models/linear.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t labels, columns, dims; /* columns of the sparse part; of the dense part, 0: none */
    size_t width;                   /* labels rounded up to whole vectors (tr_dot_width) */
    const int8_t *weight; /* (columns + dims + 1) × width row-major; the last row: the intercept */
    const float *scale;   /* columns + dims + 1: a weight is scale · byte */
    void *owned;          /* what both lie in, if allocated here; NULL where borrowed from a file */
} tr_compact;

/* Rounds m. Free with tr_compact_free. */
TR_MUST tr_code tr_compact_make(tr_compact *c, const tr_linear *m, tr_err *err);
void tr_compact_free(tr_compact *c);

/* z: width floats, filled. The same bits on every machine. */
void tr_compact_decide(const tr_compact *c, tr_row row, float *z);

/* Binary form: u32 labels, columns, width, dims, scales (f32), zero bytes to a multiple of 64,
 * weights. The payload must begin the cursor at a multiple of 64. `read` borrows. */
void tr_compact_write(const tr_compact *c, tr_buf *out);
TR_MUST tr_code tr_compact_read(tr_compact *c, tr_le_reader *r, uint32_t labels, uint32_t columns,
                                uint32_t dims, tr_err *err);

#endif
