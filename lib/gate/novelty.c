#include "gate/novelty.h"

#include "ground/mem.h"
#include "maths/dot.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>

size_t tr_novelty_room(const tr_network *near)
{
    return near->layers ? tr_network_room(near) + tr_dot_width(near->size[near->layers]) : 0;
}

float tr_novelty_near(const tr_network *near, const float *dense, float *room)
{
    if (!near->layers)
        return 0;
    uint32_t labels = near->size[near->layers], best = 0;
    float *z = room + tr_network_room(near);
    tr_network_decide(near, dense, room, z);
    for (uint32_t l = 1; l < labels; l++)
        best = z[l] > z[best] ? l : best;
    return z[best];
}

static int rising(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void add_knot(tr_novelty_tail *t, float value, double share)
{
    if (t->n && !(value > t->value[t->n - 1])) /* of equal values the least share counts */
        return;
    t->value[t->n] = value;
    t->log_share[t->n++] = (float)tr_real_log(share);
}

/* Knots at shares 1, 1/√2, 1/2, ... down to one row, and one below them all. x is sorted. */
static void fit_tail(tr_novelty_tail *t, float *x, size_t n)
{
    double share[TR_NOVELTY_KNOTS];
    int knots = 0;
    qsort(x, n, sizeof *x, rising);
    for (double p = 1; p * (double)n >= 1 && knots < TR_NOVELTY_KNOTS - 1; p *= 0.70710678118654752)
        share[knots++] = p;
    t->n = 0;
    add_knot(t, nextafterf(x[0], -INFINITY), 0.5 / ((double)n + 1));
    while (knots--) {
        size_t rank = (size_t)ceil(share[knots] * (double)n);
        add_knot(t, x[rank - 1], share[knots]);
    }
}

tr_code tr_novelty_fit(tr_novelty *v, const tr_heldout *h, const tr_softmax_summary *summary,
                       bool text, bool near, const uint32_t *rows, size_t n, tr_err *err)
{
    *v = (tr_novelty){0};
    float *x = tr_mem_array(n, sizeof *x);
    if (!x)
        return tr_err_memory(err);
    for (size_t k = 0; k < n; k++)
        x[k] = summary[rows[k]].evidence;
    fit_tail(&v->evidence, x, n);
    for (size_t k = 0; k < n; k++)
        x[k] = -h->rows[rows[k]].unseen;
    if (text)
        fit_tail(&v->seen, x, n);
    for (size_t k = 0; k < n; k++)
        x[k] = h->rows[rows[k]].near;
    if (near)
        fit_tail(&v->near, x, n);
    free(x);
    return TR_OK;
}

static float log_share(const tr_novelty_tail *t, float x)
{
    if (!t->n)
        return 0;
    uint32_t low = 0, high = t->n - 1;
    if (!(x > t->value[0]))
        return t->log_share[0];
    if (!(x < t->value[high]))
        return t->log_share[high];
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (t->value[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    float part = (x - t->value[low]) / (t->value[high] - t->value[low]);
    return t->log_share[low] + part * (t->log_share[high] - t->log_share[low]);
}

float tr_novelty_of(const tr_novelty *v, float evidence, float unseen, float near)
{
    return -(log_share(&v->evidence, evidence) + log_share(&v->seen, -unseen) +
             log_share(&v->near, near));
}

/* ---- binary form ---- */

static void write_tail(const tr_novelty_tail *t, tr_buf *out)
{
    tr_le_put_u32(out, t->n);
    tr_le_put_f32s(out, t->value, t->n);
    tr_le_put_f32s(out, t->log_share, t->n);
}

void tr_novelty_write(const tr_novelty *v, tr_buf *out)
{
    write_tail(&v->evidence, out);
    write_tail(&v->seen, out);
    write_tail(&v->near, out);
    tr_le_align(out, 8);
}

static bool read_tail(tr_novelty_tail *t, tr_le_reader *r)
{
    t->n = tr_le_u32(r);
    if (t->n > TR_NOVELTY_KNOTS)
        return false;
    for (uint32_t k = 0; k < t->n; k++)
        t->value[k] = tr_le_f32(r);
    for (uint32_t k = 0; k < t->n; k++)
        t->log_share[k] = tr_le_f32(r);
    for (uint32_t k = 0; k < t->n; k++)
        if (!isfinite(t->value[k]) || !(t->log_share[k] <= 0) || !isfinite(t->log_share[k]) ||
            (k && (!(t->value[k] > t->value[k - 1]) || t->log_share[k] < t->log_share[k - 1])))
            return false;
    return !r->failed;
}

tr_code tr_novelty_read(tr_novelty *v, tr_le_reader *r, tr_err *err)
{
    bool sound = read_tail(&v->evidence, r) && v->evidence.n && read_tail(&v->seen, r) &&
                 read_tail(&v->near, r);
    tr_le_skip_align(r, 8);
    return sound && !r->failed ? TR_OK : tr_err_set(err, TR_DATA, "the novelty guard is malformed");
}
