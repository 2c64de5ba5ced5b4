#include "models/zoo.h"

#include "ground/mem.h"
#include "models/bayes.h"
#include "models/logistic.h"
#include "models/onevsrest.h"
#include "models/softmax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGREG_C1, LOGREG_C10, SGD_LOG, SVM, NB, BLEND };

const tr_zoo_entry tr_zoo_list[TR_ZOO_SIZE] = {
    {"logreg_c1", "multinomial logistic regression, C = 1", false, false},
    {"logreg_c10", "multinomial logistic regression, C = 10", true, false},
    {"sgd_log", "one-vs-rest logistic regression by stochastic gradient descent", false, false},
    {"svm", "one-vs-rest support vector machine, squared hinge, C = 0.5", true, false},
    {"nb", "multinomial naive Bayes: weaker alone, wrong elsewhere", true, true},
    {"blend", "the others' decision values, weighted; one linear model again", true, false},
};

static int find(const char *name, size_t length)
{
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        if (strlen(tr_zoo_list[m].name) == length && !memcmp(tr_zoo_list[m].name, name, length))
            return m;
    return -1;
}

static void choose_all(bool chosen[TR_ZOO_SIZE], bool lean)
{
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        chosen[m] |= !lean || tr_zoo_list[m].lean;
}

const char *tr_zoo_choose(const char *text, bool chosen[TR_ZOO_SIZE], char reason[256])
{
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        chosen[m] = false;
    bool first = true;
    for (const char *at = text;; first = false) {
        size_t length = strcspn(at, ",");
        bool without = *at == '-';
        const char *name = at + without;
        size_t size = length - without;
        int m = find(name, size);
        if (!without && size == 4 && !memcmp(name, "lean", 4)) {
            choose_all(chosen, true);
        } else if (!without && size == 3 && !memcmp(name, "all", 3)) {
            choose_all(chosen, false);
        } else if (m < 0) {
            int used = snprintf(reason, 256, "there is no member \"%.*s\"; there are lean, all",
                                size < 60 ? (int)size : 60, name);
            for (int k = 0; k < TR_ZOO_SIZE && used < 256; k++)
                used += snprintf(reason + used, 256 - (size_t)used, ", %s", tr_zoo_list[k].name);
            return reason;
        } else {
            if (without && first)
                choose_all(chosen, true);
            chosen[m] = !without;
        }
        if (!at[length])
            break;
        at += length + 1;
    }
    int others = 0;
    for (int m = 0; m < BLEND; m++)
        others += chosen[m];
    if (!others || (chosen[BLEND] && others < 2)) {
        snprintf(reason, 256, "%s",
                 others || chosen[BLEND] ? "a blend needs two other members" : "no member is left");
        return reason;
    }
    return NULL;
}

/* ---- fitting ---- */

typedef struct {
    void (*done)(void *, size_t, size_t);
    void *context;
    size_t tasks;
} listener;

static void told(void *context, size_t finished)
{
    listener *l = context;
    l->done(l->context, finished, l->tasks);
}

static tr_code open_job(int m, tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err)
{
    switch (m) {
    case LOGREG_C1: return tr_logistic_open(j, t, 1, out, err);
    case LOGREG_C10: return tr_logistic_open(j, t, 10, out, err);
    case SGD_LOG: return tr_onevsrest_open(j, t, TR_ONEVSREST_SGD, 0, out, err);
    case SVM: return tr_onevsrest_open(j, t, TR_ONEVSREST_SVM, 0.5, out, err);
    default: return tr_bayes_open(j, t, out, err);
    }
}

static tr_code run(tr_job *jobs, int threads, listener *l, tr_err *err)
{
    for (int m = 0; m < BLEND; m++)
        l->tasks += jobs[m].tasks;
    tr_pool_task *tasks = tr_mem_array(l->tasks, sizeof *tasks);
    if (!tasks)
        return tr_err_memory(err);
    size_t at = 0;
    for (int m = 0; m < BLEND; at += jobs[m].tasks, m++)
        tr_job_list(&jobs[m], at, tasks + at);
    tr_code code = tr_pool_run(tasks, l->tasks, threads, l->done ? told : NULL, l, err);
    free(tasks);
    return code;
}

static void multiply(float *x, size_t n, float by)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= by;
}

static size_t weights_of(const tr_linear *m)
{
    return ((size_t)m->columns + 1) * m->width;
}

/* Scales a member so that its softmax is a probability. */
static tr_code scale(tr_zoo_member *m, const tr_training *t, const uint32_t *label_seen,
                     tr_err *err)
{
    const float *z[1] = {m->decision};
    tr_code code = tr_softmax_fit(z, 1, t->scored->rows, t->labels, label_seen, &m->scale, err);
    if (code != TR_OK)
        return code;
    if (m->scale < 1e-3)
        m->scale = 1e-3; /* no better than chance: all probabilities alike, never all the same */
    multiply(m->decision, t->scored->rows * t->labels, (float)m->scale);
    multiply(m->model.weight, weights_of(&m->model), (float)m->scale);
    return TR_OK;
}

/* The blend of scaled linear members is a linear member. */
static tr_code blend(tr_zoo *zoo, const tr_training *t, const uint32_t *label_seen, tr_err *err)
{
    tr_zoo_member *b = &zoo->member[zoo->n];
    const float *z[TR_ZOO_SIZE];
    double w[TR_ZOO_SIZE];
    for (size_t m = 0; m < zoo->n; m++)
        z[m] = zoo->member[m].decision;
    tr_code code = tr_softmax_fit(z, zoo->n, t->scored->rows, t->labels, label_seen, w, err);
    if (code != TR_OK)
        return code;
    size_t weights = weights_of(&zoo->member[0].model), values = t->scored->rows * t->labels;
    snprintf(b->name, sizeof b->name, "%s", tr_zoo_list[BLEND].name);
    b->scale = 1;
    b->model = zoo->member[0].model;
    b->model.weight = tr_mem_zero(weights, sizeof(float));
    b->decision = tr_mem_zero(values, sizeof(float));
    zoo->n++;
    if (!b->model.weight || !b->decision)
        return tr_err_memory(err);
    for (size_t m = 0; m + 1 < zoo->n; m++) {
        const tr_zoo_member *part = &zoo->member[m];
        for (size_t i = 0; i < weights; i++)
            b->model.weight[i] += (float)w[m] * part->model.weight[i];
        for (size_t i = 0; i < values; i++)
            b->decision[i] += (float)w[m] * part->decision[i];
    }
    return TR_OK;
}

/* Rounds the model to what is shipped, and has that score the rows of the other sides anew. */
static tr_code ship(tr_zoo_member *m, const tr_training *t, tr_err *err)
{
    tr_code code = tr_compact_make(&m->shipped, &m->model, err);
    tr_linear_free(&m->model);
    float *z = code == TR_OK ? tr_mem_array(m->shipped.width, sizeof *z) : NULL;
    if (code == TR_OK && !z)
        code = tr_err_memory(err);
    for (size_t s = 0; code == TR_OK && s < t->scored->rows; s++) {
        if (t->scored_fold[s] != TR_FOLD_NONE)
            continue;
        tr_compact_decide(&m->shipped, tr_sparse_at(t->scored, s), z);
        memcpy(m->decision + s * t->labels, z, t->labels * sizeof *z);
    }
    free(z);
    return code;
}

tr_code tr_zoo_fit(tr_zoo *zoo, const tr_training *t, const uint32_t *label_seen,
                   const bool chosen[TR_ZOO_SIZE], int threads,
                   void (*done)(void *context, size_t finished, size_t tasks), void *context,
                   tr_err *err)
{
    *zoo = (tr_zoo){0};
    tr_job jobs[BLEND] = {0};
    tr_fitted fitted[BLEND] = {0}; /* in the order of the list, those not chosen empty */
    listener l = {done, context, 0};
    tr_code code = TR_OK;
    for (int m = 0; m < BLEND && code == TR_OK; m++)
        if (chosen[m])
            code = open_job(m, &jobs[m], t, &fitted[m], err);
    if (code == TR_OK)
        code = run(jobs, threads, &l, err);
    for (int m = 0; m < BLEND; m++) {
        tr_job_close(&jobs[m]);
        if (!fitted[m].decision)
            continue;
        tr_zoo_member *member = &zoo->member[zoo->n++];
        snprintf(member->name, sizeof member->name, "%s", tr_zoo_list[m].name);
        member->model = fitted[m].model;
        member->decision = fitted[m].decision;
        member->seconds = fitted[m].seconds;
        member->ingredient = tr_zoo_list[m].ingredient && chosen[BLEND];
    }
    for (size_t m = 0; m < zoo->n && code == TR_OK; m++)
        code = scale(&zoo->member[m], t, label_seen, err);
    if (code == TR_OK && chosen[BLEND])
        code = blend(zoo, t, label_seen, err);
    for (size_t m = 0; m < zoo->n && code == TR_OK; m++)
        code = ship(&zoo->member[m], t, err);
    if (code != TR_OK)
        tr_zoo_free(zoo);
    return code;
}

void tr_zoo_free(tr_zoo *zoo)
{
    for (size_t m = 0; m < zoo->n; m++) {
        tr_linear_free(&zoo->member[m].model);
        tr_compact_free(&zoo->member[m].shipped);
        free(zoo->member[m].decision);
    }
    *zoo = (tr_zoo){0};
}
