#include "maths/la.h"

#include <lapacke.h>

tr_code tr_la_solve_positive(double *a, double *b, size_t n, tr_err *err)
{
    /* row-major lower is column-major upper: no copy to turn it round */
    lapack_int info = LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, 1, a, (lapack_int)n,
                                         b, (lapack_int)n);
    return info ? tr_err_set(err, TR_DATA, "the equations have no unique solution") : TR_OK;
}
