#include "policy/calibrate.h"

#include "ground/mem.h"
#include "maths/stat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 100 };

/* One target certified on a list of candidates. */
typedef struct {
    const tr_candidates *from;
    const tr_calibrate_options *o;
    double delta; /* that is left to this target, and at this look */
    tr_certify_path paths[TR_CANDIDATES_MOST];
    size_t order[TR_CANDIDATES_MOST];
} work;

/* ---- why not ---- */

/* Least number of calibration rows with which the node would be certified nine times in ten, were
 * its agreement what TRAIN says; 0: more than ten million. */
static int64_t rows_wanted(const tr_certify_node *node, double alpha, double delta)
{
    double p = node->agreement;
    for (double n = 20; n < 1e7; n *= 1.1) {
        int64_t m = tr_stat_sweet((int64_t)(n * node->coverage), alpha, delta);
        if (!m)
            continue;
        double k = (double)tr_stat_kmin(m, alpha, delta);
        double power = tr_stat_normal_cdf((p - (k - 0.5) / (double)m) /
                                          sqrt((p * (1 - p) + 1e-9) / (double)m));
        if (power >= 0.9)
            return (int64_t)n;
    }
    return 0;
}

/* How far an out-of-fold agreement may lie above the truth by chance alone, one time in twenty. */
static double doubt(const work *w, const tr_certify_node *node)
{
    double p = node->agreement, rows = node->coverage * (double)w->from->n_train;
    return rows > 0 ? 1.64 * sqrt((p * (1 - p) + 0.25 / (rows + 1)) / rows) : 1;
}

static void explain_refusal(const work *w, tr_certificate *c)
{
    const tr_certify_path *p = &w->paths[w->order[0]];
    int64_t least = tr_stat_least_rows(c->alpha, c->delta_used), wanted = 0;
    double best = 0;
    for (int k = 0; k < p->n_nodes; k++) {
        const tr_certify_node *node = &p->nodes[k];
        if (node->coverage < c->min_coverage)
            continue;
        best = fmax(best, node->agreement);
        bool sure = node->agreement - doubt(w, node) > c->alpha;
        int64_t rows = sure ? rows_wanted(node, c->alpha, c->delta_used) : 0;
        if (rows && (!wanted || rows < wanted))
            wanted = rows;
    }
    size_t size = sizeof c->refusal;
    if ((int64_t)c->rows < least)
        snprintf(c->refusal, size,
                 "too few calibration rows: %llu, and agreement %g needs at least %lld even where "
                 "all of "
                 "them agree (delta %g%s)",
                 (unsigned long long)c->rows, c->alpha, (long long)least, c->delta,
                 c->delta_used < c->delta ? ", shared by several candidates" : "");
    else if (wanted > (int64_t)c->rows)
        snprintf(c->refusal, size,
                 "too few calibration rows: %llu; about %lld would do, going by the training rows",
                 (unsigned long long)c->rows, (long long)wanted);
    else if (wanted)
        snprintf(c->refusal, size,
                 "the calibration rows agree less often than the training rows promised "
                 "(the same rows will not say otherwise; more new traces may)");
    else if (best > c->alpha)
        snprintf(
            c->refusal, size,
            "no part of at least %g of the traffic agrees out of fold on clearly more than alpha "
            "%g (at most %.3f, within chance of it): more training rows may help, more "
            "calibration rows alone will not",
            c->min_coverage, c->alpha, best);
    else
        snprintf(c->refusal, size,
                 "no number of rows would do: the most that any part of at least %g of the traffic "
                 "agrees out of fold is %.3f, not above alpha %g",
                 c->min_coverage, best, c->alpha);
}

/* ---- the certificate ---- */

static uint32_t in_millionths(double threshold)
{
    return isinf(threshold) ? 0 : (uint32_t)threshold;
}

static tr_code record_path(const tr_certify_path *path, tr_certificate *c, tr_err *err)
{
    c->path = tr_mem_zero((size_t)path->n_nodes, sizeof *c->path);
    if (!c->path)
        return tr_err_memory(err);
    for (int k = 0; k < path->n_nodes; k++) {
        if (!path->nodes[k].on_path)
            continue;
        tr_cert_step *step = &c->path[c->n_path++];
        step->threshold = in_millionths(path->nodes[k].threshold);
        for (int j = 0; j < path->n_steps; j++) {
            const tr_certify_step *s = &path->steps[j];
            if (s->node != k)
                continue;
            step->walked = true;
            step->passed = s->passed;
            step->accepted = (uint64_t)s->accepted;
            step->tested = (uint64_t)s->tested;
            step->agreed = (uint64_t)s->agreed;
            step->needed = (uint64_t)s->needed;
        }
    }
    return TR_OK;
}

static tr_code record_candidates(const work *w, tr_certificate *c, tr_err *err)
{
    size_t n = w->from->n;
    c->candidates = tr_mem_zero(n, sizeof *c->candidates);
    if (!c->candidates)
        return tr_err_memory(err);
    c->n_candidates = (uint32_t)n;
    for (size_t r = 0; r < n; r++) {
        const tr_contender *x = &w->from->list[w->order[r]];
        const tr_certify_path *path = &w->paths[w->order[r]];
        tr_candidate *out = &c->candidates[r];
        tr_candidates_name(w->from, w->order[r], out->member);
        out->family = x->cascade >= 0                    ? TR_FAMILY_RSB
                      : w->o->family == TR_FAMILY_GLOBAL ? TR_FAMILY_GLOBAL
                                                         : TR_FAMILY_L2D;
        out->gated = x->gated;
        out->delta = tr_certify_share(c->delta, r, n);
        out->rank = path->rank;
        out->accepted = path->deployed >= 0 ? (uint64_t)path->accepted : 0;
        out->steps = (uint32_t)path->n_steps;
    }
    return TR_OK;
}

/* What is deployed, or what came nearest to it. */
static void record_chosen(const work *w, size_t which, size_t rank, tr_certificate *c)
{
    const tr_contender *x = &w->from->list[which];
    double agreed = 0, total = 0;
    tr_candidates_name(w->from, which, c->member);
    c->gated = x->gated;
    c->delta_used = tr_certify_share(c->delta, rank, w->from->n);
    c->inside = (uint64_t)tr_certify_inside(&x->calibration);
    for (size_t k = 0; k < x->train.n; k++) {
        double weight = x->train.weight ? x->train.weight[k] : 1;
        total += weight;
        agreed += weight * x->train.agree[k];
    }
    c->train_agreement = total > 0 ? agreed / total : 0;
}

static void record_deployed(const tr_certify_path *path, bool cascade, tr_certificate *c)
{
    const tr_certify_step *last = NULL;
    for (int j = 0; j < path->n_steps; j++)
        if (path->steps[j].node == path->deployed)
            last = &path->steps[j];
    c->deployed = true;
    c->family = cascade                               ? TR_FAMILY_RSB
                : path->deployed == path->n_nodes - 1 ? TR_FAMILY_GLOBAL
                                                      : TR_FAMILY_L2D;
    c->accepted = (uint64_t)path->accepted;
    if (last) {
        c->tested = (uint64_t)last->tested;
        c->agreed = (uint64_t)last->agreed;
        c->needed = (uint64_t)last->needed;
    }
}

/* Agreement out of fold of each label, where the teacher said it. */
static tr_code record_labels(const work *w, size_t which, tr_policy *p, tr_err *err)
{
    const tr_candidates *from = w->from;
    const tr_contender *x = &from->list[which];
    double *total = tr_mem_zero(p->labels.n, sizeof *total);
    p->label_agreement = tr_mem_zero(p->labels.n, sizeof *p->label_agreement);
    if (!total || !p->label_agreement) {
        free(total);
        return tr_err_memory(err);
    }
    for (size_t k = 0; k < from->n_train; k++) {
        const tr_heldout_row *r = &from->s->heldout.rows[from->train[k]];
        if (r->label == TR_LABEL_NONE)
            continue;
        total[r->label] += (double)r->weight;
        p->label_agreement[r->label] += (double)r->weight * x->train.agree[k];
    }
    for (uint32_t l = 0; l < p->labels.n; l++)
        p->label_agreement[l] = total[l] > 0 ? p->label_agreement[l] / total[l] : 0;
    free(total);
    return TR_OK;
}

static tr_code copy_labels(const tr_labels *from, tr_labels *to, tr_err *err)
{
    for (uint32_t l = 0; l < from->n; l++)
        if (tr_labels_add(to, from->text[l], from->count[l]) == TR_LABEL_NONE)
            return tr_err_memory(err);
    return TR_OK;
}

/* The number in the policy of a model of the stream, taken over if it is new there. */
static uint32_t take_model(const tr_bank *from, uint32_t model, uint32_t number[TR_BANK_MODELS],
                           tr_bank *to)
{
    if (number[model] == UINT32_MAX) {
        number[model] = (uint32_t)to->n;
        to->model[to->n++] = tr_surrogate_borrowed(&from->model[model]);
    }
    return number[model];
}

static tr_mixture take_mixture(const tr_bank *from, const tr_mixture *m,
                               uint32_t number[TR_BANK_MODELS], tr_bank *to)
{
    tr_mixture taken = *m;
    for (uint32_t k = 0; k < m->n; k++)
        taken.model[k] = take_model(from, m->model[k], number, to);
    return taken;
}

static void set_stage(const work *w, size_t member, const tr_acceptor *acceptor,
                      uint32_t number[TR_BANK_MODELS], tr_policy *p)
{
    const tr_stream *s = w->from->s;
    tr_stage *stage = &p->stage[p->stages++];
    memcpy(stage->member, s->member[member].name, sizeof stage->member);
    stage->mixture = take_mixture(&s->bank, &s->member[member].mixture, number, &p->bank);
    if (acceptor) {
        stage->acceptor = *acceptor;
        stage->acceptor.owned = NULL;
    }
}

static void set_rule(const work *w, size_t which, tr_policy *p)
{
    const tr_stream *s = w->from->s;
    const tr_contender *x = &w->from->list[which];
    const tr_certify_path *path = &w->paths[which];
    uint32_t number[TR_BANK_MODELS];
    memset(number, 0xff, sizeof number);
    p->bank = (tr_bank){.features = s->bank.features, .near = s->bank.near};
    p->bank.features.vocabulary.owned = NULL;
    p->bank.features.view.owned = NULL;
    p->bank.near.owned = NULL;
    set_stage(w, x->member, x->gated ? &s->member[x->member].acceptor : NULL, number, p);
    if (x->cascade >= 0)
        set_stage(w, s->cascade[x->cascade].second, &s->cascade[x->cascade].acceptor, number, p);
    p->rule.accepts = true;
    p->rule.threshold = in_millionths(path->nodes[path->deployed].threshold);
    p->rule.novelty_most = w->from->limit[x->member];
    p->rule.novelty = w->from->novelty[x->member];
    size_t guard = tr_stream_guard(s, x->member);
    if (guard != x->member && isfinite(p->rule.novelty_most))
        p->rule.guard = take_mixture(&s->bank, &s->member[guard].mixture, number, &p->bank);
    /* linear models do not look at what SVD makes of texts */
    bool looked_at = false;
    for (size_t k = 0; k < p->bank.n; k++)
        looked_at |= p->bank.model[k].kind != TR_SURROGATE_LINEAR;
    if (p->bank.features.view.columns && !looked_at)
        p->bank.features.view = (tr_dense){0};
}

static tr_code conclude(work *w, int best, tr_policy *p, tr_err *err)
{
    tr_certificate *c = &p->certificate;
    size_t rank = 0;
    while (best >= 0 && w->order[rank] != (size_t)best)
        rank++;
    size_t which = w->order[rank];
    c->rows = w->from->n_calibration;
    c->train_rows = w->from->n_train;
    record_chosen(w, which, rank, c);
    tr_code code = record_path(&w->paths[which], c, err);
    if (code == TR_OK)
        code = record_candidates(w, c, err);
    if (code == TR_OK)
        code = record_labels(w, which, p, err);
    if (code != TR_OK)
        return code;
    p->rule.novelty_most = INFINITY;
    if (best >= 0 && (double)w->paths[best].accepted >= w->o->min_coverage * (double)c->rows) {
        record_deployed(&w->paths[best], w->from->list[best].cascade >= 0, c);
        set_rule(w, which, p);
        return TR_OK;
    }
    if (best >= 0)
        snprintf(c->refusal, sizeof c->refusal,
                 "only %.1f%% of the traffic could be certified, less than --min-coverage %g",
                 100 * (double)w->paths[best].accepted / (double)c->rows, w->o->min_coverage);
    else
        explain_refusal(w, c);
    return TR_NO;
}

/* Each that passed is certified, so where one stage answers as much as two the one will do. */
static int simplest(const work *w, int best)
{
    for (size_t r = 0; r < w->from->n && w->from->list[best].cascade >= 0; r++) {
        size_t i = w->order[r];
        if (w->from->list[i].cascade < 0 && w->paths[i].deployed >= 0 &&
            w->paths[i].accepted >= w->paths[best].accepted)
            return (int)i;
    }
    return best;
}

static tr_code certify(work *w, int *best, tr_err *err)
{
    tr_certify_target target = {.alpha = w->o->alpha,
                                .delta = w->delta,
                                .guarantee = w->o->guarantee,
                                .grid = GRID,
                                .only_all = w->o->family == TR_FAMILY_GLOBAL};
    tr_certify_rows train[TR_CANDIDATES_MOST], calibration[TR_CANDIDATES_MOST];
    int64_t inside[TR_CANDIDATES_MOST];
    size_t n = w->from->n;
    for (size_t i = 0; i < n; i++) {
        train[i] = w->from->list[i].train;
        calibration[i] = w->from->list[i].calibration;
        inside[i] = tr_certify_inside(&calibration[i]);
    }
    tr_code code = tr_certify_plan(&target, n, train, inside, (int64_t)w->from->n_calibration,
                                   w->paths, w->order, err);
    if (code == TR_OK)
        code = tr_certify_decide(&target, n, calibration, w->order, w->paths, best, err);
    if (code == TR_OK && *best >= 0)
        *best = simplest(w, *best);
    return code;
}

/* What is behind these rows, and so what this look may risk. */
static tr_code follow(work *w, tr_policy *p, tr_err *err)
{
    const tr_candidates *from = w->from;
    const tr_policy *previous = w->o->previous;
    uint64_t *rows = tr_mem_array(from->n_calibration, sizeof *rows);
    if (!rows)
        return tr_err_memory(err);
    for (size_t i = 0; i < from->n_calibration; i++)
        rows[i] = from->s->heldout.rows[from->calibration[i]].group;
    double left = w->o->delta;
    tr_code code = tr_history_follow(&p->history, previous ? &previous->history : NULL,
                                     previous ? previous->origin.calibration_digest : "", rows,
                                     from->n_calibration, w->o->look, w->o->delta, &left, err);
    free(rows);
    w->delta = p->certificate.delta = left / w->o->targets;
    return code;
}

tr_code tr_calibrate_certify(const tr_candidates *from, const tr_calibrate_options *o, tr_policy *p,
                             tr_err *err)
{
    const tr_stream *s = from->s;
    work w = {.from = from, .o = o};
    *p = (tr_policy){.origin = s->origin};
    p->certificate = (tr_certificate){.alpha = o->alpha,
                                      .targets = (uint32_t)o->targets,
                                      .guarantee = o->guarantee,
                                      .novelty = o->novelty,
                                      .min_coverage = o->min_coverage,
                                      .seed = o->seed};
    tr_labels_init(&p->labels);
    tr_code code = copy_labels(&s->labels, &p->labels, err);
    p->rule.label_deferred = tr_mem_array(s->labels.n, 1);
    if (code == TR_OK && !p->rule.label_deferred)
        code = tr_err_memory(err);
    if (code == TR_OK)
        memcpy(p->rule.label_deferred, from->label_deferred, s->labels.n);
    int best = -1;
    if (code == TR_OK)
        code = follow(&w, p, err);
    if (code == TR_OK)
        code = certify(&w, &best, err);
    if (code == TR_OK)
        code = conclude(&w, best, p, err);
    for (size_t i = 0; i < from->n; i++)
        tr_certify_free(&w.paths[i]);
    return code;
}

tr_code tr_calibrate_run(const tr_stream *s, const tr_calibrate_options *o, tr_policy *p,
                         tr_err *err)
{
    tr_candidates from;
    tr_candidates_options list = {
        .family = o->family, .novelty = o->novelty, .defer_label = o->defer_label, .seed = o->seed};
    *p = (tr_policy){0};
    tr_code code = tr_candidates_open(&from, s, &list, err);
    if (code == TR_OK)
        code = tr_calibrate_certify(&from, o, p, err);
    tr_candidates_close(&from);
    return code;
}
