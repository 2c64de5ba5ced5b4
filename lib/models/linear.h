/* linear: one weight vector a label over sparse features; how it is trained and how it scores.
 *
 *   svm      one-vs-rest squared hinge, dual coordinate descent (Hsieh et al. 2008)
 *   logreg   multinomial logistic regression, dual coordinate ascent with a line search along
 *            softmax − dual (Shalev-Shwartz, Zhang 2013)
 *   sgd_log  one-vs-rest logistic regression by stochastic gradient descent (as scikit-learn's
 *            SGDClassifier: alpha 1e-4, "optimal" steps)
 *
 * Each is fitted on all training rows, and again for each fold without its rows; the two convex ones
 * start a fold from the full solution less what the fold's rows put into it, and run to the same
 * tolerance: the end of a convex problem does not depend on its start.
 *
 * Upstream: dot, sparse, real, pool. Downstream: zoo, route. */
#ifndef TR_LINEAR_H
#define TR_LINEAR_H

#include "ground/err.h"
#include "ground/le.h"
#include "maths/pool.h"
#include "maths/sparse.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t labels, columns;
    size_t width;        /* labels rounded up to whole vectors (tr_dot_width) */
    const float *weight; /* (columns + 1) × width row-major; the last row is the intercept */
    float *owned;        /* the same, if it was allocated here; NULL where borrowed from a file */
} tr_linear;

/* z: width floats, filled. */
void tr_linear_decide(const tr_linear *m, tr_sparse_row row, float *z);
void tr_linear_free(tr_linear *m);

/* Binary form: u32 labels, columns, width, 0, then the weights (f32). `read` borrows them. */
void tr_linear_write(const tr_linear *m, tr_buf *out);
TR_MUST tr_code tr_linear_read(tr_linear *m, tr_le_reader *r, uint32_t labels, uint32_t columns,
                               tr_err *err);

typedef enum { TR_LINEAR_SVM, TR_LINEAR_LOGISTIC, TR_LINEAR_SGD } tr_linear_kind;

enum { TR_FOLD_NONE = 255 }; /* the fold of rows that are never held out */

/* What all members of a zoo train on. Borrowed. */
typedef struct {
    const tr_sparse *x;      /* the training rows */
    const float *square;     /* squared length of each */
    const uint32_t *label;   /* of each; UINT32_MAX: none of the labels */
    const uint8_t *fold;     /* of each: 0..folds-1, or TR_FOLD_NONE: never held out */
    unsigned folds;
    /* Rows whose decision values are wanted: training rows as they would look if they were new
     * (scored by the fit without their fold), and rows of the other sides (fold TR_FOLD_NONE; scored
     * by the full fit). */
    const tr_sparse *scored;
    const uint8_t *scored_fold;
    uint32_t labels, columns;
} tr_training;

typedef struct {
    tr_linear model;
    float *decision; /* scored rows × labels row-major */
    double seconds;  /* spent in its tasks, for people */
} tr_linear_fit;

/* Allocates *out for what t wants, all zero: what a fit begins with. */
TR_MUST tr_code tr_linear_fit_open(tr_linear_fit *out, const tr_training *t, tr_err *err);
/* Values of `labels` labels, from `first` on, for the rows that the fit without `fold` (-1: the full
 * fit) scores. w: columns + 1 rows of `width`; z: room for a row. */
void tr_linear_score(const tr_training *t, int fold, const float *w, size_t width, uint32_t first,
                     uint32_t labels, float *z, float *decision);
double tr_linear_clock(void); /* seconds of this thread's processor time, for people */

/* A fit as tasks for a pool. */
typedef struct tr_linear_job tr_linear_job;

/* *out is filled when all tasks are done; the caller frees out->model and out->decision.
 * NULL with *err filled. */
tr_linear_job *tr_linear_open(const tr_training *t, tr_linear_kind kind, double c,
                              tr_linear_fit *out, tr_err *err);
size_t tr_linear_task_count(const tr_linear_job *j);
/* Fills tr_linear_task_count tasks; `first`: the index that the first of them will have. */
void tr_linear_tasks(tr_linear_job *j, size_t first, tr_pool_task *tasks);
void tr_linear_close(tr_linear_job *j);

#endif
