#include "maths/stat.h"

#include "ground/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const long double LN_SQRT_2PI = 0.918938533204672741780329736405617640L;

/* ln(n!) less Stirling's formula. */
static long double stirling_error(int64_t n)
{
    long double x = (long double)n;

    if (n <= 30) {
        long double factorial = 1;
        for (int64_t i = 2; i <= n; i++)
            factorial *= (long double)i;
        if (n == 0)
            return 0; /* not used: the ends of the range are handled by themselves */
        return logl(factorial) - ((x + 0.5L) * logl(x) - x + LN_SQRT_2PI);
    }
    long double xx = x * x;
    return (1.0L / 12 -
            (1.0L / 360 -
             (1.0L / 1260 - (1.0L / 1680 - (1.0L / 1188 - 691.0L / 360360 / xx) / xx) / xx) / xx) /
                xx) /
           x;
}

/* x ln(x/mean) + mean - x, by its series where x is near the mean and the terms would cancel. */
static long double deviance(long double x, long double mean)
{
    long double d = x - mean;

    if (fabsl(d) >= 0.1L * (x + mean))
        return x * logl(x / mean) - d;

    long double v = d / (x + mean), sum = d * v, term = 2 * x * v;
    v *= v;
    for (int j = 3; j < 1000; j += 2) {
        term *= v;
        long double next = sum + term / j;
        if (next == sum)
            break;
        sum = next;
    }
    return sum;
}

/* P(Bin(m, p) = k) for 0 <= k <= m and 0 < p < 1. */
static long double binomial_term(int64_t k, int64_t m, double p)
{
    const long double two_pi = 6.283185307179586476925286766559005768L;
    long double P = p, Q = 1.0L - P, M = (long double)m, K = (long double)k;

    if (k == 0)
        return expl(M * log1pl(-P));
    if (k == m)
        return expl(M * logl(P));
    long double exponent = stirling_error(m) - stirling_error(k) - stirling_error(m - k) -
                           deviance(K, M * P) - deviance(M - K, M * Q);
    return expl(exponent) * sqrtl(M / (two_pi * K * (M - K)));
}

/* Sum of the terms k, k+1, ... m; for k beyond the mean, where they fall. */
static long double sum_up(int64_t k, int64_t m, double p)
{
    long double term = binomial_term(k, m, p), sum = term, odds = p / (1.0L - p);

    for (int64_t j = k; j < m; j++) {
        term *= (long double)(m - j) / (long double)(j + 1) * odds;
        sum += term;
        if (term <= sum * 1e-21L) /* both 0 far out */
            break;
    }
    return sum;
}

/* Sum of the terms k, k-1, ... 0; for k below the mean. */
static long double sum_down(int64_t k, int64_t m, double p)
{
    long double term = binomial_term(k, m, p), sum = term, odds = (1.0L - p) / p;

    for (int64_t j = k; j > 0; j--) {
        term *= (long double)j / (long double)(m - j + 1) * odds;
        sum += term;
        if (term <= sum * 1e-21L) /* both 0 far out */
            break;
    }
    return sum;
}

static long double upper_tail(int64_t k, int64_t m, double p)
{
    if (k <= 0)
        return 1;
    if (k > m || p <= 0)
        return 0;
    if (p >= 1)
        return 1;
    if ((long double)k > (long double)m * p)
        return sum_up(k, m, p);
    return 1 - sum_down(k - 1, m, p);
}

double tr_stat_binomial_upper(int64_t k, int64_t m, double p)
{
    return (double)upper_tail(k, m, p);
}

double tr_stat_binomial_lower(int64_t k, int64_t m, double p)
{
    if (k < 0)
        return 0;
    if (k >= m || p <= 0)
        return 1;
    if (p >= 1)
        return 0;
    if ((long double)k < (long double)m * p)
        return (double)sum_down(k, m, p);
    return (double)(1 - sum_up(k + 1, m, p));
}

/* The one comparison that decides: is the tail at most delta? */
static bool within(long double tail, double delta)
{
    return tail <= (long double)delta * (1 + 1e-12L);
}

int64_t tr_stat_kmin(int64_t m, double alpha, double delta)
{
    int64_t fails = 0, holds = m + 1; /* P(>= 0) = 1 > delta, P(>= m + 1) = 0 */

    while (holds - fails > 1) {
        int64_t k = fails + (holds - fails) / 2;
        if (within(upper_tail(k, m, alpha), delta))
            holds = k;
        else
            fails = k;
    }
    return holds;
}

int64_t tr_stat_sweet(int64_t n, double alpha, double delta)
{
    int64_t tolerance = n < 1 ? -1 : n - tr_stat_kmin(n, alpha, delta);

    if (tolerance < 0)
        return 0;
    /* From one m to the next kmin grows by 0 or 1, so the tolerance never falls: what is wanted is
     * the least m that has it, and m has it where m - tolerance agreements are enough. */
    int64_t fails = tolerance, holds = n;
    while (holds - fails > 1) {
        int64_t m = fails + (holds - fails) / 2;
        if (within(upper_tail(m - tolerance, m, alpha), delta))
            holds = m;
        else
            fails = m;
    }
    return holds;
}

int64_t tr_stat_least_rows(double alpha, double delta)
{
    if (!(alpha < 1))
        return INT64_MAX;
    double guess = log(delta) / log(alpha);
    int64_t m = guess < 9e15 ? (int64_t)guess - 1 : (int64_t)9e15;

    if (m < 1)
        m = 1;
    while (!within(upper_tail(m, m, alpha), delta))
        m++;
    return m;
}

tr_code tr_stat_table_build(tr_stat_table *table, int64_t max, double alpha, double delta,
                            tr_err *err)
{
    /* Tail and term go from m to m + 1, and are set anew now and then, lest rounding add up. */
    enum { ANEW = 4096 };

    tr_stat_table_free(table);
    if (max < 0 || max > INT32_MAX || !(alpha > 0 && alpha < 1) || !(delta > 0 && delta < 1))
        return tr_err_set(err, TR_USAGE, "no exact tests for %lld rows, alpha %g, delta %g",
                          (long long)max, alpha, delta);
    table->kmin = tr_mem_array((size_t)max + 1, sizeof *table->kmin);
    table->sweet = tr_mem_array((size_t)max + 1, sizeof *table->sweet);
    if (table->kmin == NULL || table->sweet == NULL) {
        tr_stat_table_free(table);
        return tr_err_memory(err);
    }
    table->alpha = alpha;
    table->delta = delta;
    table->max = max;
    table->kmin[0] = 1;
    table->sweet[0] = 0;

    int64_t k = 1;
    long double p = alpha, q = 1.0L - p;
    long double tail = 0, below = 1; /* P(Bin(m) >= k), P(Bin(m) = k - 1), here of m = 0 */
    for (int64_t m = 1; m <= max; m++) {
        tail = m % ANEW == 0 ? upper_tail(k, m, alpha) : tail + p * below;
        bool more = !within(tail, delta);
        if (fabsl(tail - delta) < 1e-9L * delta) /* too near for the sums kept up: look closely */
            more = !within(upper_tail(k, m, alpha), delta);
        if (more) {
            below *= (long double)m / (long double)k * p; /* P(Bin(m) = k) */
            tail = k < m ? tail - below : 0;
            k++;
        } else {
            below *= (long double)m / (long double)(m - k + 1) * q; /* P(Bin(m) = k - 1) */
        }
        if (m % ANEW == 0)
            below = binomial_term(k - 1, m, alpha);
        table->kmin[m] = (uint32_t)k;
        /* Less one than before, and k the same: one more disagreement is tolerated. */
        table->sweet[m] = more ? table->sweet[m - 1] : (uint32_t)m;
    }
    return TR_OK;
}

void tr_stat_table_free(tr_stat_table *table)
{
    free(table->kmin);
    free(table->sweet);
    memset(table, 0, sizeof *table);
}

void tr_stat_interval(int64_t k, int64_t m, double confidence, double *low, double *high)
{
    double side = (1 - confidence) / 2;

    *low = 0;
    *high = 1;
    if (m <= 0)
        return;
    if (k > 0) { /* the p at which k or more are just improbable enough */
        double a = 0, b = 1;
        for (int i = 0; i < 200 && b - a > 1e-16 * b; i++) {
            double p = a + (b - a) / 2;
            if (tr_stat_binomial_upper(k, m, p) < side)
                a = p;
            else
                b = p;
        }
        *low = a;
    }
    if (k < m) {
        double a = 0, b = 1;
        for (int i = 0; i < 200 && b - a > 1e-16 * b; i++) {
            double p = a + (b - a) / 2;
            if (tr_stat_binomial_lower(k, m, p) < side)
                b = p;
            else
                a = p;
        }
        *high = b;
    }
}

double tr_stat_normal_cdf(double x)
{
    return 0.5 * erfc(-x / 1.4142135623730951);
}
