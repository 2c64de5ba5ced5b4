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
                          const tr_acceptor_row *seen, const uint8_t *agree, const float *weight,
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
    float *weighs = tr_mem_array(n, sizeof *weighs);
    if (p.labels)
        a->offset = a->owned = tr_mem_zero(labels, sizeof *a->owned);
    tr_code code = p.x && p.beta && label && agreed && weighs && (!p.labels || a->owned)
                       ? TR_OK
                       : tr_err_memory(err);
    if (code == TR_OK) {
        p.gamma = p.beta + dense;
        for (size_t k = 0; k < n; k++) {
            uint32_t i = rows[k];
            if (h->rows[i].fold == skip_fold)
                continue;
            double all[DENSE];
            tr_acceptor_features(&seen[i], all);
            for (size_t c = 0; c + 1 < dense; c++)
                p.x[p.n * dense + c] = all[column[c]];
            p.x[p.n * dense + dense - 1] = 1;
            label[p.n] = seen[i].said->label;
            agreed[p.n] = agree[i];
            weighs[p.n++] = weight[i];
        }
        p.label = label;
        p.agree = agreed;
        p.weight = weighs;
        code = p.n ? fit_chosen(a, &p, column, err)
                   : tr_err_set(err, TR_DATA, "no held-out row to fit the gate on");
    }
    free(p.x);
    free(p.beta);
    free(label);
    free(agreed);
    free(weighs);
    if (code != TR_OK)
        tr_acceptor_free(a);
    return code;
}

/* ---- the gate of a stream ---- */

typedef struct {
    tr_stream *s;
    uint32_t *rows; /* of TRAIN, n of them */
    size_t n;
    bool fold_used[256];
    /* of every held-out row, for the stage at hand */
    tr_acceptor_row *seen;
    uint8_t *agree;
    float *weight;
} work;

/* The acceptor of the stage at hand, and the accept scores of every held-out row: those of TRAIN by
 * acceptors fitted without their fold. */
static tr_code gate_stage(work *w, uint32_t mask, tr_acceptor *a, uint32_t **out, tr_err *err)
{
    const tr_heldout *h = &w->s->heldout;
    uint32_t labels = w->s->labels.n, *score = *out = tr_mem_zero(h->n, sizeof *score);
    if (!score)
        return tr_err_memory(err);
    for (int fold = 0; fold < 256; fold++) {
        if (!w->fold_used[fold])
            continue;
        tr_acceptor part;
        tr_code code = tr_learn_acceptor(&part, mask, h, w->seen, w->agree, w->weight, w->rows,
                                         w->n, fold, labels, err);
        if (code != TR_OK)
            return code;
        for (size_t k = 0; k < w->n; k++)
            if (h->rows[w->rows[k]].fold == fold)
                score[w->rows[k]] = tr_acceptor_score(&part, &w->seen[w->rows[k]]);
        tr_acceptor_free(&part);
    }
    tr_code code =
        tr_learn_acceptor(a, mask, h, w->seen, w->agree, w->weight, w->rows, w->n, -1, labels, err);
    for (size_t i = 0; code == TR_OK && i < h->n; i++)
        if (h->rows[i].side != TR_SIDE_TRAIN)
            score[i] = tr_acceptor_score(a, &w->seen[i]);
    return code;
}

static tr_code gate_member(work *w, size_t which, uint32_t mask, tr_err *err)
{
    tr_stream_member *m = &w->s->member[which];
    const tr_heldout *h = &w->s->heldout;
    free(m->score);
    tr_acceptor_free(&m->acceptor);
    tr_stream_agree(w->s, which, w->agree);
    for (size_t i = 0; i < h->n; i++) {
        w->seen[i] = tr_stream_row(w->s, which, i);
        w->weight[i] = h->rows[i].weight;
    }
    tr_code code = gate_stage(w, mask, &m->acceptor, &m->score, err);
    m->gated = code == TR_OK;
    return code;
}

/* ---- cascades ---- */

/* Of the rows that a second stage will see most are doubted by the first: a row weighs as much as
 * it is doubted, and never nothing. */
static const float LEAST_DOUBT = 0.01f;

static tr_code gate_cascade(work *w, tr_stream_cascade *c, uint32_t mask, tr_err *err)
{
    const tr_stream_member *first = &w->s->member[c->first];
    const tr_heldout *h = &w->s->heldout;
    tr_stream_agree(w->s, c->second, w->agree);
    for (size_t i = 0; i < h->n; i++) {
        w->seen[i] = tr_stream_row(w->s, c->second, i);
        w->seen[i].before = &first->summary[i];
        w->seen[i].before_score = first->score[i];
        float doubt = 1 - (float)first->score[i] / TR_ACCEPTOR_ONE;
        w->weight[i] = h->rows[i].weight * (doubt > LEAST_DOUBT ? doubt : LEAST_DOUBT);
    }
    return gate_stage(w, mask | TR_ACCEPTOR_BEFORE, &c->acceptor, &c->score, err);
}

typedef struct {
    uint32_t score, row;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Mean over all coverages of the agreement of what is accepted, out of fold. */
static double agreement_area(const work *w, size_t m, scored *order)
{
    const tr_stream_member *member = &w->s->member[m];
    double agreed = 0, rows = 0, area = 0;
    for (size_t k = 0; k < w->n; k++)
        order[k] = (scored){member->score[w->rows[k]], w->rows[k]};
    qsort(order, w->n, sizeof *order, by_score);
    for (size_t k = 0; k < w->n; k++) {
        const tr_heldout_row *r = &w->s->heldout.rows[order[k].row];
        rows += (double)r->weight;
        agreed += (double)r->weight * (member->summary[order[k].row].label == r->label);
        area += (double)r->weight * agreed / rows;
    }
    return rows > 0 ? area / rows : 0;
}

enum { BEST = 3 };

/* The cascades of the best members, one after another in every order. */
static tr_code list_cascades(work *w, tr_err *err)
{
    tr_stream *s = w->s;
    double area[TR_STREAM_MEMBERS];
    uint32_t best[BEST];
    size_t n = 0;
    scored *order = tr_mem_array(w->n, sizeof *order);
    if (!order)
        return tr_err_memory(err);
    for (size_t m = 0; m < s->n; m++)
        area[m] = agreement_area(w, m, order);
    free(order);
    for (; n < BEST && n < s->n; n++) {
        size_t top = 0;
        for (size_t m = 1; m < s->n; m++)
            top = area[m] > area[top] ? m : top;
        best[n] = (uint32_t)top;
        area[top] = -1;
    }
    for (size_t k = 0; k < s->n_cascades; k++) {
        free(s->cascade[k].score);
        tr_acceptor_free(&s->cascade[k].acceptor);
    }
    s->n_cascades = 0;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++)
            if (a != b)
                s->cascade[s->n_cascades++] =
                    (tr_stream_cascade){.first = best[a], .second = best[b]};
    return TR_OK;
}

/* ---- writing ---- */

static tr_code write_stage(tr_frame_writer *f, const char tag[4], uint32_t a, uint32_t b,
                           const tr_acceptor *acceptor, const uint32_t *score, size_t n,
                           tr_err *err)
{
    tr_buf out;
    tr_buf_init(&out);
    tr_le_put_u32(&out, a);
    tr_le_put_u32(&out, b);
    tr_acceptor_write(acceptor, &out);
    tr_le_put_u32s(&out, score, n);
    tr_code code = out.failed ? tr_err_memory(err) : tr_frame_add(f, tag, tr_buf_str(&out), err);
    tr_buf_free(&out);
    return code;
}

static tr_code write_gated(const tr_stream *s, tr_writer *out, tr_err *err)
{
    tr_frame_writer f;
    tr_code code = tr_frame_begin(&f, out, TR_FRAME_MODEL, err);
    for (size_t k = 0; k < s->frame.n && code == TR_OK; k++)
        if (strcmp(s->frame.sections[k].tag, "GATE") && strcmp(s->frame.sections[k].tag, "CASC"))
            code = tr_frame_add(&f, s->frame.sections[k].tag, s->frame.sections[k].payload, err);
    for (size_t m = 0; m < s->n && code == TR_OK; m++)
        code = write_stage(&f, "GATE", (uint32_t)m, 0, &s->member[m].acceptor, s->member[m].score,
                           s->heldout.n, err);
    for (size_t k = 0; k < s->n_cascades && code == TR_OK; k++) {
        const tr_stream_cascade *c = &s->cascade[k];
        code =
            write_stage(&f, "CASC", c->first, c->second, &c->acceptor, c->score, s->heldout.n, err);
    }
    return code == TR_OK ? tr_frame_end(&f, err) : code;
}

tr_code tr_learn_gate(tr_stream *s, uint32_t mask, tr_writer *out, tr_err *err)
{
    work w = {.s = s};
    w.n = tr_heldout_side(&s->heldout, TR_SIDE_TRAIN, 0, &w.rows);
    w.seen = tr_mem_array(s->heldout.n, sizeof *w.seen);
    w.agree = tr_mem_array(s->heldout.n, 1);
    w.weight = tr_mem_array(s->heldout.n, sizeof *w.weight);
    tr_code code = w.n != SIZE_MAX && w.seen && w.agree && w.weight ? TR_OK : tr_err_memory(err);
    for (size_t k = 0; code == TR_OK && k < w.n; k++)
        w.fold_used[s->heldout.rows[w.rows[k]].fold] = true;
    for (size_t m = 0; m < s->n && code == TR_OK; m++)
        code = gate_member(&w, m, mask, err);
    if (code == TR_OK)
        code = list_cascades(&w, err);
    for (size_t k = 0; k < s->n_cascades && code == TR_OK; k++)
        code = gate_cascade(&w, &s->cascade[k], mask, err);
    free(w.rows);
    free(w.seen);
    free(w.agree);
    free(w.weight);
    return code == TR_OK ? write_gated(s, out, err) : code;
}
