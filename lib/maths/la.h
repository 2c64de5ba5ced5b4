/* la: linear algebra by BLAS and LAPACK, which are known here only.
 *
 * For training alone: their bits change with the machine, so nothing that scores may call them. On
 * one machine they depend neither on the number of threads nor on what else is running: each call
 * stays on its caller's thread. All matrices are row-major; `stride` is the distance of two rows.
 *
 * Upstream: ground. Downstream: dense, mlp, lda, acceptor. */
#ifndef TR_LA_H
#define TR_LA_H

#include "ground/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Solves A x = b in place for a symmetric positive definite A (n × n row-major, the lower triangle
 * is read and overwritten); b becomes x. TR_DATA where A is not positive definite. */
TR_MUST tr_code tr_la_solve_positive(double *a, double *b, size_t n, tr_err *err);

/* The same for m right-hand sides, the rows of b (m × n). */
TR_MUST tr_code tr_la_solve_rows(double *a, double *b, size_t n, size_t m, tr_err *err);

/* One side of a product. */
typedef struct {
    const float *at;
    size_t stride;
    bool turned; /* the transpose of what lies there is meant */
} tr_la_side;

/* c (m × n) = a (m × k) · b (k × n) + keep · c; what c held is not read where keep is 0. */
void tr_la_multiply(tr_la_side a, tr_la_side b, size_t m, size_t n, size_t k, float keep, float *c,
                    size_t stride);

/* The lower triangle of s (n × n) += sign · xᵀ x, x: rows × n. */
void tr_la_gram(const double *x, size_t rows, size_t n, double sign, double *s);

/* Of a symmetric s (n × n; the lower triangle is read): eigenvalues in rising order, and s becomes
 * their eigenvectors, one a row. */
TR_MUST tr_code tr_la_eigen(double *s, size_t n, double *values, tr_err *err);

#endif
