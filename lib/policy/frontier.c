#include "policy/frontier.h"

#include "ground/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 200 }; /* thresholds of a candidate that the curves look at */

/* ---- Curves, out of fold ---- */

/* By falling coverage; the better of equals first. */
static int by_coverage(const void *a, const void *b)
{
    const tr_frontier_sample *x = a, *y = b;
    if (x->coverage != y->coverage)
        return x->coverage < y->coverage ? 1 : -1;
    return x->agreement < y->agreement ? 1 : x->agreement > y->agreement ? -1 : 0;
}

/* Keeps what nothing else beats in both: sorted, that is whatever agrees more than all before. */
static void keep_best(tr_frontier_curve *c)
{
    size_t kept = 0;
    if (c->n > 1)
        qsort(c->sample, c->n, sizeof *c->sample, by_coverage);
    for (size_t i = 0; i < c->n; i++)
        if (!kept || c->sample[i].agreement > c->sample[kept - 1].agreement)
            c->sample[kept++] = c->sample[i];
    c->n = kept;
}

static void add_sample(tr_frontier_curve *c, const tr_certify_node *node, tr_guarantee guarantee)
{
    double handled = node->agreement, all = 1 - node->coverage * (1 - node->agreement);
    if (node->coverage > 0)
        c->sample[c->n++] =
            (tr_frontier_sample){node->coverage, guarantee == TR_GUARANTEE_OVERALL ? all : handled};
}

static tr_code draw_curves(tr_frontier *f, const tr_candidates *from, tr_err *err)
{
    enum { GLOBAL, L2D, RSB };
    static const tr_family families[TR_FRONTIER_CURVES] = {TR_FAMILY_GLOBAL, TR_FAMILY_L2D,
                                                           TR_FAMILY_RSB};
    /* thresholds do not depend on alpha and delta; the power that does is not looked at */
    tr_certify_target target = {.alpha = 0.5,
                                .delta = 0.5,
                                .guarantee = f->options.guarantee,
                                .grid = GRID,
                                .only_all = f->options.family == TR_FAMILY_GLOBAL};
    tr_certify_path path = {0};
    tr_code code = TR_OK;
    for (int k = 0; k < TR_FRONTIER_CURVES; k++) {
        f->curve[k] = (tr_frontier_curve){.family = families[k]};
        f->curve[k].sample = tr_mem_array(from->n * GRID, sizeof *f->curve[k].sample);
        if (!f->curve[k].sample)
            return tr_err_memory(err);
    }
    for (size_t i = 0; i < from->n && code == TR_OK; i++) {
        const tr_contender *x = &from->list[i];
        code = tr_certify_select(&target, &x->train, 0, 0, &path, err);
        if (code != TR_OK)
            break;
        tr_frontier_curve *own = &f->curve[x->cascade < 0 ? L2D : RSB];
        for (int j = 0; j < path.n_nodes; j++) {
            bool all = j + 1 == path.n_nodes;
            if (all && x->cascade < 0)
                add_sample(&f->curve[GLOBAL], &path.nodes[j], target.guarantee);
            if (!target.only_all)
                add_sample(own, &path.nodes[j], target.guarantee);
        }
    }
    for (int k = 0; k < TR_FRONTIER_CURVES; k++)
        keep_best(&f->curve[k]);
    if (f->curve[GLOBAL].n > 1) { /* guards differ by a row or two: the member that agrees most */
        f->curve[GLOBAL].sample[0] = f->curve[GLOBAL].sample[f->curve[GLOBAL].n - 1];
        f->curve[GLOBAL].n = 1;
    }
    tr_certify_free(&path);
    return code;
}

double tr_frontier_out_of_fold(const tr_frontier_curve *c, double agreement)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->sample[i].agreement >= agreement)
            return c->sample[i].coverage;
    return 0;
}

/* ---- Points ---- */

/* How the winner does on the rows that were set aside for this. */
static void try_on_test(tr_frontier_point *p, const tr_candidates *from)
{
    const tr_certificate *c = &p->policy.certificate;
    char name[TR_POLICY_NAME];
    for (size_t i = 0; i < from->n && c->deployed; i++) {
        const tr_contender *x = &from->list[i];
        tr_candidates_name(from, i, name);
        if (strcmp(name, c->member) != 0 || x->gated != c->gated)
            continue;
        tr_certify_tally t = tr_certify_count(&x->test, (double)p->policy.rule.threshold);
        p->test_rows = x->test.n;
        p->test_accepted = (uint64_t)t.accepted;
        p->test_agreed = (uint64_t)t.agreed;
        return;
    }
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static tr_code check_targets(double *alphas, size_t n, tr_err *err)
{
    if (n < 1)
        return tr_err_set(err, TR_USAGE, "no target to certify");
    qsort(alphas, n, sizeof *alphas, rising);
    for (size_t i = 0; i < n; i++) {
        if (!(alphas[i] > 0 && alphas[i] < 1))
            return tr_err_set(err, TR_USAGE, "a target must lie between 0 and 1, not %g",
                              alphas[i]);
        if (i > 0 && !(alphas[i] - alphas[i - 1] > 1e-9))
            return tr_err_set(err, TR_USAGE, "the target %g is there twice", alphas[i]);
    }
    return TR_OK;
}

static tr_code certify_all(tr_frontier *f, const tr_candidates *from, const double *alphas,
                           size_t n, tr_err *err)
{
    f->options.targets = (int)n;
    for (size_t i = 0; i < n; i++) {
        tr_calibrate_options o = f->options;
        tr_frontier_point *p = &f->point[f->n++];
        o.alpha = alphas[i];
        tr_code code = tr_calibrate_certify(from, &o, &p->policy, err);
        if (code != TR_OK && code != TR_NO)
            return code;
        f->certified += p->policy.certificate.deployed;
        try_on_test(p, from);
    }
    return TR_OK;
}

tr_code tr_frontier_open(tr_frontier *f, const tr_stream *s, const tr_calibrate_options *o,
                         const double *alphas, size_t n, tr_err *err)
{
    double sorted[TR_FRONTIER_MOST];
    tr_candidates from;
    tr_candidates_options list = {
        .family = o->family, .novelty = o->novelty, .defer_label = o->defer_label, .seed = o->seed};
    memset(f, 0, sizeof *f);
    f->options = *o;
    if (n > TR_FRONTIER_MOST)
        return tr_err_set(err, TR_USAGE, "at most %d targets, not %zu", TR_FRONTIER_MOST, n);
    if (n > 0)
        memcpy(sorted, alphas, n * sizeof *sorted);
    tr_code code = check_targets(sorted, n, err);
    if (code != TR_OK)
        return code;
    code = tr_candidates_open(&from, s, &list, err);
    if (code == TR_OK)
        code = draw_curves(f, &from, err);
    if (code == TR_OK)
        code = certify_all(f, &from, sorted, n, err);
    tr_candidates_close(&from);
    if (code == TR_OK && !f->certified)
        code = tr_err_set(err, TR_NO, "no target can be certified; of %g: %s", sorted[0],
                          f->point[0].policy.certificate.refusal);
    return code;
}

void tr_frontier_close(tr_frontier *f)
{
    for (size_t i = 0; i < f->n; i++)
        tr_policy_free(&f->point[i].policy);
    for (int k = 0; k < TR_FRONTIER_CURVES; k++)
        free(f->curve[k].sample);
    memset(f, 0, sizeof *f);
}

const tr_frontier_point *tr_frontier_find(const tr_frontier *f, double alpha)
{
    for (size_t i = 0; i < f->n; i++)
        if (fabs(f->point[i].policy.certificate.alpha - alpha) <= 1e-9)
            return &f->point[i];
    return NULL;
}

/* ---- As JSON ---- */

/* Agreement of what the guarantee speaks of; null where that is nothing. */
static void print_test(const tr_frontier_point *p, tr_json_writer *w)
{
    bool overall = p->policy.certificate.guarantee == TR_GUARANTEE_OVERALL;
    uint64_t of = overall ? p->test_rows : p->test_accepted;
    uint64_t agreed = p->test_agreed + (overall ? p->test_rows - p->test_accepted : 0);
    tr_json_key_u64(w, "test_rows", p->test_rows);
    tr_json_key_double(w, "test_coverage", (double)p->test_accepted / (double)p->test_rows);
    tr_json_key(w, "test_agreement");
    if (of)
        tr_json_double(w, (double)agreed / (double)of);
    else
        tr_json_null(w);
}

static void print_winner(const tr_frontier_point *p, const tr_frontier_costs *costs,
                         tr_json_writer *w)
{
    const tr_certificate *c = &p->policy.certificate;
    double coverage = tr_certificate_coverage(c);
    tr_json_key_c(w, "family", tr_family_names[c->family]);
    tr_json_key(w, "members");
    tr_json_open_array(w);
    for (uint32_t k = 0; k < p->policy.stages; k++)
        tr_json_c(w, p->policy.stage[k].member);
    tr_json_close_array(w);
    tr_json_key_c(w, "gate", c->gated ? "acceptor" : "margin");
    tr_json_key_double(w, "threshold", (double)p->policy.rule.threshold / TR_ACCEPTOR_ONE);
    tr_json_key_double(w, "coverage", coverage);
    tr_json_key_u64(w, "rows", c->rows);
    tr_json_key_u64(w, "accepted", c->accepted);
    tr_json_key_u64(w, "tested", c->tested);
    tr_json_key_u64(w, "agreed", c->agreed);
    tr_json_key_u64(w, "needed", c->needed);
    if (costs->calls_a_day > 0)
        tr_json_key_double(w, "calls_saved_a_day", round(coverage * costs->calls_a_day));
    if (costs->calls_a_day > 0 && costs->price_a_call > 0)
        tr_json_key_double(w, "money_saved_a_day",
                           round(coverage * costs->calls_a_day) * costs->price_a_call);
    if (p->test_rows)
        print_test(p, w);
}

void tr_frontier_print(const tr_frontier *f, const tr_frontier_point *p,
                       const tr_frontier_costs *costs, tr_json_writer *w)
{
    const tr_certificate *c = &p->policy.certificate;
    tr_json_open_object(w);
    tr_json_key_double(w, "alpha", c->alpha);
    tr_json_key_bool(w, "certified", c->deployed);
    tr_json_key_double(w, "delta", f->options.delta);
    tr_json_key_u64(w, "targets", c->targets);
    tr_json_key_c(w, "guarantee", tr_guarantee_names[c->guarantee]);
    if (c->deployed) {
        print_winner(p, costs, w);
    } else {
        tr_json_key_double(w, "coverage", 0);
        tr_json_key_c(w, "refusal", c->refusal);
    }
    tr_json_key(w, "out_of_fold_no_promise");
    tr_json_open_object(w);
    for (int k = 0; k < TR_FRONTIER_CURVES; k++)
        if (f->curve[k].n)
            tr_json_key_double(w, tr_family_names[f->curve[k].family],
                               tr_frontier_out_of_fold(&f->curve[k], c->alpha));
    tr_json_close_object(w);
    tr_json_close_object(w);
}
