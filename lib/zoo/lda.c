#include "zoo/lda.h"

#include "ground/mem.h"
#include "maths/la.h"
#include "zoo/apply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums over rows of some labels: enough for every fit. In doubles, so that the sums of a fold can
 * be taken away again. */
typedef struct {
    uint32_t labels, dims;
    double rows, *count; /* of rows in all, and of each label */
    double *sum;         /* labels × dims */
    double *scatter;     /* dims × dims, lower triangle: sum of x xᵀ */
} sums;

static void sums_free(sums *s)
{
    free(s->count);
    free(s->sum);
    free(s->scatter);
}

static bool sums_make(sums *s, uint32_t labels, uint32_t dims)
{
    size_t sum, square;
    *s = (sums){.labels = labels, .dims = dims};
    if (tr_mem_multiply(labels, dims, &sum) && tr_mem_multiply(dims, dims, &square)) {
        s->count = tr_mem_zero(labels, sizeof(double));
        s->sum = tr_mem_zero(sum, sizeof(double));
        s->scatter = tr_mem_zero(square, sizeof(double));
    }
    return s->count && s->sum && s->scatter;
}

static void sums_copy(sums *to, const sums *from)
{
    size_t d = from->dims;
    to->rows = from->rows;
    memcpy(to->count, from->count, from->labels * sizeof(double));
    memcpy(to->sum, from->sum, from->labels * d * sizeof(double));
    memcpy(to->scatter, from->scatter, d * d * sizeof(double));
}

enum { BLOCK = 256 };

/* Adds (sign 1) or takes away (-1) the training rows of a fold, or all (fold < 0). block: room for
 * BLOCK rows. */
static void sums_add(sums *s, const tr_training *t, int fold, double sign, double *block)
{
    size_t d = s->dims, n = 0;
    for (size_t i = 0; i < t->x->rows; i++) {
        uint32_t label = t->label[i];
        if (label != UINT32_MAX && (fold < 0 || t->fold[i] == fold)) {
            const float *x = t->dense + i * d;
            double *sum = s->sum + label * d, *to = block + n++ * d;
            for (size_t k = 0; k < d; k++) {
                to[k] = (double)x[k];
                sum[k] += sign * to[k];
            }
            s->count[label] += sign;
            s->rows += sign;
        }
        if (n == BLOCK || (n && i + 1 == t->x->rows)) {
            tr_la_gram(block, n, d, sign, s->scatter);
            n = 0;
        }
    }
}

/* ---- one fit ---- */

typedef struct {
    sums part;    /* of the fit's rows; its scatter is used up */
    double *mean; /* labels × dims; then the solutions */
    double *covariance, *block;
} room;

/* The means of the labels, and the covariance within them (lower triangle). */
static void moments(room *r)
{
    sums *s = &r->part;
    size_t d = s->dims, n = 0;
    for (uint32_t l = 0; l < s->labels; l++) {
        double count = s->count[l], *mean = r->mean + l * d;
        for (size_t k = 0; k < d; k++)
            mean[k] = count > 0 ? s->sum[l * d + k] / count : 0;
        for (size_t k = 0; count > 0 && k < d; k++)
            r->block[n * d + k] = mean[k] * sqrt(count);
        n += count > 0;
        if (n == BLOCK || (n && l + 1 == s->labels)) {
            tr_la_gram(r->block, n, d, -1, s->scatter);
            n = 0;
        }
    }
    for (size_t i = 0; i < d * d; i++)
        r->covariance[i] = s->scatter[i] / (s->rows > 0 ? s->rows : 1);
}

/* How far to go from the covariance to a multiple of the identity: the posterior mean under an
 * inverse Wishart prior around that multiple which counts for as many rows as there are dimensions
 * (Friedman 1989; Hoffbeck, Landgrebe 1996 on what such mixtures are good for). Ledoit and Wolf's
 * share minimizes the error of the matrix, not of its inverse, and is too small for few rows. */
static double shrinkage(const sums *s)
{
    double free = s->rows - (double)s->labels;
    return s->dims / (s->dims + (free > 0 ? free : 0));
}

static tr_code fit(room *r, tr_network *m, tr_err *err)
{
    const sums *s = &r->part;
    size_t d = s->dims, labels = s->labels, width = tr_dot_width(labels);
    double level = 0, typical = 0, present = 0, share = shrinkage(s);
    double *solved = s->sum; /* no longer needed as sums */
    moments(r);
    for (size_t i = 0; i < d; i++)
        level += r->covariance[i * d + i] / (double)d;
    if (!(level > 0)) { /* all rows are where their label's mean is */
        level = 1;
        memset(r->covariance, 0, d * d * sizeof(double));
    }
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k <= i; k++)
            r->covariance[i * d + k] *= 1 - share;
    for (size_t i = 0; i < d; i++)
        r->covariance[i * d + i] += (share + 1e-6) * level;
    memcpy(solved, r->mean, labels * d * sizeof(double));
    tr_code code = tr_la_solve_rows(r->covariance, solved, d, labels, err);
    if (code != TR_OK)
        return code;
    float *w = m->owned;
    for (size_t l = 0; l < labels; l++) {
        double reach = 0;
        for (size_t k = 0; k < d; k++) {
            w[k * width + l] = (float)solved[l * d + k];
            reach += solved[l * d + k] * r->mean[l * d + k];
        }
        w[d * width + l] = (float)(-reach / 2);
        typical += s->count[l] > 0 ? reach / 2 : 0;
        present += s->count[l] > 0;
    }
    for (size_t l = 0; l < labels; l++) {
        /* a label without rows has weights of 0: as far away as the others are in the mean */
        if (!(s->count[l] > 0) && present > 0)
            w[d * width + l] = (float)(-typical / present);
        w[d * width + l] += (float)log((s->count[l] + 0.5) / (s->rows + 0.5 * (double)labels));
    }
    return TR_OK;
}

static tr_code fit_all(tr_job *j, const sums *all, room *r, tr_err *err)
{
    const tr_training *t = j->t;
    const uint32_t size[] = {t->shape.dims, t->shape.labels};
    tr_code code = TR_OK;
    for (int fold = -1; fold < (int)t->folds && code == TR_OK; fold++) {
        tr_network m;
        code = tr_network_make(&m, size, 1, err);
        if (code != TR_OK)
            break;
        sums_copy(&r->part, all);
        if (fold >= 0)
            sums_add(&r->part, t, fold, -1, r->block);
        code = fit(r, &m, err);
        if (code == TR_OK && fold >= 0)
            code = tr_apply_network(t, fold, &m, j->out->decision, err);
        if (code == TR_OK && fold < 0)
            j->out->model = (tr_surrogate){.kind = TR_SURROGATE_NETWORK, .network = m};
        else
            tr_network_free(&m);
    }
    return code;
}

static tr_code run(void *context, size_t task, tr_err *err)
{
    tr_job *j = context;
    const tr_training *t = j->t;
    uint32_t labels = t->shape.labels, dims = t->shape.dims;
    double began = tr_training_clock();
    sums all = {0};
    room r = {0};
    (void)task;
    bool made = sums_make(&all, labels, dims) && sums_make(&r.part, labels, dims);
    r.mean = tr_mem_array(labels, dims * sizeof(double));
    r.covariance = tr_mem_array(dims, dims * sizeof(double));
    r.block = tr_mem_array(BLOCK, dims * sizeof(double));
    tr_code code = made && r.mean && r.covariance && r.block ? TR_OK : tr_err_memory(err);
    if (code == TR_OK) {
        sums_add(&all, t, -1, 1, r.block);
        code = fit_all(j, &all, &r, err);
    }
    sums_free(&all);
    sums_free(&r.part);
    free(r.mean);
    free(r.covariance);
    free(r.block);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_lda_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, false, err);
    j->run = run;
    j->tasks = 1; /* the folds are cheap once the sums of all rows are there */
    return code;
}
