#include "audit/tally.h"

#include "maths/stat.h"

#include <math.h>

const char *const tr_method_names[] = {
    [TR_METHOD_NONE] = "none",
    [TR_METHOD_EXACT] = "Clopper-Pearson",
    [TR_METHOD_WILSON] = "Wilson, effective rows",
};

/* Weights whose effective number of rows is the number of rows to this relative difference are
 * equal: what whole millionths are off by is half of it. */
static const double EQUAL = 1e-6;

/* Rows beyond which the exact interval takes long and both are the same to five digits. */
static const uint64_t EXACT_MOST = 1000000000;

/* ---- sums ---- */

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* What is full has lost its value and stays full. */
static uint64_t less(uint64_t a, uint64_t b)
{
    if (a == UINT64_MAX)
        return a;
    return a > b ? a - b : 0;
}

void tr_sum_add(tr_sum *s, double p)
{
    if (!(p >= TR_TALLY_LEAST))
        p = TR_TALLY_LEAST;
    double w = floor(1e6 / p + .5);
    s->n = plus(s->n, 1);
    s->w = plus(s->w, (uint64_t)w);
    /* of the weight as it is counted: equal weights then stay equal whatever is rounded */
    s->s = plus(s->s, (uint64_t)(w * w / 1e6 + .5));
}

void tr_sum_merge(tr_sum *s, const tr_sum *other)
{
    s->n = plus(s->n, other->n);
    s->w = plus(s->w, other->w);
    s->s = plus(s->s, other->s);
}

bool tr_sum_full(const tr_sum *s)
{
    return s->n == UINT64_MAX || s->w == UINT64_MAX || s->s == UINT64_MAX;
}

tr_sum tr_sum_less(tr_sum a, tr_sum b)
{
    return (tr_sum){less(a.n, b.n), less(a.w, b.w), less(a.s, b.s)};
}

void tr_tally_merge(tr_tally *t, const tr_tally *other)
{
    tr_sum_merge(&t->handled, &other->handled);
    tr_sum_merge(&t->agreed, &other->agreed);
    tr_sum_merge(&t->deferred, &other->deferred);
}

void tr_sum_write(const tr_sum *s, tr_buf *out)
{
    tr_le_put_u64(out, s->n);
    tr_le_put_u64(out, s->w);
    tr_le_put_u64(out, s->s);
}

tr_sum tr_sum_read(tr_le_reader *r)
{
    tr_sum s;
    s.n = tr_le_u64(r);
    s.w = tr_le_u64(r);
    s.s = tr_le_u64(r);
    return s;
}

/* ---- shares ---- */

/* w: of the rows' weights, s: of their squares, in the same unit. */
typedef struct {
    uint64_t n;
    double w, s;
} weighed;

static tr_estimate estimate(weighed part, weighed whole, double confidence)
{
    tr_estimate e = {NAN, NAN, NAN, whole.n, 0, TR_METHOD_NONE};
    if (whole.n == 0 || !(whole.w > 0) || !(whole.s > 0))
        return e;
    double ww = whole.w * whole.w;
    e.value = fmin(1, part.w / whole.w);
    e.effective = ww / whole.s;
    bool equal = fabs((double)whole.n * whole.s - ww) <= EQUAL * ww;
    if (equal)
        e.effective = (double)whole.n;
    if (equal && whole.n <= EXACT_MOST) {
        uint64_t k = part.n < whole.n ? part.n : whole.n; /* what was read may be anything */
        e.method = TR_METHOD_EXACT;
        tr_stat_interval((int64_t)k, (int64_t)whole.n, confidence, &e.low, &e.high);
    } else {
        e.method = TR_METHOD_WILSON;
        tr_stat_wilson(e.value, e.effective, confidence, &e.low, &e.high);
    }
    return e;
}

tr_estimate tr_tally_share(tr_sum part, tr_sum whole, double confidence)
{
    return estimate((weighed){part.n, (double)part.w, (double)part.s * 1e6},
                    (weighed){whole.n, (double)whole.w, (double)whole.s * 1e6}, confidence);
}

tr_estimate tr_tally_count(uint64_t part, uint64_t whole, double confidence)
{
    return estimate((weighed){part, (double)part, (double)part},
                    (weighed){whole, (double)whole, (double)whole}, confidence);
}
