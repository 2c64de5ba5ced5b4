/* cells: rows of the dense view grouped by nearness, so that a search need not look at all of them.
 *
 * Spherical k-means (Dhillon, Modha 2001) from rows drawn by the seed; at most TR_CELLS_SAMPLE rows
 * move the middles. Upstream: dot, rng. Downstream: knn. */
#ifndef TR_CELLS_H
#define TR_CELLS_H

#include "ground/err.h"

#include <stddef.h>
#include <stdint.h>

enum { TR_CELLS_SAMPLE = 8192 };

/* x: rows × dims row-major, rows >= cells >= 1. Fills cell_of (rows) and middle (cells × dims, each
 * of length 1 or all zero). The same for the same seed. */
TR_MUST tr_code tr_cells_fit(const float *x, uint32_t rows, uint32_t dims, uint32_t cells,
                             uint64_t seed, uint32_t *cell_of, float *middle, tr_err *err);

#endif
