#include "zoo/logistic.h"

#include "ground/mem.h"
#include "ground/rng.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 20, LINE_STEPS = 2 };

static const double TOLERANCE = 0.008; /* mean duality gap a row, in nats */
static const float SETTLED = 0.002f;   /* rows with a smaller gap are left as they are */

/* One row: moves its dual p (a distribution over the labels) towards softmax(z) by the step that
 * maximizes the dual along that line. d: the change of the weights' coefficients, filled.
 * Returns the row's duality gap; below SETTLED nothing is moved. */
static float logistic_step(const float *z, float *p, float *d, float *scratch, uint32_t labels,
                           float stiffness)
{
    float top = -INFINITY, sum = 0, square = 0, slope = 0;
    for (uint32_t l = 0; l < labels; l++)
        top = z[l] > top ? z[l] : top;
    for (uint32_t l = 0; l < labels; l++)
        d[l] = z[l] - top;
    tr_real_exp_floats(d, d, labels);
    for (uint32_t l = 0; l < labels; l++)
        sum += d[l];
    const float tiny = 1e-12f;
    for (uint32_t l = 0; l < labels; l++) {
        d[l] = d[l] / sum - p[l];
        square += d[l] * d[l];
        scratch[l] = p[l] > tiny ? p[l] : tiny;
    }
    tr_real_log_floats(scratch, scratch, labels);
    for (uint32_t l = 0; l < labels; l++)
        slope += d[l] * (scratch[l] - z[l]);
    float gap = -slope, step = 1 / (1 + stiffness / 2);
    if (gap < SETTLED)
        return gap;
    for (int k = 0; k < LINE_STEPS; k++) { /* Newton along the line */
        float curve = stiffness * square;
        slope = step * curve;
        for (uint32_t l = 0; l < labels; l++) {
            float q = p[l] + step * d[l];
            scratch[l] = q > tiny ? q : tiny;
            curve += d[l] * d[l] / scratch[l];
        }
        tr_real_log_floats(scratch, scratch, labels);
        for (uint32_t l = 0; l < labels; l++)
            slope += d[l] * (scratch[l] - z[l]);
        step -= curve > 0 ? slope / curve : 0;
        step = step < 0 ? 0 : step > 1 ? 1 : step;
    }
    for (uint32_t l = 0; l < labels; l++) {
        d[l] *= step;
        p[l] += d[l];
    }
    return gap;
}

static tr_code logistic_fit(const tr_job *j, uint32_t *order, size_t n, float *w, float *dual,
                            tr_err *err)
{
    const tr_training *t = j->t;
    float *z = tr_mem_zero(3 * j->out->linear.width, sizeof *z);
    if (!z)
        return tr_err_memory(err);
    float *d = z + j->out->linear.width, *scratch = d + j->out->linear.width;
    tr_rng rng;
    tr_rng_init(&rng, 2);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        double gap = 0;
        tr_rng_shuffle(&rng, order, n);
        for (size_t k = 0; k < n; k++) {
            uint32_t i = order[k];
            tr_row row = tr_training_row(t, i);
            tr_training_gather(w, t->shape, j->out->linear.width, row, z);
            float own = logistic_step(z, dual + (size_t)i * j->out->linear.width, d, scratch,
                                      t->shape.labels, j->c * (t->square[i] + 1));
            gap += (double)own;
            if (own < SETTLED)
                continue;
            for (uint32_t l = 0; l < t->shape.labels; l++)
                d[l] *= -j->c;
            tr_training_scatter(w, t->shape, j->out->linear.width, row, d);
        }
        if (gap < TOLERANCE * (double)n)
            break;
    }
    free(z);
    return TR_OK;
}

/* The training rows that have a label: a multinomial model has no place for the others. */
static size_t labelled(const tr_training *t, uint32_t *rows, size_t n)
{
    size_t kept = 0;
    for (size_t k = 0; k < n; k++)
        if (t->label[rows[k]] != UINT32_MAX)
            rows[kept++] = rows[k];
    return kept;
}

static void logistic_leave_out(const tr_job *j, int fold, float *w, float *dual, float *d)
{
    const tr_training *t = j->t;
    for (size_t i = 0; i < t->x->rows; i++) {
        if (t->fold[i] != fold || t->label[i] == UINT32_MAX)
            continue;
        const float *p = dual + i * j->out->linear.width;
        for (uint32_t l = 0; l < t->shape.labels; l++)
            d[l] = j->c * (p[l] - (l == t->label[i] ? 1.f : 0.f));
        tr_training_scatter(w, t->shape, j->out->linear.width, tr_training_row(t, i), d);
    }
}

/* Task 0 is the full fit, task 1 + k that without fold k. */
static tr_code logistic_task(void *context, size_t task, tr_err *err)
{
    const tr_job *j = context;
    const tr_training *t = j->t;
    double began = tr_training_clock();
    int fold = (int)task - 1;
    size_t w_size = tr_linear_rows(&j->out->linear) * j->out->linear.width,
           dual_size = t->x->rows * j->out->linear.width;
    uint32_t *order = tr_mem_array(t->x->rows, sizeof *order);
    float *z = tr_mem_zero(j->out->linear.width, sizeof *z);
    float *w = fold < 0 ? j->out->linear.weight : tr_mem_array(w_size, sizeof *w);
    /* the last fold may use up the duals themselves: nobody needs them after it */
    bool own_dual = fold >= 0 && t->folds > 1;
    float *dual = own_dual ? tr_mem_array(dual_size, sizeof *dual) : j->dual;
    tr_code code = order && z && w && dual ? TR_OK : tr_err_memory(err);
    if (code == TR_OK) {
        size_t n = labelled(t, order, tr_training_rows(t, fold, order));
        if (fold >= 0) {
            memcpy(w, j->out->linear.weight, w_size * sizeof *w);
            if (own_dual)
                memcpy(dual, j->dual, dual_size * sizeof *dual);
            logistic_leave_out(j, fold, w, dual, z);
        }
        code = logistic_fit(j, order, n, w, dual, err);
        if (fold >= 0)
            tr_training_score(t, fold, w, j->out->linear.width, 0, t->shape.labels, z,
                              j->out->decision);
    }
    free(order);
    free(z);
    if (fold >= 0)
        free(w);
    if (own_dual)
        free(dual);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_logistic_open(tr_job *j, const tr_training *t, double c, tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, true, err);
    size_t width = tr_dot_width(t->shape.labels), duals;
    if (code != TR_OK)
        return code;
    if (tr_mem_multiply(t->x->rows, width, &duals))
        j->dual = tr_mem_zero(duals, sizeof *j->dual);
    if (!j->dual) {
        tr_fitted_free(out);
        return tr_err_memory(err);
    }
    for (size_t i = 0; i < t->x->rows; i++)
        if (t->label[i] != UINT32_MAX)
            j->dual[i * width + t->label[i]] = 1; /* all weights zero belong to these duals */
    j->run = logistic_task;
    j->tasks = 1 + t->folds;
    j->full_first = true;
    j->c = (float)c;
    return TR_OK;
}
