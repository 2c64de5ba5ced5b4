#include "models/training.h"

#include "check.h"
#include "ground/rng.h"
#include "maths/dot.h"
#include "models/bayes.h"
#include "models/logistic.h"
#include "models/onevsrest.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 120, ENTRIES = 10, MOST_ROWS = 600, MOST_LABELS = 40, FOLDS = 3 };

/* What the fits may leave of the gradient, about twice what they do leave: they end early, since
 * the last digits of a weight change no decision. */
static const double SVM_LEFT = 0.12, LOGISTIC_LEFT = 0.2;

/* A small log of rows whose columns lean towards their label, some of them mislabelled. */
typedef struct {
    tr_sparse x, scored;
    float square[MOST_ROWS];
    uint32_t label[MOST_ROWS];
    uint8_t fold[MOST_ROWS], scored_fold[2 * MOST_ROWS];
    tr_training t;
} problem;

static void problem_free(problem *p)
{
    tr_sparse_free(&p->x);
    tr_sparse_free(&p->scored);
    free(p);
}

/* All rows are scored twice: held out, and as rows of another side. */
static problem *make(size_t rows, uint32_t labels, unsigned folds)
{
    problem *p = calloc(1, sizeof *p);
    tr_rng r;
    tr_rng_init(&r, 42);
    if (!p)
        exit(4);
    for (size_t i = 0; i < rows; i++) {
        uint32_t index[ENTRIES], label = (uint32_t)tr_rng_below(&r, labels);
        float value[ENTRIES];
        double sum = 0;
        for (uint32_t k = 0; k < ENTRIES; k++) { /* distinct: one in each tenth of the columns */
            uint32_t width = COLUMNS / ENTRIES;
            uint32_t own = label * 7 % width, at = (uint32_t)tr_rng_below(&r, width);
            index[k] = k * width + (tr_rng_unit(&r) < 0.4 ? (own + k * label) % width : at);
            value[k] = (float)(0.2 + tr_rng_unit(&r));
            sum += (double)value[k] * (double)value[k];
        }
        for (int k = 0; k < ENTRIES; k++) {
            value[k] *= (float)sqrt(2 / sum);
            p->square[i] += value[k] * value[k];
        }
        p->label[i] = tr_rng_unit(&r) < 0.1 ? (uint32_t)tr_rng_below(&r, labels) : label;
        p->fold[i] = folds ? (uint8_t)tr_rng_below(&r, folds) : TR_FOLD_NONE;
        CHECK(tr_sparse_add(&p->x, (tr_sparse_row){index, value, ENTRIES}));
    }
    for (size_t turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < rows; i++) {
            CHECK(tr_sparse_add(&p->scored, tr_sparse_at(&p->x, i)));
            p->scored_fold[p->scored.rows - 1] = turn ? TR_FOLD_NONE : p->fold[i];
        }
    p->t = (tr_training){.x = &p->x,
                         .square = p->square,
                         .label = p->label,
                         .fold = p->fold,
                         .folds = folds,
                         .scored = &p->scored,
                         .scored_fold = p->scored_fold,
                         .labels = labels,
                         .columns = COLUMNS};
    return p;
}

typedef enum { SVM, LOGISTIC, SGD, BAYES, KINDS } kind;

static tr_fitted fit(const tr_training *t, kind of, double c, int threads)
{
    tr_fitted out;
    tr_job j;
    tr_err err = {0};
    tr_onevsrest_kind how = of == SVM ? TR_ONEVSREST_SVM : TR_ONEVSREST_SGD;
    tr_code code = of == LOGISTIC ? tr_logistic_open(&j, t, c, &out, &err)
                   : of == BAYES  ? tr_bayes_open(&j, t, &out, &err)
                                  : tr_onevsrest_open(&j, t, how, c, &out, &err);
    CHECK(code == TR_OK);
    if (code != TR_OK)
        exit(4);
    tr_pool_task *tasks = calloc(j.tasks, sizeof *tasks);
    tr_job_list(&j, 0, tasks);
    CHECK(tr_pool_run(tasks, j.tasks, threads, NULL, NULL, &err) == TR_OK);
    tr_job_close(&j);
    free(tasks);
    CHECK(out.model.labels == t->labels && out.model.columns == t->columns);
    CHECK(out.model.width == tr_dot_width(t->labels));
    return out;
}

static void fit_free(tr_fitted *f)
{
    tr_linear_free(&f->model);
    free(f->decision);
}

/* The typical difference of two runs of values, as a share of their typical size. */
static double difference(const float *a, const float *b, size_t n)
{
    double apart = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        apart += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        square += (double)a[i] * (double)a[i];
    }
    return sqrt(apart / square);
}

static void value_of(const float *w, size_t width, tr_sparse_row row, double *z, uint32_t labels)
{
    for (uint32_t l = 0; l < labels; l++) {
        z[l] = (double)w[COLUMNS * width + l];
        for (size_t q = 0; q < row.n; q++)
            z[l] += (double)row.value[q] * (double)w[row.index[q] * width + l];
    }
}

/* The gradient of an objective at the weights, as a share of that at zero: 0 at the optimum. */
static double gradient(const problem *p, kind of, double c, const tr_linear *m)
{
    enum { SIZE = (COLUMNS + 1) * MOST_LABELS };
    static double g[2][SIZE];
    double norm[2] = {0};
    uint32_t labels = p->t.labels;
    static float zero[(COLUMNS + 1) * MOST_LABELS];
    for (int k = 0; k < 2; k++) {
        const float *w = k ? m->weight : zero;
        memset(g[k], 0, sizeof g[k]);
        for (size_t j = 0; j <= COLUMNS; j++)
            for (uint32_t l = 0; l < labels; l++)
                g[k][j * MOST_LABELS + l] = (double)w[j * m->width + l];
        for (size_t i = 0; i < p->x.rows; i++) {
            double z[MOST_LABELS], step[MOST_LABELS], sum = 0;
            tr_sparse_row row = tr_sparse_at(&p->x, i);
            if (of == LOGISTIC && p->label[i] == UINT32_MAX)
                continue;
            value_of(w, m->width, row, z, labels);
            for (uint32_t l = 0; l < labels; l++)
                sum += exp(z[l]);
            for (uint32_t l = 0; l < labels; l++) {
                double sign = l == p->label[i] ? 1 : -1;
                step[l] = of == LOGISTIC ? c * (exp(z[l]) / sum - (l == p->label[i]))
                                         : -2 * c * sign * fmax(0, 1 - sign * z[l]);
                g[k][COLUMNS * MOST_LABELS + l] += step[l];
                for (size_t q = 0; q < row.n; q++)
                    g[k][row.index[q] * MOST_LABELS + l] += (double)row.value[q] * step[l];
            }
        }
        for (size_t j = 0; j < SIZE; j++)
            norm[k] += g[k][j] * g[k][j];
    }
    return sqrt(norm[1] / norm[0]);
}

static void the_optimum_is_reached(void)
{
    static const uint32_t labels[] = {2, 3, 8, 9, 16, 17, 33};
    for (size_t k = 0; k < sizeof labels / sizeof *labels; k++) {
        problem *p = make(400, labels[k], 0);
        tr_fitted svm = fit(&p->t, SVM, 0.5, 1);
        double left = gradient(p, SVM, 0.5, &svm.model);
        if (left > SVM_LEFT)
            printf("# svm, %u labels: %g\n", labels[k], left);
        CHECK(left < SVM_LEFT);
        fit_free(&svm);
        for (int big = 0; big < 2; big++) {
            double c = big ? 10 : 1;
            tr_fitted logistic = fit(&p->t, LOGISTIC, c, 1);
            left = gradient(p, LOGISTIC, c, &logistic.model);
            if (left > LOGISTIC_LEFT)
                printf("# logistic, C = %g, %u labels: %g\n", c, labels[k], left);
            CHECK(left < LOGISTIC_LEFT);
            fit_free(&logistic);
        }
        problem_free(p);
    }
}

/* Share of the rows whose largest value is their label's. */
static double accuracy(const problem *p, const float *decision)
{
    double right = 0;
    for (size_t i = 0; i < p->x.rows; i++) {
        const float *z = decision + i * p->t.labels;
        uint32_t best = 0;
        for (uint32_t l = 1; l < p->t.labels; l++)
            best = z[l] > z[best] ? l : best;
        right += best == p->label[i];
    }
    return right / (double)p->x.rows;
}

/* Held-out values: of a fit that was fitted anew without the fold's rows, within a tolerance. */
static void folds_are_as_if_fitted_alone(void)
{
    static const kind kinds[] = {SVM, LOGISTIC, SGD, BAYES};
    static const double c[] = {0.5, 10, 0, 0}, tolerance[] = {0.1, 0.15, 1e-9, 1e-5};
    for (int k = 0; k < KINDS; k++) {
        problem *p = make(500, 6, FOLDS);
        tr_fitted all = fit(&p->t, kinds[k], c[k], 2);
        double held_out = accuracy(p, all.decision);
        double seen = accuracy(p, all.decision + p->x.rows * p->t.labels);
        CHECK(held_out > 0.6);
        CHECK(seen > held_out);
        for (int fold = 0; fold < FOLDS; fold++) {
            problem *part = make(500, 6, 0);
            tr_sparse_free(&part->x);
            tr_sparse_free(&part->scored);
            float *expected = malloc(500 * 6 * sizeof *expected);
            size_t n = 0;
            for (size_t i = 0; i < p->x.rows; i++) {
                if (p->fold[i] == fold) {
                    CHECK(tr_sparse_add(&part->scored, tr_sparse_at(&p->x, i)));
                    part->scored_fold[part->scored.rows - 1] = TR_FOLD_NONE;
                    memcpy(expected + n++ * 6, all.decision + i * 6, 6 * sizeof *expected);
                } else {
                    part->label[part->x.rows] = p->label[i];
                    part->square[part->x.rows] = p->square[i];
                    CHECK(tr_sparse_add(&part->x, tr_sparse_at(&p->x, i)));
                }
            }
            tr_fitted alone = fit(&part->t, kinds[k], c[k], 1);
            double apart = difference(alone.decision, expected, n * 6);
            if (apart > tolerance[k])
                printf("# kind %d, fold %d: %g\n", k, fold, apart);
            CHECK(apart <= tolerance[k]);
            fit_free(&alone);
            free(expected);
            problem_free(part);
        }
        fit_free(&all);
        problem_free(p);
    }
}

static void the_model_decides_as_the_fit_did(void)
{
    for (int k = 0; k < KINDS; k++) {
        problem *p = make(200, 17, 2);
        tr_fitted f = fit(&p->t, (kind)k, 1, 1);
        float z[24];
        for (size_t i = 0; i < p->x.rows; i++) { /* the second half is scored by the full fit */
            tr_training_gather(f.model.weight, f.model.columns, f.model.width,
                               tr_sparse_at(&p->x, i), z);
            CHECK(!memcmp(z, f.decision + (p->x.rows + i) * 17, 17 * sizeof *z));
        }
        fit_free(&f);
        problem_free(p);
    }
}

static void threads_do_not_change_a_bit(void)
{
    for (int k = 0; k < KINDS; k++) {
        problem *p = make(300, 33, FOLDS);
        tr_fitted one = fit(&p->t, (kind)k, 1, 1);
        tr_fitted two = fit(&p->t, (kind)k, 1, 2);
        CHECK(!memcmp(one.decision, two.decision, p->scored.rows * 33 * sizeof(float)));
        CHECK(!memcmp(one.model.weight, two.model.weight, (COLUMNS + 1) * 40 * sizeof(float)));
        fit_free(&one);
        fit_free(&two);
        problem_free(p);
    }
}

/* The order of the rows moves a convex fit only within its tolerance. */
static void the_order_of_rows_hardly_matters(void)
{
    static const double c[] = {0.5, 1}, tolerance[] = {0.1, 0.15};
    for (int k = SVM; k <= LOGISTIC; k++) {
        problem *p = make(400, 5, 0), *q = make(400, 5, 0);
        uint32_t order[400];
        tr_rng r;
        tr_rng_init(&r, 8);
        for (uint32_t i = 0; i < 400; i++)
            order[i] = i;
        tr_rng_shuffle(&r, order, 400);
        tr_sparse_free(&q->x);
        for (size_t i = 0; i < 400; i++) {
            CHECK(tr_sparse_add(&q->x, tr_sparse_at(&p->x, order[i])));
            q->label[i] = p->label[order[i]];
            q->square[i] = p->square[order[i]];
        }
        tr_fitted a = fit(&p->t, (kind)k, c[k], 1);
        tr_fitted b = fit(&q->t, (kind)k, c[k], 1);
        double apart = difference(a.decision, b.decision, 800 * 5);
        if (apart > tolerance[k])
            printf("# kind %d: %g\n", k, apart);
        CHECK(apart <= tolerance[k]);
        fit_free(&a);
        fit_free(&b);
        problem_free(p);
        problem_free(q);
    }
}

/* Rows of no label: against every label for one-vs-rest, not there at all for the multinomial. */
static void rows_without_a_label(void)
{
    problem *p = make(300, 4, FOLDS);
    for (size_t i = 0; i < 300; i += 5)
        p->label[i] = UINT32_MAX;
    tr_fitted svm = fit(&p->t, SVM, 0.5, 1);
    CHECK(gradient(p, SVM, 0.5, &svm.model) < SVM_LEFT); /* sign -1 for all labels */
    fit_free(&svm);
    tr_fitted logistic = fit(&p->t, LOGISTIC, 1, 1);
    CHECK(gradient(p, LOGISTIC, 1, &logistic.model) < LOGISTIC_LEFT);
    fit_free(&logistic);
    for (int k = SGD; k < KINDS; k++) {
        tr_fitted other = fit(&p->t, (kind)k, 0, 1);
        for (size_t i = 0; i < p->scored.rows * 4; i++)
            CHECK(isfinite(other.decision[i]));
        fit_free(&other);
    }
    problem_free(p);
}

static void folds_that_are_empty_or_never_held_out(void)
{
    problem *p = make(100, 3, 2);
    for (size_t i = 0; i < 100; i++) {
        p->fold[i] = p->scored_fold[i] = i < 60 ? 0 : TR_FOLD_NONE; /* fold 1 has no row */
    }
    for (int k = 0; k < KINDS; k++) {
        tr_fitted f = fit(&p->t, (kind)k, 1, 2);
        for (size_t i = 60; i < 100; i++) /* scored by the full fit in both halves */
            CHECK(!memcmp(f.decision + i * 3, f.decision + (100 + i) * 3, 3 * sizeof(float)));
        CHECK(memcmp(f.decision, f.decision + 300, 60 * 3 * sizeof(float)) != 0);
        fit_free(&f);
    }
    problem_free(p);
}

int main(void)
{
    CASE(the_optimum_is_reached);
    CASE(folds_are_as_if_fitted_alone);
    CASE(the_model_decides_as_the_fit_did);
    CASE(threads_do_not_change_a_bit);
    CASE(the_order_of_rows_hardly_matters);
    CASE(rows_without_a_label);
    CASE(folds_that_are_empty_or_never_held_out);
    return CHECK_END;
}
