/* la: linear algebra by BLAS and LAPACK, which are known here only.
 *
 * For training alone: their bits change with the machine, so nothing that scores may call them. */
#ifndef TR_LA_H
#define TR_LA_H

#include "ground/err.h"

#include <stddef.h>

/* Solves A x = b in place for a symmetric positive definite A (n × n row-major, the lower triangle
 * is read and overwritten); b becomes x. TR_DATA where A is not positive definite. */
TR_MUST tr_code tr_la_solve_positive(double *a, double *b, size_t n, tr_err *err);

#endif
