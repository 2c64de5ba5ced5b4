/* training: what every member is fitted on, what comes of it, and the work as tasks.
 *
 * Each member is fitted on all training rows, and again for each fold without its rows. Linear
 * members see the text and, beside it, an embedding; the others see the dense view alone: the
 * embedding, or what truncated SVD makes of the text.
 *
 * Upstream: linear, surrogate, pool. Downstream: the members' rooms, zoo. */
#ifndef TR_TRAINING_H
#define TR_TRAINING_H

#include "ground/err.h"
#include "maths/dot.h"
#include "maths/pool.h"
#include "models/linear.h"
#include "models/surrogate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TR_FOLD_NONE = 255 }; /* the fold of rows that are never held out */

/* What all members of a zoo train on. Borrowed. */
typedef struct {
    tr_shape shape;
    const tr_sparse *x;    /* the training rows; empty ones where the log has no text */
    const float *dense;    /* rows × dims row-major: their dense view; NULL: none */
    const float *square;   /* squared length of each as linear members see it */
    const uint32_t *label; /* of each; UINT32_MAX: none of the labels */
    const uint8_t *fold;   /* of each: 0..folds-1, or TR_FOLD_NONE: never held out */
    unsigned folds;
    uint64_t seed; /* for members that draw */
    /* Rows whose decision values are wanted: training rows as they would look if they were new
     * (scored by the fit without their fold), and rows of the other sides (fold TR_FOLD_NONE;
     * scored by the zoo, by the model as it is shipped). */
    const tr_sparse *scored;
    const float *scored_dense;   /* scored rows × dims; NULL: none */
    const uint8_t *scored_fold;  /* of each */
    const uint32_t *scored_from; /* of each: the training row that it is, UINT32_MAX: none */
} tr_training;

/* What comes of a member: a linear one stays as it was trained until the zoo has scaled it; any
 * other is ready to be shipped. */
typedef struct {
    tr_linear linear;   /* no weights: `model` is the result */
    tr_surrogate model; /* kind TR_SURROGATE_NONE: `linear` is */
    float *decision;    /* scored rows × labels row-major; held-out training rows filled */
    double seconds;     /* of processor time, for people */
} tr_fitted;

/* One member's fit. The member's room opens it, tr_job_close ends it. */
typedef struct {
    const tr_training *t;
    tr_fitted *out; /* allocated when the job is opened, filled when its tasks are done; the
                     * caller frees it with tr_fitted_free */
    tr_code (*run)(void *job, size_t task, tr_err *err);
    size_t tasks;
    bool full_first; /* task 0 is the full fit, which the others start from */
    int kind;        /* the rest is the member's own */
    float c;
    float *dual;
    void *own; /* more of it, ended by `drop` */
    void (*drop)(void *own);
} tr_job;

/* Allocates out->decision and, where `linear`, out->linear; all zero. Sets the common part of the
 * job. */
TR_MUST tr_code tr_job_open(tr_job *j, const tr_training *t, tr_fitted *out, bool linear,
                            tr_err *err);
void tr_job_close(tr_job *j); /* the job's own memory, not *out */
/* Fills j->tasks tasks; `first`: the index that the first of them will have. */
void tr_job_list(tr_job *j, size_t first, tr_pool_task *tasks);
void tr_fitted_free(tr_fitted *f);

/* ---- for the members' rooms ---- */

static inline tr_row tr_training_row(const tr_training *t, size_t i)
{
    return (tr_row){tr_sparse_at(t->x, i), t->dense ? t->dense + i * t->shape.dims : NULL};
}

static inline tr_row tr_training_scored(const tr_training *t, size_t s)
{
    return (tr_row){tr_sparse_at(t->scored, s),
                    t->scored_dense ? t->scored_dense + s * t->shape.dims : NULL};
}

/* The rows of a fit: all of them (fold < 0), or those outside a fold. Returns their number. */
size_t tr_training_rows(const tr_training *t, int fold, uint32_t *rows);
/* Values of `labels` labels, from `first` on, of a linear model for the rows that the fit without
 * `fold` scores. w: columns + beside + 1 rows of `width`; z: room for a row. */
void tr_training_score(const tr_training *t, int fold, const float *w, size_t width, uint32_t first,
                       uint32_t labels, float *z, float *decision);
double tr_training_clock(void);                       /* seconds of this thread's processor time */
void tr_training_spent(tr_fitted *out, double since); /* adds what passed since then; any thread */

/* z = intercepts + row · w, and w += row · d (d in the intercepts too), of a linear model. */
static inline void tr_training_gather(const float *w, tr_shape shape, size_t width, tr_row row,
                                      float *z)
{
    memcpy(z, w + ((size_t)shape.columns + shape.beside) * width, width * sizeof *z);
    tr_dot_gather(w, width, row.sparse, z);
    if (shape.beside)
        tr_dot_gather_dense(w + shape.columns * width, width, row.dense, shape.beside, z);
}

static inline void tr_training_scatter(float *w, tr_shape shape, size_t width, tr_row row,
                                       const float *d)
{
    float *intercept = w + ((size_t)shape.columns + shape.beside) * width;
    for (size_t l = 0; l < width; l++)
        intercept[l] += d[l];
    tr_dot_scatter(w, width, row.sparse, d);
    if (shape.beside)
        tr_dot_scatter_dense(w + shape.columns * width, width, row.dense, shape.beside, d);
}

#endif
