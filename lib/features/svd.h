/* svd: the directions in which a log's texts vary most, as a dense view of texts.
 *
 * Randomised truncated singular value decomposition (Halko, Martinsson, Tropp 2011). For training
 * alone. Upstream: la, dense. Downstream: gate/train. */
#ifndef TR_SVD_H
#define TR_SVD_H

#include "features/dense.h"
#include "ground/err.h"
#include "maths/sparse.h"

#include <stdint.h>

/* From the rows of x over `columns` columns: at most `dims` directions (fewer where the rows have
 * fewer, but one at least). Columns that stand in one row alone count for nothing; of more than
 * 100,000 rows, as many evenly spaced ones are looked at. The same bytes for the same seed on one
 * machine, at any number of threads. */
TR_MUST tr_code tr_svd_fit(tr_dense *v, const tr_sparse *x, uint32_t columns, uint32_t dims,
                           float length, uint64_t seed, tr_err *err);

#endif
