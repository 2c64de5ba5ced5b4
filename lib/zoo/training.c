#include "zoo/training.h"

#include "ground/mem.h"

#include <stdlib.h>
#include <time.h>

void tr_fitted_free(tr_fitted *f)
{
    tr_linear_free(&f->linear);
    tr_surrogate_free(&f->model);
    free(f->decision);
    *f = (tr_fitted){0};
}

tr_code tr_job_open(tr_job *j, const tr_training *t, tr_fitted *out, bool linear, tr_err *err)
{
    size_t width = tr_dot_width(t->shape.labels), weights, values;
    *j = (tr_job){.t = t, .out = out};
    *out = (tr_fitted){0};
    if (tr_mem_multiply(t->scored->rows, t->shape.labels, &values))
        out->decision = tr_mem_zero(values, sizeof(float));
    if (linear) {
        out->linear = (tr_linear){.labels = t->shape.labels,
                                  .columns = t->shape.columns,
                                  .dims = t->shape.beside,
                                  .width = width};
        if (tr_mem_multiply(tr_linear_rows(&out->linear), width, &weights))
            out->linear.weight = tr_mem_zero(weights, sizeof(float));
    }
    if (out->decision && (!linear || out->linear.weight))
        return TR_OK;
    tr_fitted_free(out);
    return tr_err_memory(err);
}

void tr_job_close(tr_job *j)
{
    free(j->dual);
    if (j->drop)
        j->drop(j->own);
    *j = (tr_job){0};
}

void tr_job_list(tr_job *j, size_t first, tr_pool_task *tasks)
{
    for (size_t k = 0; k < j->tasks; k++)
        tasks[k] = (tr_pool_task){.run = j->run,
                                  .context = j,
                                  .task = k,
                                  .after = j->full_first && k ? (ptrdiff_t)first : (ptrdiff_t)-1};
}

size_t tr_training_rows(const tr_training *t, int fold, uint32_t *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < t->x->rows; i++)
        if (fold < 0 || t->fold[i] != fold)
            rows[n++] = (uint32_t)i;
    return n;
}

void tr_training_score(const tr_training *t, int fold, const float *w, size_t width, uint32_t first,
                       uint32_t labels, float *z, float *decision)
{
    for (size_t s = 0; s < t->scored->rows; s++) {
        if (t->scored_fold[s] != fold)
            continue;
        tr_training_gather(w, t->shape, width, tr_training_scored(t, s), z);
        memcpy(decision + s * t->shape.labels + first, z, labels * sizeof *z);
    }
}

double tr_training_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void tr_training_spent(tr_fitted *out, double since)
{
    double spent = tr_training_clock() - since, before, after;
    __atomic_load(&out->seconds, &before, __ATOMIC_RELAXED);
    do
        after = before + spent;
    while (!__atomic_compare_exchange(&out->seconds, &before, &after, false, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED));
}
