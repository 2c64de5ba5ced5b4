/* real: exp and log with the same bits on every machine.
 *
 * The C library's change with the CPU (FMA or not); a score that moved in its last bit could cross
 * a threshold that was certified. Plain C, no contraction, no tables. Upstream: nothing.
 * Downstream: whatever scores. */
#ifndef TR_REAL_H
#define TR_REAL_H

#include <stddef.h>

double tr_real_exp(double x); /* relative error below 1e-15 */
double
tr_real_log(double x); /* x > 0, normal; relative error below 1e-15 but near 1, absolute there */

/* y[i] = exp(x[i]) as float, relative error below 3e-7; x clamped to [-87, 88]. x and y may be the
 * same. Written as straight loops, so that any vector width gives the same bits. */
void tr_real_exp_floats(const float *x, float *y, size_t n);

/* y[i] = log(x[i]) as float for normal x > 0, absolute error below 3e-7 (relative above 1). */
void tr_real_log_floats(const float *x, float *y, size_t n);

#endif
