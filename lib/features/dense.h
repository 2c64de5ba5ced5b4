/* dense: the dense view of a row: its embedding, or what truncated SVD makes of its text.
 *
 * An embedding is brought to length 1. SVD (randomised, seeded: Halko, Martinsson, Tropp 2011)
 * projects the tf-idf row onto the directions in which the training rows vary most. Then, for both,
 * the training rows' mean is taken off and all is multiplied by one number, so that the training
 * rows have the root mean square length `length`.
 *
 * Upstream: dot. Downstream: svd, featurize. */
#ifndef TR_DENSE_H
#define TR_DENSE_H

#include "ground/err.h"
#include "ground/le.h"
#include "maths/sparse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_DENSE_MOST = 16384 }; /* dimensions of an embedding at most */

typedef struct {
    uint32_t dims;    /* 0: there is no dense view */
    uint32_t columns; /* of the sparse row that is projected; 0: the view is the embedding */
    float scale;
    const float *mean; /* dims, of the rows before they are scaled */
    /* columns × tr_dot_width(dims), a byte each with a scale a column, as in models/compact; NULL
     * where columns is 0 */
    const int8_t *axis;
    const float *axis_scale;
    void *owned; /* what they lie in, if allocated here; NULL where borrowed from a file */
} tr_dense;

/* From n embeddings (n >= 1 pointers to `dims` finite numbers each). Free with tr_dense_free. */
TR_MUST tr_code tr_dense_fit_embeddings(tr_dense *v, const float *const *embedding, size_t n,
                                        uint32_t dims, float length, tr_err *err);
/* For whoever finds axes (svd.h): room for a view, all zero, in one block: mean, scales of the
 * axis, axis; and the mean and the scale of a view of texts from n of the rows of x, evenly spaced.
 */
TR_MUST tr_code tr_dense_make(tr_dense *v, uint32_t dims, uint32_t columns, tr_err *err);
TR_MUST tr_code tr_dense_centre_text(tr_dense *v, const tr_sparse *x, size_t n, float length,
                                     tr_err *err);
void tr_dense_free(tr_dense *v);

/* The view of one row: `out` has room for tr_dot_width(dims) floats, the first dims count. An
 * embedding of zeros has the view of the mean. The same bits on every machine. */
void tr_dense_of_embedding(const tr_dense *v, const float *embedding, float *out);
void tr_dense_of_text(const tr_dense *v, tr_sparse_row row, float *out);

/* Binary form; the payload must begin the cursor at a multiple of 64. `read` borrows. */
void tr_dense_write(const tr_dense *v, tr_buf *out);
TR_MUST tr_code tr_dense_read(tr_dense *v, tr_le_reader *r, uint32_t columns, tr_err *err);

#endif
