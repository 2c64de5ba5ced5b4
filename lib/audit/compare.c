#include "audit/compare.h"

#include "ground/mem.h"
#include "maths/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_ROWS = 10,  /* of what is compared of a label */
    LEAST_TESTED = 30 /* of a point of the curve that may be advised */
};
static const double LEVEL = 0.05; /* of all comparisons together */

const char *const tr_moved_names[] = {"coverage", "agreement", "share"};

double tr_compare_fisher(uint64_t k1, uint64_t n1, uint64_t k2, uint64_t n2)
{
    return tr_stat_fisher((int64_t)k1, (int64_t)n1, (int64_t)k2, (int64_t)n2);
}

/* Rows as they count, and how many of them are so. */
static uint64_t as_counts(const tr_estimate *e, uint64_t *rows)
{
    *rows = (uint64_t)llround(e->effective);
    uint64_t k = (uint64_t)llround(e->value * (double)*rows);
    return k < *rows ? k : *rows;
}

static void add(tr_comparison *c, tr_moved_what what, tr_str label, const tr_estimate *before,
                const tr_estimate *after, uint64_t least)
{
    uint64_t n1, n2;

    if (isnan(before->value) || isnan(after->value) || before->n < least || after->n < least)
        return;
    uint64_t k1 = as_counts(before, &n1), k2 = as_counts(after, &n2);
    c->move[c->n++] =
        (tr_move){what, label, *before, *after, tr_compare_fisher(k1, n1, k2, n2), false};
}

static int by_chance(const void *x, const void *y)
{
    const tr_move *a = x, *b = y;
    int order = (a->chance > b->chance) - (a->chance < b->chance);

    if (order == 0)
        order = tr_str_compare(a->label, b->label);
    return order ? order : (int)a->what - (int)b->what;
}

static int by_what_matters(const void *x, const void *y)
{
    const tr_move *a = x, *b = y;

    if (a->moved != b->moved)
        return a->moved ? -1 : 1;
    if ((a->label.data == NULL) != (b->label.data == NULL))
        return a->label.data == NULL ? -1 : 1;
    return by_chance(x, y);
}

/* Holm (1979): the least p against LEVEL / n, the next against LEVEL / (n - 1), until one fails. */
static void correct(tr_comparison *c)
{
    qsort(c->move, c->n, sizeof *c->move, by_chance);
    while (c->moved < c->n && c->move[c->moved].chance <= LEVEL / (double)(c->n - c->moved))
        c->move[c->moved++].moved = true;
    qsort(c->move, c->n, sizeof *c->move, by_what_matters);
}

static int by_name(const void *x, const void *y)
{
    return tr_str_compare((*(const tr_group *const *)x)->name, (*(const tr_group *const *)y)->name);
}

/* The labels that are worth comparing, by name; malloced. NULL when memory is out. */
static const tr_group **by_names(const tr_figures *f, size_t *n)
{
    const tr_group **list = tr_mem_array(f->n_labels, sizeof *list);

    *n = 0;
    for (size_t i = 0; list != NULL && i < f->n_labels; i++)
        if (f->label[i].group.pooled == 0 && f->label[i].group.rows >= LEAST_ROWS)
            list[(*n)++] = &f->label[i].group;
    if (list != NULL)
        qsort(list, *n, sizeof *list, by_name);
    return list;
}

static void compare_label(tr_comparison *c, const tr_figures *before, const tr_group *was,
                          const tr_figures *after, const tr_group *is)
{
    const tr_str name = is ? is->name : was->name;
    const tr_estimate old = was ? was->share : tr_figures_share(before, name);
    const tr_estimate new = is ? is->share : tr_figures_share(after, name);

    if (was && is) {
        add(c, TR_MOVED_COVERAGE, name, &was->coverage, &is->coverage, LEAST_ROWS);
        add(c, TR_MOVED_AGREEMENT, name, &was->agreement, &is->agreement, LEAST_ROWS);
    }
    add(c, TR_MOVED_SHARE, name, &old, &new, 1);
}

static void compare_promises(tr_comparison *c, const tr_promise *was, const tr_promise *is)
{
    c->promised[0] = was->there ? was->alpha : NAN;
    c->promised[1] = is->there ? is->alpha : NAN;
    c->other_promise = was->there != is->there || (is->there && was->alpha != is->alpha);
    c->other_policy = was->policy && is->policy && strcmp(was->digest, is->digest) != 0;
}

tr_code tr_compare(tr_comparison *c, const tr_figures *before, const tr_figures *after, tr_err *err)
{
    size_t n_old, n_new;
    const tr_group **old = by_names(before, &n_old), **new = by_names(after, &n_new);

    memset(c, 0, sizeof *c);
    c->move = tr_mem_array(2 + 3 * (n_old + n_new), sizeof *c->move);
    if (old == NULL || new == NULL || c->move == NULL) {
        free(old);
        free(new);
        tr_comparison_free(c);
        return tr_err_memory(err);
    }
    const tr_str all = {NULL, 0};
    compare_promises(c, &before->audit->promise, &after->audit->promise);
    add(c, TR_MOVED_COVERAGE, all, &before->coverage, &after->coverage, 1);
    add(c, TR_MOVED_AGREEMENT, all, &before->agreement, &after->agreement, 1);
    for (size_t i = 0, j = 0; i < n_old || j < n_new;) {
        int order = i == n_old ? 1 : j == n_new ? -1 : tr_str_compare(old[i]->name, new[j]->name);
        const tr_group *was = order <= 0 ? old[i++] : NULL, *is = order >= 0 ? new[j++] : NULL;
        compare_label(c, before, was, after, is);
    }
    free(old);
    free(new);
    correct(c);
    return TR_OK;
}

void tr_comparison_free(tr_comparison *c)
{
    free(c->move);
    memset(c, 0, sizeof *c);
}

/* ---- money ---- */

/* Answers that the teacher would not have given, of all calls; none where nothing is handled. */
static double errors_of(double coverage, double agreement)
{
    return coverage > 0 ? coverage * (1 - agreement) : 0;
}

static void find_best(tr_money *m, const tr_figures *f)
{
    m->best = f->n_curve;
    for (size_t i = 0; i < f->n_curve; i++) {
        const tr_curve_point *p = &f->curve[i];
        if (p->agreement.n < LEAST_TESTED)
            continue;
        double net = m->prices.calls_per_day *
                     (p->coverage * m->prices.price_per_call -
                      errors_of(p->coverage, p->agreement.value) * m->prices.price_per_error);
        m->has_best = true;
        if (net > m->best_net) {
            m->best = i;
            m->best_net = net;
        }
    }
}

/* The alpha to ask for, and whether to ask. Errors of rounding in the agreement must not take a
 * hundredth away. */
static void advise(tr_money *m, const tr_figures *f)
{
    const bool answers = m->best < f->n_curve;
    const double coverage = answers ? f->curve[m->best].coverage : 0;

    if (answers) {
        double alpha = floor(f->curve[m->best].agreement.value * 100 + 1e-9) / 100;
        m->best_alpha = alpha > .99 ? .99 : alpha > 0 ? alpha : NAN;
    }
    bool here = answers ? m->best == f->operating : f->audit->handled == 0;
    m->elsewhere = !here && (m->net < 0 || m->best_net - m->net >= m->saved / 10);
    m->stricter = m->elsewhere && coverage < f->coverage.value;
}

tr_money tr_compare_money(const tr_figures *f, tr_prices prices)
{
    tr_money m = {.prices = prices, .best_alpha = NAN};

    m.there = prices.calls_per_day > 0 && f->rows > 0;
    if (!m.there)
        return m;
    m.priced = prices.price_per_call > 0;
    m.errors_priced = prices.price_per_error > 0;
    m.calls_saved = prices.calls_per_day * f->coverage.value;
    m.saved = m.calls_saved * prices.price_per_call;
    m.errors = prices.calls_per_day * errors_of(f->coverage.value, f->agreement.value);
    m.errors_cost = m.errors_priced ? m.errors * prices.price_per_error : 0;
    m.net = m.saved - m.errors_cost;
    if (m.priced && m.errors_priced)
        find_best(&m, f);
    if (m.has_best)
        advise(&m, f);
    return m;
}
