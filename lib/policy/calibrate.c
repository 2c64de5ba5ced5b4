#include "policy/calibrate.h"

#include "ground/mem.h"
#include "maths/stat.h"
#include "traces/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CANDIDATES = 2 * TR_STREAM_MEMBERS, GRID = 100 };

/* One candidate: a member and how it is gated, as the parallel arrays that certify takes. */
typedef struct {
    size_t member;
    bool gated;
    tr_certify_rows train, calibration;
} candidate;

typedef struct {
    const tr_stream *s;
    const tr_calibrate_options *o;
    uint8_t *label_deferred;
    uint32_t *train, *calibration; /* held-out rows of either side */
    size_t n_train, n_calibration;
    tr_novelty novelty[TR_STREAM_MEMBERS];
    float limit[TR_STREAM_MEMBERS]; /* novelty that is still inside, of each member */
    bool weighted;
    candidate candidates[MOST_CANDIDATES];
    tr_certify_path paths[MOST_CANDIDATES];
    size_t order[MOST_CANDIDATES];
    size_t n;
    tr_arena arena;
} work;

/* ---- the guard ---- */

typedef struct {
    float novelty, weight;
} weighed;

static int by_novelty(const void *a, const void *b)
{
    float x = ((const weighed *)a)->novelty, y = ((const weighed *)b)->novelty;
    return x > y ? -1 : x < y;
}

/* The novelty that a share of at most o->novelty of TRAIN (weighted) lies beyond. */
static tr_code set_limit(work *w, size_t m, tr_err *err)
{
    const tr_heldout *h = &w->s->heldout;
    const tr_softmax_summary *summary = w->s->member[tr_stream_guard(w->s, m)].summary;
    w->limit[m] = INFINITY;
    tr_code code = tr_novelty_fit(&w->novelty[m], h, summary, w->train, w->n_train, err);
    if (code != TR_OK || w->o->novelty <= 0)
        return code;
    weighed *x = tr_mem_array(w->n_train, sizeof *x);
    if (!x)
        return tr_err_memory(err);
    double total = 0, beyond = 0;
    for (size_t k = 0; k < w->n_train; k++) {
        const tr_heldout_row *r = &h->rows[w->train[k]];
        x[k] = (weighed){tr_novelty_of(&w->novelty[m], summary[w->train[k]].evidence, r->unseen),
                         r->weight};
        total += (double)r->weight;
    }
    qsort(x, w->n_train, sizeof *x, by_novelty);
    size_t k = 0;
    while (k + 1 < w->n_train && beyond + (double)x[k].weight <= w->o->novelty * total)
        beyond += (double)x[k++].weight;
    w->limit[m] = x[k].novelty;
    free(x);
    return TR_OK;
}

/* "a,b": marks the labels. A label that has a comma itself can be named alone. */
static tr_code mark_deferred(const tr_labels *labels, const char *list, uint8_t *marks, tr_err *err)
{
    uint32_t whole = list ? tr_labels_find(labels, tr_str_c(list)) : TR_LABEL_NONE;
    if (whole != TR_LABEL_NONE) {
        marks[whole] = 1;
        return TR_OK;
    }
    while (list && *list) {
        size_t size = strcspn(list, ",");
        uint32_t l = tr_labels_find(labels, tr_str_of(list, size));
        if (l == TR_LABEL_NONE)
            return tr_err_set(err, TR_USAGE, "--defer-label: no label \"%.*s\" in the log",
                              size < 200 ? (int)size : 200, list);
        marks[l] = 1;
        list += size + (list[size] == ',');
    }
    return TR_OK;
}

/* ---- candidates ---- */

static uint32_t score_of(const tr_stream_member *m, bool gated, size_t row, float unseen)
{
    static const tr_acceptor margin = {0};
    return gated ? m->score[row] : tr_acceptor_score(&margin, &m->summary[row], unseen);
}

static bool fill_side(work *w, const candidate *c, const uint32_t *rows, size_t n,
                      tr_certify_rows *out)
{
    double *score = tr_arena_alloc(&w->arena, n + 1, sizeof *score);
    double *weight = w->weighted ? tr_arena_alloc(&w->arena, n + 1, sizeof *weight) : NULL;
    uint8_t *agree = tr_arena_alloc(&w->arena, n + 1, 1),
            *inside = tr_arena_alloc(&w->arena, n + 1, 1);
    if (!score || !agree || !inside || (w->weighted && !weight))
        return false;
    const tr_stream_member *m = &w->s->member[c->member];
    const tr_stream_member *guard = &w->s->member[tr_stream_guard(w->s, c->member)];
    for (size_t k = 0; k < n; k++) {
        const tr_heldout_row *r = &w->s->heldout.rows[rows[k]];
        const tr_softmax_summary *s = &m->summary[rows[k]];
        score[k] = (double)score_of(m, c->gated, rows[k], r->unseen);
        agree[k] = s->label == r->label;
        inside[k] = tr_novelty_of(&w->novelty[c->member], guard->summary[rows[k]].evidence,
                                  r->unseen) <= w->limit[c->member] &&
                    !w->label_deferred[s->label];
        if (weight)
            weight[k] = (double)r->weight;
    }
    *out = (tr_certify_rows){
        .n = n, .score = score, .agree = agree, .inside = inside, .weight = weight};
    return true;
}

static tr_code list_candidates(work *w, tr_err *err)
{
    for (size_t m = 0; m < w->s->n; m++) {
        tr_code code = set_limit(w, m, err);
        if (code != TR_OK)
            return code;
        /* accept-all asked for alone: how the rows are ranked does not matter */
        bool both = w->s->member[m].gated && w->o->family != TR_FAMILY_GLOBAL;
        for (int gated = both; gated >= 0; gated--) {
            candidate *c = &w->candidates[w->n];
            *c = (candidate){.member = m, .gated = gated};
            if (!fill_side(w, c, w->train, w->n_train, &c->train) ||
                !fill_side(w, c, w->calibration, w->n_calibration, &c->calibration))
                return tr_err_memory(err);
            w->n++;
        }
    }
    return TR_OK;
}

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
        int64_t rows = node->agreement > c->alpha ? rows_wanted(node, c->alpha, c->delta_used) : 0;
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
    c->candidates = tr_mem_zero(w->n, sizeof *c->candidates);
    if (!c->candidates)
        return tr_err_memory(err);
    c->n_candidates = (uint32_t)w->n;
    for (size_t r = 0; r < w->n; r++) {
        const candidate *x = &w->candidates[w->order[r]];
        const tr_certify_path *path = &w->paths[w->order[r]];
        tr_candidate *out = &c->candidates[r];
        memcpy(out->member, w->s->member[x->member].name, sizeof out->member);
        out->gated = x->gated;
        out->delta = tr_certify_share(c->delta, r, w->n);
        out->rank = path->rank;
        out->accepted = path->deployed >= 0 ? (uint64_t)path->accepted : 0;
        out->steps = (uint32_t)path->n_steps;
    }
    return TR_OK;
}

/* What is deployed, or what came nearest to it. */
static void record_chosen(const work *w, size_t which, size_t rank, tr_certificate *c)
{
    const candidate *x = &w->candidates[which];
    double agreed = 0, total = 0;
    memcpy(c->member, w->s->member[x->member].name, sizeof c->member);
    c->gated = x->gated;
    c->delta_used = tr_certify_share(c->delta, rank, w->n);
    for (size_t k = 0; k < x->calibration.n; k++)
        c->inside += x->calibration.inside[k];
    for (size_t k = 0; k < x->train.n; k++) {
        double weight = x->train.weight ? x->train.weight[k] : 1;
        total += weight;
        agreed += weight * x->train.agree[k];
    }
    c->train_agreement = total > 0 ? agreed / total : 0;
}

static void record_deployed(const tr_certify_path *path, tr_certificate *c)
{
    const tr_certify_step *last = NULL;
    for (int j = 0; j < path->n_steps; j++)
        if (path->steps[j].node == path->deployed)
            last = &path->steps[j];
    c->deployed = true;
    c->family = path->deployed == path->n_nodes - 1 ? TR_FAMILY_GLOBAL : TR_FAMILY_L2D;
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
    const candidate *x = &w->candidates[which];
    double *total = tr_mem_zero(p->labels.n, sizeof *total);
    p->label_agreement = tr_mem_zero(p->labels.n, sizeof *p->label_agreement);
    if (!total || !p->label_agreement) {
        free(total);
        return tr_err_memory(err);
    }
    for (size_t k = 0; k < w->n_train; k++) {
        const tr_heldout_row *r = &w->s->heldout.rows[w->train[k]];
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

static void set_rule(work *w, size_t which, tr_policy *p)
{
    const candidate *x = &w->candidates[which];
    const tr_stream_member *m = &w->s->member[x->member];
    const tr_certify_path *path = &w->paths[which];
    p->vocabulary = w->s->vocabulary;
    p->vocabulary.owned = NULL;
    p->model = m->model;
    p->model.owned = NULL;
    p->scale = m->scale;
    size_t guard = tr_stream_guard(w->s, x->member);
    if (guard != x->member && w->o->novelty > 0) {
        p->guard = w->s->member[guard].model;
        p->guard.owned = NULL;
    }
    p->acceptor = x->gated ? m->acceptor : (tr_acceptor){0};
    p->acceptor.owned = NULL;
    p->rule.accepts = true;
    p->rule.threshold = in_millionths(path->nodes[path->deployed].threshold);
    p->rule.novelty_most = w->limit[x->member];
    p->rule.novelty = w->novelty[x->member];
}

static tr_code conclude(work *w, int best, tr_policy *p, tr_err *err)
{
    tr_certificate *c = &p->certificate;
    size_t rank = 0;
    while (best >= 0 && w->order[rank] != (size_t)best)
        rank++;
    size_t which = w->order[rank];
    c->rows = w->n_calibration;
    c->train_rows = w->n_train;
    record_chosen(w, which, rank, c);
    tr_code code = record_path(&w->paths[which], c, err);
    if (code == TR_OK)
        code = record_candidates(w, c, err);
    if (code == TR_OK)
        code = record_labels(w, which, p, err);
    if (code != TR_OK)
        return code;
    p->rule.novelty_most = INFINITY;
    if (best >= 0 &&
        (double)w->paths[best].accepted >= w->o->min_coverage * (double)w->n_calibration) {
        record_deployed(&w->paths[best], c);
        set_rule(w, which, p);
        return TR_OK;
    }
    if (best >= 0)
        snprintf(c->refusal, sizeof c->refusal,
                 "only %.1f%% of the traffic could be certified, less than --min-coverage %g",
                 100 * (double)w->paths[best].accepted / (double)w->n_calibration,
                 w->o->min_coverage);
    else
        explain_refusal(w, c);
    return TR_NO;
}

static tr_code certify(work *w, int *best, tr_err *err)
{
    tr_certify_target target = {.alpha = w->o->alpha,
                                .delta = w->o->delta,
                                .guarantee = w->o->guarantee,
                                .grid = GRID,
                                .only_all = w->o->family == TR_FAMILY_GLOBAL};
    tr_certify_rows train[MOST_CANDIDATES], calibration[MOST_CANDIDATES];
    int64_t inside[MOST_CANDIDATES];
    for (size_t i = 0; i < w->n; i++) {
        train[i] = w->candidates[i].train;
        calibration[i] = w->candidates[i].calibration;
        inside[i] = 0;
        for (size_t k = 0; k < calibration[i].n; k++)
            inside[i] += calibration[i].inside[k];
    }
    tr_code code = tr_certify_plan(&target, w->n, train, inside, (int64_t)w->n_calibration,
                                   w->paths, w->order, err);
    return code == TR_OK
               ? tr_certify_decide(&target, w->n, calibration, w->order, w->paths, best, err)
               : code;
}

tr_code tr_calibrate_run(const tr_stream *s, const tr_calibrate_options *o, tr_policy *p,
                         tr_err *err)
{
    work w = {.s = s, .o = o};
    *p = (tr_policy){.origin = s->origin};
    p->certificate = (tr_certificate){.alpha = o->alpha,
                                      .delta = o->delta,
                                      .guarantee = o->guarantee,
                                      .novelty = o->novelty,
                                      .min_coverage = o->min_coverage,
                                      .seed = o->seed};
    tr_arena_init(&w.arena);
    tr_labels_init(&p->labels);
    tr_code code = copy_labels(&s->labels, &p->labels, err);
    w.label_deferred = p->rule.label_deferred = tr_mem_zero(s->labels.n, 1);
    w.n_train = tr_heldout_side(&s->heldout, TR_SIDE_TRAIN, o->seed, &w.train);
    w.n_calibration = tr_heldout_side(&s->heldout, TR_SIDE_CALIBRATION, o->seed, &w.calibration);
    for (size_t k = 0; code == TR_OK && w.train && k < w.n_train; k++)
        w.weighted |= s->heldout.rows[w.train[k]].weight != 1;
    if (code == TR_OK && (!w.label_deferred || !w.train || !w.calibration))
        code = tr_err_memory(err);
    if (code == TR_OK && !w.n_train)
        code = tr_err_set(err, TR_DATA, "the stream has no held-out training row");
    if (code == TR_OK)
        code = mark_deferred(&s->labels, o->defer_label, w.label_deferred, err);
    if (code == TR_OK)
        code = list_candidates(&w, err);
    int best = -1;
    if (code == TR_OK)
        code = certify(&w, &best, err);
    if (code == TR_OK)
        code = conclude(&w, best, p, err);
    for (size_t i = 0; i < w.n; i++)
        tr_certify_free(&w.paths[i]);
    free(w.train);
    free(w.calibration);
    tr_arena_free(&w.arena);
    return code;
}
