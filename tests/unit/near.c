#include "gate/near.h"

#include "check.h"
#include "gate/novelty.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 60, OTHERS = 20, DIMS = 5, LABELS = 4, FOLDS = 3 };

/* Label 3 has one row, in fold 2; every tenth row is of no label; the last six are in every fit. */
typedef struct {
    float embedding[ROWS + OTHERS][DIMS], dense[(ROWS + OTHERS) * DIMS + 8];
    const float *at[ROWS];
    tr_sparse x, scored;
    uint32_t label[ROWS];
    uint8_t fold[ROWS], scored_fold[ROWS + OTHERS];
    tr_dense view;
    tr_training t;
} problem;

static void make(problem *p)
{
    tr_rng r;
    tr_err err;
    *p = (problem){0};
    tr_rng_init(&r, 6);
    for (uint32_t i = 0; i < ROWS + OTHERS; i++) {
        uint32_t label = i == 16 ? 3 : i % 3;
        for (uint32_t k = 0; k < DIMS; k++)
            p->embedding[i][k] = (float)(tr_rng_normal(&r) + (k == label ? 3 : 0.5));
        CHECK(tr_sparse_add(&p->scored, (tr_sparse_row){NULL, NULL, 0}));
        p->scored_fold[i] = TR_FOLD_NONE;
        if (i >= ROWS)
            continue;
        CHECK(tr_sparse_add(&p->x, (tr_sparse_row){NULL, NULL, 0}));
        p->at[i] = p->embedding[i];
        p->label[i] = i % 10 ? label : UINT32_MAX;
        p->fold[i] = p->scored_fold[i] = i < ROWS - 6 ? (uint8_t)(i / 3 % FOLDS) : TR_FOLD_NONE;
    }
    CHECK(p->fold[16] == 2);
    CHECK(tr_dense_fit_embeddings(&p->view, p->at, ROWS, DIMS, 2, &err) == TR_OK);
    for (size_t i = 0; i < ROWS + OTHERS; i++)
        tr_dense_of_embedding(&p->view, p->embedding[i], p->dense + i * DIMS);
    p->t = (tr_training){.shape = {.labels = LABELS, .dims = DIMS, .beside = DIMS},
                         .x = &p->x,
                         .dense = p->dense,
                         .label = p->label,
                         .fold = p->fold,
                         .folds = FOLDS,
                         .scored = &p->scored,
                         .scored_dense = p->dense,
                         .scored_fold = p->scored_fold};
}

static void problem_free(problem *p)
{
    tr_sparse_free(&p->x);
    tr_sparse_free(&p->scored);
    tr_dense_free(&p->view);
}

static void unit(const float *x, double *to)
{
    double square = 0;
    for (int k = 0; k < DIMS; k++)
        square += (double)x[k] * (double)x[k];
    for (int k = 0; k < DIMS; k++)
        to[k] = (double)x[k] / sqrt(square);
}

/* The largest cosine of row s to the mean of a label's rows outside `fold` (-1: all of them). */
static double expected(const problem *p, size_t s, int fold)
{
    double own[DIMS], best = -INFINITY;
    unit(p->embedding[s], own);
    for (uint32_t l = 0; l < LABELS; l++) {
        double mean[DIMS] = {0}, product = 0, square = 0, x[DIMS];
        for (size_t i = 0; i < ROWS; i++) {
            if (p->label[i] != l || (fold >= 0 && p->fold[i] == fold))
                continue;
            unit(p->embedding[i], x);
            for (int k = 0; k < DIMS; k++)
                mean[k] += x[k];
        }
        for (int k = 0; k < DIMS; k++) {
            product += mean[k] * own[k];
            square += mean[k] * mean[k];
        }
        best = fmax(best, square > 0 ? product / sqrt(square) : 0);
    }
    return best;
}

static void it_is_the_cosine_to_the_nearest_mean(void)
{
    static problem p;
    float near[ROWS + OTHERS];
    tr_network m;
    tr_err err;
    make(&p);
    CHECK(tr_near_fit(&m, &p.view, &p.t, near, &err) == TR_OK);
    CHECK(m.layers == 1 && m.size[0] == DIMS && m.size[1] == LABELS);
    float *room = malloc(tr_novelty_room(&m) * sizeof *room);
    int changed = 0;
    for (size_t s = 0; s < ROWS + OTHERS; s++) {
        int fold = p.scored_fold[s] == TR_FOLD_NONE ? -1 : p.scored_fold[s];
        CHECK_NEAR((double)near[s], expected(&p, s, fold), 1e-5);
        float shipped = tr_novelty_near(&m, p.dense + s * DIMS, room);
        CHECK_NEAR((double)shipped, expected(&p, s, -1), 1e-5);
        CHECK(fold >= 0 || near[s] == shipped); /* what is certified is what routes, to the bit */
        changed += fold >= 0 && near[s] < shipped;
    }
    CHECK(changed > ROWS / 2); /* a row is nearer to a log that has it */
    /* the one row of its label: with itself in the log it is as near as can be */
    CHECK(tr_novelty_near(&m, p.dense + 16 * DIMS, room) > 0.9999f && near[16] < 0.99f);
    free(room);
    tr_network_free(&m);
    problem_free(&p);
}

/* The rows of a fold may be anything: how near they are says nothing of themselves. */
static void a_fold_knows_nothing_of_its_own_rows(void)
{
    static problem p;
    float before[ROWS + OTHERS], after[ROWS + OTHERS];
    tr_network m;
    tr_err err;
    make(&p);
    CHECK(tr_near_fit(&m, &p.view, &p.t, before, &err) == TR_OK);
    tr_network_free(&m);
    for (size_t i = 0; i < ROWS; i++)
        if (p.fold[i] == 1)
            p.label[i] = 3;
    CHECK(tr_near_fit(&m, &p.view, &p.t, after, &err) == TR_OK);
    tr_network_free(&m);
    int moved = 0;
    for (size_t s = 0; s < ROWS; s++) {
        /* sums of all rows less those of the fold: the same but for the last bits */
        if (p.scored_fold[s] == 1)
            CHECK_NEAR((double)before[s], (double)after[s], 1e-6);
        else
            moved += fabs((double)before[s] - (double)after[s]) > 1e-4;
    }
    CHECK(moved > ROWS / 4);
    problem_free(&p);
}

int main(void)
{
    CASE(it_is_the_cosine_to_the_nearest_mean);
    CASE(a_fold_knows_nothing_of_its_own_rows);
    return CHECK_END;
}
