#include "zoo/zoo.h"

#include "ground/mem.h"
#include "zoo/bayes.h"
#include "zoo/boost.h"
#include "zoo/forest.h"
#include "zoo/knn.h"
#include "zoo/lda.h"
#include "zoo/logistic.h"
#include "zoo/mlp.h"
#include "zoo/onevsrest.h"
#include "zoo/xgboost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    case TR_MEMBER_LOGREG_C1: return tr_logistic_open(j, t, 1, out, err);
    case TR_MEMBER_LOGREG_C10: return tr_logistic_open(j, t, 10, out, err);
    case TR_MEMBER_SGD_LOG: return tr_onevsrest_open(j, t, TR_ONEVSREST_SGD, 0, out, err);
    case TR_MEMBER_SVM: return tr_onevsrest_open(j, t, TR_ONEVSREST_SVM, 0.5, out, err);
    case TR_MEMBER_NB: return tr_bayes_open(j, t, out, err);
    case TR_MEMBER_LDA: return tr_lda_open(j, t, out, err);
    case TR_MEMBER_MLP_1H: return tr_mlp_open(j, t, 1, out, err);
    case TR_MEMBER_MLP_2H: return tr_mlp_open(j, t, 2, out, err);
    case TR_MEMBER_KNN: return tr_knn_open(j, t, out, err);
    case TR_MEMBER_DT: return tr_forest_open(j, t, TR_FOREST_DT, out, err);
    case TR_MEMBER_RF: return tr_forest_open(j, t, TR_FOREST_RF, out, err);
    case TR_MEMBER_ET: return tr_forest_open(j, t, TR_FOREST_ET, out, err);
    case TR_MEMBER_GBT: return tr_boost_open(j, t, out, err);
    default: return tr_xgboost_open(j, t, out, err);
    }
}

/* Everything of one fit: a place a member, in the order of the list. */
typedef struct {
    const tr_training *t;
    const uint32_t *label_seen;
    tr_zoo *zoo;
    bool chosen[TR_ZOO_SIZE];
    tr_job job[TR_MEMBER_BLEND];
    tr_fitted fitted[TR_MEMBER_BLEND];
    double scale[TR_MEMBER_BLEND]; /* makes a probability of the softmax of a member's values */
} work;

/* What is chosen and has what it looks at. */
static tr_code choose(work *w, const tr_chosen chosen[TR_ZOO_SIZE], tr_err *err)
{
    int members = 0;
    for (int m = 0; m < TR_MEMBER_BLEND; m++) {
        bool possible = tr_roster[m].dense  ? w->t->dense != NULL
                        : m == TR_MEMBER_NB ? w->t->shape.columns > 0
                                            : w->t->shape.columns + w->t->shape.beside > 0;
        possible &= chosen[m] != TR_CHOSEN_WITH_EMBEDDINGS || w->t->shape.beside;
        w->chosen[m] = chosen[m] != TR_CHOSEN_NOT && possible;
        members += w->chosen[m];
    }
    w->chosen[TR_MEMBER_BLEND] = chosen[TR_MEMBER_BLEND] != TR_CHOSEN_NOT && members > 1;
    if (members)
        return TR_OK;
    return tr_err_set(err, TR_USAGE,
                      "no member that is chosen can be trained on what these "
                      "traces have");
}

static tr_code run(work *w, int threads, listener *l, tr_err *err)
{
    for (int m = 0; m < TR_MEMBER_BLEND; m++)
        l->tasks += w->job[m].tasks;
    tr_pool_task *tasks = tr_mem_array(l->tasks, sizeof *tasks);
    if (!tasks)
        return tr_err_memory(err);
    size_t at = 0;
    /* the longest first: what comes last in the list keeps the fewest threads busy */
    for (int m = TR_MEMBER_BLEND - 1; m >= 0; m--) {
        tr_job_list(&w->job[m], at, tasks + at);
        at += w->job[m].tasks;
    }
    tr_code code = tr_pool_run(tasks, l->tasks, threads, l->done ? told : NULL, l, err);
    free(tasks);
    return code;
}

static void multiply(float *x, size_t n, float by)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= by;
}

static size_t values_of(const work *w)
{
    return w->t->scored->rows * w->t->shape.labels;
}

static size_t weights_of(const tr_linear *m)
{
    return tr_linear_rows(m) * m->width;
}

/* Scales a member so that its softmax is a probability. */
static tr_code scale(work *w, int m, tr_err *err)
{
    tr_fitted *f = &w->fitted[m];
    const float *z[1] = {f->decision};
    tr_code code = tr_softmax_fit(z, 1, w->t->scored->rows, w->t->shape.labels, w->label_seen,
                                  &w->scale[m], err);
    if (code != TR_OK)
        return code;
    if (w->scale[m] < 1e-3)
        w->scale[m] = 1e-3; /* no better than chance: all probabilities alike, never all the same */
    multiply(f->decision, values_of(w), (float)w->scale[m]);
    if (f->linear.weight) {
        multiply(f->linear.weight, weights_of(&f->linear), (float)w->scale[m]);
        w->scale[m] = 1;
    }
    return TR_OK;
}

/* A model of the zoo from a linear one (rounded, and freed) or any other (taken over). */
static tr_code add_model(tr_zoo *zoo, tr_linear *linear, tr_surrogate *model, tr_err *err)
{
    tr_surrogate *to = &zoo->model[zoo->models];
    tr_code code = TR_OK;
    if (linear->weight) {
        to->kind = TR_SURROGATE_LINEAR;
        code = tr_compact_make(&to->linear, linear, err);
        tr_linear_free(linear);
    } else {
        *to = *model;
        *model = (tr_surrogate){0};
    }
    zoo->models++;
    return code;
}

static uint32_t largest(const float *z, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t l = 1; l < n; l++)
        best = z[l] > z[best] ? l : best;
    return best;
}

/* What a member says of the training rows that were held out. parts: the decision values of its
 * parts, where it has several. */
static tr_code say_held_out(const work *w, tr_zoo_member *m, const float *decision,
                            const float *const *parts, size_t n_parts, tr_err *err)
{
    uint32_t labels = w->t->shape.labels;
    m->said = tr_mem_zero(w->t->scored->rows, sizeof *m->said);
    float *scratch = tr_mem_array(labels, sizeof *scratch);
    if (!m->said || !scratch) {
        free(scratch);
        return tr_err_memory(err);
    }
    for (size_t s = 0; s < w->t->scored->rows; s++) {
        if (w->t->scored_fold[s] == TR_FOLD_NONE)
            continue;
        tr_softmax_summarize(decision + s * labels, labels, scratch, &m->said[s]);
        uint32_t same = 0;
        for (size_t k = 0; k < n_parts; k++)
            same += largest(parts[k] + s * labels, labels) == m->said[s].label;
        if (n_parts > 1)
            m->said[s].agreement = (float)same / (float)n_parts;
    }
    free(scratch);
    return TR_OK;
}

/* ---- the blend ---- */

/* Whether a member can become part of the one linear model: it is one itself, or a network without
 * hidden units on the view that linear models see, too. */
static bool is_linear(const work *w, int m)
{
    const tr_fitted *f = &w->fitted[m];
    return f->linear.weight || (w->t->shape.beside && f->model.kind == TR_SURROGATE_NETWORK &&
                                f->model.network.layers == 1);
}

/* A part that is not linear is paid for at every request: it must carry some weight. */
static const double LEAST_WEIGHT = 0.05;

/* Weights of all members, 0 for those that stay out. */
static tr_code weigh(const work *w, double weight[TR_MEMBER_BLEND], tr_err *err)
{
    bool in[TR_MEMBER_BLEND];
    for (int m = 0; m < TR_MEMBER_BLEND; m++)
        in[m] = w->chosen[m];
    for (bool again = true; again;) {
        const float *z[TR_MEMBER_BLEND];
        double fitted[TR_MEMBER_BLEND];
        size_t n = 0;
        for (int m = 0; m < TR_MEMBER_BLEND; m++)
            if (in[m])
                z[n++] = w->fitted[m].decision;
        tr_code code = tr_softmax_fit(z, n, w->t->scored->rows, w->t->shape.labels, w->label_seen,
                                      fitted, err);
        if (code != TR_OK)
            return code;
        again = false;
        n = 0;
        for (int m = 0; m < TR_MEMBER_BLEND; m++) {
            weight[m] = in[m] ? fitted[n++] : 0;
            if (in[m] && !is_linear(w, m) && weight[m] < LEAST_WEIGHT)
                in[m] = false, again = true;
        }
    }
    int first = -1;
    bool any = false;
    for (int m = TR_MEMBER_BLEND - 1; m >= 0; m--) {
        first = w->chosen[m] ? m : first;
        any |= weight[m] > 0;
    }
    if (!any) /* none is better than chance: then one is as good as all */
        weight[first] = 1;
    return TR_OK;
}

static void add(float *to, const float *from, size_t n, float by)
{
    for (size_t i = 0; i < n; i++)
        to[i] += by * from[i];
}

/* Adds `by` times a member to the one linear model. */
static void fold_in(const work *w, int m, tr_linear *to, double by)
{
    const tr_fitted *f = &w->fitted[m];
    if (f->linear.weight) {
        add(to->weight, f->linear.weight, weights_of(to), (float)by);
        return;
    }
    /* the view's rows and the intercept stand together at the end, as in a layer */
    add(to->weight + to->columns * to->width, f->model.network.weight[0],
        ((size_t)to->dims + 1) * to->width, (float)(by * w->scale[m]));
}

static tr_code open_folded(const work *w, tr_linear *to, tr_err *err)
{
    const tr_shape *shape = &w->t->shape;
    *to = (tr_linear){.labels = shape->labels,
                      .columns = shape->columns,
                      .dims = shape->beside,
                      .width = tr_dot_width(shape->labels)};
    to->weight = tr_mem_zero(weights_of(to), sizeof *to->weight);
    return to->weight ? TR_OK : tr_err_memory(err);
}

/* The linear members become one linear model; each other one is a part of its own. model_of: the
 * number of each member's model. */
static tr_code blend(work *w, const uint32_t model_of[TR_MEMBER_BLEND], tr_linear *folded,
                     tr_zoo_member *b, tr_err *err)
{
    double weight[TR_MEMBER_BLEND];
    const float *parts[TR_MIXTURE_PARTS];
    tr_code code = weigh(w, weight, err);
    if (code != TR_OK)
        return code;
    float *all = tr_mem_zero(values_of(w), sizeof *all), *linear = NULL;
    if (!all)
        return tr_err_memory(err);
    for (int m = 0; m < TR_MEMBER_BLEND && code == TR_OK; m++) {
        const tr_fitted *f = &w->fitted[m];
        if (!(weight[m] > 0))
            continue;
        add(all, f->decision, values_of(w), (float)weight[m]);
        if (!is_linear(w, m)) {
            parts[b->mixture.n] = f->decision;
            b->mixture.model[b->mixture.n] = model_of[m];
            b->mixture.weight[b->mixture.n++] = (float)(weight[m] * w->scale[m]);
            continue;
        }
        if (!linear) {
            linear = tr_mem_zero(values_of(w), sizeof *linear);
            code = linear ? open_folded(w, folded, err) : tr_err_memory(err);
            if (code != TR_OK)
                break;
        }
        fold_in(w, m, folded, weight[m]);
        add(linear, f->decision, values_of(w), (float)weight[m]);
    }
    if (linear) {
        parts[b->mixture.n] = linear;
        b->mixture.model[b->mixture.n] = (uint32_t)w->zoo->models; /* it comes next */
        b->mixture.weight[b->mixture.n++] = 1;
    }
    snprintf(b->name, sizeof b->name, "%s", tr_roster[TR_MEMBER_BLEND].name);
    if (code == TR_OK)
        code = say_held_out(w, b, all, parts, b->mixture.n, err);
    free(all);
    free(linear);
    return code;
}

/* ---- what is shipped ---- */

typedef struct {
    const work *w;
    tr_zoo_member *member;
} scoring;

/* Has a member, as it is shipped, score the rows of the other sides. */
static tr_code score_rest(void *context, size_t task, tr_err *err)
{
    const scoring *s = context;
    const tr_training *t = s->w->t;
    tr_zoo_member *m = s->member + task;
    const tr_surrogate *models = s->w->zoo->model;
    float *room = tr_mem_array(tr_mixture_room(&m->mixture, models, t->shape.labels), sizeof *room);
    if (!room)
        return tr_err_memory(err);
    for (size_t i = 0; i < t->scored->rows; i++)
        if (t->scored_fold[i] == TR_FOLD_NONE)
            tr_mixture_decide(&m->mixture, models, t->shape.labels, tr_training_scored(t, i), room,
                              &m->said[i]);
    free(room);
    return TR_OK;
}

static tr_code ship(work *w, int threads, tr_err *err)
{
    tr_zoo *zoo = w->zoo;
    uint32_t model_of[TR_MEMBER_BLEND] = {0};
    tr_linear folded = {0};
    tr_code code = TR_OK;
    for (int m = 0; m < TR_MEMBER_BLEND && code == TR_OK; m++) {
        if (!w->chosen[m])
            continue;
        tr_zoo_member *member = &zoo->member[zoo->n++];
        model_of[m] = (uint32_t)(zoo->n - 1); /* models and members in the same order */
        snprintf(member->name, sizeof member->name, "%s", tr_roster[m].name);
        member->mixture = (tr_mixture){1, {model_of[m]}, {(float)w->scale[m]}};
        member->seconds = w->fitted[m].seconds;
        member->ingredient = tr_roster[m].ingredient && w->chosen[TR_MEMBER_BLEND];
        code = say_held_out(w, member, w->fitted[m].decision, NULL, 0, err);
    }
    zoo->models = zoo->n;
    if (code == TR_OK && w->chosen[TR_MEMBER_BLEND])
        code = blend(w, model_of, &folded, &zoo->member[zoo->n++], err);
    zoo->models = 0;
    for (int m = 0; m < TR_MEMBER_BLEND && code == TR_OK; m++)
        if (w->chosen[m])
            code = add_model(zoo, &w->fitted[m].linear, &w->fitted[m].model, err);
    tr_surrogate none = {0};
    if (code == TR_OK && folded.weight)
        code = add_model(zoo, &folded, &none, err);
    tr_linear_free(&folded);
    scoring s = {w, zoo->member};
    tr_pool_task tasks[TR_ZOO_SIZE];
    for (size_t m = 0; m < zoo->n; m++)
        tasks[m] = (tr_pool_task){.run = score_rest, .context = &s, .task = m, .after = -1};
    return code == TR_OK ? tr_pool_run(tasks, zoo->n, threads, NULL, NULL, err) : code;
}

tr_code tr_zoo_fit(tr_zoo *zoo, const tr_training *t, const uint32_t *label_seen,
                   const tr_chosen chosen[TR_ZOO_SIZE], int threads,
                   void (*done)(void *context, size_t finished, size_t tasks), void *context,
                   tr_err *err)
{
    *zoo = (tr_zoo){0};
    work w = {.t = t, .label_seen = label_seen, .zoo = zoo};
    listener l = {done, context, 0};
    tr_code code = choose(&w, chosen, err);
    for (int m = 0; m < TR_MEMBER_BLEND && code == TR_OK; m++)
        if (w.chosen[m])
            code = open_job(m, &w.job[m], t, &w.fitted[m], err);
    if (code == TR_OK)
        code = run(&w, threads, &l, err);
    for (int m = 0; m < TR_MEMBER_BLEND; m++)
        tr_job_close(&w.job[m]);
    for (int m = 0; m < TR_MEMBER_BLEND && code == TR_OK; m++)
        if (w.chosen[m])
            code = scale(&w, m, err);
    if (code == TR_OK)
        code = ship(&w, threads, err);
    for (int m = 0; m < TR_MEMBER_BLEND; m++)
        tr_fitted_free(&w.fitted[m]);
    if (code != TR_OK)
        tr_zoo_free(zoo);
    return code;
}

void tr_zoo_free(tr_zoo *zoo)
{
    for (size_t k = 0; k < zoo->models; k++)
        tr_surrogate_free(&zoo->model[k]);
    for (size_t m = 0; m < zoo->n; m++)
        free(zoo->member[m].said);
    *zoo = (tr_zoo){0};
}
