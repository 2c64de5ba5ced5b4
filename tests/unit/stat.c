#include "maths/stat.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

static const double PAIRS[][2] = {{0.80, 0.05}, {0.90, 0.05}, {0.90, 0.10}, {0.92, 0.008},
                                  {0.95, 0.05}, {0.98, 0.10}, {0.50, 0.25}, {0.999, 0.05},
                                  {0.30, 0.01}, {0.95, 1e-9}};
enum { N_PAIRS = sizeof PAIRS / sizeof *PAIRS };

static void tails_of_small_cases(void)
{
    CHECK_NEAR(tr_stat_binomial_upper(2, 2, 0.5), 0.25, 1e-17);
    CHECK_NEAR(tr_stat_binomial_upper(1, 3, 0.1), 0.271, 1e-15);
    CHECK_NEAR(tr_stat_binomial_lower(1, 3, 0.1), 0.972, 1e-15);
    CHECK_NEAR(tr_stat_binomial_upper(59, 59, 0.95), 0.048494525249423, 1e-12);
    CHECK(tr_stat_binomial_upper(0, 5, 0.3) == 1);
    CHECK(tr_stat_binomial_upper(-3, 5, 0.3) == 1);
    CHECK(tr_stat_binomial_upper(6, 5, 0.3) == 0);
    CHECK(tr_stat_binomial_lower(-1, 5, 0.3) == 0);
    CHECK(tr_stat_binomial_lower(5, 5, 0.3) == 1);
    CHECK(tr_stat_binomial_upper(3, 5, 0) == 0 && tr_stat_binomial_upper(3, 5, 1) == 1);
    CHECK(tr_stat_binomial_lower(3, 5, 0) == 1 && tr_stat_binomial_lower(3, 5, 1) == 0);
}

/* Both tails against sums of positive terms (Pascal's rule): nothing cancels there. */
static void tails_against_sums(void)
{
    enum { M = 500 };
    static long double row[M + 1];
    const double ps[] = {0.02, 0.5, 0.9, 0.97};

    for (int c = 0; c < 4; c++) {
        long double p = ps[c];
        memset(row, 0, sizeof row);
        row[0] = 1;
        for (int m = 1; m <= M; m++) {
            for (int k = m; k > 0; k--)
                row[k] = row[k] * (1 - p) + row[k - 1] * p;
            row[0] *= 1 - p;
        }
        long double upper = 0;
        double worst = 0;
        for (int k = M; k > 0; k--) {
            upper += row[k];
            if (upper < 1e-290L) /* no normal double */
                continue;
            double e = (double)fabsl(tr_stat_binomial_upper(k, M, ps[c]) / upper - 1);
            worst = e > worst ? e : worst;
        }
        long double lower = 0;
        for (int k = 0; k < M; k++) {
            lower += row[k];
            if (lower < 1e-290L)
                continue;
            double e = (double)fabsl(tr_stat_binomial_lower(k, M, ps[c]) / lower - 1);
            worst = e > worst ? e : worst;
        }
        CHECK_NEAR(worst, 0, 1e-12);
    }
}

/* kmin and sweet by their definitions, over exact sums, for every m up to 2,000. */
static void kmin_against_sums(void)
{
    enum { M = 2000 };
    static long double row[M + 2];

    for (int c = 0; c < N_PAIRS; c++) {
        double alpha = PAIRS[c][0], delta = PAIRS[c][1];
        tr_stat_table table = {0};
        int64_t sweet = 0, tolerance = -1;
        int wrong = 0;

        CHECK(tr_stat_table_build(&table, M, alpha, delta, NULL) == TR_OK);
        if (table.kmin == NULL)
            return;
        memset(row, 0, sizeof row);
        row[0] = 1;
        for (int m = 1; m <= M; m++) {
            for (int k = m; k > 0; k--)
                row[k] = row[k] * (1 - (long double)alpha) + row[k - 1] * alpha;
            row[0] *= 1 - (long double)alpha;
            long double tail = 0;
            int kmin = m + 1;
            while (kmin > 1 && tail + row[kmin - 1] <= delta)
                tail += row[--kmin];
            if (m - kmin >= 0 && m - kmin > tolerance)
                sweet = m;
            tolerance = m - kmin;
            wrong += (int64_t)table.kmin[m] != kmin || (int64_t)table.sweet[m] != sweet;
            if (m < 200 || m % 7 == 0)
                wrong += tr_stat_kmin(m, alpha, delta) != kmin ||
                         tr_stat_sweet(m, alpha, delta) != sweet;
        }
        if (wrong)
            printf("# alpha %g, delta %g\n", alpha, delta);
        CHECK(wrong == 0);
        tr_stat_table_free(&table);
    }
}

/* A million rows: the table kept up from row to row and the tail computed at once must agree. */
static void a_million_rows(void)
{
    const double pairs[][2] = {{0.95, 0.05}, {0.80, 0.10}, {0.999, 0.01}};

    for (int c = 0; c < 3; c++) {
        double alpha = pairs[c][0], delta = pairs[c][1];
        tr_stat_table table = {0};
        CHECK(tr_stat_table_build(&table, 1000000, alpha, delta, NULL) == TR_OK);
        if (table.kmin == NULL)
            return;
        int wrong = 0;
        for (int64_t m = 999; m <= 1000000; m += 99900 + 7 * c) {
            int64_t k = tr_stat_kmin(m, alpha, delta);
            wrong += table.kmin[m] != k || table.sweet[m] != tr_stat_sweet(m, alpha, delta);
            wrong += tr_stat_binomial_upper(k, m, alpha) > delta;
            wrong += tr_stat_binomial_upper(k - 1, m, alpha) <= delta;
        }
        CHECK(wrong == 0);
        tr_stat_table_free(&table);
    }
    /* 950,000 agreements of 1,000,000 and 1.645 standard deviations of 218. */
    CHECK(llabs(tr_stat_kmin(1000000, 0.95, 0.05) - 950359) <= 1);
}

static void equality_certifies(void)
{
    CHECK(tr_stat_kmin(2, 0.5, 0.25) == 2);
    CHECK(tr_stat_kmin(2, 0.9, 0.81) == 2); /* a hair above .81 in binary */
    CHECK(tr_stat_kmin(1, 0.3, 0.3) == 1);
    CHECK(tr_stat_kmin(0, 0.5, 0.25) == 1);
    CHECK(tr_stat_kmin(1, 0.5, 0.25) == 2);
}

static void rows_needed(void)
{
    const double alpha[] = {.80, .90, .92, .95, .98};
    const int five[] = {14, 29, 36, 59, 149}, ten[] = {11, 22, 28, 45, 114};

    for (int i = 0; i < 5; i++) {
        CHECK(tr_stat_least_rows(alpha[i], 0.05) == five[i]);
        CHECK(tr_stat_least_rows(alpha[i], 0.10) == ten[i]);
        CHECK(tr_stat_sweet(five[i] - 1, alpha[i], 0.05) == 0);
        CHECK(tr_stat_sweet(five[i], alpha[i], 0.05) == five[i]);
    }
    CHECK(tr_stat_sweet(60, 0.95, 0.05) == 59);
    CHECK(tr_stat_sweet(0, 0.95, 0.05) == 0);
    CHECK(tr_stat_least_rows(0.5, 0.5) == 1);
}

static void a_table_refuses_nonsense(void)
{
    tr_stat_table table = {0};
    tr_err err;

    CHECK(tr_stat_table_build(&table, -1, 0.9, 0.05, &err) == TR_USAGE);
    CHECK(tr_stat_table_build(&table, 5, 1.0, 0.05, &err) == TR_USAGE);
    CHECK(tr_stat_table_build(&table, 5, 0.9, 0.0, &err) == TR_USAGE);
    CHECK(tr_stat_table_build(&table, 5, NAN, 0.05, &err) == TR_USAGE && table.kmin == NULL);
    CHECK(tr_stat_table_build(&table, 0, 0.9, 0.05, &err) == TR_OK);
    CHECK(table.kmin != NULL && table.kmin[0] == 1 && table.sweet[0] == 0);
    tr_stat_table_free(&table);
    tr_stat_table_free(&table);
}

static void intervals(void)
{
    double low, high;

    tr_stat_interval(8, 10, 0.95, &low, &high);
    CHECK_NEAR(low, 0.443904537692358, 1e-10);
    CHECK_NEAR(high, 0.974789273673167, 1e-10);
    tr_stat_interval(0, 20, 0.95, &low, &high);
    CHECK(low == 0);
    CHECK_NEAR(high, 1 - pow(0.025, 1.0 / 20), 1e-12);
    tr_stat_interval(20, 20, 0.90, &low, &high);
    CHECK_NEAR(low, pow(0.05, 1.0 / 20), 1e-12);
    CHECK(high == 1);
    tr_stat_interval(0, 0, 0.95, &low, &high);
    CHECK(low == 0 && high == 1);
}

/* Newton's steps against the definition: the tail at each end is what is left out. */
static void intervals_leave_out_what_they_should(void)
{
    const int64_t cases[][2] = {{1, 2},
                                {1, 30},
                                {29, 30},
                                {500, 1000},
                                {9, 100000},
                                {99999, 100000},
                                {9300000, 10000000},
                                {1, 10000000},
                                {9999000, 10000000}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t k = cases[i][0], m = cases[i][1];
        for (int c = 0; c < 2; c++) {
            double low, high, side = c ? 0.025 : 0.0005;
            tr_stat_interval(k, m, 1 - 2 * side, &low, &high);
            CHECK_NEAR(tr_stat_binomial_upper(k, m, low) / side, 1, 1e-8);
            CHECK_NEAR(tr_stat_binomial_lower(k, m, high) / side, 1, 1e-8);
        }
    }
}

static void wilson(void)
{
    double low, high;

    tr_stat_wilson(0.8, 10, 0.95, &low, &high);
    CHECK_NEAR(low, 0.490162471536642, 1e-12);
    CHECK_NEAR(high, 0.943317848545625, 1e-12);
    tr_stat_wilson(0, 7.5, 0.95, &low, &high);
    CHECK(low == 0 && high > 0.3 && high < 0.4);
    tr_stat_wilson(1, 7.5, 0.95, &low, &high);
    CHECK(high == 1 && low > 0.6 && low < 0.7);
    tr_stat_wilson(0.5, 0, 0.95, &low, &high);
    CHECK(low == 0 && high == 1);
}

static void fisher(void)
{
    CHECK_NEAR(tr_stat_fisher(3, 4, 1, 4), 17.0 / 35, 1e-14);
    CHECK_NEAR(tr_stat_fisher(1, 12, 9, 12), 0.0027594561852200836, 1e-15);
    CHECK_NEAR(tr_stat_fisher(8, 10, 1, 6), 0.03496503496503497, 1e-14);
    CHECK_NEAR(tr_stat_fisher(95, 100, 80, 100), 0.0021972325519849056, 1e-15);
    CHECK_NEAR(tr_stat_fisher(10, 1000, 30, 1000), 0.0020083335618300098, 1e-15);
    CHECK_NEAR(tr_stat_fisher(700, 1000, 1500, 2000), 0.003842707513630086, 1e-15);
    /* Both ends, either order. */
    CHECK_NEAR(tr_stat_fisher(0, 5, 5, 5), 2.0 / 252, 1e-16);
    CHECK_NEAR(tr_stat_fisher(5, 5, 0, 5), 2.0 / 252, 1e-16);
    /* Nothing to tell them apart by. */
    CHECK(tr_stat_fisher(0, 9, 0, 4) == 1 && tr_stat_fisher(9, 9, 4, 4) == 1);
    CHECK(tr_stat_fisher(0, 0, 3, 4) == 1 && tr_stat_fisher(3, 4, 0, 0) == 1);
    CHECK(tr_stat_fisher(50, 100, 50, 100) == 1);
    /* Ten million rows, by mpmath; and so far out that no number holds it. */
    CHECK_NEAR(tr_stat_fisher(9300000, 10000000, 9302000, 10000000) / 0.079593335166465653252, 1,
               1e-12);
    CHECK_NEAR(tr_stat_fisher(9000000, 10000000, 9010000, 10000000) / 8.0526950929448665e-14, 1,
               1e-12);
    CHECK(tr_stat_fisher(0, 10000000, 10000000, 10000000) == 0);
}

static void normal(void)
{
    CHECK(tr_stat_normal_cdf(0) == 0.5);
    CHECK_NEAR(tr_stat_normal_cdf(1.959963984540054), 0.975, 1e-15);
    CHECK_NEAR(tr_stat_normal_cdf(-10) / 7.619853024160527e-24, 1, 1e-12);
    CHECK_NEAR(tr_stat_normal_limit(0.95), 1.959963984540054, 1e-14);
    CHECK_NEAR(tr_stat_normal_limit(0.999), 3.290526731491926, 1e-12);
    CHECK_NEAR(tr_stat_normal_limit(0.5), 0.674489750196082, 1e-14);
}

int main(void)
{
    CASE(tails_of_small_cases);
    CASE(tails_against_sums);
    CASE(kmin_against_sums);
    CASE(a_million_rows);
    CASE(equality_certifies);
    CASE(rows_needed);
    CASE(a_table_refuses_nonsense);
    CASE(intervals);
    CASE(intervals_leave_out_what_they_should);
    CASE(wilson);
    CASE(fisher);
    CASE(normal);
    return CHECK_END;
}
