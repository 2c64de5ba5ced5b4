#include "zoo/onevsrest.h"

#include "ground/mem.h"
#include "ground/rng.h"
#include "maths/dot.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Labels that are trained together: one cache line of weights a feature. Blocks may run on
 * different threads. */
enum { BLOCK = 16, SVM_EPOCHS = 12, SGD_EPOCHS = 12, SKIP_EPOCHS = 2 };

static const float SVM_TOLERANCE = 0.1f;  /* largest change of a dual in an epoch */
static const float SVM_STEP = 1e-3f;      /* changes below are not worth writing down */
static const float SETTLED_MARGIN = 0.1f; /* beyond the margin by so much: looked at less often */
static const float SGD_ALPHA = 1e-4f;

typedef struct {
    float *w;    /* (columns + 1) × BLOCK */
    float *dual; /* rows of x × BLOCK; SVM only */
    uint32_t *order;
    uint8_t *skip; /* epochs for which a settled row is not looked at */
} block;

/* Rows of weights, the intercept's not counted. */
static size_t features_of(const tr_training *t)
{
    return (size_t)t->shape.columns + t->shape.beside;
}

static void block_free(block *b)
{
    free(b->w);
    free(b->dual);
    free(b->order);
    free(b->skip);
}

static bool block_open(block *b, const tr_training *t, bool dual)
{
    b->w = tr_mem_zero(features_of(t) + 1, BLOCK * sizeof *b->w);
    b->dual = dual ? tr_mem_zero(t->x->rows, BLOCK * sizeof *b->dual) : NULL;
    b->order = tr_mem_array(t->x->rows, sizeof *b->order);
    b->skip = tr_mem_zero(t->x->rows, 1);
    if (b->w && (b->dual || !dual) && b->order && b->skip)
        return true;
    block_free(b);
    return false;
}

/* The step of each label's dual, d = change · sign. Returns the largest change; *slack: how far
 * the labels are beyond the margin where all duals are zero, else negative. */
static float svm_step(const float *z, const float *dual, float *d, uint32_t own, float diagonal,
                      float inverse, float *slack)
{
    float most = 0, least = INFINITY;
    for (uint32_t l = 0; l < BLOCK; l++) {
        float sign = l == own ? 1.f : -1.f;
        float gradient = sign * z[l] - 1.f + diagonal * dual[l];
        float next = dual[l] - gradient * inverse;
        next = next > 0 ? next : 0;
        float change = next - dual[l];
        d[l] = change * sign;
        float size = fabsf(change), beyond = next > 0 ? -1.f : gradient;
        most = size > most ? size : most;
        least = beyond < least ? beyond : least;
    }
    *slack = least;
    return most;
}

/* Takes a step into the duals and the weights. */
static inline void svm_take(block *b, const tr_training *t, uint32_t i, tr_row row, const float *d,
                            uint32_t first)
{
    float *dual = b->dual + (size_t)i * BLOCK;
    uint32_t own = t->label[i] - first;
    for (uint32_t l = 0; l < BLOCK; l++)
        dual[l] += l == own ? d[l] : -d[l];
    tr_training_scatter(b->w, t->shape, BLOCK, row, d);
}

static void svm_fit(const tr_training *t, block *b, size_t n, uint32_t first, float c)
{
    float diagonal = 0.5f / c, z[BLOCK], d[BLOCK];
    tr_rng rng;
    tr_rng_init(&rng, 1);
    memset(b->skip, 0, t->x->rows);
    for (int epoch = 0; epoch < SVM_EPOCHS; epoch++) {
        float worst = 0;
        tr_rng_shuffle(&rng, b->order, n);
        for (size_t k = 0; k < n; k++) {
            uint32_t i = b->order[k];
            if (b->skip[i]) {
                b->skip[i]--;
                continue;
            }
            tr_row row = tr_training_row(t, i);
            tr_training_gather(b->w, t->shape, BLOCK, row, z);
            float slack, inverse = 1.f / (t->square[i] + 1.f + diagonal);
            float most = svm_step(z, b->dual + (size_t)i * BLOCK, d, t->label[i] - first, diagonal,
                                  inverse, &slack);
            worst = most > worst ? most : worst;
            if (most > SVM_STEP)
                svm_take(b, t, i, row, d, first);
            else if (slack > SETTLED_MARGIN && epoch > 0)
                b->skip[i] = SKIP_EPOCHS;
        }
        if (worst < SVM_TOLERANCE)
            break;
    }
}

/* Takes out of the weights what the rows of a fold put in. */
static void svm_leave_out(const tr_training *t, block *b, int fold, uint32_t first)
{
    for (size_t i = 0; i < t->x->rows; i++) {
        if (t->fold[i] != fold)
            continue;
        float *dual = b->dual + i * BLOCK, d[BLOCK];
        bool any = false;
        for (uint32_t l = 0; l < BLOCK; l++) {
            d[l] = l == t->label[i] - first ? -dual[l] : dual[l];
            any |= dual[l] > 0;
            dual[l] = 0;
        }
        if (any)
            tr_training_scatter(b->w, t->shape, BLOCK, tr_training_row(t, i), d);
    }
}

/* Logistic loss, step 1 / (alpha (t0 + t)); the weights are kept as scale · w so that shrinking
 * them costs nothing. */
static void sgd_fit(const tr_training *t, block *b, size_t n, uint32_t first)
{
    float z[BLOCK], d[BLOCK], e[BLOCK];
    tr_rng rng;
    tr_rng_init(&rng, 1);
    double scale = 1, t0 = 1 / ((double)SGD_ALPHA * sqrt(1 / sqrt((double)SGD_ALPHA)));
    double steps = 0;
    memset(b->w, 0, (features_of(t) + 1) * BLOCK * sizeof *b->w);
    for (int epoch = 0; epoch < SGD_EPOCHS; epoch++) {
        tr_rng_shuffle(&rng, b->order, n);
        for (size_t k = 0; k < n; k++, steps++) {
            uint32_t i = b->order[k];
            tr_row row = tr_training_row(t, i);
            float rate = (float)(1 / ((double)SGD_ALPHA * (t0 + steps)));
            float *intercept = b->w + features_of(t) * BLOCK;
            memset(z, 0, sizeof z);
            tr_dot_gather(b->w, BLOCK, row.sparse, z);
            if (t->shape.beside)
                tr_dot_gather_dense(b->w + t->shape.columns * BLOCK, BLOCK, row.dense,
                                    t->shape.beside, z);
            for (uint32_t l = 0; l < BLOCK; l++)
                e[l] = -((float)scale * z[l] + intercept[l]);
            tr_real_exp_floats(e, e, BLOCK);
            scale *= 1 - (double)(rate * SGD_ALPHA);
            for (uint32_t l = 0; l < BLOCK; l++) {
                float p = 1.f / (1.f + e[l]);
                float g = p - (l == t->label[i] - first ? 1.f : 0.f);
                d[l] = (float)(-rate * g / scale);
                intercept[l] -= rate * g * 0.01f; /* as scikit-learn damps it on sparse data */
            }
            tr_dot_scatter(b->w, BLOCK, row.sparse, d);
            if (t->shape.beside)
                tr_dot_scatter_dense(b->w + t->shape.columns * BLOCK, BLOCK, row.dense,
                                     t->shape.beside, d);
            if (scale < 1e-6) {
                for (size_t q = 0; q < features_of(t) * BLOCK; q++)
                    b->w[q] *= (float)scale;
                scale = 1;
            }
        }
    }
    for (size_t q = 0; q < features_of(t) * BLOCK; q++)
        b->w[q] *= (float)scale;
}

/* Full fit and folds of one block, one after the other: duals and weights live only here. */
static tr_code block_task(void *context, size_t task, tr_err *err)
{
    const tr_job *j = context;
    const tr_training *t = j->t;
    double began = tr_training_clock();
    bool svm = j->kind == TR_ONEVSREST_SVM;
    uint32_t first = (uint32_t)task * BLOCK;
    uint32_t labels = t->shape.labels - first < BLOCK ? t->shape.labels - first : BLOCK;
    block full, part = {0};
    if (!block_open(&full, t, svm))
        return tr_err_memory(err);
    float z[BLOCK];
    size_t n = tr_training_rows(t, -1, full.order), rows = features_of(t) + 1;
    if (svm)
        svm_fit(t, &full, n, first, j->c);
    else
        sgd_fit(t, &full, n, first);
    for (size_t f = 0; f < rows; f++)
        memcpy(j->out->linear.weight + f * j->out->linear.width + first, full.w + f * BLOCK,
               labels * sizeof(float));
    tr_code code = t->folds && !block_open(&part, t, svm) ? tr_err_memory(err) : TR_OK;
    for (int fold = 0; code == TR_OK && fold < (int)t->folds; fold++) {
        n = tr_training_rows(t, fold, part.order);
        if (svm) {
            memcpy(part.w, full.w, rows * BLOCK * sizeof *full.w);
            memcpy(part.dual, full.dual, t->x->rows * BLOCK * sizeof *full.dual);
            svm_leave_out(t, &part, fold, first);
            svm_fit(t, &part, n, first, j->c);
        } else {
            sgd_fit(t, &part, n, first);
        }
        tr_training_score(t, fold, part.w, BLOCK, first, labels, z, j->out->decision);
    }
    block_free(&full);
    block_free(&part);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_onevsrest_open(tr_job *j, const tr_training *t, tr_onevsrest_kind kind, double c,
                          tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, true, err);
    j->run = block_task;
    j->tasks = (t->shape.labels + BLOCK - 1) / BLOCK;
    j->kind = kind;
    j->c = (float)c;
    return code;
}
