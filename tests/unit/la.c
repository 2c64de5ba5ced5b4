#include "maths/la.h"

#include "check.h"
#include "ground/rng.h"

#include <math.h>

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

static void many_right_hand_sides(void)
{
    double a[4] = {4, 99, 2, 3}, b[4] = {10, 8, 4, 2};
    tr_err err;
    CHECK(tr_la_solve_rows(a, b, 2, 2, &err) == TR_OK);
    CHECK_NEAR(b[0], 1.75, 1e-12);
    CHECK_NEAR(b[1], 1.5, 1e-12);
    CHECK_NEAR(b[2], 1, 1e-12);
    CHECK_NEAR(b[3], 0, 1e-12);
}

static void products(void)
{
    enum { M = 5, N = 4, K = 3, WIDE = 7 };
    tr_rng r;
    tr_rng_init(&r, 2);
    for (int turned = 0; turned < 4; turned++) {
        float a[WIDE * WIDE], b[WIDE * WIDE], c[M * WIDE], was[M * WIDE];
        tr_la_side x = {a, WIDE, turned & 1}, y = {b, WIDE, turned & 2};
        for (size_t i = 0; i < WIDE * WIDE; i++) {
            a[i] = (float)tr_rng_normal(&r);
            b[i] = (float)tr_rng_normal(&r);
        }
        for (size_t i = 0; i < M * WIDE; i++)
            was[i] = c[i] = (float)tr_rng_normal(&r);
        tr_la_multiply(x, y, M, N, K, 0.5f, c, WIDE);
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < WIDE; j++) {
                double sum = 0.5 * (double)was[i * WIDE + j];
                for (size_t k = 0; k < K; k++)
                    sum += (double)a[x.turned ? k * WIDE + i : i * WIDE + k] *
                           (double)b[y.turned ? j * WIDE + k : k * WIDE + j];
                CHECK_NEAR((double)c[i * WIDE + j], j < N ? sum : (double)was[i * WIDE + j], 1e-5);
            }
    }
}

static void grams_add_up_and_are_taken_away(void)
{
    const double x[6] = {1, 2, 3, 4, 5, 6};
    double s[4] = {100, 77, 200, 300};
    tr_la_gram(x, 3, 2, 1, s);
    CHECK(s[0] == 135 && s[1] == 77 && s[2] == 244 && s[3] == 356);
    tr_la_gram(x, 3, 2, -1, s);
    CHECK(s[0] == 100 && s[2] == 200 && s[3] == 300);
}

static void eigenvectors(void)
{
    enum { N = 7 };
    tr_rng r;
    tr_err err;
    double s[N * N], v[N * N], value[N];
    tr_rng_init(&r, 4);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= i; j++) {
            v[i * N + j] = s[i * N + j] = s[j * N + i] = tr_rng_normal(&r);
            if (j < i)
                v[j * N + i] = 99; /* not read */
        }
    CHECK(tr_la_eigen(v, N, value, &err) == TR_OK);
    for (size_t k = 0; k < N; k++) {
        CHECK(k == 0 || value[k - 1] <= value[k]);
        for (size_t i = 0; i < N; i++) {
            double sum = 0;
            for (size_t j = 0; j < N; j++)
                sum += s[i * N + j] * v[k * N + j];
            CHECK_NEAR(sum, value[k] * v[k * N + i], 1e-9);
        }
    }
    double none[4] = {1, 0, (double)NAN, 1};
    CHECK(tr_la_eigen(none, 2, value, &err) == TR_DATA);
}

int main(void)
{
    CASE(known_system);
    CASE(random_systems);
    CASE(no_solution_is_told);
    CASE(many_right_hand_sides);
    CASE(products);
    CASE(grams_add_up_and_are_taken_away);
    CASE(eigenvectors);
    return CHECK_END;
}
