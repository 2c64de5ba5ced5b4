#include "gate/acceptor.h"

#include "ground/mem.h"
#include "maths/la.h"
#include "maths/real.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP1, TOP2, MARGIN, ENTROPY, LOGIT, THIRD, TOP, GAP, EVIDENCE, UNSEEN };
enum { DENSE = TR_ACCEPTOR_FEATURES, NEWTON_STEPS = 25 };

/* Ridges, on features of variance 1 and on the labels' intercepts. */
static const double RIDGE = 1, LABEL_RIDGE = 5;

const char *const tr_acceptor_names[TR_ACCEPTOR_FEATURES + 1] = {
    "top1", "top2", "margin", "entropy", "logit", "third", "top", "gap", "evidence", "unseen", "label"};

const char *tr_acceptor_choose(const char *text, uint32_t *mask, char reason[256])
{
    *mask = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        int k = 0;
        while (k <= DENSE && (strlen(tr_acceptor_names[k]) != length ||
                              memcmp(tr_acceptor_names[k], at, length) != 0))
            k++;
        if (length == 6 && !memcmp(at, "tracer", 6)) {
            *mask |= 1u << TOP1 | 1u << TOP2 | 1u << MARGIN | 1u << ENTROPY;
        } else if (length == 3 && !memcmp(at, "all", 3)) {
            *mask |= (1u << (DENSE + 1)) - 1;
        } else if (k <= DENSE) {
            *mask |= 1u << k;
        } else {
            int used = snprintf(reason, 256, "there is no feature \"%.*s\"; there are tracer, all",
                                length < 60 ? (int)length : 60, at);
            for (k = 0; k <= DENSE && used < 256; k++)
                used += snprintf(reason + used, 256 - (size_t)used, ", %s", tr_acceptor_names[k]);
            return reason;
        }
        at += length;
        if (!*at)
            return NULL;
    }
}

static void features(const tr_softmax_summary *s, float unseen, double x[DENSE])
{
    double p = (double)s->p[0], rest = 1 - p;
    x[TOP1] = p;
    x[TOP2] = (double)s->p[1];
    x[MARGIN] = (double)s->p[0] - (double)s->p[1];
    x[ENTROPY] = (double)s->entropy;
    x[LOGIT] = tr_real_log(p > 1e-6 ? p : 1e-6) - tr_real_log(rest > 1e-6 ? rest : 1e-6);
    x[THIRD] = (double)s->p[2];
    x[TOP] = (double)s->top;
    x[GAP] = (double)s->gap;
    x[EVIDENCE] = (double)s->evidence;
    x[UNSEEN] = (double)unseen;
}

static uint32_t millionths(double share)
{
    double scaled = share * TR_ACCEPTOR_ONE + 0.5;
    return scaled <= 0 ? 0 : scaled >= TR_ACCEPTOR_ONE ? TR_ACCEPTOR_ONE : (uint32_t)scaled;
}

uint32_t tr_acceptor_score(const tr_acceptor *a, const tr_softmax_summary *s, float unseen)
{
    double x[DENSE];
    if (!a->mask)
        return millionths((double)s->p[0] - (double)s->p[1]);
    features(s, unseen, x);
    double sum = a->intercept + (a->offset ? (double)a->offset[s->label] : 0);
    for (int k = 0; k < DENSE; k++)
        sum += a->weight[k] * x[k];
    return millionths(1 / (1 + tr_real_exp(-sum)));
}

/* ---- fitting ---- */

/* Dense parameters (features and the intercept last) and one a label; the Hessian is an arrow: the
 * labels' corner is diagonal and is eliminated before the small system is solved. */
typedef struct {
    size_t n, dense; /* rows, dense parameters */
    uint32_t labels; /* 0: no intercepts for labels */
    double *x;       /* n × dense, standardized, the last column 1 */
    const uint32_t *label;
    const uint8_t *agree;
    const float *weight;
    double *beta, *gamma; /* dense, labels */
} problem;

typedef struct {
    double *h, *g;    /* dense × dense, dense */
    double *d, *gd;   /* labels: diagonal, gradient */
    double *cross;    /* labels × dense */
} equations;

static void accumulate(const problem *p, equations *s)
{
    size_t m = p->dense;
    memset(s->h, 0, m * m * sizeof *s->h);
    memset(s->cross, 0, p->labels * m * sizeof *s->cross);
    for (size_t k = 0; k < m; k++) {
        double ridge = k + 1 < m ? RIDGE : 0;
        s->g[k] = ridge * p->beta[k];
        s->h[k * m + k] = ridge + 1e-9;
    }
    for (uint32_t l = 0; l < p->labels; l++) {
        s->gd[l] = LABEL_RIDGE * p->gamma[l];
        s->d[l] = LABEL_RIDGE;
    }
    for (size_t i = 0; i < p->n; i++) {
        const double *x = p->x + i * m;
        uint32_t l = p->label[i];
        double v = p->labels ? p->gamma[l] : 0;
        for (size_t k = 0; k < m; k++)
            v += p->beta[k] * x[k];
        double q = 1 / (1 + exp(-v)), w = (double)p->weight[i];
        double slope = w * (q - p->agree[i]), curve = w * q * (1 - q);
        for (size_t a = 0; a < m; a++) {
            s->g[a] += slope * x[a];
            double scaled = curve * x[a];
            for (size_t b = 0; b <= a; b++)
                s->h[a * m + b] += scaled * x[b];
        }
        if (!p->labels)
            continue;
        s->gd[l] += slope;
        s->d[l] += curve;
        for (size_t a = 0; a < m; a++)
            s->cross[l * m + a] += curve * x[a];
    }
}

/* One Newton step; *moved: its largest component. */
static tr_code newton(problem *p, equations *s, double *moved, tr_err *err)
{
    size_t m = p->dense;
    accumulate(p, s);
    for (uint32_t l = 0; l < p->labels; l++) {
        const double *c = s->cross + l * m;
        for (size_t a = 0; a < m; a++) {
            double scaled = c[a] / s->d[l];
            s->g[a] -= scaled * s->gd[l];
            for (size_t b = 0; b <= a; b++)
                s->h[a * m + b] -= scaled * c[b];
        }
    }
    tr_code code = tr_la_solve_positive(s->h, s->g, m, err);
    if (code != TR_OK)
        return code;
    *moved = 0;
    for (size_t k = 0; k < m; k++) {
        p->beta[k] -= s->g[k];
        *moved = fmax(*moved, fabs(s->g[k]));
    }
    for (uint32_t l = 0; l < p->labels; l++) {
        double step = s->gd[l];
        for (size_t k = 0; k < m; k++)
            step -= s->cross[l * m + k] * s->g[k];
        step /= s->d[l];
        p->gamma[l] -= step;
        *moved = fmax(*moved, fabs(step));
    }
    return TR_OK;
}

static tr_code solve(problem *p, tr_err *err)
{
    size_t m = p->dense, labels = p->labels;
    double *space = tr_mem_zero(m * m + m + labels * (m + 2) + 1, sizeof *space);
    if (!space)
        return tr_err_memory(err);
    equations s = {.h = space, .g = space + m * m, .d = space + m * m + m};
    s.gd = s.d + labels;
    s.cross = s.gd + labels;
    tr_code code = TR_OK;
    double moved = 1;
    for (int k = 0; k < NEWTON_STEPS && code == TR_OK && moved > 1e-7; k++)
        code = newton(p, &s, &moved, err);
    free(space);
    return code;
}

/* Columns of variance 1 about 0, where they vary at all; beta is turned back by unstandardize. */
static void standardize(problem *p, double mean[DENSE], double scale[DENSE])
{
    size_t m = p->dense;
    for (size_t k = 0; k + 1 < m; k++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < p->n; i++)
            sum += p->x[i * m + k];
        mean[k] = sum / (double)p->n;
        for (size_t i = 0; i < p->n; i++) {
            double d = p->x[i * m + k] - mean[k];
            square += d * d;
        }
        scale[k] = square > 1e-12 * (double)p->n ? sqrt(square / (double)p->n) : INFINITY;
        for (size_t i = 0; i < p->n; i++)
            p->x[i * m + k] = (p->x[i * m + k] - mean[k]) / scale[k];
    }
}

static tr_code fit_chosen(tr_acceptor *a, problem *p, const int *column, tr_err *err)
{
    double mean[DENSE], scale[DENSE];
    standardize(p, mean, scale);
    tr_code code = solve(p, err);
    if (code != TR_OK)
        return code;
    a->intercept = p->beta[p->dense - 1];
    for (size_t k = 0; k + 1 < p->dense; k++) {
        a->weight[column[k]] = p->beta[k] / scale[k];
        a->intercept -= a->weight[column[k]] * mean[k];
    }
    for (uint32_t l = 0; l < p->labels; l++)
        a->owned[l] = (float)p->gamma[l];
    return TR_OK;
}

tr_code tr_acceptor_fit(tr_acceptor *a, uint32_t mask, const tr_heldout *h,
                        const tr_softmax_summary *summary, const uint8_t *agree,
                        const uint32_t *rows, size_t n, int skip_fold, uint32_t labels, tr_err *err)
{
    *a = (tr_acceptor){.mask = mask, .labels = labels};
    int column[DENSE];
    size_t dense = 0;
    for (int k = 0; k < DENSE; k++)
        if (mask >> k & 1)
            column[dense++] = k;
    dense++; /* the intercept */
    problem p = {.dense = dense, .labels = mask >> TR_ACCEPTOR_LABEL & 1 ? labels : 0};
    p.x = tr_mem_array(n, dense * sizeof *p.x);
    p.beta = tr_mem_zero(dense + labels, sizeof *p.beta);
    uint32_t *label = tr_mem_array(n, sizeof *label);
    uint8_t *agreed = tr_mem_array(n, 1);
    float *weight = tr_mem_array(n, sizeof *weight);
    if (p.labels)
        a->offset = a->owned = tr_mem_zero(labels, sizeof *a->owned);
    tr_code code = p.x && p.beta && label && agreed && weight && (!p.labels || a->owned)
                       ? TR_OK
                       : tr_err_memory(err);
    if (code == TR_OK) {
        p.gamma = p.beta + dense;
        for (size_t k = 0; k < n; k++) {
            const tr_heldout_row *row = &h->rows[rows[k]];
            if (row->fold == skip_fold)
                continue;
            double all[DENSE];
            features(&summary[rows[k]], row->unseen, all);
            for (size_t c = 0; c + 1 < dense; c++)
                p.x[p.n * dense + c] = all[column[c]];
            p.x[p.n * dense + dense - 1] = 1;
            label[p.n] = summary[rows[k]].label;
            agreed[p.n] = agree[rows[k]];
            weight[p.n++] = row->weight;
        }
        p.label = label;
        p.agree = agreed;
        p.weight = weight;
        code = p.n ? fit_chosen(a, &p, column, err)
                   : tr_err_set(err, TR_DATA, "no held-out row to fit the gate on");
    }
    free(p.x);
    free(p.beta);
    free(label);
    free(agreed);
    free(weight);
    if (code != TR_OK)
        tr_acceptor_free(a);
    return code;
}

void tr_acceptor_free(tr_acceptor *a)
{
    free(a->owned);
    *a = (tr_acceptor){0};
}

/* ---- binary form ---- */

void tr_acceptor_write(const tr_acceptor *a, tr_buf *out)
{
    tr_le_put_u32(out, a->mask);
    tr_le_put_u32(out, a->offset ? a->labels : 0);
    for (int k = 0; k < DENSE; k++)
        tr_le_put_f64(out, a->weight[k]);
    tr_le_put_f64(out, a->intercept);
    if (a->offset)
        tr_le_put_f32s(out, a->offset, a->labels);
    tr_le_align(out, 8);
}

tr_code tr_acceptor_read(tr_acceptor *a, tr_le_reader *r, uint32_t labels, tr_err *err)
{
    *a = (tr_acceptor){.labels = labels};
    a->mask = tr_le_u32(r);
    uint32_t offsets = tr_le_u32(r);
    bool sound = a->mask < 1u << (DENSE + 1) && (offsets == 0 || offsets == labels) &&
                 (offsets != 0) == (a->mask >> TR_ACCEPTOR_LABEL & 1);
    for (int k = 0; k < DENSE; k++) {
        a->weight[k] = tr_le_f64(r);
        sound &= isfinite(a->weight[k]);
    }
    a->intercept = tr_le_f64(r);
    if (offsets && sound)
        a->offset = tr_le_f32s(r, offsets);
    tr_le_skip_align(r, 8);
    if (r->failed || !sound || !isfinite(a->intercept))
        return tr_err_set(err, TR_DATA, "an acceptor is malformed");
    return TR_OK;
}
