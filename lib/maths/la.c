#include "maths/la.h"

#include <cblas.h>
#include <lapacke.h>

/* Row-major lower is column-major upper: nothing below is ever copied to be turned round. */

/* OpenBLAS's own threads would add up in another order, and the pool has threads enough. */
static void one_thread(void)
{
    openblas_set_num_threads(1);
}

tr_code tr_la_solve_rows(double *a, double *b, size_t n, size_t m, tr_err *err)
{
    one_thread();
    lapack_int order = (lapack_int)n;
    lapack_int info =
        LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'U', order, (lapack_int)m, a, order, b, order);
    return info ? tr_err_set(err, TR_DATA, "the equations have no unique solution") : TR_OK;
}

tr_code tr_la_solve_positive(double *a, double *b, size_t n, tr_err *err)
{
    return tr_la_solve_rows(a, b, n, 1, err);
}

void tr_la_multiply(tr_la_side a, tr_la_side b, size_t m, size_t n, size_t k, float keep, float *c,
                    size_t stride)
{
    one_thread();
    cblas_sgemm(CblasRowMajor, a.turned ? CblasTrans : CblasNoTrans,
                b.turned ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1, a.at,
                (blasint)a.stride, b.at, (blasint)b.stride, keep, c, (blasint)stride);
}

void tr_la_gram(const double *x, size_t rows, size_t n, double sign, double *s)
{
    one_thread();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)n, (blasint)rows, sign, x,
                (blasint)n, 1, s, (blasint)n);
}

tr_code tr_la_eigen(double *s, size_t n, double *values, tr_err *err)
{
    one_thread();
    lapack_int order = (lapack_int)n;
    lapack_int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', order, s, order, values);
    if (info == LAPACK_WORK_MEMORY_ERROR)
        return tr_err_memory(err);
    return info ? tr_err_set(err, TR_DATA, "a matrix has no eigenvalues") : TR_OK;
}
