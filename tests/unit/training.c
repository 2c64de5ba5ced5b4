#include "zoo/training.h"

#include "check.h"
#include "ground/rng.h"
#include "maths/dot.h"
#include "zoo/bayes.h"
#include "zoo/logistic.h"
#include "zoo/onevsrest.h"

#include <math.h>
#include <stdlib.h>

enum {
    COLUMNS = 120,
    DIMS = 6,
    ENTRIES = 10,
    MOST_ROWS = 600,
    MOST_LABELS = 40,
    FOLDS = 3,
    ALL_ROWS = COLUMNS + DIMS + 1
};

/* What the fits may leave of the gradient, about twice what they do leave: they end early, since
 * the last digits of a weight change no decision. */
static const double SVM_LEFT = 0.12, LOGISTIC_LEFT = 0.2;

/* A small log of rows whose columns lean towards their label, some of them mislabelled; beside them
 * numbers that lean the same way. */
typedef struct {
    tr_sparse x, scored;
    float square[MOST_ROWS], dense[MOST_ROWS * DIMS], scored_dense[2 * MOST_ROWS * DIMS];
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
static problem *make_with(size_t rows, uint32_t labels, unsigned folds, uint32_t beside)
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
        for (uint32_t k = 0; k < beside; k++) {
            float *d = &p->dense[i * DIMS + k];
            *d = (float)(0.3 * tr_rng_normal(&r) + (label * 5 % DIMS == k ? 0.8 : 0));
            p->square[i] += *d * *d;
        }
        p->label[i] = tr_rng_unit(&r) < 0.1 ? (uint32_t)tr_rng_below(&r, labels) : label;
        p->fold[i] = folds ? (uint8_t)tr_rng_below(&r, folds) : TR_FOLD_NONE;
        CHECK(tr_sparse_add(&p->x, (tr_sparse_row){index, value, ENTRIES}));
    }
    for (size_t turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < rows; i++) {
            CHECK(tr_sparse_add(&p->scored, tr_sparse_at(&p->x, i)));
            memcpy(p->scored_dense + (turn * rows + i) * DIMS, p->dense + i * DIMS,
                   DIMS * sizeof(float));
            p->scored_fold[p->scored.rows - 1] = turn ? TR_FOLD_NONE : p->fold[i];
        }
    p->t = (tr_training){.shape = {labels, COLUMNS, beside, beside},
                         .x = &p->x,
                         .dense = beside ? p->dense : NULL,
                         .scored_dense = beside ? p->scored_dense : NULL,
                         .square = p->square,
                         .label = p->label,
                         .fold = p->fold,
                         .folds = folds,
                         .scored = &p->scored,
                         .scored_fold = p->scored_fold};
    return p;
}

static problem *make(size_t rows, uint32_t labels, unsigned folds)
{
    return make_with(rows, labels, folds, 0);
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
    CHECK(out.linear.labels == t->shape.labels && out.linear.columns == t->shape.columns);
    CHECK(out.linear.dims == t->shape.beside && out.linear.width == tr_dot_width(t->shape.labels));
    CHECK(out.linear.weight && out.model.kind == TR_SURROGATE_NONE && out.seconds >= 0);
    return out;
}

/* What the full fit says of all training rows, one after another; malloced. */
static float *say(const problem *p, const tr_linear *m)
{
    float *all = malloc(p->x.rows * m->labels * sizeof *all), z[MOST_LABELS + 8];
    if (!all)
        exit(4);
    for (size_t i = 0; i < p->x.rows; i++) {
        tr_training_gather(m->weight, p->t.shape, m->width, tr_training_row(&p->t, i), z);
        memcpy(all + i * m->labels, z, m->labels * sizeof *z);
    }
    return all;
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

/* The numbers of row i: its sparse ones, those beside them, 1 for the intercept. */
static void whole_row(const problem *p, size_t i, double x[ALL_ROWS])
{
    tr_sparse_row row = tr_sparse_at(&p->x, i);
    memset(x, 0, ALL_ROWS * sizeof *x);
    for (size_t q = 0; q < row.n; q++)
        x[row.index[q]] = (double)row.value[q];
    for (uint32_t k = 0; k < p->t.shape.beside; k++)
        x[COLUMNS + k] = (double)p->dense[i * DIMS + k];
    x[COLUMNS + p->t.shape.beside] = 1;
}

/* The gradient of an objective at the weights, as a share of that at zero: 0 at the optimum. */
static double gradient(const problem *p, kind of, double c, const tr_linear *m)
{
    enum { SIZE = ALL_ROWS * MOST_LABELS };
    static double g[2][SIZE];
    double norm[2] = {0};
    uint32_t labels = p->t.shape.labels;
    size_t rows = tr_linear_rows(m);
    static float zero[SIZE];
    for (int k = 0; k < 2; k++) {
        const float *w = k ? m->weight : zero;
        memset(g[k], 0, sizeof g[k]);
        for (size_t j = 0; j < rows; j++)
            for (uint32_t l = 0; l < labels; l++)
                g[k][j * MOST_LABELS + l] = (double)w[j * m->width + l];
        for (size_t i = 0; i < p->x.rows; i++) {
            double z[MOST_LABELS] = {0}, x[ALL_ROWS], sum = 0;
            if (of == LOGISTIC && p->label[i] == UINT32_MAX)
                continue;
            whole_row(p, i, x);
            for (size_t j = 0; j < rows; j++)
                for (uint32_t l = 0; x[j] != 0 && l < labels; l++)
                    z[l] += x[j] * (double)w[j * m->width + l];
            for (uint32_t l = 0; l < labels; l++)
                sum += exp(z[l]);
            for (uint32_t l = 0; l < labels; l++) {
                double sign = l == p->label[i] ? 1 : -1;
                double step = of == LOGISTIC ? c * (exp(z[l]) / sum - (l == p->label[i]))
                                             : -2 * c * sign * fmax(0, 1 - sign * z[l]);
                for (size_t j = 0; j < rows; j++)
                    g[k][j * MOST_LABELS + l] += x[j] * step;
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
    for (size_t k = 0; k < 2 * sizeof labels / sizeof *labels; k++) {
        problem *p = make_with(400, labels[k / 2], 0, k % 2 ? DIMS : 0);
        tr_fitted svm = fit(&p->t, SVM, 0.5, 1);
        double left = gradient(p, SVM, 0.5, &svm.linear);
        if (left > SVM_LEFT)
            printf("# svm, %u labels: %g\n", labels[k / 2], left);
        CHECK(left < SVM_LEFT);
        tr_fitted_free(&svm);
        for (int big = 0; big < 2; big++) {
            double c = big ? 10 : 1;
            tr_fitted logistic = fit(&p->t, LOGISTIC, c, 1);
            left = gradient(p, LOGISTIC, c, &logistic.linear);
            if (left > LOGISTIC_LEFT)
                printf("# logistic, C = %g, %u labels: %g\n", c, labels[k / 2], left);
            CHECK(left < LOGISTIC_LEFT);
            tr_fitted_free(&logistic);
        }
        problem_free(p);
    }
}

/* Share of the rows whose largest value is their label's. */
static double accuracy(const problem *p, const float *decision)
{
    double right = 0;
    for (size_t i = 0; i < p->x.rows; i++) {
        const float *z = decision + i * p->t.shape.labels;
        uint32_t best = 0;
        for (uint32_t l = 1; l < p->t.shape.labels; l++)
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
    for (int turn = 0; turn < 2 * KINDS; turn++) {
        int k = turn / 2;
        uint32_t beside = turn % 2 ? DIMS : 0;
        problem *p = make_with(500, 6, FOLDS, beside);
        tr_fitted all = fit(&p->t, kinds[k], c[k], 2);
        double held_out = accuracy(p, all.decision);
        float *said = say(p, &all.linear);
        double seen = accuracy(p, said);
        free(said);
        CHECK(held_out > 0.6);
        CHECK(seen > held_out);
        for (int fold = 0; fold < FOLDS; fold++) {
            problem *part = make_with(500, 6, 0, beside);
            tr_sparse_free(&part->x);
            float *expected = malloc(500 * 6 * sizeof *expected);
            float *got = malloc(500 * 6 * sizeof *got), z[8];
            size_t n = 0;
            for (size_t i = 0; i < p->x.rows; i++) {
                if (p->fold[i] != fold) {
                    size_t at = part->x.rows;
                    part->label[at] = p->label[i];
                    part->square[at] = p->square[i];
                    memcpy(part->dense + at * DIMS, p->dense + i * DIMS, DIMS * sizeof(float));
                    CHECK(tr_sparse_add(&part->x, tr_sparse_at(&p->x, i)));
                }
            }
            tr_fitted alone = fit(&part->t, kinds[k], c[k], 1);
            for (size_t i = 0; i < p->x.rows; i++) {
                if (p->fold[i] != fold)
                    continue;
                tr_training_gather(alone.linear.weight, p->t.shape, 8, tr_training_row(&p->t, i),
                                   z);
                memcpy(got + n * 6, z, 6 * sizeof *z);
                memcpy(expected + n++ * 6, all.decision + i * 6, 6 * sizeof *expected);
            }
            double apart = difference(got, expected, n * 6);
            if (apart > tolerance[k])
                printf("# kind %d, %u beside, fold %d: %g\n", k, beside, fold, apart);
            CHECK(apart <= tolerance[k]);
            tr_fitted_free(&alone);
            free(expected);
            free(got);
            problem_free(part);
        }
        tr_fitted_free(&all);
        problem_free(p);
    }
}

/* The rows of the other sides are left to the models that are shipped. */
static void other_sides_are_not_filled(void)
{
    for (int k = 0; k < KINDS; k++) {
        problem *p = make_with(200, 17, 2, DIMS);
        tr_fitted f = fit(&p->t, (kind)k, 1, 1);
        for (size_t i = 0; i < 200 * 17; i++)
            CHECK(f.decision[200 * 17 + i] == 0);
        for (size_t i = 0; i < 200; i++) { /* and the held-out ones are */
            bool any = false;
            for (size_t l = 0; l < 17; l++)
                any |= f.decision[i * 17 + l] != 0;
            CHECK(any);
        }
        tr_fitted_free(&f);
        CHECK(!f.decision && !f.linear.weight);
        problem_free(p);
    }
}

/* Whatever the labels of a fold are: what is said of its rows stays the same but for the start that
 * is not theirs, and a label that is a row's own secret is not found out. */
static void labels_of_a_fold_do_not_leak(void)
{
    static const double tolerance[] = {0.12, 0.15, 1e-9, 1e-5};
    for (int k = 0; k < KINDS; k++) {
        problem *p = make_with(400, 4, FOLDS, DIMS), *q = make_with(400, 4, FOLDS, DIMS);
        size_t n = 0;
        for (size_t i = 0; i < 400; i++)
            if (q->fold[i] == 1)
                q->label[i] = (q->label[i] + 1 + (uint32_t)(i % 3)) % 4;
        tr_fitted a = fit(&p->t, (kind)k, k == LOGISTIC ? 10 : 0.5, 1);
        tr_fitted b = fit(&q->t, (kind)k, k == LOGISTIC ? 10 : 0.5, 1);
        float *one = malloc(400 * 4 * sizeof *one), *two = malloc(400 * 4 * sizeof *two);
        for (size_t i = 0; i < 400; i++)
            if (p->fold[i] == 1) {
                memcpy(one + n * 4, a.decision + i * 4, 4 * sizeof *one);
                memcpy(two + n++ * 4, b.decision + i * 4, 4 * sizeof *two);
            }
        double apart = difference(one, two, n * 4);
        if (apart > tolerance[k])
            printf("# kind %d: %g\n", k, apart);
        CHECK(apart <= tolerance[k]);
        free(one);
        free(two);
        tr_fitted_free(&a);
        tr_fitted_free(&b);
        problem_free(p);
        problem_free(q);
    }
}

static void threads_do_not_change_a_bit(void)
{
    for (int turn = 0; turn < 2 * KINDS; turn++) {
        kind k = (kind)(turn / 2);
        problem *p = make_with(300, 33, FOLDS, turn % 2 ? DIMS : 0);
        tr_fitted one = fit(&p->t, k, 1, 1);
        tr_fitted two = fit(&p->t, k, 1, 2);
        size_t weights = tr_linear_rows(&one.linear) * 40;
        CHECK(!memcmp(one.decision, two.decision, p->scored.rows * 33 * sizeof(float)));
        CHECK(!memcmp(one.linear.weight, two.linear.weight, weights * sizeof(float)));
        tr_fitted_free(&one);
        tr_fitted_free(&two);
        problem_free(p);
    }
}

/* gather and scatter of a model with both parts are those of a plain loop. */
static void both_parts_are_gathered_and_scattered(void)
{
    enum { LABELS = 11, WIDTH = 16 };
    problem *p = make_with(20, LABELS, 0, DIMS);
    static float w[ALL_ROWS * WIDTH], right[ALL_ROWS * WIDTH];
    float z[WIDTH], d[WIDTH];
    tr_rng r;
    tr_rng_init(&r, 4);
    for (size_t i = 0; i < ALL_ROWS * WIDTH; i++)
        w[i] = right[i] = (float)tr_rng_normal(&r);
    for (size_t i = 0; i < WIDTH; i++)
        d[i] = (float)tr_rng_normal(&r);
    for (size_t i = 0; i < 20; i++) {
        tr_row row = tr_training_row(&p->t, i);
        double x[ALL_ROWS];
        CHECK(row.dense == p->dense + i * DIMS);
        CHECK(tr_training_scored(&p->t, 20 + i).dense == p->scored_dense + (20 + i) * DIMS);
        whole_row(p, i, x);
        tr_training_gather(w, p->t.shape, WIDTH, row, z);
        tr_training_scatter(w, p->t.shape, WIDTH, row, d);
        for (size_t l = 0; l < WIDTH; l++) {
            double sum = 0;
            for (size_t j = 0; j < ALL_ROWS; j++) {
                sum += x[j] * (double)right[j * WIDTH + l];
                right[j * WIDTH + l] += (float)x[j] * d[l];
            }
            CHECK_NEAR((double)z[l], sum, 1e-4);
        }
        CHECK(!memcmp(w, right, sizeof w));
    }
    problem_free(p);
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
        float *x = say(p, &a.linear), *y = say(p, &b.linear);
        double apart = difference(x, y, 400 * 5);
        free(x);
        free(y);
        if (apart > tolerance[k])
            printf("# kind %d: %g\n", k, apart);
        CHECK(apart <= tolerance[k]);
        tr_fitted_free(&a);
        tr_fitted_free(&b);
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
    CHECK(gradient(p, SVM, 0.5, &svm.linear) < SVM_LEFT); /* sign -1 for all labels */
    tr_fitted_free(&svm);
    tr_fitted logistic = fit(&p->t, LOGISTIC, 1, 1);
    CHECK(gradient(p, LOGISTIC, 1, &logistic.linear) < LOGISTIC_LEFT);
    tr_fitted_free(&logistic);
    for (int k = SGD; k < KINDS; k++) {
        tr_fitted other = fit(&p->t, (kind)k, 0, 1);
        for (size_t i = 0; i < p->scored.rows * 4; i++)
            CHECK(isfinite(other.decision[i]));
        tr_fitted_free(&other);
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
        float *said = say(p, &f.linear);
        for (size_t i = 60 * 3; i < 200 * 3; i++)
            CHECK(f.decision[i] == 0);
        CHECK(memcmp(f.decision, said, 60 * 3 * sizeof(float)) != 0);
        for (size_t i = 0; i < 60 * 3; i++)
            CHECK(isfinite(f.decision[i]));
        free(said);
        tr_fitted_free(&f);
    }
    problem_free(p);
}

int main(void)
{
    CASE(the_optimum_is_reached);
    CASE(folds_are_as_if_fitted_alone);
    CASE(other_sides_are_not_filled);
    CASE(labels_of_a_fold_do_not_leak);
    CASE(both_parts_are_gathered_and_scattered);
    CASE(threads_do_not_change_a_bit);
    CASE(the_order_of_rows_hardly_matters);
    CASE(rows_without_a_label);
    CASE(folds_that_are_empty_or_never_held_out);
    return CHECK_END;
}
