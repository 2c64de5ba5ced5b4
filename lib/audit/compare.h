/* compare: two audits, what moved between them beyond chance; and what all this costs.
 *
 * Upstream: figures. Downstream: sheet, terminal, page. */
#ifndef TR_COMPARE_H
#define TR_COMPARE_H

#include "ground/err.h"
#include "audit/figures.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum { TR_MOVED_COVERAGE, TR_MOVED_AGREEMENT, TR_MOVED_SHARE } tr_moved_what;
extern const char *const tr_moved_names[]; /* "coverage", "agreement", "share" */

typedef struct {
    tr_moved_what what;
    tr_str label; /* data NULL: of all traffic; borrowed from the audits */
    tr_estimate before, after;
    double chance; /* two-sided p of Fisher's exact test, on rows as they count (rounded effective
                      ones where weights differ) */
    bool moved;    /* beyond chance: Holm's correction for all comparisons, level .05 */
} tr_move;

typedef struct {
    tr_move *move; /* malloced; those that moved first; of either kind all traffic before labels,
                      then by chance */
    size_t n;      /* comparisons */
    size_t moved;
    bool other_promise, other_policy; /* before: another alpha, or none; fitted on other traces */
    double promised[2];               /* alpha before and after; NaN: none */
} tr_comparison;

/* Coverage and agreement are compared of all traffic and of labels with at least 10 rows in both
 * (the agreement where each rests on 10 handled ones); the share of labels with at least 10 rows in
 * either, so that those are seen which are new or gone. TR_OK or TR_SYSTEM. */
TR_MUST tr_code tr_compare(tr_comparison *c, const tr_figures *before, const tr_figures *after,
                           tr_err *err);
void tr_comparison_free(tr_comparison *c);

/* Two-sided p of Fisher's exact test of k1 of n1 against k2 of n2; 1 where n1 or n2 is 0. */
double tr_compare_fisher(uint64_t k1, uint64_t n1, uint64_t k2, uint64_t n2);

/* ---- money ---- */

typedef struct {
    double calls_per_day;   /* 0: not asked for */
    double price_per_call;  /* 0: calls alone */
    double price_per_error; /* of an answer that the teacher would not have given; 0: not asked */
} tr_prices;

typedef struct {
    bool there, priced, errors_priced;
    tr_prices prices;
    double calls_saved; /* a day */
    double saved;       /* calls_saved × price_per_call */
    double errors;      /* answers a day that the teacher would not have given */
    double errors_cost; /* × price_per_error */
    double net;         /* saved - errors_cost */
    /* the point of the curve with the greatest net, where calls and errors have a price */
    bool has_best;
    size_t best; /* index into figures.curve, of points with 30 tested rows or more; n_curve:
                    answering nothing is cheapest */
    double best_net;
    double best_alpha; /* to ask for so as to stand there: its agreement rounded down to .01, .99 at
                          most; NaN: no such point, or none to ask for */
    bool elsewhere;    /* the best is another point than where the policy stands, and what is lost
                          there matters: net is below 0, or behind by a tenth of `saved` */
    bool stricter;     /* elsewhere, and that answers less */
} tr_money;

tr_money tr_compare_money(const tr_figures *f, tr_prices prices);

#endif
