/* training: what every member is fitted on, what comes of it, and the work as tasks.
 *
 * Each member is fitted on all training rows, and again for each fold without its rows. Upstream:
 * linear, pool. Downstream: onevsrest, logistic, bayes, zoo. */
#ifndef TR_TRAINING_H
#define TR_TRAINING_H

#include "ground/err.h"
#include "maths/dot.h"
#include "maths/pool.h"
#include "maths/sparse.h"
#include "models/linear.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TR_FOLD_NONE = 255 }; /* the fold of rows that are never held out */

/* What all members of a zoo train on. Borrowed. */
typedef struct {
    const tr_sparse *x;    /* the training rows */
    const float *square;   /* squared length of each */
    const uint32_t *label; /* of each; UINT32_MAX: none of the labels */
    const uint8_t *fold;   /* of each: 0..folds-1, or TR_FOLD_NONE: never held out */
    unsigned folds;
    /* Rows whose decision values are wanted: training rows as they would look if they were new
     * (scored by the fit without their fold), and rows of the other sides (fold TR_FOLD_NONE;
     * scored by the full fit). */
    const tr_sparse *scored;
    const uint8_t *scored_fold;
    uint32_t labels, columns;
} tr_training;

typedef struct {
    tr_linear model;
    float *decision; /* scored rows × labels row-major */
    double seconds;  /* of processor time, for people */
} tr_fitted;

/* One member's fit. The member's room opens it, tr_job_close ends it. */
typedef struct {
    const tr_training *t;
    tr_fitted *out; /* allocated when the job is opened, filled when its tasks are done; the
                     * caller frees out->model and out->decision */
    tr_code (*run)(void *job, size_t task, tr_err *err);
    size_t tasks;
    bool full_first; /* task 0 is the full fit, which the others start from */
    int kind;        /* the rest is the member's own */
    float c;
    float *dual;
} tr_job;

/* Allocates *out, all zero, and sets the common part of the job. */
TR_MUST tr_code tr_job_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err);
void tr_job_close(tr_job *j); /* the job's own memory, not *out */
/* Fills j->tasks tasks; `first`: the index that the first of them will have. */
void tr_job_list(tr_job *j, size_t first, tr_pool_task *tasks);

/* ---- for the members' rooms ---- */

/* The rows of a fit: all of them (fold < 0), or those outside a fold. Returns their number. */
size_t tr_training_rows(const tr_training *t, int fold, uint32_t *rows);
/* Values of `labels` labels, from `first` on, for the rows that the fit without `fold` (-1: the
 * full fit) scores. w: columns + 1 rows of `width`; z: room for a row. */
void tr_training_score(const tr_training *t, int fold, const float *w, size_t width, uint32_t first,
                       uint32_t labels, float *z, float *decision);
double tr_training_clock(void);                       /* seconds of this thread's processor time */
void tr_training_spent(tr_fitted *out, double since); /* adds what passed since then; any thread */

/* z = intercepts + row · w, and w += row · d (d in the intercepts too). */
static inline void tr_training_gather(const float *w, size_t columns, size_t width,
                                      tr_sparse_row row, float *z)
{
    memcpy(z, w + columns * width, width * sizeof *z);
    tr_dot_gather(w, width, row, z);
}

static inline void tr_training_scatter(float *w, size_t columns, size_t width, tr_sparse_row row,
                                       const float *d)
{
    float *intercept = w + columns * width;
    for (size_t l = 0; l < width; l++)
        intercept[l] += d[l];
    tr_dot_scatter(w, width, row, d);
}

#endif
