#include "models/linear.h"

#include "ground/mem.h"
#include "ground/rng.h"
#include "maths/dot.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Labels of a one-vs-rest fit that are trained together: one cache line of weights a feature. Each
 * label is a problem of its own, so blocks may run on different threads. */
enum { BLOCK = 16 };

enum { SVM_EPOCHS = 12, LOGISTIC_EPOCHS = 20, SGD_EPOCHS = 12, LINE_STEPS = 2, SKIP_EPOCHS = 2 };
static const float SVM_TOLERANCE = 0.1f;         /* largest change of a dual in an epoch */
static const double LOGISTIC_TOLERANCE = 0.008;  /* mean duality gap a row, in nats */
static const float SETTLED_MARGIN = 0.3f;        /* beyond the margin by so much: looked at less often */
static const float SGD_ALPHA = 1e-4f;

struct tr_linear_job {
    const tr_training *t;
    tr_linear_kind kind;
    float c;
    size_t width;
    tr_linear_fit *out;
    float *dual; /* logistic: rows of x × width, shared by the folds */
};

void tr_linear_decide(const tr_linear *m, tr_sparse_row row, float *z)
{
    memcpy(z, m->weight + (size_t)m->columns * m->width, m->width * sizeof *z);
    tr_dot_gather(m->weight, m->width, row, z);
}

void tr_linear_free(tr_linear *m)
{
    free(m->owned);
    *m = (tr_linear){0};
}

void tr_linear_write(const tr_linear *m, tr_buf *out)
{
    tr_le_put_u32(out, m->labels);
    tr_le_put_u32(out, m->columns);
    tr_le_put_u32(out, (uint32_t)m->width);
    tr_le_put_u32(out, 0);
    tr_le_put_f32s(out, m->weight, ((size_t)m->columns + 1) * m->width);
    tr_le_align(out, 8);
}

tr_code tr_linear_read(tr_linear *m, tr_le_reader *r, uint32_t labels, uint32_t columns, tr_err *err)
{
    *m = (tr_linear){.labels = tr_le_u32(r), .columns = tr_le_u32(r)};
    m->width = tr_le_u32(r);
    tr_le_u32(r);
    if (r->failed || m->labels != labels || m->columns != columns ||
        m->width != tr_dot_width(labels))
        return tr_err_set(err, TR_DATA, "a model does not fit its labels or its vocabulary");
    size_t size;
    if (tr_mem_multiply((size_t)columns + 1, m->width, &size))
        m->weight = tr_le_f32s(r, size);
    tr_le_skip_align(r, 8);
    if (r->failed || !m->weight)
        return tr_err_set(err, TR_DATA, "a model is cut off");
    return TR_OK;
}

/* ---- shared by the fits ---- */

double tr_linear_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void add_seconds(double *seconds, double spent)
{
    double before, after;
    __atomic_load(seconds, &before, __ATOMIC_RELAXED);
    do
        after = before + spent;
    while (!__atomic_compare_exchange(seconds, &before, &after, false, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED));
}

/* The rows of a fit: all of them (fold < 0), or those outside a fold. Returns their number. */
static size_t rows_of(const tr_training *t, int fold, uint32_t *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < t->x->rows; i++)
        if (fold < 0 || t->fold[i] != fold)
            rows[n++] = (uint32_t)i;
    return n;
}

void tr_linear_score(const tr_training *t, int fold, const float *w, size_t width, uint32_t first,
                     uint32_t labels, float *z, float *decision)
{
    int wanted = fold < 0 ? TR_FOLD_NONE : fold;
    for (size_t s = 0; s < t->scored->rows; s++) {
        if (t->scored_fold[s] != wanted)
            continue;
        memcpy(z, w + (size_t)t->columns * width, width * sizeof *z);
        tr_dot_gather(w, width, tr_sparse_at(t->scored, s), z);
        memcpy(decision + s * t->labels + first, z, labels * sizeof *z);
    }
}

static inline void gather(const float *w, size_t columns, size_t width, tr_sparse_row row, float *z)
{
    memcpy(z, w + columns * width, width * sizeof *z);
    tr_dot_gather(w, width, row, z);
}

static inline void scatter(float *w, size_t columns, size_t width, tr_sparse_row row,
                           const float *d)
{
    float *intercept = w + columns * width;
    for (size_t l = 0; l < width; l++)
        intercept[l] += d[l];
    tr_dot_scatter(w, width, row, d);
}

/* ---- one-vs-rest, a block of labels ---- */

typedef struct {
    float *w;      /* (columns + 1) × BLOCK */
    float *dual;   /* rows of x × BLOCK; SVM only */
    uint32_t *order;
    uint8_t *skip; /* epochs for which a settled row is not looked at */
} block;

static void block_free(block *b)
{
    free(b->w);
    free(b->dual);
    free(b->order);
    free(b->skip);
}

static bool block_open(block *b, const tr_training *t, bool dual)
{
    b->w = tr_mem_zero(((size_t)t->columns + 1), BLOCK * sizeof *b->w);
    b->dual = dual ? tr_mem_zero(t->x->rows, BLOCK * sizeof *b->dual) : NULL;
    b->order = tr_mem_array(t->x->rows, sizeof *b->order);
    b->skip = tr_mem_zero(t->x->rows, 1);
    if (b->w && (b->dual || !dual) && b->order && b->skip)
        return true;
    block_free(b);
    return false;
}

/* One dual step for each label of the block. Returns the largest change of a dual; *slack: how far
 * the labels are beyond the margin where all duals are zero, else negative. */
static float svm_step(const float *z, float *dual, float *d, uint32_t own, float diagonal,
                      float inverse, float *slack)
{
    float most = 0, least = INFINITY;
    for (uint32_t l = 0; l < BLOCK; l++) {
        float sign = l == own ? 1.f : -1.f;
        float gradient = sign * z[l] - 1.f + diagonal * dual[l];
        float next = dual[l] - gradient * inverse;
        next = next > 0 ? next : 0;
        float change = next - dual[l];
        dual[l] = next;
        d[l] = change * sign;
        float size = fabsf(change), beyond = next > 0 ? -1.f : gradient;
        most = size > most ? size : most;
        least = beyond < least ? beyond : least;
    }
    *slack = least;
    return most;
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
            tr_sparse_row row = tr_sparse_at(t->x, i);
            gather(b->w, t->columns, BLOCK, row, z);
            float slack, inverse = 1.f / (t->square[i] + 1.f + diagonal);
            float most = svm_step(z, b->dual + (size_t)i * BLOCK, d, t->label[i] - first, diagonal,
                                  inverse, &slack);
            worst = most > worst ? most : worst;
            if (most > 1e-6f)
                scatter(b->w, t->columns, BLOCK, row, d);
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
            scatter(b->w, t->columns, BLOCK, tr_sparse_at(t->x, i), d);
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
    memset(b->w, 0, ((size_t)t->columns + 1) * BLOCK * sizeof *b->w);
    for (int epoch = 0; epoch < SGD_EPOCHS; epoch++) {
        tr_rng_shuffle(&rng, b->order, n);
        for (size_t k = 0; k < n; k++, steps++) {
            uint32_t i = b->order[k];
            tr_sparse_row row = tr_sparse_at(t->x, i);
            float rate = (float)(1 / ((double)SGD_ALPHA * (t0 + steps)));
            float *intercept = b->w + (size_t)t->columns * BLOCK;
            memset(z, 0, sizeof z);
            tr_dot_gather(b->w, BLOCK, row, z);
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
            tr_dot_scatter(b->w, BLOCK, row, d);
            if (scale < 1e-6) {
                for (size_t q = 0; q < (size_t)t->columns * BLOCK; q++)
                    b->w[q] *= (float)scale;
                scale = 1;
            }
        }
    }
    for (size_t q = 0; q < (size_t)t->columns * BLOCK; q++)
        b->w[q] *= (float)scale;
}

/* Full fit and folds of one block, one after the other: duals and weights live only here. */
static tr_code block_task(void *context, size_t task, tr_err *err)
{
    tr_linear_job *j = context;
    const tr_training *t = j->t;
    double began = tr_linear_clock();
    bool svm = j->kind == TR_LINEAR_SVM;
    uint32_t first = (uint32_t)task * BLOCK;
    uint32_t labels = t->labels - first < BLOCK ? t->labels - first : BLOCK;
    block full, part = {0};
    if (!block_open(&full, t, svm))
        return tr_err_memory(err);
    float z[BLOCK];
    size_t n = rows_of(t, -1, full.order), columns = (size_t)t->columns + 1;
    if (svm)
        svm_fit(t, &full, n, first, j->c);
    else
        sgd_fit(t, &full, n, first);
    for (size_t f = 0; f < columns; f++)
        memcpy(j->out->model.owned + f * j->width + first, full.w + f * BLOCK,
               labels * sizeof(float));
    tr_linear_score(t, -1, full.w, BLOCK, first, labels, z, j->out->decision);
    tr_code code = t->folds && !block_open(&part, t, svm) ? tr_err_memory(err) : TR_OK;
    for (int fold = 0; code == TR_OK && fold < (int)t->folds; fold++) {
        n = rows_of(t, fold, part.order);
        if (svm) {
            memcpy(part.w, full.w, columns * BLOCK * sizeof *full.w);
            memcpy(part.dual, full.dual, t->x->rows * BLOCK * sizeof *full.dual);
            svm_leave_out(t, &part, fold, first);
            svm_fit(t, &part, n, first, j->c);
        } else {
            sgd_fit(t, &part, n, first);
        }
        tr_linear_score(t, fold, part.w, BLOCK, first, labels, z, j->out->decision);
    }
    block_free(&full);
    block_free(&part);
    add_seconds(&j->out->seconds, tr_linear_clock() - began);
    return code;
}

/* ---- multinomial logistic regression ---- */

/* One row: moves its dual p (a distribution over the labels) towards softmax(z) by the step that
 * maximizes the dual along that line. d: the change of the weights' coefficients, filled.
 * Returns the row's duality gap. */
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

static tr_code logistic_fit(const tr_linear_job *j, uint32_t *order, size_t n, float *w, float *dual,
                            tr_err *err)
{
    const tr_training *t = j->t;
    float *z = tr_mem_zero(3 * j->width, sizeof *z);
    if (!z)
        return tr_err_memory(err);
    float *d = z + j->width, *scratch = d + j->width;
    tr_rng rng;
    tr_rng_init(&rng, 2);
    for (int epoch = 0; epoch < LOGISTIC_EPOCHS; epoch++) {
        double gap = 0;
        tr_rng_shuffle(&rng, order, n);
        for (size_t k = 0; k < n; k++) {
            uint32_t i = order[k];
            tr_sparse_row row = tr_sparse_at(t->x, i);
            gather(w, t->columns, j->width, row, z);
            gap += (double)logistic_step(z, dual + (size_t)i * j->width, d, scratch, t->labels,
                                         j->c * (t->square[i] + 1));
            for (uint32_t l = 0; l < t->labels; l++)
                d[l] *= -j->c;
            scatter(w, t->columns, j->width, row, d);
        }
        if (gap < LOGISTIC_TOLERANCE * (double)n)
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

static void logistic_leave_out(const tr_linear_job *j, int fold, float *w, float *dual, float *d)
{
    const tr_training *t = j->t;
    for (size_t i = 0; i < t->x->rows; i++) {
        if (t->fold[i] != fold || t->label[i] == UINT32_MAX)
            continue;
        const float *p = dual + i * j->width;
        for (uint32_t l = 0; l < t->labels; l++)
            d[l] = j->c * (p[l] - (l == t->label[i] ? 1.f : 0.f));
        scatter(w, t->columns, j->width, tr_sparse_at(t->x, i), d);
    }
}

/* Task 0 is the full fit, task 1 + k that without fold k. */
static tr_code logistic_task(void *context, size_t task, tr_err *err)
{
    tr_linear_job *j = context;
    const tr_training *t = j->t;
    double began = tr_linear_clock();
    int fold = (int)task - 1;
    size_t w_size = ((size_t)t->columns + 1) * j->width, dual_size = t->x->rows * j->width;
    uint32_t *order = tr_mem_array(t->x->rows, sizeof *order);
    float *z = tr_mem_zero(j->width, sizeof *z);
    float *w = fold < 0 ? j->out->model.owned : tr_mem_array(w_size, sizeof *w);
    /* the last fold may use up the duals themselves: nobody needs them after it */
    bool own_dual = fold >= 0 && t->folds > 1;
    float *dual = own_dual ? tr_mem_array(dual_size, sizeof *dual) : j->dual;
    tr_code code = order && z && w && dual ? TR_OK : tr_err_memory(err);
    if (code == TR_OK) {
        size_t n = labelled(t, order, rows_of(t, fold, order));
        if (fold >= 0) {
            memcpy(w, j->out->model.owned, w_size * sizeof *w);
            if (own_dual)
                memcpy(dual, j->dual, dual_size * sizeof *dual);
            logistic_leave_out(j, fold, w, dual, z);
        }
        code = logistic_fit(j, order, n, w, dual, err);
        tr_linear_score(t, fold, w, j->width, 0, t->labels, z, j->out->decision);
    }
    free(order);
    free(z);
    if (fold >= 0)
        free(w);
    if (own_dual)
        free(dual);
    add_seconds(&j->out->seconds, tr_linear_clock() - began);
    return code;
}

/* ---- jobs ---- */

tr_code tr_linear_fit_open(tr_linear_fit *out, const tr_training *t, tr_err *err)
{
    size_t width = tr_dot_width(t->labels), weights, values;
    *out = (tr_linear_fit){.model = {.labels = t->labels, .columns = t->columns, .width = width}};
    if (tr_mem_multiply((size_t)t->columns + 1, width, &weights) &&
        tr_mem_multiply(t->scored->rows, t->labels, &values)) {
        out->model.weight = out->model.owned = tr_mem_zero(weights, sizeof(float));
        out->decision = tr_mem_zero(values, sizeof(float));
    }
    if (out->model.owned && out->decision)
        return TR_OK;
    tr_linear_free(&out->model);
    free(out->decision);
    out->decision = NULL;
    return tr_err_memory(err);
}

tr_linear_job *tr_linear_open(const tr_training *t, tr_linear_kind kind, double c,
                              tr_linear_fit *out, tr_err *err)
{
    tr_linear_job *j = tr_mem_zero(1, sizeof *j);
    size_t duals;
    if (!j) {
        tr_err_memory(err);
        return NULL;
    }
    *j = (tr_linear_job){.t = t, .kind = kind, .c = (float)c, .width = tr_dot_width(t->labels),
                         .out = out};
    bool logistic = kind == TR_LINEAR_LOGISTIC;
    if (logistic && tr_mem_multiply(t->x->rows, j->width, &duals))
        j->dual = tr_mem_zero(duals, sizeof(float));
    if (logistic && !j->dual)
        tr_err_memory(err);
    else if (tr_linear_fit_open(out, t, err) == TR_OK)
        goto ready;
    tr_linear_close(j);
    return NULL;
ready:
    for (size_t i = 0; j->dual && i < t->x->rows; i++)
        if (t->label[i] != UINT32_MAX)
            j->dual[i * j->width + t->label[i]] = 1; /* all weights zero belong to these duals */
    return j;
}

size_t tr_linear_task_count(const tr_linear_job *j)
{
    return j->kind == TR_LINEAR_LOGISTIC ? 1 + j->t->folds
                                         : (j->t->labels + BLOCK - 1) / BLOCK;
}

void tr_linear_tasks(tr_linear_job *j, size_t first, tr_pool_task *tasks)
{
    bool logistic = j->kind == TR_LINEAR_LOGISTIC;
    for (size_t k = 0; k < tr_linear_task_count(j); k++)
        tasks[k] = (tr_pool_task){.run = logistic ? logistic_task : block_task, .context = j,
                                  .task = k,
                                  .after = logistic && k ? (ptrdiff_t)first : (ptrdiff_t)-1};
}

void tr_linear_close(tr_linear_job *j)
{
    if (!j)
        return;
    free(j->dual);
    free(j);
}
