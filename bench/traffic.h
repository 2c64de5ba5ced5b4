/* traffic: the traffic of the simulation, whose truth is known. Included by verify-guarantee.c
 * alone; all static.
 *
 * One-stage traffic. Each row has, for each of four members of a zoo, a place v, uniform in (0, 1),
 * and the member agrees with the teacher with probability r(v) * g(x): r is the shape, g falls for
 * novel rows (x, uniform in (0, 1), beyond .98). The accept score is a rising function of v. So the
 * truth of a rule {x <= q, score >= t} is an integral of r over a grid, no estimate. The procedure
 * looks at scores by rank alone, so no generality is lost by v being uniform.
 *
 * Two-stage traffic, for cascades. Two members, and each agrees with a probability that both places
 * have a say in, r(v1, v2) * g(x): what the first stage defers may be what the second is best or
 * worst at. Places share a cell of the grid half of the time, else they are independent. Behind a
 * guard each stage may not answer a small share of the rows at all (labels withheld). The truth of
 * a cascade is a sum of integrals over rectangles: again no estimate. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "gate/certify.h"
#include "ground/mem.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 1024, SQUARE = 64, MEMBERS = 4 }; /* 10 and 6 bits, see the draws */

static const double NOVEL = 0.02;                 /* share of traffic that is novel */
static const double NOVEL_FACTOR = 0.5;           /* of its agreement */
static const double BEYOND = 0.01;                /* share that the guard defers */
static const double MAY_ANSWER[2] = {0.98, 0.96}; /* of two stages behind a guard */
static const uint64_t LOW_31 = 0x7fffffff;

/* ---- Shapes ---------------------------------------------------------------------------------- */

/* The score: v; ten levels of v; v, or 1 from .3 up; the fourth root of v; half of v. */
typedef enum { SMOOTH, LEVELS, ATOM, BOLD, SHY } scale;

typedef struct {
    const char *name;
    double (*logit)(double v); /* r(v) = logistic(a + logit(v)), a such that the mean is the base */
    scale scale;
} shape;

static double informative(double v)
{
    return 5 * v;
}
static double strong(double v)
{
    return 12 * v;
}
static double weak(double v)
{
    return 1.2 * v;
}
static double no_information(double v)
{
    (void)v;
    return 0;
}
static double overconfident(double v)
{
    return v < 0.9 ? 5 * v : -0.5;
}
static double non_monotone(double v)
{
    return 2.5 * sin(6.283185307179586 * 3 * v);
}
static double backwards(double v)
{
    return -2 * v;
}
static double two_clusters(double v)
{
    return v < 0.3 ? 0 : 4;
}
static double cliff(double v)
{
    return v > 0.6 && v < 0.62 ? 9 : 0;
} /* one good sliver */

static const shape SHAPES[] = {
    {"informative", informative, SMOOTH},
    {"strong", strong, SMOOTH},
    {"weak", weak, SMOOTH},
    {"no information", no_information, SMOOTH},
    {"overconfident", overconfident, SMOOTH},
    {"non-monotone", non_monotone, SMOOTH},
    {"backwards", backwards, SMOOTH},
    {"two clusters", two_clusters, SMOOTH},
    {"cliff", cliff, SMOOTH},
    {"ten levels", informative, LEVELS},
    {"saturated", weak, ATOM},
};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

/* The stage's own place, and what the place of the first does to the second. */
typedef struct {
    const char *name;
    struct {
        double (*logit)(double v);
        scale scale;
    } stage[2];
    double lean;  /* added to the second's logit, times the first's place */
    double worse; /* how much less the second agrees */
} pair_shape;

static const pair_shape PAIRS[] = {
    {"twins", {{informative, SMOOTH}, {informative, SMOOTH}}, 0, 0},
    {"residual", {{informative, SMOOTH}, {informative, SMOOTH}}, -4, 0},
    {"adverse", {{informative, SMOOTH}, {informative, SMOOTH}}, 7, 0},
    {"bold and worse", {{informative, SMOOTH}, {no_information, BOLD}}, 0, 0.15},
    {"bold, adverse", {{weak, SMOOTH}, {weak, BOLD}}, 5, 0.05},
    {"both blind", {{no_information, SMOOTH}, {no_information, SMOOTH}}, 0, 0},
    {"both backwards", {{backwards, SMOOTH}, {backwards, SMOOTH}}, -3, 0},
    {"waves", {{non_monotone, SMOOTH}, {cliff, SHY}}, 0, 0.02},
    {"levels in both", {{informative, LEVELS}, {informative, LEVELS}}, 2, 0.02},
    {"saturated", {{weak, ATOM}, {overconfident, SHY}}, 0, 0},
};
enum { N_PAIRS = sizeof PAIRS / sizeof *PAIRS };

static double score_at(scale s, double v)
{
    switch (s) {
    case LEVELS: return floor(v * 10) / 10;
    case ATOM: return v >= 0.3 ? 1 : v;
    case BOLD: return sqrt(sqrt(v));
    case SHY: return v / 2;
    default: return v;
    }
}

/* The least v whose score reaches the threshold; 1 where none does. */
static double place_of(scale s, double threshold)
{
    if (threshold <= 0)
        return 0;
    switch (s) {
    case LEVELS: return fmin(1, ceil(threshold * 10 - 1e-9) / 10);
    case ATOM: return threshold >= 0.3 ? 0.3 : threshold;
    case BOLD: return threshold * threshold * threshold * threshold;
    case SHY: return fmin(1, threshold * 2);
    default: return threshold;
    }
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* ---- Members, one-stage ---------------------------------------------------------------------- */

typedef struct {
    scale scale;
    double agree[GRID];     /* r in each cell of v */
    double above[GRID + 1]; /* integral of r from the cell's lower end to 1 */
} member;

static double member_mean(const shape *s, double strength, double a, double *agree)
{
    double sum = 0;

    for (int i = 0; i < GRID; i++) {
        double p = logistic(a + strength * s->logit((i + 0.5) / GRID));
        if (agree != NULL)
            agree[i] = p;
        sum += p;
    }
    return sum / GRID;
}

static void member_init(member *m, const shape *s, double strength, double base)
{
    double low = -60, high = 60;

    for (int i = 0; i < 100; i++) {
        double a = (low + high) / 2;
        if (member_mean(s, strength, a, NULL) < base)
            low = a;
        else
            high = a;
    }
    member_mean(s, strength, low, m->agree);
    m->scale = s->scale;
    m->above[GRID] = 0;
    for (int i = GRID - 1; i >= 0; i--)
        m->above[i] = m->above[i + 1] + m->agree[i] / GRID;
}

/* Integral of r over the places from v to 1. */
static double agreeing_above(const member *m, double v)
{
    int cell = (int)(v * GRID);

    if (cell >= GRID)
        return 0;
    return m->above[cell + 1] + m->agree[cell] * ((double)(cell + 1) / GRID - v);
}

/* ---- Pairs, two-stage ------------------------------------------------------------------------ */

typedef double corner[SQUARE + 1][SQUARE + 1]; /* integral over v1, v2 from (i, j) up to (1, 1) */

typedef struct {
    scale scale[2];
    double agree[2][SQUARE][SQUARE]; /* r of each stage in each cell of (v1, v2) */
    corner mass, agreeing[2];
} pair;

/* Probability of a cell: half of the time the second place lies in the first's cell. */
static double cell_mass(int i, int j)
{
    return (0.5 / SQUARE + (i == j ? 0.5 : 0)) / SQUARE;
}

static double pair_mean(const pair_shape *s, int stage, double a, pair *p)
{
    double sum = 0;

    for (int i = 0; i < SQUARE; i++)
        for (int j = 0; j < SQUARE; j++) {
            double v1 = (i + 0.5) / SQUARE, v2 = (j + 0.5) / SQUARE;
            double own = s->stage[stage].logit(stage ? v2 : v1);
            p->agree[stage][i][j] = logistic(a + own + (stage ? s->lean * v1 : 0));
            sum += cell_mass(i, j) * p->agree[stage][i][j];
        }
    return sum;
}

static void corner_fill(corner c, double (*agree)[SQUARE])
{
    memset(c, 0, sizeof(corner));
    for (int i = SQUARE - 1; i >= 0; i--)
        for (int j = SQUARE - 1; j >= 0; j--)
            c[i][j] = c[i + 1][j] + c[i][j + 1] - c[i + 1][j + 1] +
                      cell_mass(i, j) * (agree != NULL ? agree[i][j] : 1);
}

static void pair_init(pair *p, const pair_shape *s, double base)
{
    for (int stage = 0; stage < 2; stage++) {
        double low = -60, high = 60, wanted = base - (stage ? s->worse : 0);
        for (int i = 0; i < 60; i++) {
            double a = (low + high) / 2;
            if (pair_mean(s, stage, a, p) < wanted)
                low = a;
            else
                high = a;
        }
        pair_mean(s, stage, low, p);
        p->scale[stage] = s->stage[stage].scale;
        corner_fill(p->agreeing[stage], p->agree[stage]);
    }
    corner_fill(p->mass, NULL);
}

/* The integral from (v1, v2) up: bilinear within a cell, where the density is constant. */
static double corner_at(corner c, double v1, double v2)
{
    int i = v1 < 1 ? (int)(v1 * SQUARE) : SQUARE - 1, j = v2 < 1 ? (int)(v2 * SQUARE) : SQUARE - 1;
    double x = v1 * SQUARE - i, y = v2 * SQUARE - j;

    return (1 - x) * ((1 - y) * c[i][j] + y * c[i][j + 1]) +
           x * ((1 - y) * c[i + 1][j] + y * c[i + 1][j + 1]);
}

/* ---- Candidates and their truth -------------------------------------------------------------- */

typedef struct {
    int first, second; /* members; second -1: one stage */
} candidate;

typedef struct {
    bool staged; /* two-stage traffic: pair; else member */
    bool guard;
    member member[MEMBERS];
    pair pair;
    candidate candidate[MEMBERS];
    int n_candidates, n_members;
} traffic;

/* Integral of the novelty factor over x from 0 to q. */
static double factor_below(double q)
{
    return q <= 1 - NOVEL ? q : 1 - NOVEL + NOVEL_FACTOR * (q - (1 - NOVEL));
}

/* The truth of the rule {x <= q, the candidate at the threshold}: traffic handled, and what the
 * guarantee speaks of. */
static double rule_truth(traffic *t, const candidate *c, tr_guarantee guarantee, double q,
                         double threshold, double *coverage)
{
    double handled, agreeing;

    if (t->staged) {
        pair *p = &t->pair;
        double v[2], both, own[2];
        for (int k = 0; k < 2; k++) {
            bool used = k == c->first || k == c->second;
            v[k] = place_of(p->scale[k], threshold);
            own[k] = !used ? 0 : t->guard ? MAY_ANSWER[k] : 1;
        }
        /* what the second would answer, less what the first has answered already */
        both = own[0] * own[1];
        handled = own[0] * corner_at(p->mass, v[0], 0) + own[1] * corner_at(p->mass, 0, v[1]) -
                  both * corner_at(p->mass, v[0], v[1]);
        agreeing = own[0] * corner_at(p->agreeing[0], v[0], 0) +
                   own[1] * corner_at(p->agreeing[1], 0, v[1]) -
                   both * corner_at(p->agreeing[1 - c->first], v[0], v[1]);
    } else {
        const member *m = &t->member[c->first];
        double v = place_of(m->scale, threshold);
        handled = 1 - v;
        agreeing = agreeing_above(m, v);
    }
    *coverage = handled *= q;
    agreeing *= factor_below(q);
    if (guarantee == TR_GUARANTEE_OVERALL)
        return 1 - handled + agreeing;
    return handled > 0 ? agreeing / handled : 1;
}

/* The largest coverage that keeps the promise of alpha, all known. */
static double best_coverage(traffic *t, tr_guarantee guarantee, double alpha)
{
    double q = t->guard ? 1 - BEYOND : 1, best = 0, coverage;

    for (int k = 0; k < t->n_candidates; k++)
        for (int i = 0; i <= 10 * GRID; i++)
            if (rule_truth(t, &t->candidate[k], guarantee, q, (double)i / (10 * GRID), &coverage) >=
                    alpha &&
                coverage > best)
                best = coverage;
    return best;
}

/* ---- Samples --------------------------------------------------------------------------------- */

/* Rows drawn once: every member's view of them, and every candidate's. */
typedef struct {
    size_t n;
    double *novelty;
    double *score[MEMBERS];
    uint8_t *agree[MEMBERS];
    uint8_t *may[MEMBERS];    /* the label is not withheld; not of one-stage traffic */
    uint8_t *inside[MEMBERS]; /* and the row is inside the guard */
    tr_certify_rows rows[MEMBERS];
} sample;

static void sample_free(sample *s)
{
    free(s->novelty);
    for (int k = 0; k < MEMBERS; k++) {
        free(s->score[k]);
        free(s->agree[k]);
        free(s->may[k]);
        free(s->inside[k]);
    }
}

static bool sample_init(sample *s, size_t n, const traffic *t)
{
    bool ok;

    memset(s, 0, sizeof *s);
    s->n = n;
    s->novelty = tr_mem_array(n, sizeof *s->novelty);
    ok = s->novelty != NULL;
    for (int k = 0; k < t->n_members; k++) {
        s->score[k] = tr_mem_array(n, sizeof *s->score[k]);
        s->agree[k] = tr_mem_array(n, 1);
        s->may[k] = tr_mem_zero(n, 1);
        s->inside[k] = tr_mem_zero(n, 1);
        ok = ok && s->score[k] != NULL && s->agree[k] != NULL && s->may[k] != NULL &&
             s->inside[k] != NULL;
    }
    for (int k = 0; k < t->n_candidates; k++) {
        const candidate *c = &t->candidate[k];
        s->rows[k] = (tr_certify_rows){.n = n,
                                       .score = s->score[c->first],
                                       .agree = s->agree[c->first],
                                       .inside = t->guard ? s->inside[c->first] : NULL};
        if (c->second < 0)
            continue;
        s->rows[k].score2 = s->score[c->second];
        s->rows[k].agree2 = s->agree[c->second];
        s->rows[k].inside2 = t->guard ? s->inside[c->second] : NULL;
    }
    return ok;
}

/* The members see the same rows: each takes the row's common place, and its common luck, half of
 * the time, so that their scores and their mistakes go together. One draw gives a place and a luck
 * of 31 bits and the two coins. */
static void draw_members(sample *s, const traffic *t, tr_rng *r)
{
    for (size_t i = 0; i < s->n; i++) {
        uint64_t common = tr_rng_next(r);
        s->novelty[i] = tr_rng_unit(r);
        double factor = s->novelty[i] < 1 - NOVEL ? 1 : NOVEL_FACTOR;
        for (int k = 0; k < t->n_members; k++) {
            const member *m = &t->member[k];
            uint64_t x = common;
            if (t->n_members > 1) { /* masks, since a branch on a coin is slow */
                uint64_t own = tr_rng_next(r);
                uint64_t place = -(own & 1) << 33, luck = -(own >> 1 & 1) & LOW_31 << 2;
                x = (own & (place | luck)) | (common & ~(place | luck));
            }
            double v = (double)(x >> 33) * 0x1p-31, u = (double)(x >> 2 & LOW_31) * 0x1p-31;
            s->score[k][i] = score_at(m->scale, v);
            s->agree[k][i] = u < m->agree[x >> 33 >> 21] * factor;
        }
    }
}

/* The second place lies in the first's cell (6 bits), and luck is common, half of the time. */
static void draw_pair(sample *s, const traffic *t, tr_rng *r)
{
    const pair *p = &t->pair;

    for (size_t i = 0; i < s->n; i++) {
        uint64_t one = tr_rng_next(r), two = tr_rng_next(r);
        uint64_t cell = -(two & 1) << 58, luck = -(two >> 1 & 1) & LOW_31 << 2;
        uint64_t x[2] = {one, (two & ~(cell | luck)) | (one & (cell | luck))};
        uint64_t i1 = x[0] >> 58, i2 = x[1] >> 58;
        s->novelty[i] = tr_rng_unit(r);
        double factor = s->novelty[i] < 1 - NOVEL ? 1 : NOVEL_FACTOR;
        for (int k = 0; k < 2; k++) {
            double v = (double)(x[k] >> 33) * 0x1p-31, u = (double)(x[k] >> 2 & LOW_31) * 0x1p-31;
            s->score[k][i] = score_at(p->scale[k], v);
            s->agree[k][i] = u < p->agree[k][i1][i2] * factor;
            s->may[k][i] = !t->guard || tr_rng_unit(r) < MAY_ANSWER[k];
        }
    }
}

static void sample_draw(sample *s, const traffic *t, tr_rng *r)
{
    if (t->staged)
        draw_pair(s, t, r);
    else
        draw_members(s, t, r);
}

static void sample_guard(sample *s, const traffic *t, double q)
{
    for (int k = 0; k < t->n_members; k++)
        for (size_t i = 0; i < s->n; i++)
            s->inside[k][i] = s->novelty[i] <= q && (!t->staged || s->may[k][i]);
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The novelty that all but a share BEYOND of TRAIN stay below. */
static bool guard_quantile(const sample *train, double *q)
{
    double *sorted = tr_mem_array(train->n, sizeof *sorted);

    if (sorted == NULL)
        return false;
    memcpy(sorted, train->novelty, train->n * sizeof *sorted);
    qsort(sorted, train->n, sizeof *sorted, falling);
    *q = sorted[(size_t)(BEYOND * (double)train->n)];
    free(sorted);
    return true;
}

#endif
