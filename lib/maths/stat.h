/* stat: the distributions that the guarantee rests on.
 *
 * Binomial tails after Loader, "Fast and accurate computation of binomial probabilities" (2000):
 * a saddle-point form of the first term, then the sum of its neighbours; no difference of large
 * logarithms, so 1,000,000 rows are as exact as ten. Upstream: ground. Downstream: certify, tally,
 * compare. */
#ifndef TR_STAT_H
#define TR_STAT_H

#include "ground/err.h"

#include <stdint.h>

/* P(Bin(m, p) >= k), exact to about 1e-12 relative; 1 for k <= 0, 0 for k > m. */
double tr_stat_binomial_upper(int64_t k, int64_t m, double p);
/* P(Bin(m, p) <= k). */
double tr_stat_binomial_lower(int64_t k, int64_t m, double p);

/* Least k with P(Bin(m, alpha) >= k) <= delta; m + 1 if there is none. A tail that equals delta up
 * to rounding (1e-12 relative) counts as equal, so that no machine decides otherwise. */
int64_t tr_stat_kmin(int64_t m, double alpha, double delta);
/* Largest m <= n with m - kmin(m) >= 0 and more tolerance than m - 1 rows have; 0 if none. */
int64_t tr_stat_sweet(int64_t n, double alpha, double delta);
/* Rows that certify at all if none of them disagrees: least m with kmin(m) <= m. */
int64_t tr_stat_least_rows(double alpha, double delta);

/* kmin and sweet of every m in 0..max at once: the same integers as the two functions above, about
 * ten nanoseconds each. Zero-initialise; a build frees what the table held before. */
typedef struct {
    double alpha, delta;
    int64_t max;
    uint32_t *kmin, *sweet; /* max + 1 each; NULL: not built */
} tr_stat_table;

/* TR_OK; TR_USAGE (max outside 0..2^31, alpha or delta outside (0, 1)); TR_SYSTEM. */
TR_MUST tr_code tr_stat_table_build(tr_stat_table *table, int64_t max, double alpha, double delta,
                                    tr_err *err);
void tr_stat_table_free(tr_stat_table *table);

/* Exact (Clopper-Pearson) interval of a share, two-sided at `confidence`; [0, 1] for m = 0. */
void tr_stat_interval(int64_t k, int64_t m, double confidence, double *low, double *high);
/* Wilson's interval (1927) of a share 0..1 that was seen on `rows` rows, which need not be a whole
 * number; [0, 1] where rows is not above 0. */
void tr_stat_wilson(double share, double rows, double confidence, double *low, double *high);

/* Two-sided p of Fisher's exact test of k1 of n1 against k2 of n2 (0 <= k <= n): the probability,
 * both margins given, of all tables that are no likelier than this one. 1 where n1 or n2 is 0.
 * Exact to about 1e-12 relative, for n1 + n2 up to 2^53; the time goes with the square root. */
double tr_stat_fisher(int64_t k1, int64_t n1, int64_t k2, int64_t n2);

double tr_stat_normal_cdf(double x); /* ½ erfc(−x/√2) */
/* The x > 0 beyond which, on both sides together, a share 1 - confidence of a standard normal lies:
 * 1.96 for .95. */
double tr_stat_normal_limit(double confidence);

#endif
