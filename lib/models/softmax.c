#include "models/softmax.h"

#include "ground/mem.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>

enum { LANES = 8, MOST_ROWS = 20000, MOST_MEMBERS = 16, NEWTON_STEPS = 30 };

/* Sums with a fixed number of partial sums, so that their bits do not depend on the machine. */
static float sum_floats(const float *x, size_t n)
{
    float part[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            part[k] += x[i + (size_t)k];
    for (int k = 0; i < n; i++, k++)
        part[k] += x[i];
    return ((part[0] + part[4]) + (part[1] + part[5])) +
           ((part[2] + part[6]) + (part[3] + part[7]));
}

static float largest(const float *z, uint32_t n)
{
    float part[LANES];
    for (int k = 0; k < LANES; k++)
        part[k] = -INFINITY;
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            part[k] = z[i + (uint32_t)k] > part[k] ? z[i + (uint32_t)k] : part[k];
    for (int k = 0; i < n; i++, k++)
        part[k] = z[i] > part[k] ? z[i] : part[k];
    float most = part[0];
    for (int k = 1; k < LANES; k++)
        most = part[k] > most ? part[k] : most;
    return most;
}

void tr_softmax_summarize(const float *z, uint32_t labels, float *scratch, tr_softmax_summary *out)
{
    float top = largest(z, labels), second = -INFINITY, third = -INFINITY;
    out->label = 0;
    while (z[out->label] < top)
        out->label++;
    for (uint32_t l = 0; l < labels; l++) {
        if (l == out->label || z[l] <= third)
            continue;
        if (z[l] > second) {
            third = second;
            second = z[l];
        } else {
            third = z[l];
        }
    }
    for (uint32_t l = 0; l < labels; l++)
        scratch[l] = z[l] - top;
    tr_real_exp_floats(scratch, scratch, labels);
    float sum = sum_floats(scratch, labels);
    for (uint32_t l = 0; l < labels; l++)
        scratch[l] *= z[l] - top;
    float expected = sum_floats(scratch, labels) / sum;
    float rest[2] = {second - top, labels > 2 ? third - top : -100.f}, e[2];
    tr_real_exp_floats(rest, e, 2);
    out->p[0] = 1 / sum;
    out->p[1] = e[0] / sum;
    out->p[2] = labels > 2 ? e[1] / sum : 0;
    float log_sum = (float)tr_real_log((double)sum);
    out->entropy = log_sum - expected;
    out->evidence = top + log_sum;
    out->top = top;
    out->gap = top - second;
    out->agreement = 1;
}

float tr_softmax_evidence(const float *z, uint32_t labels, float *scratch)
{
    float top = largest(z, labels);
    for (uint32_t l = 0; l < labels; l++)
        scratch[l] = z[l] - top;
    tr_real_exp_floats(scratch, scratch, labels);
    return top + (float)tr_real_log((double)sum_floats(scratch, labels));
}

/* ---- scales ---- */

typedef struct {
    const float *const *z;
    size_t members, rows;
    uint32_t labels;
    const uint32_t *label;
    float *p; /* one row */
} fit;

/* Mean log-loss at w; with `g` also its gradient and Hessian (members × members). */
static double loss(const fit *f, const double *w, double *g, double *h)
{
    double total = 0;
    size_t n = 0, m = f->members;
    for (size_t a = 0; g && a < m * m; a++)
        h[a] = 0;
    for (size_t a = 0; g && a < m; a++)
        g[a] = 0;
    for (size_t i = 0; i < f->rows && n < MOST_ROWS; i++) {
        if (f->label[i] == UINT32_MAX)
            continue;
        n++;
        for (uint32_t l = 0; l < f->labels; l++) {
            double v = 0;
            for (size_t a = 0; a < m; a++)
                v += w[a] * (double)f->z[a][i * f->labels + l];
            f->p[l] = (float)v;
        }
        float top = largest(f->p, f->labels), own = f->p[f->label[i]];
        for (uint32_t l = 0; l < f->labels; l++)
            f->p[l] -= top;
        tr_real_exp_floats(f->p, f->p, f->labels);
        double sum = (double)sum_floats(f->p, f->labels);
        total += log(sum) - (double)(own - top);
        if (!g)
            continue;
        double mean[MOST_MEMBERS];
        for (size_t a = 0; a < m; a++) {
            const float *z = f->z[a] + i * f->labels;
            double first = 0;
            for (uint32_t l = 0; l < f->labels; l++)
                first += (double)(f->p[l] * z[l]);
            mean[a] = first / sum;
            g[a] += mean[a] - (double)z[f->label[i]];
        }
        for (size_t a = 0; a < m; a++)
            for (size_t b = 0; b <= a; b++) {
                const float *x = f->z[a] + i * f->labels, *y = f->z[b] + i * f->labels;
                double second = 0;
                for (uint32_t l = 0; l < f->labels; l++)
                    second += (double)(f->p[l] * x[l] * y[l]);
                h[a * m + b] += second / sum - mean[a] * mean[b];
            }
    }
    for (size_t a = 0; g && n && a < m; a++) {
        g[a] /= (double)n;
        for (size_t b = 0; b <= a; b++)
            h[b * m + a] = h[a * m + b] /= (double)n;
    }
    return n ? total / (double)n : 0;
}

/* Solves (H + tiny) s = g for the coordinates that are free, by elimination; the others get 0. */
static void newton_step(const double *h, const double *g, const bool *is_free, size_t m, double *s)
{
    double a[MOST_MEMBERS][MOST_MEMBERS + 1];
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < m; j++)
            a[i][j] = is_free[i] && is_free[j] ? h[i * m + j] : 0;
        a[i][i] = is_free[i] ? a[i][i] * (1 + 1e-9) + 1e-12 : 1;
        a[i][m] = is_free[i] ? g[i] : 0;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t r = 0; r < m; r++) {
            if (r == i)
                continue;
            double k = a[r][i] / a[i][i];
            for (size_t j = i; j <= m; j++)
                a[r][j] -= k * a[i][j];
        }
    for (size_t i = 0; i < m; i++)
        s[i] = a[i][m] / a[i][i];
}

tr_code tr_softmax_fit(const float *const *z, size_t members, size_t rows, uint32_t labels,
                       const uint32_t *label, double *w, tr_err *err)
{
    if (!members || members > MOST_MEMBERS)
        return tr_err_set(err, TR_USAGE, "a blend takes 1 to %d members", MOST_MEMBERS);
    fit f = {z, members, rows, labels, label, tr_mem_array(labels, sizeof(float))};
    if (!f.p)
        return tr_err_memory(err);
    double g[MOST_MEMBERS], h[MOST_MEMBERS * MOST_MEMBERS], s[MOST_MEMBERS], next[MOST_MEMBERS];
    for (size_t a = 0; a < members; a++)
        w[a] = 1.0 / (double)members;
    for (int step = 0; step < NEWTON_STEPS; step++) {
        double now = loss(&f, w, g, h);
        bool is_free[MOST_MEMBERS];
        for (size_t a = 0; a < members; a++)
            is_free[a] = w[a] > 0 || g[a] < 0;
        newton_step(h, g, is_free, members, s);
        double moved = 0, shorter = 1;
        for (int halved = 0; halved < 20; halved++, shorter /= 2) {
            moved = 0;
            for (size_t a = 0; a < members; a++) {
                next[a] = fmax(w[a] - shorter * s[a], 0);
                moved = fmax(moved, fabs(next[a] - w[a]) / (fabs(w[a]) + 1e-3));
            }
            if (loss(&f, next, NULL, NULL) <= now)
                break;
        }
        for (size_t a = 0; a < members; a++)
            w[a] = next[a];
        if (moved < 1e-4)
            break;
    }
    free(f.p);
    return TR_OK;
}
