/* dot: the kernels of training and scoring, in a fixed order.
 *
 * Labels lie side by side, so every inner loop is a straight vector loop over labels, and each
 * label adds its products in the order of the row: the same bits at any vector width, on any
 * machine. Upstream: sparse. Downstream: linear. */
#ifndef TR_DOT_H
#define TR_DOT_H

#include "maths/sparse.h"

#include <stddef.h>
#include <stdint.h>

enum { TR_DOT_LANES = 8 }; /* widths are multiples of this */

static inline size_t tr_dot_width(size_t n)
{
    return (n + TR_DOT_LANES - 1) / TR_DOT_LANES * TR_DOT_LANES;
}

/* z[l] += sum over the row of value · w[index][l]; w: columns × width row-major. */
void tr_dot_gather(const float *w, size_t width, tr_sparse_row row, float *z);
/* The same for weights of a byte each, scale[index] · w[index][l]. */
void tr_dot_gather_bytes(const int8_t *w, const float *scale, size_t width, tr_sparse_row row,
                         float *z);
/* w[index][l] += value · d[l] for every entry of the row. */
void tr_dot_scatter(float *w, size_t width, tr_sparse_row row, const float *d);

/* The same three for rows that are dense, x[0..n): w has n rows. A label may have several partial
 * sums; how many depends on the width alone, so here, too, the bits are the same everywhere. */
void tr_dot_gather_dense(const float *w, size_t width, const float *x, size_t n, float *z);
void tr_dot_gather_dense_bytes(const int8_t *w, const float *scale, size_t width, const float *x,
                               size_t n, float *z);
void tr_dot_scatter_dense(float *w, size_t width, const float *x, size_t n, const float *d);

#endif
