#include "maths/la.h"

#include "check.h"
#include "ground/rng.h"

static void known_system(void)
{
    double a[4] = {4, 99, 2, 3}, b[2] = {10, 8}; /* the upper triangle is not read */
    tr_err err;
    CHECK(tr_la_solve_positive(a, b, 2, &err) == TR_OK);
    CHECK_NEAR(b[0], 1.75, 1e-12);
    CHECK_NEAR(b[1], 1.5, 1e-12);
}

static void random_systems(void)
{
    enum { MOST = 12 };
    tr_rng r;
    tr_rng_init(&r, 1);
    for (size_t n = 1; n <= MOST; n++) {
        double root[MOST * MOST], a[MOST * MOST], x[MOST], b[MOST];
        for (size_t i = 0; i < n * n; i++)
            root[i] = tr_rng_normal(&r);
        for (size_t i = 0; i < n; i++)
            x[i] = tr_rng_normal(&r);
        for (size_t i = 0; i < n; i++) {
            b[i] = 0;
            for (size_t j = 0; j < n; j++) {
                a[i * n + j] = i == j;
                for (size_t k = 0; k < n; k++)
                    a[i * n + j] += root[i * n + k] * root[j * n + k];
                b[i] += a[i * n + j] * x[j];
            }
        }
        tr_err err;
        CHECK(tr_la_solve_positive(a, b, n, &err) == TR_OK);
        for (size_t i = 0; i < n; i++)
            CHECK_NEAR(b[i], x[i], 1e-9);
    }
}

static void no_solution_is_told(void)
{
    double a[4] = {1, 0, 2, 1}, b[2] = {1, 1};
    tr_err err = {0};
    CHECK(tr_la_solve_positive(a, b, 2, &err) == TR_DATA);
    CHECK(err.code == TR_DATA && *err.message);
}

int main(void)
{
    CASE(known_system);
    CASE(random_systems);
    CASE(no_solution_is_told);
    return CHECK_END;
}
