/* tally: rows counted and weighed, in whole numbers, so that sums do not depend on their order; and
 * shares of them with intervals.
 *
 * A row whose teacher's label comes to be known with probability p stands for 1/p rows (Horvitz,
 * Thompson 1952). Where all weights are equal a share is a plain one and its interval exact
 * (Clopper-Pearson; Wilson's beyond 10^9 rows); else the interval is Wilson's at the effective
 * number of rows, (sum w)² / sum w² (Kish).
 *
 * Upstream: stat. Downstream: audit, figures. */
#ifndef TR_TALLY_H
#define TR_TALLY_H

#include "ground/le.h"

#include <stdbool.h>
#include <stdint.h>

/* Least propensity that a row may have: one in a million. */
#define TR_TALLY_LEAST 1e-6

typedef struct {
    uint64_t n; /* rows */
    uint64_t w; /* sum of 1/p, in millionths */
    uint64_t s; /* sum of 1/p², in millionths (of 1/p as it is counted in w) */
} tr_sum;

/* Adds a row of propensity p, TR_TALLY_LEAST..1 (a lesser one counts as the least). Sums that would
 * leave 64 bits stay at UINT64_MAX; tr_sum_full tells. */
void tr_sum_add(tr_sum *s, double p);
void tr_sum_merge(tr_sum *s, const tr_sum *other);
bool tr_sum_full(const tr_sum *s);
/* a less b, where b is a part of a. */
tr_sum tr_sum_less(tr_sum a, tr_sum b);

/* Rows whose teacher label is known. */
typedef struct {
    tr_sum handled, agreed; /* agreed: of the handled, those where the surrogate said the same */
    tr_sum deferred;
} tr_tally;

void tr_tally_merge(tr_tally *t, const tr_tally *other);

typedef enum { TR_METHOD_NONE, TR_METHOD_EXACT, TR_METHOD_WILSON } tr_method;
extern const char
    *const tr_method_names[]; /* "none", "Clopper-Pearson", "Wilson, effective rows" */

/* A share with its two-sided interval. */
typedef struct {
    double value, low, high; /* NaN where n = 0 */
    uint64_t n;              /* rows it rests on */
    double effective;        /* rows that they are worth */
    tr_method method;        /* NONE where n = 0 */
} tr_estimate;

/* What share of `whole` is `part` (a part of it). `confidence`: 0..1, .95 say. */
tr_estimate tr_tally_share(tr_sum part, tr_sum whole, double confidence);
/* The same for plain counts. */
tr_estimate tr_tally_count(uint64_t part, uint64_t whole, double confidence);

void tr_sum_write(const tr_sum *s, tr_buf *out); /* 3 × u64 */
tr_sum tr_sum_read(tr_le_reader *r);

#endif
