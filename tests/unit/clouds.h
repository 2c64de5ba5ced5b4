/* clouds: rows that lie about the middle of their label, for the tests of what
 * sees the dense view alone. */
#ifndef TR_CLOUDS_H
#define TR_CLOUDS_H

#include "check.h"
#include "ground/rng.h"
#include "maths/pool.h"
#include "zoo/training.h"

#include <math.h>
#include <stdlib.h>

enum { CLOUDS_FOLDS = 5 };

typedef struct {
    size_t rows;
    tr_sparse text; /* empty rows */
    float *x;
    uint32_t *label, *from;
    uint8_t *fold;
    tr_training t; /* every row is scored once, held out */
} clouds;

/* noise: how far rows lie from their label's middle, where the middles' numbers
 * have variance 1. */
static inline void clouds_make(clouds *c, size_t rows, uint32_t dims, uint32_t labels, double noise,
                               uint64_t seed)
{
    tr_rng r;
    tr_rng_init(&r, seed);
    *c = (clouds){.rows = rows,
                  .x = calloc(rows * dims, sizeof(float)),
                  .label = calloc(rows, sizeof(uint32_t)),
                  .from = calloc(rows, sizeof(uint32_t)),
                  .fold = calloc(rows, 1)};
    float *middle = calloc((size_t)labels * dims, sizeof *middle);
    if (!c->x || !c->label || !c->from || !c->fold || !middle)
        exit(4);
    for (size_t i = 0; i < (size_t)labels * dims; i++)
        middle[i] = (float)tr_rng_normal(&r);
    for (size_t i = 0; i < rows; i++) {
        c->label[i] = (uint32_t)tr_rng_below(&r, labels);
        c->fold[i] = (uint8_t)tr_rng_below(&r, CLOUDS_FOLDS);
        c->from[i] = (uint32_t)i;
        for (size_t d = 0; d < dims; d++)
            c->x[i * dims + d] = middle[c->label[i] * dims + d] +
                                 (float)(noise * tr_rng_normal(&r));
        if (!tr_sparse_add(&c->text, (tr_sparse_row){0}))
            exit(4);
    }
    free(middle);
    c->t = (tr_training){.shape = {.labels = labels, .dims = dims},
                         .x = &c->text,
                         .dense = c->x,
                         .label = c->label,
                         .fold = c->fold,
                         .folds = CLOUDS_FOLDS,
                         .seed = seed,
                         .scored = &c->text,
                         .scored_dense = c->x,
                         .scored_fold = c->fold,
                         .scored_from = c->from};
}

static inline void clouds_free(clouds *c)
{
    tr_sparse_free(&c->text);
    free(c->x);
    free(c->label);
    free(c->from);
    free(c->fold);
}

/* Does the tasks of a job, and closes it. */
static inline tr_code clouds_run(tr_job *j, int threads, tr_err *err)
{
    tr_pool_task *tasks = calloc(j->tasks, sizeof *tasks);
    if (!tasks)
        exit(4);
    tr_job_list(j, 0, tasks);
    tr_code code = tr_pool_run(tasks, j->tasks, threads, NULL, NULL, err);
    tr_job_close(j);
    free(tasks);
    return code;
}

static inline uint32_t clouds_best(const float *z, uint32_t labels)
{
    uint32_t best = 0;
    for (uint32_t l = 1; l < labels; l++)
        best = z[l] > z[best] ? l : best;
    return best;
}

/* The share of rows whose largest value is their label's. */
static inline double clouds_accuracy(const clouds *c, const float *decision)
{
    uint32_t labels = c->t.shape.labels;
    double right = 0;
    for (size_t i = 0; i < c->rows; i++)
        right += clouds_best(decision + i * labels, labels) == c->label[i];
    return right / (double)c->rows;
}

/* What the model as it is shipped says of a row; z: tr_dot_width(labels)
 * floats. */
static inline void clouds_decide(const clouds *c, const tr_fitted *f, const float *x, float *z)
{
    (void)c;
    float *scratch = calloc(tr_surrogate_room(&f->model) + 1, sizeof *scratch);
    if (!scratch)
        exit(4);
    tr_surrogate_decide(&f->model, (tr_row){.dense = x}, scratch, z);
    free(scratch);
}

/* The same model and the same values, to the bit. */
static inline bool clouds_same(const clouds *c, const tr_fitted *a, const tr_fitted *b)
{
    tr_buf x, y;
    tr_buf_init(&x);
    tr_buf_init(&y);
    tr_surrogate_write(&a->model, &x);
    tr_surrogate_write(&b->model, &y);
    bool same =
        !x.failed && tr_str_equal(tr_buf_str(&x), tr_buf_str(&y)) &&
        memcmp(a->decision, b->decision, c->rows * c->t.shape.labels * sizeof *a->decision) == 0;
    tr_buf_free(&x);
    tr_buf_free(&y);
    return same;
}

#endif
