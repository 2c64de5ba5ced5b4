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

static long double lower_tail(int64_t k, int64_t m, double p)
{
    if (k < 0)
        return 0;
    if (k >= m || p <= 0)
        return 1;
    if (p >= 1)
        return 0;
    if ((long double)k < (long double)m * p)
        return sum_down(k, m, p);
    return 1 - sum_up(k + 1, m, p);
}

double tr_stat_binomial_lower(int64_t k, int64_t m, double p)
{
    return (double)lower_tail(k, m, p);
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

/* The p in (low, high) at which a tail equals `side`: of k or more (rising with p) or of k or fewer
 * (falling), 0 < k < m. Newton's steps on the tail's logarithm, from a good guess; where one would
 * leave what still brackets the root, a bisection. */
static double tail_root(int64_t k, int64_t m, bool or_more, double side, double low, double high,
                        double guess)
{
    double p = guess;

    for (int i = 0; i < 200; i++) {
        if (!(p > low && p < high))
            p = low + (high - low) / 2;
        if (!(p > low && p < high)) /* neighbours */
            break;
        long double tail = or_more ? upper_tail(k, m, p) : lower_tail(k, m, p);
        if ((tail < side) == or_more)
            low = p;
        else
            high = p;
        long double per_row = or_more ? k / (long double)p : -(m - k) / (1.0L - p);
        long double slope = per_row * binomial_term(k, m, p);
        long double step = slope != 0 ? tail / slope * logl(tail / side) : NAN;
        if (fabsl(step) <= 2e-16L * p)
            break;
        p = (double)(p - step); /* not a number: outside */
    }
    return p;
}

void tr_stat_interval(int64_t k, int64_t m, double confidence, double *low, double *high)
{
    double side = (1 - confidence) / 2, share = m > 0 ? (double)k / (double)m : 0;
    double near_low, near_high;

    *low = 0;
    *high = 1;
    if (m <= 0)
        return;
    tr_stat_wilson(share, (double)m, confidence, &near_low, &near_high);
    if (k == m) /* p^m = side */
        *low = exp(log(side) / (double)m);
    else if (k > 0)
        *low = tail_root(k, m, true, side, 0, share, near_low);
    if (k == 0)
        *high = -expm1(log(side) / (double)m);
    else if (k < m)
        *high = tail_root(k, m, false, side, share, 1, near_high);
}

void tr_stat_wilson(double share, double rows, double confidence, double *low, double *high)
{
    *low = 0;
    *high = 1;
    if (!(rows > 0))
        return;
    double z = tr_stat_normal_limit(confidence), zz = z * z / rows;
    double middle = (share + zz / 2) / (1 + zz);
    double half = z * sqrt((share * (1 - share) + zz / 4) / rows) / (1 + zz);
    /* The low end of a share of 0 is 0, and the high end of 1 is 1: not what rounding says. */
    *low = share <= 0 ? 0 : fmax(0, middle - half);
    *high = share >= 1 ? 1 : fmin(1, middle + half);
}

/* Tables of n1 and n2 rows with `all` of both marked; one is told by how many of the n1 are. */
typedef struct {
    int64_t n1, n2, all;
} margins;

/* The probability of x, as a quotient of binomial terms of one share, which cancels. */
static long double table_term(const margins *t, int64_t x)
{
    double p = (double)t->all / (double)(t->n1 + t->n2);
    long double whole = binomial_term(t->all, t->n1 + t->n2, p);
    return binomial_term(x, t->n1, p) * binomial_term(t->all - x, t->n2, p) / whole;
}

/* Of the tables from x to `end`, where they get less likely all the way: those no likelier than
 * `bound`, summed. */
static long double table_tail(const margins *t, int64_t x, int64_t end, long double bound)
{
    int64_t step = x <= end ? 1 : -1;
    int64_t above = -1, from = llabs(end - x); /* steps from x: likelier, and no more so */

    if (table_term(t, end) > bound)
        return 0;
    while (from - above > 1) {
        int64_t at = above + (from - above) / 2;
        if (table_term(t, x + step * at) > bound)
            above = at;
        else
            from = at;
    }
    int64_t y = x + step * from;
    long double term = table_term(t, y), sum = term;
    while (y != end && term > sum * 1e-21L) {
        int64_t low = step > 0 ? y : y - 1; /* from one table to the next above it: */
        long double ratio = (long double)(t->n1 - low) * (long double)(t->all - low) /
                            ((long double)(low + 1) * (long double)(t->n2 - t->all + low + 1));
        term = step > 0 ? term * ratio : term / ratio;
        sum += term;
        y += step;
    }
    return sum;
}

double tr_stat_fisher(int64_t k1, int64_t n1, int64_t k2, int64_t n2)
{
    margins t = {n1, n2, k1 + k2};
    int64_t least = t.all > n2 ? t.all - n2 : 0, most = t.all < n1 ? t.all : n1;

    if (n1 <= 0 || n2 <= 0 || least == most)
        return 1;
    long double peak = (long double)(n1 + 1) * (long double)(t.all + 1) /
                       (long double)(n1 + n2 + 2);
    int64_t mode = (int64_t)peak;
    mode = mode < least ? least : mode > most ? most : mode;
    /* Tables that are as likely as this one count, whatever rounding makes of them. */
    long double bound = table_term(&t, k1) * (1 + 1e-12L);
    long double sum = table_tail(&t, mode, least, bound);
    if (mode < most)
        sum += table_tail(&t, mode + 1, most, bound);
    return sum < 1 ? (double)sum : 1;
}

double tr_stat_normal_cdf(double x)
{
    return 0.5 * erfc(-x / 1.4142135623730951);
}

double tr_stat_normal_limit(double confidence)
{
    double outside = 1 - confidence, x = 0;

    /* Newton: the tail is convex, so that the steps come from the left and never pass the root. */
    for (int i = 0; i < 1000; i++) {
        double step = (erfc(x / 1.4142135623730951) - outside) * 1.2533141373155003 *
                      exp(x * x / 2); /* sqrt(pi / 2) */
        x += step;
        if (!(step > 1e-16 * x))
            break;
    }
    return x;
}
