/* blobs: rows of a few numbers that lean towards their label, for the tests of the trees. */
#ifndef TR_BLOBS_H
#define TR_BLOBS_H

#include "check.h"
#include "ground/rng.h"
#include "maths/pool.h"
#include "zoo/training.h"

#include <stdlib.h>

enum { BLOBS_DIMS = 6, BLOBS_MOST = 900 };

typedef struct {
    tr_sparse x; /* empty rows */
    float dense[BLOBS_MOST * BLOBS_DIMS];
    uint32_t label[BLOBS_MOST], from[BLOBS_MOST];
    uint8_t fold[BLOBS_MOST];
    tr_training t;
} blobs;

/* Every row is scored once: held out where it has a fold. apart: how far labels lie from one
 * another; the noise has variance 1. */
static inline blobs *blobs_make(size_t rows, uint32_t labels, unsigned folds, double apart)
{
    blobs *b = calloc(1, sizeof *b);
    tr_rng r;
    tr_rng_init(&r, 7);
    if (!b || rows > BLOBS_MOST)
        exit(4);
    for (size_t i = 0; i < rows; i++) {
        b->label[i] = (uint32_t)tr_rng_below(&r, labels);
        b->from[i] = (uint32_t)i;
        b->fold[i] = folds ? (uint8_t)tr_rng_below(&r, folds) : TR_FOLD_NONE;
        for (uint32_t f = 0; f < BLOBS_DIMS; f++)
            b->dense[i * BLOBS_DIMS + f] =
                (float)(apart * (b->label[i] >> f % 3 & 1) + tr_rng_normal(&r));
        CHECK(tr_sparse_add(&b->x, (tr_sparse_row){0}));
    }
    b->t = (tr_training){.shape = {.labels = labels, .dims = BLOBS_DIMS},
                         .x = &b->x,
                         .dense = b->dense,
                         .label = b->label,
                         .fold = b->fold,
                         .folds = folds,
                         .seed = 3,
                         .scored = &b->x,
                         .scored_dense = b->dense,
                         .scored_fold = b->fold,
                         .scored_from = b->from};
    return b;
}

static inline void blobs_free(blobs *b)
{
    tr_sparse_free(&b->x);
    free(b);
}

/* Runs a job that was opened with the code, and closes it. */
static inline tr_fitted blobs_run(tr_code code, tr_job *j, tr_fitted *out, int threads)
{
    tr_err err = {0};
    tr_pool_task *tasks = calloc(j->tasks + 1, sizeof *tasks);
    if (code != TR_OK || !tasks)
        exit(4);
    tr_job_list(j, 0, tasks);
    CHECK(tr_pool_run(tasks, j->tasks, threads, NULL, NULL, &err) == TR_OK);
    tr_job_close(j);
    free(tasks);
    CHECK(out->model.kind == TR_SURROGATE_TREES);
    return *out;
}

static inline tr_buf blobs_bytes(const tr_fitted *f)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_trees_write(&f->model.trees, &b);
    CHECK(!b.failed && b.size > 0);
    return b;
}

static inline bool blobs_same_model(const tr_fitted *a, const tr_fitted *b)
{
    tr_buf x = blobs_bytes(a), y = blobs_bytes(b);
    bool same = tr_str_equal(tr_buf_str(&x), tr_buf_str(&y));
    tr_buf_free(&x);
    tr_buf_free(&y);
    return same;
}

/* Are the decision values of a fold's rows the same (fold < 0: of all)? */
static inline bool blobs_same_values(const blobs *b, int fold, const float *x, const float *y)
{
    size_t labels = b->t.shape.labels;
    for (size_t i = 0; i < b->x.rows; i++)
        if ((fold < 0 || b->fold[i] == fold) &&
            memcmp(x + i * labels, y + i * labels, labels * sizeof *x) != 0)
            return false;
    return true;
}

static inline bool blobs_right(const blobs *b, size_t i, const float *z)
{
    uint32_t best = 0;
    for (uint32_t l = 1; l < b->t.shape.labels; l++)
        best = z[l] > z[best] ? l : best;
    return best == b->label[i];
}

/* The share of rows that are decided rightly: held out, or by the model as it is shipped. */
static inline double blobs_accuracy(const blobs *b, const tr_fitted *f, bool held_out)
{
    double right = 0;
    size_t labels = b->t.shape.labels;
    float z[64];
    for (size_t i = 0; i < b->x.rows; i++) {
        if (!held_out)
            tr_trees_decide(&f->model.trees, b->dense + i * BLOBS_DIMS, NULL, z);
        right += blobs_right(b, i, held_out ? f->decision + i * labels : z);
    }
    return right / (double)b->x.rows;
}

/* Shuffles the rows; labels and folds go with them. */
static inline void blobs_shuffle(blobs *b)
{
    tr_rng r;
    tr_rng_init(&r, 99);
    for (size_t i = b->x.rows; i > 1; i--) {
        size_t j = (size_t)tr_rng_below(&r, i);
        for (uint32_t f = 0; f < BLOBS_DIMS; f++) {
            float kept = b->dense[(i - 1) * BLOBS_DIMS + f];
            b->dense[(i - 1) * BLOBS_DIMS + f] = b->dense[j * BLOBS_DIMS + f];
            b->dense[j * BLOBS_DIMS + f] = kept;
        }
        uint32_t label = b->label[i - 1];
        uint8_t fold = b->fold[i - 1];
        b->label[i - 1] = b->label[j];
        b->fold[i - 1] = b->fold[j];
        b->label[j] = label;
        b->fold[j] = fold;
    }
}

/* Each column by a function that grows, another one for each. */
static inline void blobs_transform(blobs *b)
{
    for (size_t i = 0; i < b->x.rows * BLOBS_DIMS; i++) {
        float x = b->dense[i];
        b->dense[i] = i % 3 == 0   ? x * x * x
                      : i % 3 == 1 ? 5 * x - 100
                                   : x / (20 + (x < 0 ? -x : x));
    }
}

#endif
