#include "zoo/bayes.h"

#include "ground/mem.h"
#include "maths/dot.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Added to the weight of every feature in every label, so that none is impossible. */
static const float SMOOTHING = 0.02f;

/* Adds a row's features to its label's column of counts, or takes them away. */
static void count_row(const tr_training *t, float *count, size_t width, size_t row, float sign)
{
    uint32_t label = t->label[row];
    if (label == UINT32_MAX)
        return;
    tr_sparse_row x = tr_sparse_at(t->x, row);
    for (size_t q = 0; q < x.n; q++)
        count[(size_t)x.index[q] * width + label] += sign * x.value[q];
    count[((size_t)t->shape.columns + t->shape.beside) * width + label] += sign;
}

/* Counts to weights, in place: ln of the smoothed share of each feature in each label, less its
 * mean over the labels (softmax does not mind, and a rare feature then says little in all). */
static void weigh(const tr_training *t, float *w, size_t width, float *total)
{
    memset(total, 0, width * sizeof *total);
    for (size_t f = 0; f < t->shape.columns; f++)
        for (uint32_t l = 0; l < t->shape.labels; l++) {
            float *x = &w[f * width + l];
            *x = *x > 0 ? *x : 0; /* what is left of a count that was taken away again */
            total[l] += *x;
        }
    for (uint32_t l = 0; l < t->shape.labels; l++)
        total[l] = (float)log((double)total[l] + (double)SMOOTHING * t->shape.columns);
    for (size_t f = 0; f <= t->shape.columns; f++) {
        bool prior = f == t->shape.columns; /* in the intercept's row, after the dense view's */
        float *x = w + (f + (prior ? t->shape.beside : 0)) * width, mean = 0;
        for (uint32_t l = 0; l < t->shape.labels; l++)
            x[l] += prior ? 1 : SMOOTHING;
        tr_real_log_floats(x, x, t->shape.labels);
        for (uint32_t l = 0; l < t->shape.labels; l++) {
            x[l] -= prior ? 0 : total[l];
            mean += x[l] / (float)t->shape.labels;
        }
        for (uint32_t l = 0; l < t->shape.labels; l++)
            x[l] -= mean;
    }
}

static tr_code run(void *context, size_t task, tr_err *err)
{
    const tr_job *j = context;
    const tr_training *t = j->t;
    double began = tr_training_clock();
    size_t width = tr_dot_width(t->shape.labels), size = tr_linear_rows(&j->out->linear) * width;
    float *count = tr_mem_zero(size, sizeof *count), *w = j->out->linear.weight;
    float *part = tr_mem_array(size, sizeof *part), *z = tr_mem_zero(2 * width, sizeof *z);
    tr_code code = count && part && z ? TR_OK : tr_err_memory(err);
    (void)task;
    if (code == TR_OK) {
        for (size_t i = 0; i < t->x->rows; i++)
            count_row(t, count, width, i, 1);
        memcpy(w, count, size * sizeof *w);
        weigh(t, w, width, z);
        for (int fold = 0; fold < (int)t->folds; fold++) {
            memcpy(part, count, size * sizeof *part);
            for (size_t i = 0; i < t->x->rows; i++)
                if (t->fold[i] == fold)
                    count_row(t, part, width, i, -1);
            weigh(t, part, width, z);
            tr_training_score(t, fold, part, width, 0, t->shape.labels, z, j->out->decision);
        }
    }
    free(count);
    free(part);
    free(z);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_bayes_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, true, err);
    j->run = run;
    j->tasks = 1; /* it reads the rows twice for each fold: quick */
    return code;
}
