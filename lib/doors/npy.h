/* npy: the rows of a NumPy .npy file (format 1.0 to 3.0; numpy.lib.format describes it).
 *
 * Two dimensions, C order, little-endian float16, float32 or float64, every number finite: all of
 * that is checked when it is opened, so that its rows can be had without a further error.
 *
 * Upstream: io (a mapped file). Downstream: tr-embed. */
#ifndef TR_NPY_H
#define TR_NPY_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdint.h>

enum { TR_NPY_MOST_COLUMNS = 16384 };

typedef struct {
    uint64_t rows;
    uint32_t columns; /* 1..TR_NPY_MOST_COLUMNS */
    /* private */
    uint32_t width;            /* bytes of a number: 2, 4 or 8 */
    const unsigned char *data; /* rows × columns numbers, row-major, not aligned; borrowed */
} tr_npy;

/* Checks all of `bytes`, which must outlive *f; nothing is allocated. `name` is for the messages.
 * TR_DATA: "NAME: is no .npy file", "NAME: is in Fortran order ...", "NAME: is cut off: ...",
 * "NAME: row 3, column 7 (from 1) is NaN or infinite", ... A float64 that is too large for a float
 * is refused likewise. */
TR_MUST tr_code tr_npy_open(tr_npy *f, tr_str bytes, const char *name, tr_err *err);

/* Row i (below rows) as floats, rounded to nearest: out has room for `columns`. */
void tr_npy_row(const tr_npy *f, uint64_t i, float *out);

#endif
