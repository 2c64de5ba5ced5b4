/* figures: what an audit's counts say: everything that a report shows, in the order of showing.
 *
 * Plain structs that text, JSON, page and pictures are written from; no view computes anything of
 * its own. Shares are fractions 0..1. Slices are borrowed from the audit, which must outlive this.
 *
 * Upstream: audit, markings, scores, stat. Downstream: compare, sheet, terminal, page, graphs. */
#ifndef TR_FIGURES_H
#define TR_FIGURES_H

#include "ground/err.h"
#include "audit/audit.h"
#include "audit/markings.h"
#include "audit/scores.h"
#include "audit/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TR_FIGURES_CONFIDENCE 0.95 /* of every interval */

typedef enum {
    TR_VERDICT_NONE,         /* nothing was promised */
    TR_VERDICT_UNTESTED,     /* no row to test it on */
    TR_VERDICT_CONTRADICTED, /* P(Bin(m, alpha) <= k) <= delta */
    TR_VERDICT_OPEN,         /* below alpha as observed, but chance explains it */
    TR_VERDICT_KEPT,         /* at least alpha as observed */
    TR_VERDICT_PROVEN        /* P(Bin(m, alpha) >= k) <= delta: these rows would certify it anew */
} tr_verdict;
extern const char *const tr_verdict_names[]; /* "none", "untested", "contradicted", ... */

/* The exact test of the promise: k of m agree. Where the promise is over all traffic, deferred rows
 * are among them, as many to each handled one as in the whole log; they agree by what they are. */
typedef struct {
    tr_verdict verdict;
    uint64_t rows, agreed; /* m, k */
    double chance;     /* P(Bin(m, alpha) <= k): of so few or fewer, were the promise just kept */
    bool thinned;      /* rows were left out at random, so that each was as likely to be known */
    double propensity; /* with which each of the m came to be known, 1: all */
    bool nameless; /* UNTESTED: rows would have to be left out, and some have no id to draw by */
    bool few;      /* fewer rows than could prove it anew, even if all of them agreed */
} tr_test;

/* A group of rows: a label of the teacher's, or a slice. */
typedef struct {
    tr_str name;
    uint32_t pooled;       /* 0; or: this stands for so many small ones, those not kept as one of
                              them; name is "" then */
    uint64_t rows;         /* known to be of it: of a label those with a teacher, of a slice all */
    tr_estimate share;     /* of all traffic */
    tr_estimate coverage;  /* of its rows, how many are handled */
    tr_estimate agreement; /* of its handled rows */
    double wrong; /* share of all traffic that is handled, of this group, and not as the teacher */
} tr_group;

enum { TR_FIGURES_WORDS = TR_MARKINGS_WORDS, TR_FIGURES_EXAMPLES = 3 };

/* What is known of a label beyond its group. */
typedef struct {
    tr_group group;
    const tr_audit_label *counts; /* NULL: pooled */
    uint64_t answered;            /* rows answered with it */
    tr_estimate confirmed;        /* of those, how many the teacher confirms */
    tr_marking handled[TR_FIGURES_WORDS], deferred[TR_FIGURES_WORDS];
    uint32_t n_handled, n_deferred;
    const tr_example *near_handled, *near_deferred; /* the two texts, one of each side, with most
                                                       words in common; NULL: none */
    double near;                                    /* how much: shared words of all words, 0..1 */
} tr_label_figures;

/* Surrogate says `said`, teacher says `meant`. */
typedef struct {
    tr_str said, meant;
    uint64_t rows; /* handled */
    double share;  /* of all disagreement on handled rows, weighed */
    uint64_t deferred;
    const tr_sample *examples;
} tr_pair_figures;

typedef struct {
    tr_estimate accuracy; /* against ground_truth */
    double macro_f1;      /* mean over the labels of ground_truth; NaN where there is none */
} tr_accuracy;

enum {
    TR_FIGURES_RELIABILITY = TR_SCORES_RELIABILITY,
    TR_FIGURES_CURVE = TR_SCORES_CURVE,
    TR_FIGURES_PAIRS = 100,
    TR_FIGURES_WITHHOLD = 2
};

typedef struct {
    const tr_audit *audit; /* borrowed */
    uint64_t rows;
    tr_estimate coverage;  /* exact */
    tr_estimate agreement; /* of what is handled */
    tr_estimate overall;   /* of all traffic, deferred rows counted as agreeing */
    tr_test test;
    tr_estimate expected_coverage; /* of a policy: NaN or the certified one, value alone */
    bool has_truth;
    tr_accuracy accuracy[TR_ANSWERERS];
    tr_group stage[TR_OUTCOME_STAGES]; /* name "stage 1", ...; coverage: share of all traffic that
                                          it handles */
    uint32_t n_stages;                 /* 2 where the second handled anything, else 1 */

    tr_label_figures *label; /* greatest `wrong` first, then least coverage × share; small ones
                                (fewer than 10 rows with a teacher) pooled into one, last */
    size_t n_labels;
    tr_str withhold[TR_FIGURES_WITHHOLD]; /* the labels whose answers are wrong most often, of all
                                             traffic; what --defer-label acts on */
    size_t n_withhold;
    tr_group *slice; /* by the audit's key, or three lengths; values by rows, small ones pooled */
    size_t n_slices;
    bool slices_by_length;
    char (*slice_name)[64]; /* private: names that were made here */

    tr_pair_figures pair[TR_FIGURES_PAIRS]; /* most handled rows first */
    size_t n_pairs;
    uint64_t pairs_in_all; /* distinct ones that were kept */

    tr_reliability reliability[TR_FIGURES_RELIABILITY]; /* of equal rows, as far as bins allow */
    size_t n_reliability;
    tr_curve_point curve[TR_FIGURES_CURVE]; /* falling threshold, rising coverage */
    size_t n_curve;
    size_t operating; /* index of the point where the policy stands; n_curve: none */
    tr_marking handled[TR_FIGURES_WORDS], deferred[TR_FIGURES_WORDS]; /* of all texts */
    uint32_t n_handled, n_deferred;
} tr_figures;

/* TR_OK, TR_DATA (sums beyond 64 bits), TR_SYSTEM. Free after TR_OK. */
TR_MUST tr_code tr_figures_make(tr_figures *f, const tr_audit *a, tr_err *err);
void tr_figures_free(tr_figures *f);

/* The share of all traffic to which the teacher gives a label, small ones and those never seen
 * included; value NaN where nothing says so. */
tr_estimate tr_figures_share(const tr_figures *f, tr_str label);

#endif
