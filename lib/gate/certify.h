/* certify: how a threshold earns its certificate. The heart; GUARANTEE in tr-tools(7).
 *
 * Two steps that never mix: `select` orders candidate thresholds on TRAIN (out-of-fold scores),
 * `walk` tests them on CALIBRATION, from strict to loose, until one fails. Learn then Test (arXiv
 * 2110.01052) with a fixed sequence; exact binomial tests at the full delta. `plan` and `decide`
 * are the same two steps for several candidates that share one delta.
 *
 * Upstream: heldout, acceptor. Downstream: policy, frontier, the simulation. */
#ifndef TR_CERTIFY_H
#define TR_CERTIFY_H

#include "ground/err.h"
#include "maths/stat.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { TR_GUARANTEE_HANDLED, TR_GUARANTEE_OVERALL } tr_guarantee;

typedef struct {
    double alpha; /* agreement promised, 0 < alpha < 1 */
    double delta; /* risk that the promise fails, 0 < delta < 1 */
    tr_guarantee guarantee;
    int grid;      /* K: candidates by rank; 100 */
    bool only_all; /* the path of one node: accept everything inside the guard (family global) */
} tr_certify_target;

/* Held-out rows of one side, as parallel arrays (borrowed).
 *
 * A cascade has a second stage and one threshold t for both: the first stage answers where
 * inside and score >= t, else the second where inside2 and score2 >= t, else the teacher. Who
 * answers decides whether the row agrees, so as t falls a row may pass from the second stage to the
 * first. A row stands at the larger of the scores of the stages that may answer it. */
typedef struct {
    size_t n;
    const double *score;   /* accept score; any order, no NaN */
    const uint8_t *agree;  /* surrogate = teacher */
    const uint8_t *inside; /* inside the guard, label not withheld; NULL: all of them */
    const double *weight;  /* finite, > 0; NULL: 1 each (TRAIN only; ignored in the walk) */
    const double *score2;  /* of the second stage; NULL: there is one stage */
    const uint8_t *agree2, *inside2; /* the second stage's; inside2 may be NULL as inside may */
} tr_certify_rows;

/* Rows that accept-all accepts: those that some stage may answer. */
int64_t tr_certify_inside(const tr_certify_rows *rows);

/* Rows accepted at a threshold, and those of them that agree; weights do not count. A description,
 * of TEST rows say: no promise. */
typedef struct {
    int64_t accepted, agreed;
} tr_certify_tally;
tr_certify_tally tr_certify_count(const tr_certify_rows *rows, double threshold);

typedef struct {
    double threshold; /* -INFINITY: accept everything inside the guard */
    double power;     /* predicted, fraction 0..1 */
    double coverage;  /* share of all TRAIN rows (weighted) accepted, out of fold */
    double agreement; /* share of those that agree: TRAIN's estimate, no promise; 0 where none */
    bool on_path;
} tr_certify_node;

typedef struct {
    int node; /* index into the nodes */
    int64_t accepted, tested, agreed;
    int64_t needed; /* 0 where tested is 0: with so few accepted no count certifies */
    bool passed;
} tr_certify_step;

/* Zero-initialise before the first use; select and walk reuse what it holds. */
typedef struct {
    tr_certify_node *nodes; /* from strict to loose, thresholds falling; the last is accept-all */
    int n_nodes;
    tr_certify_step *steps; /* of the walk, in order; the last may have failed */
    int n_steps;
    int deployed;        /* node, or -1: refused */
    int64_t rows;        /* calibration rows, all of them */
    int64_t accepted;    /* of those, accepted at the deployed node (0 if refused) */
    double rank;         /* max over the nodes of coverage * power: orders several candidates */
    tr_stat_table tests; /* the exact tests of the target; select and walk build it as needed */
} tr_certify_path;

/* Candidate thresholds, predicted power and path from TRAIN. n_calibration: rows that the walk
 * will see (tr_certify_inside for `handled`, all for `overall` - given both so that the caller need
 * not choose). Returns TR_OK; TR_USAGE (a target out of range); TR_DATA (a score that is NaN, a
 * weight that is not finite and positive); TR_SYSTEM. Free *path with tr_certify_free. Several
 * targets that are to hold all at once (a frontier of L): each at delta / L, nothing else. */
TR_MUST tr_code tr_certify_select(const tr_certify_target *target, const tr_certify_rows *train,
                                  int64_t n_calibration_inside, int64_t n_calibration_all,
                                  tr_certify_path *path, tr_err *err);

/* Walks the path on calibration rows, which stand in calibration order already. Fills steps,
 * deployed, rows, accepted. Needs of the path no more than its nodes' thresholds and on_path, so a
 * recorded path can be walked again. Returns as select; TR_DATA where thresholds do not fall. */
TR_MUST tr_code tr_certify_walk(const tr_certify_target *target, const tr_certify_rows *calibration,
                                tr_certify_path *path, tr_err *err);
void tr_certify_free(tr_certify_path *path);

/* The shares of delta of n candidates, ranked: 0.8 for the first, 0.2 shared by the others; all of
 * it where there is one. */
double tr_certify_share(double delta, size_t rank, size_t n);

/* Several candidates, step one (TRAIN only): selects each at the full delta of the target, ranks
 * them by path.rank (ties: the earlier one), and selects each anew at its share. train[i] and
 * n_calibration_inside[i] (the guard may differ) belong to candidate i; order[r] is the candidate
 * of rank r. paths: n zero-initialised, each freed by the caller. Returns as select. */
TR_MUST tr_code tr_certify_plan(const tr_certify_target *target, size_t n,
                                const tr_certify_rows *train, const int64_t *n_calibration_inside,
                                int64_t n_calibration_all, tr_certify_path *paths, size_t *order,
                                tr_err *err);

/* Step two: walks every candidate at its share and sets *best to the one that accepts the most
 * calibration rows with a certificate (ties: the better ranked), or -1: all refused. Returns as
 * walk. */
TR_MUST tr_code tr_certify_decide(const tr_certify_target *target, size_t n,
                                  const tr_certify_rows *calibration, const size_t *order,
                                  tr_certify_path *paths, int *best, tr_err *err);

#endif
