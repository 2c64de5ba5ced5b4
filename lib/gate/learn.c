#include "gate/learn.h"

#include "ground/mem.h"
#include "maths/la.h"
#include "traces/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DENSE = TR_ACCEPTOR_FEATURES, NEWTON_STEPS = 25 };

/* Ridges, on features of variance 1 and on the labels' intercepts. */
static const double RIDGE = 1, LABEL_RIDGE = 5;

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
    double *h, *g;  /* dense × dense, dense */
    double *d, *gd; /* labels: diagonal, gradient */
    double *cross;  /* labels × dense */
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

tr_code tr_learn_acceptor(tr_acceptor *a, uint32_t mask, const tr_heldout *h,
                          const tr_softmax_summary *summary, const uint8_t *agree,
                          const uint32_t *rows, size_t n, int skip_fold, uint32_t labels,
                          tr_err *err)
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
            tr_acceptor_features(&summary[rows[k]], row->unseen, all);
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

/* ---- the gate of a stream ---- */

static tr_code gate_member(tr_stream *s, size_t which, uint32_t mask, const uint32_t *rows,
                           size_t n, uint8_t *agree, tr_err *err)
{
    tr_stream_member *m = &s->member[which];
    const tr_heldout *h = &s->heldout;
    free(m->score);
    tr_acceptor_free(&m->acceptor);
    m->score = tr_mem_zero(h->n, sizeof *m->score);
    if (!m->score)
        return tr_err_memory(err);
    tr_stream_agree(s, which, agree);
    bool fold_used[256] = {0};
    for (size_t k = 0; k < n; k++)
        fold_used[h->rows[rows[k]].fold] = true;
    for (int fold = 0; fold < 256; fold++) {
        if (!fold_used[fold])
            continue;
        tr_acceptor part;
        tr_code code =
            tr_learn_acceptor(&part, mask, h, m->summary, agree, rows, n, fold, s->labels.n, err);
        if (code != TR_OK)
            return code;
        for (size_t k = 0; k < n; k++) {
            const tr_heldout_row *row = &h->rows[rows[k]];
            if (row->fold == fold)
                m->score[rows[k]] = tr_acceptor_score(&part, &m->summary[rows[k]], row->unseen);
        }
        tr_acceptor_free(&part);
    }
    tr_code code =
        tr_learn_acceptor(&m->acceptor, mask, h, m->summary, agree, rows, n, -1, s->labels.n, err);
    for (size_t i = 0; code == TR_OK && i < h->n; i++)
        if (h->rows[i].side != TR_SIDE_TRAIN)
            m->score[i] = tr_acceptor_score(&m->acceptor, &m->summary[i], h->rows[i].unseen);
    m->gated = code == TR_OK;
    return code;
}

static tr_code write_gated(const tr_stream *s, tr_writer *out, tr_err *err)
{
    tr_frame_writer f;
    tr_buf b;
    tr_buf_init(&b);
    tr_code code = tr_frame_begin(&f, out, TR_FRAME_MODEL, err);
    for (size_t k = 0; k < s->frame.n && code == TR_OK; k++)
        if (strcmp(s->frame.sections[k].tag, "GATE"))
            code = tr_frame_add(&f, s->frame.sections[k].tag, s->frame.sections[k].payload, err);
    for (size_t m = 0; m < s->n && code == TR_OK; m++) {
        tr_le_put_u32(&b, (uint32_t)m);
        tr_le_put_u32(&b, 0);
        tr_acceptor_write(&s->member[m].acceptor, &b);
        tr_le_put_u32s(&b, s->member[m].score, s->heldout.n);
        code = b.failed ? tr_err_memory(err) : tr_frame_add(&f, "GATE", tr_buf_str(&b), err);
        tr_buf_clear(&b);
    }
    tr_buf_free(&b);
    return code == TR_OK ? tr_frame_end(&f, err) : code;
}

tr_code tr_learn_gate(tr_stream *s, uint32_t mask, tr_writer *out, tr_err *err)
{
    uint32_t *rows;
    size_t n = tr_heldout_side(&s->heldout, TR_SIDE_TRAIN, 0, &rows);
    uint8_t *agree = tr_mem_array(s->heldout.n, 1);
    tr_code code = n != SIZE_MAX && agree ? TR_OK : tr_err_memory(err);
    for (size_t m = 0; m < s->n && code == TR_OK; m++)
        code = gate_member(s, m, mask, rows, n, agree, err);
    free(rows);
    free(agree);
    return code == TR_OK ? write_gated(s, out, err) : code;
}
